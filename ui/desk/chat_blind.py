"""A question that two answer without names: what a page shows of it, and the work behind it until the vote.

Who is who stays inside the pair until then: nothing here looks at it. Knows the registry; knows no widget.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rushlight import Progress
from rushlight.ui.desk.chat_adapters import Rivals
from rushlight.ui.desk.turn import Turn
from rushlight.ui.desk.turns import read_turns
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight import Stop
    from rushlight.assistant.app import App
    from rushlight.assistant.registry.blind import Ballot, BlindPair, BlindTrial, Shown
    from rushlight.ui.desk.background import Running

# answering: both are at it. stopping: the user said stop. voting: both answers are there. keeping: the vote is stored.
Stage: TypeAlias = Literal["answering", "stopping", "voting", "keeping"]


@dataclass(frozen=True, slots=True)
class Blind:
    """What is compared in this chat, and the two answers while there is something to vote on."""

    rivals: Rivals | None = None  # None: nothing is compared
    stage: Stage | Literal[""] = ""
    question: str = ""
    a: str = ""
    b: str = ""

    @property
    def is_voting(self) -> bool:
        return self.stage in ("voting", "keeping")


@dataclass(frozen=True, slots=True)
class Settled:
    """The conversation after the answers were stored, and what there is to say."""

    turns: tuple[Turn, ...]
    title: str
    said: str


@dataclass
class Pairing:
    """One question that both answer."""

    rivals: Rivals
    question_id: str
    stage: Stage = "answering"
    running: "Running | None" = None
    pair: "BlindPair | None" = None
    progress: Progress | None = None  # of loading the model


def ballots() -> tuple[tuple["Ballot", str], ...]:
    """What one may vote, and how it is called."""
    return (
        ("a", text("A is better")),
        ("b", text("B is better")),
        ("tie", text("Both are as good")),
        ("bad", text("Both are bad")),
    )


def seen(rivals: Rivals | None, pairing: Pairing | None) -> Blind:
    """As a page shows it. While both are at it there is nothing to see: neither order nor time tells anything."""
    if pairing is None:
        return Blind(rivals)
    if pairing.pair is None:
        return Blind(rivals, pairing.stage)
    return Blind(rivals, pairing.stage, pairing.pair.question, pairing.pair.a, pairing.pair.b)


def ask_both(
    app: "App", stop: "Stop", report: Callable[[Progress], None], rivals: Rivals, conversation_id: str, question_id: str
) -> "BlindPair":
    """The two answers to a stored message, neither of them stored; on a thread that may wait."""
    return _trial(app, rivals).answer(conversation_id, question_id, stop=stop, on_progress=report)


def vote(app: "App", rivals: Rivals, pair: "BlindPair", ballot: "Ballot") -> Settled:
    """Store the vote and both answers; now it is known who was who."""
    shown = _trial(app, rivals).vote(pair, ballot)
    return _settled(app, pair, f"{_who_was_who(shown)} {tally_text(rivals.adapter.name, shown)}")


def keep_same(app: "App", rivals: Rivals, pair: "BlindPair") -> Settled:
    """Both have said the same: that is the reply."""
    _trial(app, rivals).keep_same(pair)
    return _settled(app, pair, text("Both said the same: there is nothing to vote on."))


def tally_text(adapter: str, shown: "Shown") -> str:
    """What all votes on the adapter say together, with the interval."""
    tally = shown.tally
    low, high = tally.interval
    said = plural(
        "{count} vote so far: {adapter} was preferred {won} of {decided} times (95 %: {low} to {high} %)",
        "{count} votes so far: {adapter} was preferred {won} of {decided} times (95 %: {low} to {high} %)",
        tally.n_votes,
        adapter=adapter,
        won=tally.n_adapter,
        decided=tally.n_adapter + tally.n_other,
        low=round(100 * low),
        high=round(100 * high),
    )
    if tally.n_tie or tally.n_bad:
        said += text("; as good: {ties}, both bad: {bad}", ties=tally.n_tie, bad=tally.n_bad)
    return f"{said}."


def _who_was_who(shown: "Shown") -> str:
    return text("A was {a}, B was {b}.", a=shown.a, b=shown.b)


def _settled(app: "App", pair: "BlindPair", said: str) -> Settled:
    conversation = app.conversations.get(pair.conversation_id)
    return Settled(read_turns(app, conversation.id), conversation.title, said)


def _trial(app: "App", rivals: Rivals) -> "BlindTrial":
    from rushlight.assistant.registry.blind import BlindTrial

    against = None if rivals.against is None else app.registry.find(rivals.against.id)
    return BlindTrial(app, app.registry.find(rivals.adapter.id), against)
