"""Ratios of two files' divergences with an interval: both are looked at over the same windows of text.

Windows differ far more from each other than files do, so that two means with their errors say little; what is drawn
again and again here are windows, with both files' figures for each.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rushlight.quant.compare import Comparison

_N_DRAWS: Final = 4_000
_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours / theirs, and where 95 of 100 repetitions would lie."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio(ours: Comparison, theirs: Comparison) -> Ratio:
    """The ratio of two mean divergences over one text (percentile bootstrap over windows, Efron 1979)."""
    a, b = np.array(ours.by_window), np.array(theirs.by_window)
    draws = np.random.default_rng(_SEED).integers(0, len(a), (_N_DRAWS, len(a)))
    drawn = a[draws].mean(axis=1) / b[draws].mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Ratio(float(a.mean() / b.mean()), float(low), float(high))
