"""DARE: changes dropped by chance and the rest enlarged, then added up or elected (Yu et al. 2024, arXiv:2311.03099).

Which change is dropped depends on seed, tensor, model and place only: the same merge gives the same bytes anywhere.
"""

import numpy as np

from rushlight.quant.rows import Floats, Rows, row_length
from rushlight.trainer.merge.combine import added, elected
from rushlight.trainer.merge.inputs import Computed, Inputs, key_of, uniform


def merge_linear(inputs: Inputs) -> Rows:
    """Dropped and enlarged changes, added up."""
    return _merge(inputs, elect=False)


def merge_ties(inputs: Inputs) -> Rows:
    """Dropped and enlarged changes, merged where they agree with the elected sign."""
    return _merge(inputs, elect=True)


def _merge(inputs: Inputs, *, elect: bool) -> Rows:
    length = row_length(inputs.shape)
    keys = [key_of(inputs.seed, inputs.name, index) for index in range(len(inputs.models))]
    combine = elected if elect else added

    def rows(start: int, stop: int) -> Floats:
        base, deltas = inputs.deltas(start, stop)
        for index, (delta, density) in enumerate(zip(deltas, inputs.densities, strict=True)):
            if density < 1.0:
                kept = uniform(keys[index], start * length, stop * length).reshape(delta.shape) < np.float32(density)
                enlarged = 1.0 / density if inputs.rescale and density > 0 else 1.0
                deltas[index] = np.where(kept, delta * np.float32(enlarged), np.float32(0))
        return combine(base, deltas, inputs.weights, inputs.normalize, inputs.scale)

    return Computed(inputs.shape, rows)
