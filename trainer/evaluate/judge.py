"""A model that judges which of two answers is better. Asked twice with the answers exchanged: who prefers a place and
not an answer has no opinion.

The answers are strangers' text inside the judge's prompt: whatever they say, the judge can only write A, B or C.
"""

from typing import Final

from rushlight import Stop
from rushlight.trainer.evaluate.answerer import Answerer
from rushlight.trainer.evaluate.suite import Item, Rule, Turn

_MOST_CHARS: Final = 4_000  # of an answer that is judged
_ASKED: Final = """Which answer to the question is better? {rule}

Question:
{question}

Answer A:
{first}

Answer B:
{second}

Write A if answer A is better, B if answer B is better, C if they are equally good."""


def judged(judge: Answerer, item: Item, base: str, candidate: str, stop: Stop) -> tuple[float, float]:
    """(score of the base's answer, score of the candidate's): 1 and 0, or a half each where the judge is not sure."""
    if base.strip() == candidate.strip():
        return 0.5, 0.5
    first = _choice(judge, item, base, candidate, stop)
    second = _choice(judge, item, candidate, base, stop)
    if (first, second) == ("A", "B"):
        return 1.0, 0.0
    if (first, second) == ("B", "A"):
        return 0.0, 1.0
    return 0.5, 0.5


def _choice(judge: Answerer, item: Item, first: str, second: str, stop: Stop) -> str:
    rule = str(item.reference) if item.reference else "Look at correctness, then at style."
    asked = _ASKED.format(
        rule=rule[:_MOST_CHARS], question=item.asked[:_MOST_CHARS], first=first[:_MOST_CHARS],
        second=second[:_MOST_CHARS],
    )  # fmt: skip
    question = Item(
        id=item.id, prompt=(Turn("user", asked),), scorer="exact", grammar=Rule("regex", "[ABC]"), max_tokens=4
    )
    return judge.answer(question, stop).text.strip()[:1].upper()
