"""How far rows of logits are from another model's: losses, KL divergence, agreement, in one pass and without a file.

The native kernel does it where that is compiled; the numpy version here is what it is tested against. Knows logits and
token ids, no model.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, native
from rushlight.quant.blocks.format import Floats

Doubles = NDArray[np.float64]

N_TOP: Final = 10
LARGEST: Final = 1e30  # of a logit
_SLAB_ROWS: Final = 32  # of logits at once in numpy: 19 MB at 152,000 tokens


@dataclass(frozen=True, slots=True)
class RowScores:
    """Of every row. Losses are -log p(target); `changes` p(target) of the other minus the base's; `shared_top` the
    share of the base's most likely tokens that are among the other's most likely ones."""

    base_losses: Doubles
    other_losses: Doubles
    divergences: Doubles  # KL(base || other), in nats
    changes: Doubles
    agreements: NDArray[np.bool_]  # the same most likely token
    shared_top: Doubles


def score_rows(
    base: Floats, other: Floats, targets: NDArray[np.integer], *, n_top: int = N_TOP, n_threads: int = 1
) -> RowScores:
    """Score (rows, tokens) logits of `other` against `base`. An `Error` where one of them is no number."""
    if base.shape != other.shape or targets.shape != base.shape[:1]:
        raise ValueError(f"logits of {base.shape} and {other.shape} with {targets.shape} targets")
    if base.shape[0] and (targets.min() < 0 or targets.max() >= base.shape[1]):
        raise ValueError(f"targets beyond the {base.shape[1]} columns")
    base, other = np.ascontiguousarray(base, np.float32), np.ascontiguousarray(other, np.float32)
    wanted = np.ascontiguousarray(targets, np.int64)
    n_top = min(n_top, base.shape[1])
    found = np.empty((len(base), 6))
    if len(base) == 0:
        return _columns(found)
    try:
        is_done = native.score_logits(base, other, wanted, base.shape[1], n_top, found, n_threads)
    except ValueError:
        raise _no_numbers() from None
    return _columns(found if is_done else scores_in_numpy(base, other, wanted, n_top))


def _columns(found: Doubles) -> RowScores:
    return RowScores(found[:, 0], found[:, 1], found[:, 2], found[:, 3], found[:, 4] > 0, found[:, 5])


def scores_in_numpy(base: Floats, other: Floats, targets: NDArray[np.integer], n_top: int) -> Doubles:
    """(rows, 6): what `native.score_logits` writes. KL = sum p (a - b) - (log sum a - log sum b), p of the base."""
    found = np.empty((len(base), 6))
    for start in range(0, len(base), _SLAB_ROWS):
        for rows in (base, other):
            if not np.abs(rows[start : start + _SLAB_ROWS]).max() <= LARGEST:  # not-a-number passes on
                raise _no_numbers()
        a, b = (rows[start : start + _SLAB_ROWS].astype(np.float64) for rows in (base, other))
        wanted, row = targets[start : start + _SLAB_ROWS], np.arange(len(a))
        a, b = a - a.max(axis=1)[:, None], b - b.max(axis=1)[:, None]
        weights = np.exp(a)
        sums = weights.sum(axis=1)
        log_a, log_b = np.log(sums), np.log(np.exp(b).sum(axis=1))
        loss_a, loss_b = log_a - a[row, wanted], log_b - b[row, wanted]
        divergences = np.einsum("ij,ij->i", weights, a - b) / sums - (log_a - log_b)
        top_a, top_b = (np.argsort(-rows, axis=1, kind="stable")[:, :n_top] for rows in (a, b))
        shared = (top_a[:, :, None] == top_b[:, None, :]).any(axis=2).mean(axis=1)
        same = top_a[:, 0] == top_b[:, 0]
        scores = (loss_a, loss_b, np.maximum(divergences, 0), np.exp(-loss_b) - np.exp(-loss_a), same, shared)
        found[start : start + _SLAB_ROWS] = np.stack(scores, axis=1)
    return found


def _no_numbers() -> Error:
    return Error("A model answers with what is no number.", "The file is damaged.", kind="bad-file")
