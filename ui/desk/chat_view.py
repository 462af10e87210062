"""What a chat page must be able to show, and the state it shows: the seam between `chat_desk` and both faces.

Everything here is called on the face's own thread. Knows no widget and no app.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.ui.desk.chat_adapters import AdapterRow
from rushlight.ui.desk.chat_blind import Blind
from rushlight.ui.desk.turn import Turn

# idle: nothing runs. loading: the model is being loaded. reading: it reads the prompt. answering: tokens come.
# stopping: the user said stop. busy: another face writes a reply into this conversation. voting: two answers without
# names wait for a vote.
Activity: TypeAlias = Literal["idle", "loading", "reading", "answering", "stopping", "busy", "voting"]


@dataclass(frozen=True, slots=True)
class Queued:
    """What was sent while a reply was streaming; it goes out when that is finished."""

    text: str
    attachments: tuple[NewAttachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """An error shown in the page, with what can be done about it: ids of actions (`actions.py`)."""

    message: str
    hint: str = ""
    kind: str = "error"
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatState:
    """All of a chat page but its turns."""

    conversation_id: str | None = None  # None: a new chat, nothing said yet
    title: str = ""
    model: str = ""  # id of the model that will answer; "" = there is none
    model_label: str = ""  # as the chip shows it: "SmolLM2-135M-Instruct · Q4_1"
    adapter: str = ""  # the one that answers with it, "" = the model alone
    adapter_percent: int = 100  # how strongly
    adapters: tuple[AdapterRow, ...] = ()  # those that may answer with this model, the promoted one first
    blind: Blind = field(default_factory=Blind)
    system: str | None = None  # None: the setting's
    options: tuple[tuple[str, str], ...] = ()  # of sampler and engine, by the names of `ask -o`
    activity: Activity = "idle"
    progress_what: str = ""  # while loading: what is being done
    progress_fraction: float | None = None
    n_context_used: int | None = None  # None: not measured yet
    n_context_total: int = 0
    n_left_out: int = 0  # messages of the path that the model was not given for the last answer
    left_out: tuple[tuple[str, str], ...] = ()  # (message id, its first words), oldest first
    tokens_per_s: float = 0.0  # live while answering
    queue: tuple[Queued, ...] = ()
    attachments: tuple[NewAttachment, ...] = ()  # waiting in the composer
    problem: Problem | None = None
    notice: str = ""  # something to know that stops nothing: where an export is, that a reply was not saved
    can_continue: bool = False  # the last reply was stopped, failed or cut
    undo: str = ""  # what "undo" would take back now, in words; "" = nothing


class ChatView(Protocol):
    """A chat page of a face. `chat_desk.ChatDesk` calls it."""

    def show_turns(self, turns: Sequence[Turn]) -> None:
        """The whole path is another one: a conversation was opened, a branch was chosen, a message edited."""

    def add_turn(self, turn: Turn) -> None:
        """One more at the end."""

    def change_turn(self, turn: Turn) -> None:
        """The turn of that id is now this: finished, rated, corrected, stopped."""

    def grow_turn(self, turn_id: str, text: str, reasoning: str) -> None:
        """More of the reply that is being written: to be appended."""

    def show_state(self, state: ChatState) -> None:
        """Everything around the turns. Called at most every 30 ms while answering."""

    def set_composer(self, text: str) -> None:
        """Put this into the composer: a draft that was kept, a message to be edited, one taken from the queue."""


class GoneChatView:
    """The view of a page that is not there any more: its answers go on, and nothing is drawn."""

    def show_turns(self, turns: Sequence[Turn]) -> None:
        pass

    def add_turn(self, turn: Turn) -> None:
        pass

    def change_turn(self, turn: Turn) -> None:
        pass

    def grow_turn(self, turn_id: str, text: str, reasoning: str) -> None:
        pass

    def show_state(self, state: ChatState) -> None:
        pass

    def set_composer(self, text: str) -> None:
        pass


@dataclass
class RecordingChatView:
    """A view that writes down what it is told, for tests."""

    turns: list[Turn] = field(default_factory=list)
    state: ChatState = field(default_factory=ChatState)
    composer: str = ""
    calls: list[str] = field(default_factory=list)

    def show_turns(self, turns: Sequence[Turn]) -> None:
        self.calls.append("show_turns")
        self.turns = list(turns)

    def add_turn(self, turn: Turn) -> None:
        self.calls.append("add_turn")
        self.turns.append(turn)

    def change_turn(self, turn: Turn) -> None:
        self.calls.append("change_turn")
        self.turns = [turn if one.id == turn.id else one for one in self.turns]

    def grow_turn(self, turn_id: str, text: str, reasoning: str) -> None:
        from dataclasses import replace

        self.calls.append("grow_turn")
        self.turns = [
            replace(one, text=one.text + text, reasoning=one.reasoning + reasoning) if one.id == turn_id else one
            for one in self.turns
        ]

    def show_state(self, state: ChatState) -> None:
        self.calls.append("show_state")
        self.state = state

    def set_composer(self, text: str) -> None:
        self.calls.append("set_composer")
        self.composer = text
