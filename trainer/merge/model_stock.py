"""Model Stock: how far to go from the base to the average of fine-tuned models follows from the angle between them
(Jang, Yun, Han 2024, arXiv:2403.19522, equation 7)."""

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.rows import Floats, Rows, n_rows, slabs
from rushlight.trainer.merge.inputs import Computed, Inputs

Doubles = NDArray[np.float64]
_NO_LENGTH = 1e-6


def merge(inputs: Inputs) -> Rows:
    """t * average + (1 - t) * base, t = k cos / (1 + (k - 1) cos), cos the mean over all pairs of k models.

    One angle for the tensor, or one for each row (`filter_wise`). Where the denominator vanishes the base stays.
    """
    share: list[Doubles] = []

    def rows(start: int, stop: int) -> Floats:
        if not share:
            share.append(_shares(inputs))
        base, deltas = inputs.deltas(start, stop)
        t = share[0][start:stop, None] if inputs.filter_wise else share[0][0]
        mean = sum(delta.astype(np.float64) for delta in deltas) / len(deltas)
        found: Floats = (base + t * mean).astype(np.float32)
        return found

    return Computed(inputs.shape, rows)


def _shares(inputs: Inputs) -> Doubles:
    count = len(inputs.models)
    n_angles = n_rows(inputs.shape) if inputs.filter_wise else 1
    products = np.zeros((count, count, n_angles))
    first = 0
    assert inputs.base is not None
    for parts in zip(slabs(inputs.base), *(slabs(model) for model in inputs.models), strict=True):
        changes = [part.astype(np.float64) - parts[0] for part in parts[1:]]
        for i in range(count):
            for j in range(i, count):
                dots = (changes[i] * changes[j]).sum(axis=1)
                if inputs.filter_wise:
                    products[i, j, first : first + len(dots)] = dots
                else:
                    products[i, j, 0] += dots.sum()
        first += len(parts[0])
    angles = []
    for i in range(count):
        for j in range(i + 1, count):
            lengths = np.sqrt(products[i, i] * products[j, j])
            angles.append(np.clip(products[i, j] / np.maximum(lengths, _NO_LENGTH), -1.0, 1.0))
    cosine: Doubles = np.mean(angles, axis=0)
    below = 1.0 + (count - 1) * cosine
    vanishes = np.abs(below) < _NO_LENGTH
    return np.where(vanishes, 0.0, count * cosine / np.where(vanishes, 1.0, below))
