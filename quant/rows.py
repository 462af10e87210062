"""Tensors as rows of float32 that are read when they are asked for: what conversion is made of.

A tensor is known by its shape (numpy's order, the last number is the length of a row) and gives its rows from `start`
to `stop`. Reordering, joining and the like are such tensors themselves, so that a model of any size passes through a
few megabytes. Knows no file and no model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]

SLAB_BYTES: Final = 8 << 20  # of float32 at once


class Rows(Protocol):
    """A tensor that gives any of its rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def rows(self, start: int, stop: int) -> Floats:
        """Rows `start` to `stop` of the tensor seen as a matrix: (stop - start, row length)."""
        ...


def n_rows(shape: tuple[int, ...]) -> int:
    return prod(shape[:-1])


def row_length(shape: tuple[int, ...]) -> int:
    return shape[-1] if shape else 1


def slabs(tensor: Rows, slab_bytes: int = SLAB_BYTES) -> Iterator[Floats]:
    """All rows, in pieces of at most `slab_bytes` (or one row)."""
    step = max(1, slab_bytes // (4 * max(1, row_length(tensor.shape))))
    total = n_rows(tensor.shape)
    for start in range(0, total, step):
        yield tensor.rows(start, min(start + step, total))


def whole(tensor: Rows) -> Floats:
    """The tensor as one array."""
    return tensor.rows(0, n_rows(tensor.shape)).reshape(tensor.shape)


@dataclass(frozen=True, slots=True)
class Array:
    """An array that is in memory already."""

    values: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def rows(self, start: int, stop: int) -> Floats:
        return self.values.reshape(n_rows(self.shape), row_length(self.shape))[start:stop]


@dataclass(frozen=True, slots=True)
class Taken:
    """Some of the rows of `base`, in the order of `order`; `shape` has as many rows as that."""

    base: Rows
    order: Indices
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> Floats:
        wanted = self.order[start:stop]
        if len(wanted) == 0:
            return self.base.rows(0, 0)
        first, last = int(wanted.min()), int(wanted.max()) + 1
        if last - first <= 4 * len(wanted):  # close together: one read
            return self.base.rows(first, last)[wanted - first]
        return np.concatenate([self.base.rows(one, one + 1) for one in wanted.tolist()])


def reordered(base: Rows, order: Indices) -> Rows:
    """`base` with its first dimension in another order; of a vector, its elements."""
    if len(base.shape) == 1:
        return Array(whole(base)[order])
    inner = n_rows(base.shape) // base.shape[0]
    full = order if inner == 1 else (order[:, None] * inner + np.arange(inner)).reshape(-1)
    return Taken(base, full, (len(order), *base.shape[1:]))


def cut(base: Rows, start: int, stop: int) -> Rows:
    """Part `start` to `stop` of the first dimension."""
    if len(base.shape) == 1:
        return Array(whole(base)[start:stop])
    inner = n_rows(base.shape) // base.shape[0]
    return Window(base, start * inner, (stop - start, *base.shape[1:]))


@dataclass(frozen=True, slots=True)
class Window:
    """Neighbouring rows of `base` from row `first` on, as many as `shape` has."""

    base: Rows
    first: int
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> Floats:
        return self.base.rows(self.first + start, self.first + stop)


@dataclass(frozen=True, slots=True)
class Joined:
    """Tensors with rows of one length, one after the other."""

    parts: tuple[Rows, ...]
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> Floats:
        pieces, first = [], 0
        for part in self.parts:
            count = n_rows(part.shape)
            low, high = max(start, first), min(stop, first + count)
            if low < high:
                pieces.append(part.rows(low - first, high - first))
            first += count
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else np.empty((0, row_length(self.shape)), np.float32)


def stacked(parts: Sequence[Rows]) -> Rows:
    """Equal tensors along a new first dimension."""
    return Joined(tuple(parts), (len(parts), *parts[0].shape))


def joined(parts: Sequence[Rows]) -> Rows:
    """Tensors along their first dimension."""
    if len(parts[0].shape) == 1:
        return Array(np.concatenate([whole(part) for part in parts]))
    return Joined(tuple(parts), (sum(part.shape[0] for part in parts), *parts[0].shape[1:]))


@dataclass(frozen=True, slots=True)
class Applied:
    """`base` with a function over each of its elements."""

    base: Rows
    function: Callable[[Floats], Floats]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def rows(self, start: int, stop: int) -> Floats:
        return self.function(self.base.rows(start, stop))


@dataclass(frozen=True, slots=True)
class Reshaped:
    """`base` under another shape. Rows of another length need the whole tensor."""

    base: Rows
    shape: tuple[int, ...]

    def rows(self, start: int, stop: int) -> Floats:
        if row_length(self.shape) == row_length(self.base.shape):
            return self.base.rows(start, stop)
        return whole(self.base).reshape(n_rows(self.shape), row_length(self.shape))[start:stop]


class Transposed:
    """A matrix on its side. Read once and kept until its last row was given: this needs the whole matrix."""

    def __init__(self, base: Rows) -> None:
        self._base = base
        self._kept: Floats | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self._base.shape[:-2], self._base.shape[-1], self._base.shape[-2])

    def rows(self, start: int, stop: int) -> Floats:
        if self._kept is None:
            self._kept = np.ascontiguousarray(np.swapaxes(whole(self._base), -1, -2))
        flat = self._kept.reshape(n_rows(self.shape), row_length(self.shape))[start:stop]
        if stop >= n_rows(self.shape):
            self._kept = None
        return flat
