"""What a block format is: how many weights share a block, its bytes, and the numbers those bytes stand for.

Every format here stands for `scale * level(code) + offset`, with one scale (and offset) per group of weights. Knows
numbers only: no file, no tensor name. Formats draw their bytes in their docstrings; `N` blocks are (N, n_bytes) uint8.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.gguf_types import type_size

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Ints = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Fields:
    """The numbers stored in N blocks. `scales` and `mins` are None where a block has only `d` (and `m`)."""

    d: Halves  # (N,)
    m: Halves | None  # (N,) the second half: dmin of the K-quants, the offset of Q4_1 and Q5_1
    scales: Ints | None  # (N, groups)
    mins: Ints | None  # (N, groups)
    codes: Ints  # (N, n_elements), signed where the format is symmetric

    def with_codes(self, codes: Ints) -> "Fields":
        return replace(self, codes=codes)

    def with_rows(self, which: NDArray[np.bool_], other: "Fields") -> "Fields":
        """These, but for the blocks that `which` says: those of `other`."""

        def chosen(mine: Any, others: Any) -> Any:
            return None if mine is None else np.where(which if mine.ndim == 1 else which[:, None], others, mine)

        return Fields(
            chosen(self.d, other.d), chosen(self.m, other.m), chosen(self.scales, other.scales),
            chosen(self.mins, other.mins), chosen(self.codes, other.codes),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grid:
    """What a code of each group stands for: `scale * level + offset`; `offset` None: none."""

    scale: Floats  # (N, groups)
    offset: Floats | None


class BlockFormat(ABC):
    """One block format. `low` to `high` are the codes; `levels` what they stand for, if not themselves."""

    name: ClassVar[str]
    group: ClassVar[int]
    low: ClassVar[int]
    high: ClassVar[int]
    levels: ClassVar[tuple[int, ...] | None] = None
    share: ClassVar[float | None] = None  # where a weight's size counts beside its importance: `search.emphasized`

    @property
    def n_elements(self) -> int:
        return type_size(self.name)[0]

    @property
    def n_bytes(self) -> int:
        return type_size(self.name)[1]

    @property
    def n_groups(self) -> int:
        return self.n_elements // self.group

    @abstractmethod
    def read(self, blocks: Bytes) -> Fields:
        """The fields of (N, n_bytes) bytes."""

    @abstractmethod
    def write(self, fields: Fields) -> Bytes:
        """The bytes of fields: `read` backwards."""

    @abstractmethod
    def grid(self, fields: Fields) -> Grid:
        """What the codes stand for."""

    @abstractmethod
    def fit(self, values: Floats, weights: Floats) -> Fields:
        """The fields whose blocks lie near (N, n_elements) values; each error counts as much as its weight says."""

    def level_of(self, codes: Ints) -> Floats:
        if self.levels is None:
            return codes.astype(np.float32)
        return np.array(self.levels, np.float32)[codes]

    def values(self, fields: Fields) -> Floats:
        """The weights that fields stand for: (N, n_elements)."""
        grid = self.grid(fields)
        levels = self.level_of(fields.codes).reshape(-1, self.n_groups, self.group)
        result = grid.scale[:, :, None] * levels
        if grid.offset is not None:
            result = result + grid.offset[:, :, None]
        return result.reshape(-1, self.n_elements)

    def dequantize(self, blocks: Bytes) -> Floats:
        """(N, n_elements) float32 of (N, n_bytes) bytes, bit for bit what gguf and ggml make of them."""
        if len(blocks) == 0:
            return np.empty((0, self.n_elements), np.float32)
        return self.values(self.read(blocks))

    def quantize(self, values: Floats, weights: Floats | None = None) -> Bytes:
        """(N, n_bytes) bytes near (N, n_elements) finite values, which must be within the range of float16."""
        if len(values) == 0:
            return np.empty((0, self.n_bytes), np.uint8)
        weights = np.ones_like(values) if weights is None else weights
        return self.write(self.fit(values, weights))


def halves_at(blocks: Bytes, position: int) -> Halves:
    """The little-endian float16 at one byte position of every block."""
    return np.ascontiguousarray(blocks[:, position : position + 2]).view("<f2")[:, 0]


def half_bytes(halves: Halves) -> Bytes:
    return np.ascontiguousarray(halves, "<f2").view(np.uint8).reshape(-1, 2)
