"""The order in which error feedback rounds columns: the weightiest first, without tearing blocks and groups apart.

What is rounded early can still be made good by all that comes later, so large inputs come first. GPTQ sorts all columns
alike ("act order"), which needs a table of groups at run time; a GGUF block has none. So whole blocks are sorted by
their mean, in each block its groups, and in each group its columns: the bytes lie where they always do. Knows numbers
only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.blocks.format import BlockFormat, Floats

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Order:
    """`columns[i]` is the column that is rounded as number i. Block number i is the `blocks[i]`-th of the row; in it
    `groups[i]` come in that order, and its columns stand at `within[i]` of the block."""

    columns: Places  # (columns,)
    blocks: Places  # (blocks,)
    groups: Places  # (blocks, groups of a block)
    within: Places  # (blocks, columns of a block)


def order_of(weights: Floats, form: BlockFormat) -> Order:
    """The order for columns that count as `weights` says; equal ones stay as they lie."""
    by_group = weights.astype(np.float64).reshape(-1, form.n_groups, form.group)
    blocks = np.argsort(-by_group.mean(axis=(1, 2)), kind="stable")
    sorted_blocks = by_group[blocks]
    groups = np.argsort(-sorted_blocks.mean(axis=2), axis=1, kind="stable")
    by_column = np.argsort(-np.take_along_axis(sorted_blocks, groups[:, :, None], axis=1), axis=2, kind="stable")
    within = (groups[:, :, None] * form.group + by_column).reshape(len(blocks), form.n_elements)
    columns = (blocks[:, None] * form.n_elements + within).reshape(-1)
    return Order(columns, blocks, groups, within)
