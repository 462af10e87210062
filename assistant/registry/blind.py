"""Two answers to the same question, one of them with an adapter, and nobody knows which until they have voted.

    trial = BlindTrial(app, adapter)
    pair = trial.ask("How do candles work?")
    print(pair.a, pair.b)
    shown = trial.vote(pair, "a")          # now it is known, and stored

Which is which is drawn anew for each question and is kept in this object only: not in the store, not in a log, not in
the order or the time in which the answers come. Of a pair that is never voted on no answer is stored.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import structs

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions, parse_options
from rushlight.assistant.chat.context import as_turns
from rushlight.assistant.engine.request import LoraUse, Message
from rushlight.assistant.events import Event, Failed, Finished, ReasoningDelta, TextDelta, Usage
from rushlight.assistant.registry.scopes import CHAT
from rushlight.assistant.registry.values import Adapter
from rushlight.assistant.registry.votes import Choice, Tally, Votes

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model

Ballot: TypeAlias = Literal["a", "b", "tie", "bad"]  # bad: both of them
Lora: TypeAlias = tuple[LoraUse, ...]
MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class _Said:
    """One answer."""

    text: str
    reasoning: str
    finish_reason: str
    usage: Usage | None


class BlindPair:
    """The two answers. What it hides is in no attribute that is printed, compared or stored."""

    __slots__ = ("_is_adapter_a", "_said", "_voted", "conversation_id", "question", "question_id")

    def __init__(
        self, question: str, a: _Said, b: _Said, conversation_id: str, question_id: str, is_adapter_a: bool
    ) -> None:
        self.question, self.conversation_id, self.question_id = question, conversation_id, question_id
        self._said = (a, b)
        self._is_adapter_a = is_adapter_a
        self._voted = False

    def __repr__(self) -> str:
        return f"BlindPair(question={self.question!r}, a={self.a!r}, b={self.b!r})"

    @property
    def a(self) -> str:
        return self._said[0].text

    @property
    def b(self) -> str:
        return self._said[1].text

    @property
    def is_same(self) -> bool:
        """Both answers say the same: there is nothing to prefer."""
        return self.a == self.b


@dataclass(frozen=True, slots=True)
class Shown:
    """Who was who, after the vote. The base alone is its model's id."""

    a: str
    b: str
    tally: Tally


