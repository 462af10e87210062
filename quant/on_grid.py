"""Weights moved onto the true block grid of a tensor type: the seam of a quantization-aware fine-tune.

A fine-tune that knows its target runs with the weights that the file will hold and gives the slope to those it
trains, straight through (Bengio et al. 2013, arXiv:1308.3432): `w + (torch.tensor(grid(w)) - w).detach()`. What
`BlockGrid` gives is, bit for bit, what llama.cpp reads from a file made of these weights. Knows numbers only.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rushlight.quant.block_encoding import encode_rows
from rushlight.quant.blocks.format import Floats
from rushlight.quant.encoding import decode


class Grid(Protocol):
    """Moves weights to what a file can hold."""

    def __call__(self, values: Floats) -> Floats:
        """(rows, columns) weights as they stand after a round through the file."""
        ...


@dataclass(frozen=True, slots=True)
class BlockGrid:
    """The grid of a tensor type such as Q4_K, its scales found by the search for the weights that are given."""

    type_name: str
    importance: Floats | None = None  # the mean squared input of each column
    n_threads: int = 1

    def __call__(self, values: Floats) -> Floats:
        data = encode_rows(values, self.type_name, self.importance, n_threads=self.n_threads)
        return np.ascontiguousarray(decode(data, self.type_name).reshape(values.shape), np.float32)
