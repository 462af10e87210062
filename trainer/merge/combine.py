"""How the changes of several models become one: added up, or only where they agree with the elected sign (TIES)."""

from collections.abc import Sequence

import numpy as np

from rushlight.quant.rows import Floats


def added(base: Floats, deltas: Sequence[Floats], weights: Sequence[float], normalize: bool, scale: float) -> Floats:
    """base + scale * sum(w_i d_i), the sum divided by sum(w_i) where `normalize` is set."""
    mixed = np.zeros_like(base)
    for delta, weight in zip(deltas, weights, strict=True):
        mixed += np.float32(weight) * delta
    total = sum(weights)
    if normalize and abs(total) > 1e-8:
        mixed /= np.float32(total)
    return base + np.float32(scale) * mixed


def elected(base: Floats, deltas: Sequence[Floats], weights: Sequence[float], normalize: bool, scale: float) -> Floats:
    """The same, but each element takes only the changes whose sign has the larger sum of w_i d_i behind it, divided
    by the weights of just those (Yadav et al. 2023, section 3, arXiv:2306.01708). A sum of zero counts as positive."""
    weighted = [np.float32(weight) * delta for delta, weight in zip(deltas, weights, strict=True)]
    total = np.zeros_like(base)
    for one in weighted:
        total += one
    sign = np.where(total >= 0, np.float32(1), np.float32(-1))
    mixed, divisor = np.zeros_like(base), np.zeros_like(base)
    for one, weight in zip(weighted, weights, strict=True):
        agrees = np.sign(one) == sign
        mixed += np.where(agrees, one, np.float32(0))
        divisor += np.where(agrees, np.float32(weight), np.float32(0))
    if normalize:
        divisor[divisor == 0] = 1
        mixed /= divisor
    return base + np.float32(scale) * mixed
