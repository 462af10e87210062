"""Scales of a block for error feedback: several searches are tried, and each row keeps what costs least.

A search counts the error of each weight alone, but with feedback the next weights make good a part of it. So the codes
of the block are found with feedback for each trial, and what is left over (the sum of the squares of what cannot be
made good, Frantar et al. 2022, arXiv:2210.17323, eq. 2) decides, row by row. Knows numbers only.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.block_encoding import By, encode_rows
from rushlight.quant.blocks.format import BlockFormat, Fields, Floats, Grid, Halves
from rushlight.quant.feedback import round_columns
from rushlight.quant.rounding_order import Places

STRETCHES: Final = (0.97, 1.03)  # of a block's float16: beyond what the search found


def best_fields(
    form: BlockFormat,
    columns: Floats,
    factor: Floats,
    weights: Floats,
    importance: Floats,
    groups: Places,
    within: Places,
    *,
    n_threads: int = 1,
) -> Fields:
    """The fields of one block whose (columns, rows) stand in the order of rounding, as do `weights`, what an error of
    each costs in the end, and `importance`, how large its inputs are. `factor` is the block's part of the triangle."""
    back = np.argsort(within)  # from the order of rounding to that of the row
    block = np.ascontiguousarray(np.clip(columns.T, -65504, 65504)[:, back], np.float32)

    def searched(by_column: Floats | None, by: By = "rushlight") -> Fields:
        lying = None if by_column is None else np.ascontiguousarray(by_column[back])
        return form.read(encode_rows(block, form.name, lying, n_threads=n_threads, by=by).reshape(len(block), -1))

    best = searched(weights)
    trials = [searched(importance), searched(None), searched(weights, "ggml")]
    trials += [replace(best, d=_stretched(best.d, by)) for by in STRETCHES]
    least = _cost(form, columns, factor, best, groups, n_threads)
    for trial in trials:
        cost = _cost(form, columns, factor, trial, groups, n_threads)
        is_better = cost < least
        best, least = best.with_rows(is_better, trial), np.where(is_better, cost, least)
    return best


def ordered_grid(form: BlockFormat, fields: Fields, groups: Places) -> Grid:
    """The grid with its groups in the order of rounding."""
    grid = form.grid(fields)
    return Grid(grid.scale[:, groups], None if grid.offset is None else grid.offset[:, groups])


def _cost(
    form: BlockFormat, columns: Floats, factor: Floats, fields: Fields, groups: Places, n_threads: int
) -> NDArray[np.float64]:
    """What is left over of each row when the block is rounded so."""
    errors = np.zeros_like(columns)
    grid = ordered_grid(form, fields, groups)
    round_columns(form, columns.copy(), factor, grid, 0, len(columns), errors, n_threads=n_threads)
    left: NDArray[np.float64] = np.einsum("ij,ij->j", errors, errors, dtype=np.float64)
    return left


def _stretched(halves: Halves, by: float) -> Halves:
    wider: Halves = np.clip(halves.astype(np.float32) * np.float32(by), -65504, 65504).astype(np.float16)
    return wider
