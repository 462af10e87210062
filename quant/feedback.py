"""The inner loop of error feedback: columns rounded one after the other, each error spread over those that come later.

Knows grids and numbers; which grids, and what is done with the errors beyond the window, is told by `gptq`. Native code
where that is compiled, numpy elsewhere; both give the same bits.
"""

from typing import Final

import numpy as np

from rushlight import native
from rushlight.quant.blocks import BlockFormat, Grid
from rushlight.quant.blocks.format import Floats, Ints

MOST_WINDOW: Final = 512  # columns


def round_columns(
    form: BlockFormat,
    work: Floats,
    factor: Floats,
    grid: Grid,
    first: int,
    last: int,
    errors: Floats,
    *,
    n_threads: int = 1,
) -> Ints:
    """The codes, (last - first, rows), of columns `first` to `last` of a window; each column lies together.

    `work`, (columns, rows), takes in the errors from `first` on; rows `first` to `last` of `errors`, shaped alike, are
    set to (weight - value) / factor[i, i]. `factor` is the window's part of the upper triangle, `grid` that of the
    columns' groups for each row: (rows, groups). Nothing of it may be other than a finite number.
    """
    levels = None if form.levels is None else np.array(form.levels, np.float32)
    scales = np.ascontiguousarray(grid.scale.T, np.float32)
    offsets = None if grid.offset is None else np.ascontiguousarray(grid.offset.T, np.float32)
    codes = np.empty((last - first, work.shape[1]), np.int16)
    if not native.round_with_feedback(
        work, np.ascontiguousarray(factor), scales, offsets, levels, form.low, form.high, len(work), first, last,
        form.group, codes, errors, n_threads,
    ):  # fmt: skip
        round_in_numpy(
            work, factor, scales, offsets, levels, form.low, form.high, first, last, form.group, codes, errors
        )
    return codes


def round_in_numpy(
    work: Floats,
    factor: Floats,
    scales: Floats,
    offsets: Floats | None,
    levels: Floats | None,
    low: int,
    high: int,
    first: int,
    last: int,
    group: int,
    codes: Ints,
    errors: Floats,
) -> None:
    """What `native.round_with_feedback` does, column by column."""
    for i in range(first, last):
        scale = scales[(i - first) // group]
        offset = np.float32(0) if offsets is None else offsets[(i - first) // group]
        usable = scale != 0
        at = np.where(usable, (work[i] - offset) / np.where(usable, scale, np.float32(1)), np.float32(0))
        if levels is None:
            level = np.rint(np.clip(at, np.float32(low), np.float32(high)))
            codes[i - first] = level.astype(np.int16)
        else:
            codes[i - first] = np.searchsorted((levels[1:] + levels[:-1]) / 2, at, side="right")
            level = levels[codes[i - first]]
        errors[i] = (work[i] - (scale * level + offset)) / factor[i, i]
        work[i + 1 :] -= factor[i, i + 1 :, None] * errors[i]
