"""The adapter of a chat and two answers without names, in the terminal app: what opens, what is begun, voted and ended.

Knows the desk, the page and its panels; whose answer is whose it does not know.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_adapters import rivals_text
from rushlight.ui.tui.chat_panels import END, AdapterPanel, VotePanel
from rushlight.ui.tui.panel import ChoicePanel
from rushlight.ui.tui.row_list import row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.registry.blind import Ballot
    from rushlight.ui.desk.chat_desk import ChatDesk
    from rushlight.ui.desk.chat_view import ChatState
    from rushlight.ui.tui.chat_page import ChatPage
    from rushlight.ui.tui.frame import Frame


class ChatComparing:
    """For one chat page and its desk."""

    def __init__(self, frame: "Frame", page: "ChatPage", desk: "ChatDesk") -> None:
        self.frame = frame
        self.page = page
        self.desk = desk
        self._adapters: AdapterPanel | None = None
        self._vote: VotePanel | None = None
        self._was_voting = False

    def state_changed(self, state: "ChatState") -> None:
        """Two answers have come: ask for the vote, unless somebody is writing. They were voted on: put that away."""
        if self._adapters is not None and self._adapters.is_attached:
            self._adapters.show_state(state)
        is_voting = state.blind.stage == "voting"
        if is_voting and not self._was_voting and not self.page.composer.text and self.page.composer.has_focus:
            self._ask_vote()
        if not is_voting and self._vote is not None and self._vote.is_attached:
            self._vote.action_close()
        self._was_voting = is_voting

    def deeds(self) -> dict[str, Callable[[], None]]:
        """What is done here, by ids of actions."""
        return {
            "chat.adapter": self.adapters,
            "chat.blind": self.toggle,
            "chat.vote-a": lambda: self.vote("a"),
            "chat.vote-b": lambda: self.vote("b"),
            "chat.vote-tie": lambda: self.vote("tie"),
            "chat.vote-bad": lambda: self.vote("bad"),
        }

    def adapters(self) -> None:
        """Which adapter answers, and how strongly."""
        if not self.desk.state.adapters:
            self._tell_none()
            return
        self._adapters = AdapterPanel(
            self.desk.state, self.desk.choose_adapter, self.desk.set_adapter_percent, self.toggle
        )
        self.frame.ask(self._adapters)

    def toggle(self) -> None:
        """Begin to compare, vote on what waits, or end it."""
        blind = self.desk.state.blind
        if blind.stage == "voting":
            self._ask_vote()
            return
        if blind.rivals is not None:
            self.desk.end_comparing()
            self.frame.tell(text("Nothing is compared any more."))
            return
        found = self.desk.rivals()
        if not found:
            self._tell_none()
        elif len(found) == 1:
            self.desk.compare(found[0])
        else:
            rows = [row(str(at), plain_line(rivals_text(one))) for at, one in enumerate(found)]
            panel = ChoicePanel(
                text("Compare which two? Both answer each question, and you vote before you see whose is which."),
                rows,
                lambda key: self.desk.compare(found[int(key)]),
            )
            self.frame.ask(panel)

    def vote(self, ballot: "Ballot") -> None:
        if self.desk.state.blind.stage == "voting":
            self.desk.vote(ballot)
        else:
            self.frame.tell(text("There is nothing to vote on now."))

    def _ask_vote(self) -> None:
        def take(chosen: str) -> None:
            if chosen == END:
                self.desk.end_comparing()
            elif chosen in ("a", "b", "tie", "bad"):
                self.vote(chosen)  # type: ignore[arg-type]

        self._vote = VotePanel(take, self.page.messages.action_page)
        self.frame.ask(self._vote)

    def _tell_none(self) -> None:
        self.frame.tell(text("No adapter was taught for chats with this model yet. The page Learn teaches one."))
