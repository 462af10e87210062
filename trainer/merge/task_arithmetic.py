"""Task arithmetic: the weighted changes of all models added to the base (Ilharco et al. 2023, arXiv:2212.04089)."""

from rushlight.quant.rows import Floats, Rows
from rushlight.trainer.merge.combine import added
from rushlight.trainer.merge.inputs import Computed, Inputs


def merge(inputs: Inputs) -> Rows:
    """base + scale * sum(w_i (x_i - base))."""

    def rows(start: int, stop: int) -> Floats:
        base, deltas = inputs.deltas(start, stop)
        return added(base, deltas, inputs.weights, inputs.normalize, inputs.scale)

    return Computed(inputs.shape, rows)
