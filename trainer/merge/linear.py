"""Weighted averages ("model soups", Wortsman et al. 2022, arXiv:2203.05482)."""

import numpy as np

from rushlight.quant.rows import Floats, Rows
from rushlight.trainer.merge.inputs import Computed, Inputs


def merge(inputs: Inputs) -> Rows:
    """sum(w_i x_i), divided by sum(w_i) where `normalize` is set."""
    total = sum(inputs.weights)
    divisor = total if inputs.normalize and abs(total) > 1e-8 else 1.0

    def rows(start: int, stop: int) -> Floats:
        found = np.zeros_like(inputs.models[0].rows(start, stop))
        for model, weight in zip(inputs.models, inputs.weights, strict=True):
            found += np.float32(weight / divisor) * model.rows(start, stop)
        return found

    return Computed(inputs.shape, rows)
