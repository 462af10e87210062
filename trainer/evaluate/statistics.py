"""How sure a difference is: intervals of shares, of paired differences, and how likely chance alone is.

Scores lie between 0 and 1 and come in pairs: base and candidate answered the same item. Items of one cluster are not
independent, so clusters are drawn, never items.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Z: Final = 1.959964  # of 95 %
_DRAWS: Final = 4_000
_EXACT_CLUSTERS: Final = 14  # 2^14 sign patterns are all looked at


@dataclass(frozen=True, slots=True)
class Paired:
    """Two sides over the same items. `low` and `high` hold the true difference in 95 of 100 cases; `chance` is how
    often so large a gain comes about when both sides are alike."""

    n_items: int
    n_clusters: int
    base: float
    candidate: float
    difference: float
    low: float
    high: float
    chance: float
    won: int  # items where the candidate scored higher
    lost: int


def wilson(n_right: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    share = n_right / n
    middle = share + Z * Z / (2 * n)
    spread = Z * math.sqrt(max(0.0, share * (1 - share)) / n + Z * Z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + Z * Z / n)), min(1.0, (middle + spread) / (1 + Z * Z / n))


def paired(
    base: Sequence[float], candidate: Sequence[float], clusters: Sequence[str] | None = None, *, seed: int = 0
) -> Paired:
    """The difference of candidate and base with its bootstrap interval (Efron 1979) and the chance of a random
    exchange of the two sides (Fisher's randomization)."""
    if len(base) == 0 or len(base) != len(candidate):
        raise ValueError(f"{len(base)} and {len(candidate)} scores")
    gains = np.asarray(candidate, float) - np.asarray(base, float)
    names = list(clusters) if clusters is not None else [str(number) for number in range(len(gains))]
    sums, counts = _by_cluster(gains, names)
    numbers = np.random.default_rng(seed)
    low, high = _bootstrap(sums, counts, numbers)
    return Paired(
        n_items=len(gains), n_clusters=len(sums), base=float(np.mean(base)), candidate=float(np.mean(candidate)),
        difference=float(gains.mean()), low=low, high=high, chance=_chance(sums, numbers),
        won=int((gains > 1e-9).sum()), lost=int((gains < -1e-9).sum()),
    )  # fmt: skip


def _by_cluster(gains: NDArray[np.float64], names: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    places: dict[str, int] = {}
    index = np.array([places.setdefault(name, len(places)) for name in names])
    return np.bincount(index, gains).astype(np.float64), np.bincount(index).astype(np.float64)


def _bootstrap(
    sums: NDArray[np.float64], counts: NDArray[np.float64], numbers: np.random.Generator
) -> tuple[float, float]:
    n = len(sums)
    means = np.empty(_DRAWS)
    step = max(1, 4_000_000 // n)
    for start in range(0, _DRAWS, step):
        drawn = numbers.integers(0, n, (min(step, _DRAWS - start), n))
        means[start : start + step] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def _chance(sums: NDArray[np.float64], numbers: np.random.Generator) -> float:
    """One-sided: how often a sum as large comes when the sign of each cluster's gain is drawn. Clusters without a gain
    say nothing, as in McNemar's test."""
    telling = sums[np.abs(sums) > 1e-9]
    total = telling.sum() - 1e-9
    if len(telling) == 0:
        return 1.0
    if len(telling) <= _EXACT_CLUSTERS:
        patterns = (np.arange(1 << len(telling))[:, None] >> np.arange(len(telling))) & 1
        return float(((2 * patterns - 1) @ telling >= total).mean())
    found = 0
    step = max(1, 4_000_000 // len(telling))
    for start in range(0, _DRAWS, step):
        signs = numbers.integers(0, 2, (min(step, _DRAWS - start), len(telling))) * 2 - 1
        found += int((signs @ telling >= total).sum())
    return (found + 1) / (_DRAWS + 1)
