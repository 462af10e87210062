"""TIES: only the largest changes of each model, then only those that agree on a sign, then their mean
(Yadav et al. 2023, arXiv:2306.01708).

Three passes over the tensors and a few megabytes of memory: two find the size of change from which on a change is
kept, by counting; the third merges. Sorting, as others do it, needs eight bytes of memory a weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, native
from rushlight.quant.rows import SLAB_BYTES, Floats, Rows, n_rows, row_length
from rushlight.trainer.merge.combine import elected
from rushlight.trainer.merge.inputs import Inputs

Sizes = NDArray[np.int64]
_BINS = 1 << 16


@dataclass(frozen=True, slots=True)
class Cut:
    """Which changes of a model stay: those above `bits`, and the first `n_equal` of those that are just as large.

    `bits` is the size of the change as the bits of a float32: for numbers that are not negative their order is that
    of the numbers.
    """

    bits: int
    n_equal: int


KEEP_ALL = Cut(-1, 0)
KEEP_NONE = Cut(1 << 31, 0)


class Ties:
    """The merged tensor. Its rows must be asked for in their order, since ties at the cut are kept by place."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._cuts: list[Cut] = []
        self._n_equal: list[int] = []
        self._next = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self._inputs.shape

    def rows(self, start: int, stop: int) -> Floats:
        inputs = self._inputs
        if start == 0 or not self._cuts:
            self._cuts = self._cuts or cuts(inputs)
            self._n_equal = [cut.n_equal for cut in self._cuts]
            self._next = start
        if start != self._next:
            raise RuntimeError(f"row {start} of {inputs.name} was asked for, row {self._next} is next")
        self._next = stop
        base = np.ascontiguousarray(inputs.base.rows(start, stop)) if inputs.base is not None else None
        assert base is not None
        models = [np.ascontiguousarray(model.rows(start, stop)) for model in inputs.models]
        found = np.empty_like(base)
        limits = np.array([cut.bits for cut in self._cuts], np.int64)
        left = np.array(self._n_equal, np.int64)
        weights = np.array(inputs.weights, np.float32)
        if not native.merge_trimmed(base, models, limits, left, weights, inputs.scale, inputs.normalize, found):
            return self._plainly(base, models)
        self._n_equal = left.tolist()
        return found

    def _plainly(self, base: Floats, models: list[Floats]) -> Floats:
        """The slow, obvious version of `native.merge_trimmed`."""
        deltas = []
        for index, (model, cut) in enumerate(zip(models, self._cuts, strict=True)):
            delta, n_used = trimmed(model - base, cut, self._n_equal[index])
            self._n_equal[index] -= n_used
            deltas.append(delta)
        inputs = self._inputs
        return elected(base, deltas, inputs.weights, inputs.normalize, inputs.scale)


def merge(inputs: Inputs) -> Rows:
    """base + scale * the mean of those changes that were kept and agree with the elected sign."""
    return Ties(inputs)


def trimmed(delta: Floats, cut: Cut, n_equal: int) -> tuple[Floats, int]:
    """`delta` with zeros for what is not kept, and how many of `n_equal` ties at the cut were used up."""
    if cut == KEEP_ALL:
        return delta, 0
    sizes = _sizes(delta)
    kept = sizes > cut.bits
    ties = np.flatnonzero(sizes == cut.bits)[:n_equal]
    kept[ties] = True
    return np.where(kept.reshape(delta.shape), delta, np.float32(0)), len(ties)


def cuts(inputs: Inputs) -> list[Cut]:
    """The cut of each model: max(1, floor(density * n)) changes stay, all at density 1, none at 0."""
    count = n_rows(inputs.shape) * row_length(inputs.shape)
    wanted = [
        None if density >= 1 else 0 if density <= 0 or count == 0 else max(1, int(density * count))
        for density in inputs.densities
    ]
    if all(one is None or one == 0 for one in wanted):
        return [KEEP_ALL if one is None else KEEP_NONE for one in wanted]
    upper = _counted(inputs, [-1] * len(wanted))
    places = [_place(upper[index], one) if one else (0, 0) for index, one in enumerate(wanted)]
    lower = _counted(inputs, [place for place, _ in places])
    found = []
    for index, one in enumerate(wanted):
        if one is None or one == 0:
            found.append(KEEP_ALL if one is None else KEEP_NONE)
            continue
        low, n_equal = _place(lower[index], places[index][1])
        found.append(Cut(places[index][0] << 16 | low, n_equal))
    return found


def _place(counts: NDArray[np.int64], wanted: int) -> tuple[int, int]:
    """The bin in which the `wanted`-th largest lies, and how many of that bin are wanted."""
    above = np.cumsum(counts[::-1])
    behind = int(np.searchsorted(above, wanted))
    before = int(above[behind - 1]) if behind else 0
    return len(counts) - 1 - behind, wanted - before


def _counted(inputs: Inputs, upper: list[int]) -> list[Sizes]:
    """How many changes of each model have which size: by the upper 16 bits for -1, else by the lower 16 of those with
    these upper ones."""
    assert inputs.base is not None
    counts = [np.zeros(_BINS, np.int64) for _ in inputs.models]
    step = max(1, SLAB_BYTES // (4 * max(1, row_length(inputs.shape))))
    total = n_rows(inputs.shape)
    for start in range(0, total, step):
        stop = min(start + step, total)
        base = np.ascontiguousarray(inputs.base.rows(start, stop))
        for index, model in enumerate(inputs.models):
            rows = np.ascontiguousarray(model.rows(start, stop))
            if not native.count_sizes(base, rows, upper[index], counts[index]):
                raise Error(
                    f"Cannot merge {inputs.name}: model {index + 1} or the base holds values there that are no "
                    "numbers.",
                    "One of the files is damaged, or its training has failed.",
                    kind="bad-file",
                )
    return counts


def _sizes(delta: Floats) -> Sizes:
    """|x| as bits, flat."""
    return (np.ascontiguousarray(delta).reshape(-1).view(np.uint32) & np.uint32(0x7FFFFFFF)).astype(np.int64)
