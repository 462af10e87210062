"""Two answers to the same question, one of them with an adapter, and nobody knows which until they have voted.

    trial = BlindTrial(app, adapter)
    pair = trial.ask("How do candles work?")
    print(pair.a, pair.b)
    shown = trial.vote(pair, "a")          # now it is known, and stored

Which is which is drawn anew for each question and is kept in this object only: not in the store, not in a log, not in
the order or the time in which the answers come. A pair that is never voted on leaves nothing.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rushlight import Error, Stop
from rushlight.assistant.ask_options import AskOptions, parse_options
from rushlight.assistant.chat.context import as_turns
from rushlight.assistant.engine.request import LoraUse, Message
from rushlight.assistant.events import TextDelta
from rushlight.assistant.registry.scopes import CHAT
from rushlight.assistant.registry.values import Adapter
from rushlight.assistant.registry.votes import Choice, Tally, Votes

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model

Ballot: TypeAlias = Literal["a", "b", "tie"]
MAX_TOKENS = 512


class BlindPair:
    """The two answers. What it hides is in no attribute that is printed, compared or stored."""

    __slots__ = ("_is_adapter_a", "_voted", "a", "b", "conversation_id", "question")

    def __init__(self, question: str, a: str, b: str, conversation_id: str, is_adapter_a: bool) -> None:
        self.question, self.a, self.b, self.conversation_id = question, a, b, conversation_id
        self._is_adapter_a = is_adapter_a
        self._voted = False

    def __repr__(self) -> str:
        return f"BlindPair(question={self.question!r}, a={self.a!r}, b={self.b!r})"

    @property
    def is_same(self) -> bool:
        """Both answers say the same: there is nothing to prefer."""
        return self.a.strip() == self.b.strip()


@dataclass(frozen=True, slots=True)
class Shown:
    """Who was who, after the vote. The base alone is its model's id."""

    a: str
    b: str
    tally: Tally


class BlindTrial:
    """An adapter of the chat against what would answer without it: the base alone, or the adapter in `against`."""

    def __init__(self, app: "App", adapter: Adapter, against: Adapter | None = None) -> None:
        if adapter.scope != CHAT:
            raise Error(
                f"{adapter.name} was taught for {adapter.scope}; only answers in chats are compared blindly.",
                f"How it did on its suite: rushlight registry show {adapter.name}",
                kind="bad-scope",
            )
        if against is not None and against.base_sha256 != adapter.base_sha256:
            raise Error(f"{adapter.name} and {against.name} belong to different models.", kind="bad-adapter")
        model = app.catalogue.find_sha256(adapter.base_sha256)
        if model is None:
            raise Error(
                f"The model of {adapter.name} is not in the catalogue any more: {adapter.base}.",
                "Import the same file again: rushlight models import FILE",
                kind="model-not-found",
            )
        self.model: Model = model
        self._app = app
        self._adapter = adapter
        self._against = against
        self._votes = Votes(app.store)

    def ask(self, question: str, *, conversation_id: str = "", stop: Stop | None = None) -> BlindPair:
        """Let both answer, after what was said in the conversation, with the same settings and the same seed."""
        if not question.strip():
            raise Error("There is no question.", hint="Write something.", kind="no-question")
        stop = stop or Stop()
        turns: Sequence[Message] = ()
        system, options = None, AskOptions()
        if conversation_id:
            stored = self._app.conversations.get(conversation_id)
            system, options = stored.system, parse_options(stored.options.items())
            turns = as_turns(self._app.conversations.path(conversation_id))
        messages = (*turns, Message("user", question))
        seed = secrets.randbelow(2**31)
        others = () if self._against is None else (self._against.use(),)
        sides = {"adapter": (self._adapter.use(),), "other": others}
        said: dict[str, str] = {}
        for side in _shuffled(list(sides)):  # the order in which they work tells nothing either
            said[side] = self._answer(messages, system, options, seed, sides[side], stop)
        is_adapter_a = secrets.randbelow(2) == 0
        first, second = ("adapter", "other") if is_adapter_a else ("other", "adapter")
        return BlindPair(question, said[first], said[second], conversation_id, is_adapter_a)

    def vote(self, pair: BlindPair, ballot: Ballot) -> Shown:
        """Store the vote and say who was who. In a conversation both answers become versions of the reply, the better
        one is shown, and that it was kept is feedback."""
        if pair._voted:
            raise Error("This pair was voted on already.", kind="bad-vote")
        choice: Choice = "tie"
        if ballot != "tie":
            choice = "adapter" if (ballot == "a") == pair._is_adapter_a else "other"
        with self._app.store.writing():
            if pair.conversation_id:
                self._keep(pair, ballot)
            self._votes.add(
                self._adapter, self._against, choice, shown_first=pair._is_adapter_a, conversation=pair.conversation_id
            )
        pair._voted = True
        names = [self._adapter.name, self.model.id if self._against is None else self._against.name]
        a, b = names if pair._is_adapter_a else reversed(names)
        return Shown(a, b, self._votes.tally(self._adapter))

    # --- inside -------------------------------------------------------------------------------------------------
    def _answer(
        self,
        messages: Sequence[Message],
        system: str | None,
        options: AskOptions,
        seed: int,
        lora: tuple[LoraUse, ...],
        stop: Stop,
    ) -> str:
        parts: list[str] = []
        for event in self._app.ask(
            messages,
            model=self.model,
            system=system,
            options=options,
            seed=seed,
            max_tokens=options.max_tokens or MAX_TOKENS,
            lora=lora,
            stop=stop,
        ):
            if isinstance(event, TextDelta):
                parts.append(event.text)
        stop.check()
        return "".join(parts).strip()

    def _keep(self, pair: BlindPair, ballot: Ballot) -> None:
        conversations = self._app.conversations
        head = conversations.get(pair.conversation_id).head_id
        asked = conversations.append(pair.conversation_id, head, "user", pair.question)
        names = [self._adapter.name, "" if self._against is None else self._against.name]
        names = names if pair._is_adapter_a else names[::-1]
        replies = [
            conversations.append(
                pair.conversation_id,
                asked.id,
                "assistant",
                text,
                model=self.model.id,
                adapter=name,
                make_head=letter == ("a" if ballot == "tie" else ballot),
            )
            for letter, text, name in zip("ab", (pair.a, pair.b), names, strict=True)
        ]
        if ballot != "tie" and not pair.is_same:
            better, worse = replies if ballot == "a" else replies[::-1]
            self._app.feedback.keep(better.id, worse.id, note="blind")


def _shuffled(names: list[str]) -> list[str]:
    return names if secrets.randbelow(2) else names[::-1]