class BlindTrial:
    """An adapter of the chat against what would answer without it: the base alone, or the adapter in `against`. Both
    at full strength, as they would serve."""

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
        """Let both answer, after what was said in the conversation, with the same settings and the same seed. Nothing
        is stored, the question neither."""
        if not question.strip():
            raise Error("There is no question.", hint="Write something.", kind="no-question")
        stop = stop or Stop()
        turns: tuple[Message, ...] = ()
        system, options = None, AskOptions()
        if conversation_id:
            stored = self._app.conversations.get(conversation_id)
            system, options = stored.system, parse_options(stored.options.items())
            turns = tuple(as_turns(self._app.conversations.path(conversation_id)))
        messages = (*turns, Message("user", question))

        def answer(lora: Lora, seed: int) -> Iterable[Event]:
            return self._app.ask(
                messages,
                model=self.model,
                system=system,
                options=options,
                seed=seed,
                max_tokens=options.max_tokens or MAX_TOKENS,
                lora=lora,
                stop=stop,
            )

        return self._pair(question, conversation_id, "", answer, stop)

    def answer(
        self,
        conversation_id: str,
        question_id: str,
        *,
        stop: Stop | None = None,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
    ) -> BlindPair:
        """Let both answer a stored message, as they would in that conversation. Its answers are stored with the vote.

        `on_progress` hears how loading the model goes on, and nothing of how the answers come.
        """
        from rushlight.assistant.chat.session import ChatSession

        stop, app = stop or Stop(), self._app
        if app.model(app.conversations.get(conversation_id).model).sha256 != self._adapter.base_sha256:
            raise Error(
                f"{self._adapter.name} belongs to another model than the one that answers in this chat.",
                f"Choose its model in this chat: {self.model.id}",
                kind="bad-adapter",
            )
        question = app.conversations.message(question_id)
        session = ChatSession(app, app.conversations, conversation_id, on_progress=on_progress)
        engine, request = session.ready(question_id, stop)  # once, so that both are asked the same
        if request.max_tokens < 0:
            request = structs.replace(request, max_tokens=MAX_TOKENS)

        def answer(lora: Lora, seed: int) -> Iterable[Event]:
            sampling = request.sampling
            if sampling.seed < 0:
                sampling = structs.replace(sampling, seed=seed)
            return engine.generate(structs.replace(request, lora=lora, sampling=sampling), stop)

        return self._pair(question.content, conversation_id, question_id, answer, stop)

    def vote(self, pair: BlindPair, ballot: Ballot) -> Shown:
        """Store the vote and say who was who. In a conversation both answers become versions of the reply, the better
        one is shown, and that it was kept is feedback; so is that both were bad."""
        if pair._voted:
            raise Error("This pair was voted on already.", kind="bad-vote")
        choice: Choice = ballot if ballot in ("tie", "bad") else "other"
        if ballot in ("a", "b") and (ballot == "a") == pair._is_adapter_a:
            choice = "adapter"
        with self._app.store.writing():
            self._refuse_removed()
            if pair.conversation_id:
                self._keep(pair, ballot)
            self._votes.add(
                self._adapter, self._against, choice, shown_first=pair._is_adapter_a, conversation=pair.conversation_id
            )
        pair._voted = True
        names = [self._adapter.name, self.model.id if self._against is None else self._against.name]
        a, b = names if pair._is_adapter_a else reversed(names)
        return Shown(a, b, self._votes.tally(self._adapter))

    def keep_same(self, pair: BlindPair) -> None:
        """What both have said becomes the one reply in the conversation: there is nothing to vote on."""
        if not pair.is_same or pair._voted:
            raise Error("Only a pair that says the same, and was not voted on, is one reply.", kind="bad-vote")
        with self._app.store.writing():
            self._append(pair, self._asked(pair), "a", make_head=True)
        pair._voted = True

    # --- inside -------------------------------------------------------------------------------------------------
    def _pair(
        self,
        question: str,
        conversation_id: str,
        question_id: str,
        answer: Callable[[Lora, int], Iterable[Event]],
        stop: Stop,
    ) -> BlindPair:
        seed = secrets.randbelow(2**31)
        others: Lora = () if self._against is None else (self._against.use(),)
        sides: dict[str, Lora] = {"adapter": (self._adapter.use(),), "other": others}
        said: dict[str, _Said] = {}
        for side in _shuffled(list(sides)):  # the order in which they work tells nothing either
            said[side] = _said(answer(sides[side], seed))
            stop.check()
        is_adapter_a = secrets.randbelow(2) == 0
        first, second = ("adapter", "other") if is_adapter_a else ("other", "adapter")
        return BlindPair(question, said[first], said[second], conversation_id, question_id, is_adapter_a)

    def _refuse_removed(self) -> None:
        """Somebody may have removed one of them meanwhile."""
        for one in (self._adapter, self._against):
            if one is not None:
                self._app.registry.find(one.id)

    def _asked(self, pair: BlindPair) -> str:
        """The id of the question, which is stored now where it was not yet."""
        if pair.question_id:
            return pair.question_id
        head = self._app.conversations.get(pair.conversation_id).head_id
        return self._app.conversations.append(pair.conversation_id, head, "user", pair.question).id

    def _append(self, pair: BlindPair, asked_id: str, letter: Literal["a", "b"], *, make_head: bool) -> str:
        """One of the answers as a version of the reply; its id."""
        said = pair._said[0 if letter == "a" else 1]
        is_adapter = (letter == "a") == pair._is_adapter_a
        other = "" if self._against is None else self._against.name
        return self._app.conversations.append(
            pair.conversation_id,
            asked_id,
            "assistant",
            said.text,
            reasoning=said.reasoning,
            model=self.model.id,
            adapter=self._adapter.name if is_adapter else other,
            finish_reason=said.finish_reason,
            usage=said.usage,
            make_head=make_head,
        ).id

    def _keep(self, pair: BlindPair, ballot: Ballot) -> None:
        asked_id, feedback = self._asked(pair), self._app.feedback
        a = self._append(pair, asked_id, "a", make_head=ballot != "b")
        b = self._append(pair, asked_id, "b", make_head=ballot == "b")
        if ballot == "bad":
            feedback.thumb(a, "down", note="blind")
            feedback.thumb(b, "down", note="blind")
        elif ballot != "tie" and not pair.is_same:
            better, worse = (a, b) if ballot == "a" else (b, a)
            feedback.keep(better, worse, note="blind")


def _said(events: Iterable[Event]) -> _Said:
    parts, thoughts, reason, usage = [], [], "", None
    for event in events:
        if isinstance(event, TextDelta):
            parts.append(event.text)
        elif isinstance(event, ReasoningDelta):
            thoughts.append(event.text)
        elif isinstance(event, Usage):
            usage = event
        elif isinstance(event, Finished):
            reason = event.reason
        elif isinstance(event, Failed):
            raise Error(event.message, event.hint, kind=event.kind)
    return _Said("".join(parts).strip(), "".join(thoughts).strip(), reason, usage)


def _shuffled(names: list[str]) -> list[str]:
    return names if secrets.randbelow(2) else names[::-1]
