"""The seam: who answers the items of a suite. The trainer knows no engine; whoever evaluates brings one.

The fake ships for tests and users: `FakeAnswerer({"q1": "Paris"})`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from rushlight import Stop
from rushlight.trainer.evaluate.suite import Item


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said, and what it took. `problem`: why there is no answer, such as a query that did not run."""

    text: str
    n_tokens: int = 0
    seconds: float = 0.0
    problem: str = ""


class Answerer(Protocol):
    """A model as it would be served: the GGUF file with an adapter, or without one."""

    def answer(self, item: Item, stop: Stop) -> Answer:
        """What it says, greedily."""

    def likelihoods(self, item: Item, stop: Stop) -> list[float]:
        """The log-probability of each of the item's choices after its prompt, per token."""


class FakeAnswerer:
    """Says what it is told, by the item's id or by a function; the first choice is the likeliest."""

    def __init__(self, answers: Mapping[str, str] | Callable[[Item], str], *, seconds: float = 0.01) -> None:
        self._answers = answers
        self._seconds = seconds
        self.n_asked = 0

    def answer(self, item: Item, stop: Stop) -> Answer:
        stop.check()
        self.n_asked += 1
        text = self._answers(item) if callable(self._answers) else self._answers.get(item.id, "")
        return Answer(text, max(1, len(text.split())), self._seconds)

    def likelihoods(self, item: Item, stop: Stop) -> list[float]:
        wanted = self.answer(item, stop).text
        return [0.0 if choice == wanted else -1.0 - at for at, choice in enumerate(item.choices)]
