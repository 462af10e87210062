"""The gate: a candidate passes when it wins its own suite and loses no guard of its scope beyond the margin.

It wins when the interval of the paired difference lies above 0 and chance alone would seldom give so much: two looks,
because the bootstrap is too sure of itself where few items differ. Base against base passes in fewer than 5 of 100.
Where a suite has single right answers it must win against the most frequent of them as well, said to everything.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rushlight.trainer.evaluate.guards import Guarded
from rushlight.trainer.evaluate.measuring import Row
from rushlight.trainer.evaluate.statistics import Paired, paired, wilson
from rushlight.trainer.evaluate.usual import Usual

MOST_CHANCE: Final = 0.025  # one-sided
_SHOWN: Final = 12  # answers side by side


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the candidate may be promoted, and why not."""

    passed: bool
    own: Paired
    guards: tuple[Guarded, ...]
    reasons: tuple[str, ...]  # sentences; empty where it passed


def decide(rows: Sequence[Row], guards: Sequence[Guarded], *, usual: Usual | None = None, seed: int = 0) -> Verdict:
    """The verdict on what was measured. `usual`: of the same items, in their order."""
    own = paired(
        [one.base.score for one in rows], [one.candidate.score for one in rows], [one.cluster for one in rows],
        seed=seed,
    )  # fmt: skip
    reasons = []
    if not _is_won(own):
        reasons.append(_not_won(own))
    elif usual is not None:
        said = paired(usual.scores, [one.candidate.score for one in rows], [one.cluster for one in rows], seed=seed)
        if not _is_won(said):
            reasons.append(
                f"It is hardly better than one answer to everything: {said.candidate:.1%} right, "
                f"{said.base:.1%} by saying {usual.answer[:60]!r} always."
            )
    reasons += [one.detail for one in guards if not one.passed]
    return Verdict(not reasons, own, tuple(guards), tuple(reasons))


def report_of(verdict: Verdict, rows: Sequence[Row], asked: dict[str, str]) -> dict[str, Any]:
    """The verdict as JSON: figures with their intervals, guards, and some answers side by side. `asked` is what was
    asked, by the item's id."""
    own = verdict.own
    base, candidate = (wilson(share * own.n_items, own.n_items) for share in (own.base, own.candidate))
    return {
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "own": {**asdict(own), "base_interval": list(base), "candidate_interval": list(candidate)},
        "guards": [asdict(one) for one in verdict.guards],
        "examples": [
            {
                "id": one.id, "asked": asked.get(one.id, ""), "base": one.base.text, "candidate": one.candidate.text,
                "base_score": one.base.score, "candidate_score": one.candidate.score,
            }
            for one in _telling(rows)
        ],
    }  # fmt: skip


def _is_won(found: Paired) -> bool:
    return found.low > 0 and found.chance <= MOST_CHANCE


def _telling(rows: Sequence[Row]) -> list[Row]:
    """Some that were won, all that were lost, as far as there is room; the rest as they come."""
    lost = [one for one in rows if one.candidate.score < one.base.score]
    won = [one for one in rows if one.candidate.score > one.base.score]
    same = [one for one in rows if one.candidate.score == one.base.score]
    half = _SHOWN // 2
    kept = lost[: max(half, _SHOWN - len(won))]
    kept += won[: _SHOWN - len(kept)]
    return [*kept, *same[: _SHOWN - len(kept)]]


def _not_won(own: Paired) -> str:
    figures = f"{own.candidate:.1%} right, {own.base:.1%} without it"
    if own.difference <= 0:
        return f"It is not better on its own suite: {figures}."
    return (
        f"It may be better on its own suite by chance: {figures}, the difference lies between {own.low:+.1%} and "
        f"{own.high:+.1%}."
    )
