"""What always giving the same answer would score: the floor under a suite with few different right answers.

A base that knows nothing of a task is right in no item; whoever says the most frequent answer to everything is better,
and knows as little. So a candidate has to be better than that, too.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from rushlight.trainer.evaluate.suite import Item

_ONE_ANSWER: Final = ("exact", "sql-execution")  # scorers that hold an answer against one that is right


class Usual(Struct, frozen=True):
    """The most frequent right answer, and by item what it scores."""

    answer: str
    scores: tuple[float, ...]


def usual_answer(items: Sequence[Item]) -> Usual | None:
    """Of these items; None where they have no single right answers, or all the same one: then nothing tells who knows
    it from who says it always."""
    if not items or any(one.scorer not in _ONE_ANSWER for one in items):
        return None
    said = [json.dumps(one.reference, sort_keys=True, ensure_ascii=False) for one in items]
    if len(set(said)) < 2:
        return None
    most, _ = Counter(said).most_common(1)[0]
    reference = items[said.index(most)].reference
    shown = reference.get("sql", most) if isinstance(reference, dict) else reference
    return Usual(str(shown), tuple(float(one == most) for one in said))
