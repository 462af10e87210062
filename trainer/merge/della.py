"""DELLA: as DARE, but large changes of a row are dropped less often (Deep et al. 2024, MagPrune, arXiv:2406.11617)."""

import numpy as np

from rushlight.quant.rows import Floats, Rows, row_length
from rushlight.trainer.merge.combine import added, elected
from rushlight.trainer.merge.inputs import Computed, Inputs, key_of, uniform


def merge_linear(inputs: Inputs) -> Rows:
    """Pruned changes, added up."""
    return _merge(inputs, elect=False)


def merge_elected(inputs: Inputs) -> Rows:
    """Pruned changes, merged where they agree with the elected sign: DELLA as its paper has it."""
    return _merge(inputs, elect=True)


def shares(delta: Floats, density: float, epsilon: float) -> Floats:
    """How likely each change of a row is to be kept, (R, C): from density - epsilon for the smallest of the row to
    density + epsilon for the largest, evenly by rank. Equal ones rank by place."""
    order = np.argsort(np.abs(delta), axis=1, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(delta.shape[1])[None, :].repeat(len(delta), 0), axis=1)
    if delta.shape[1] < 2:
        return np.full(delta.shape, density, np.float32)
    found: Floats = (density - epsilon + ranks * (2.0 * epsilon / (delta.shape[1] - 1))).astype(np.float32)
    return found


def _merge(inputs: Inputs, *, elect: bool) -> Rows:
    length = row_length(inputs.shape)
    keys = [key_of(inputs.seed, inputs.name, index) for index in range(len(inputs.models))]
    combine = elected if elect else added

    def rows(start: int, stop: int) -> Floats:
        base, deltas = inputs.deltas(start, stop)
        settings = zip(deltas, inputs.densities, inputs.epsilons, strict=True)
        for index, (delta, density, epsilon) in enumerate(settings):
            if density >= 1.0:
                continue
            share = shares(delta, density, epsilon) if density > 0 else np.zeros_like(delta)
            kept = uniform(keys[index], start * length, stop * length).reshape(delta.shape) < share
            enlarged = delta / np.maximum(share, np.float32(1e-6)) if inputs.rescale else delta
            deltas[index] = np.where(kept, enlarged, np.float32(0))
        return combine(base, deltas, inputs.weights, inputs.normalize, inputs.scale)

    return Computed(inputs.shape, rows)
