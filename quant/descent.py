"""Improves blocks that are made already, by coordinate descent on what they change of a weight's outputs.

Error feedback decides each code once, before it knows those after it. Here the same bytes are gone through again: the
float16 of each block, the small whole numbers of its groups, then its codes one after the other, each moved to where
trace(D H D^T) is smallest with all others held (D: what stands minus what was meant, H: second moments of the inputs).
For codes alone this is QuantEase (Behdin et al. 2023, arXiv:2309.01885); here scales move too. Each step is the exact
minimum of a parabola or none, so that no pass makes it worse but by the rounding of float16.

Knows matrices and block formats. Plain numpy; rows are independent.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight.quant.blocks import FORMATS, BlockFormat, Fields
from rushlight.quant.blocks.format import Bytes, Floats, Ints
from rushlight.quant.blocks.one_scale import IQ4_LEVELS

_WINDOW: Final = 256
# format -> limits of the whole numbers of a group, where it has them
_SCALE_LIMITS: Final = {"Q2_K": (0, 15), "Q3_K": (-32, 31), "Q4_K": (0, 63), "Q5_K": (0, 63), "Q6_K": (-128, 127)}
_NO_SIGN: Final = frozenset({"Q2_K", "Q4_K", "Q5_K"})  # formats whose float16 are not below zero
_TINY: Final = np.float32(1e-20)


def nearest_codes(form: BlockFormat, column: Floats, scale: Floats, offset: Floats | float) -> tuple[Ints, Floats]:
    """The codes next to one column of weights, and the weights they stand for."""
    usable = scale != 0
    at = np.where(usable, (column - offset) / np.where(usable, scale, np.float32(1)), np.float32(0))
    if form.levels is None:
        codes = np.rint(np.clip(at, form.low, form.high)).astype(np.int16)
    else:
        levels = np.array(IQ4_LEVELS, np.float32)
        codes = np.searchsorted((levels[1:] + levels[:-1]) / 2, at, side="right").astype(np.int16)
    return codes, (scale * form.level_of(codes) + offset).astype(np.float32)


def descend(values: Floats, data: Bytes, type_name: str, moments: Floats, n_passes: int = 1) -> Bytes:
    """(rows, bytes of a row) near (rows, columns) weights, from `data`, their blocks so far. `moments` must be positive
    definite (see `gptq.damped`)."""
    form = FORMATS[type_name]
    n_rows, columns = values.shape
    n_elements = form.n_elements
    blocks = data.reshape(n_rows, columns // n_elements, form.n_bytes)
    fields = [form.read(np.ascontiguousarray(blocks[:, i])) for i in range(blocks.shape[1])]
    meant = np.ascontiguousarray(values.T, np.float32)  # a column lies together
    errors = np.concatenate([form.values(one).T for one in fields]) - meant
    window = max(_WINDOW, n_elements)
    for _ in range(n_passes):
        for start in range(0, columns, window):
            stop = min(start + window, columns)
            pull = moments[start:stop] @ errors  # half the slope of the aim, for each weight of the window
            for first in range(start, stop, n_elements):
                view = _View(form, moments, meant, errors, pull, start, first, stop)
                fields[first // n_elements] = view.improved(fields[first // n_elements])
    out = np.stack([form.write(one) for one in fields], axis=1)
    return out.reshape(n_rows, -1)


class _View:
    """One block within its window. `errors` and `pull` are kept true as it moves."""

    def __init__(
        self, form: BlockFormat, moments: Floats, meant: Floats, errors: Floats, pull: Floats, start: int, first: int,
        stop: int,
    ) -> None:  # fmt: skip
        self._form, self._moments, self._meant, self._errors, self._pull = form, moments, meant, errors, pull
        self._start, self._first, self._stop = start, first, stop

    def improved(self, fields: Fields) -> Fields:
        form = self._form
        fields = self._with_new_halves(fields)
        codes = fields.codes.copy()
        scales = None if fields.scales is None else fields.scales.copy()
        mins = None if fields.mins is None else fields.mins.copy()
        limits = _SCALE_LIMITS.get(form.name)
        for group in range(form.n_groups):
            one = slice(group * form.group, (group + 1) * form.group)
            if scales is not None and limits is not None:
                levels = form.level_of(codes[:, one]).T
                scales[:, group] += self._step(group, levels, fields.d, scales[:, group], limits, np.float32(1))
                if mins is not None and fields.m is not None:
                    mins[:, group] += self._step(
                        group, np.ones_like(levels), fields.m, mins[:, group], (0, limits[1]), np.float32(-1)
                    )
            grid = form.grid(replace(fields, scales=scales, mins=mins))
            offset = 0.0 if grid.offset is None else grid.offset[:, group]
            for i in range(one.start, one.stop):
                codes[:, i] = self._with_new_code(self._first + i, grid.scale[:, group], offset)
        return Fields(fields.d, fields.m, scales, mins, codes)

    def _with_new_code(self, i: int, scale: Floats, offset: Floats | float) -> Ints:
        errors, at = self._errors, i - self._start
        wished = self._meant[i] + errors[i] - self._pull[at] / self._moments[i, i]
        codes, stands = nearest_codes(self._form, wished, scale, offset)
        change = stands - self._meant[i] - errors[i]
        errors[i] += change
        if i + 1 < self._stop:
            self._pull[at + 1 :] += self._moments[i, i + 1 : self._stop, None] * change
        return codes

    def _step(
        self, group: int, levels: Floats, d: NDArray[np.float16], now: Ints, limits: tuple[int, int], sign: np.float32
    ) -> Ints:
        """By how much the whole number of a group moves: to the lowest point of its parabola."""
        first = self._first + group * self._form.group
        one = slice(first, first + self._form.group)
        local = slice(one.start - self._start, one.stop - self._start)
        direction = sign * d.astype(np.float32) * levels  # of the weights, as the number grows by one
        slope = (direction * self._pull[local]).sum(axis=0)
        bend = (direction * (self._moments[one, one] @ direction)).sum(axis=0)
        wished = np.where(bend > _TINY, -slope / np.maximum(bend, _TINY), np.float32(0))
        new = np.rint(np.clip(now + wished, limits[0], limits[1])).astype(np.int16)
        step = new - now
        self._move(one, direction * step)
        return step.astype(np.int16)

    def _with_new_halves(self, fields: Fields) -> Fields:
        """d and m by least squares for the codes and whole numbers as they are, where that makes it better."""
        form = self._form
        ones = np.ones_like(fields.codes)
        unit = replace(fields, d=np.ones_like(fields.d), m=None if fields.m is None else np.zeros_like(fields.m))
        along_d = form.values(unit).T
        one = slice(self._first, self._first + form.n_elements)
        local = slice(one.start - self._start, one.stop - self._start)
        square, pull = self._moments[one, one], self._pull[local]
        bent_d = square @ along_d
        a, p = (along_d * bent_d).sum(axis=0), (along_d * pull).sum(axis=0)
        step_d = np.where(a > _TINY, -p / np.maximum(a, _TINY), np.float32(0))
        step_m = np.zeros_like(step_d)
        along_m = None
        if fields.m is not None:
            unit = replace(fields, d=np.zeros_like(fields.d), m=np.ones_like(fields.m), codes=ones)
            along_m = form.values(unit).T
            bent_m = square @ along_m
            b, c = (along_m * bent_d).sum(axis=0), (along_m * bent_m).sum(axis=0)
            q = (along_m * pull).sum(axis=0)
            determinant = a * c - b * b
            usable = determinant > 1e-4 * a * c
            safe = np.where(usable, determinant, np.float32(1))
            step_d = np.where(usable, (b * q - c * p) / safe, step_d)
            step_m = np.where(usable, (b * p - a * q) / safe, np.float32(0))
        d, m = _half(fields.d, step_d), None if fields.m is None else _half(fields.m, step_m)
        changed = replace(fields, d=d, m=m)
        change = (form.values(changed) - form.values(fields)).T
        gain = (change * (2 * pull + square @ change)).sum(axis=0)
        better = gain < 0
        if form.name in _NO_SIGN and m is not None:
            better &= (d > 0) & (m >= 0)
        self._move(one, change * better)
        new_m = None if m is None or fields.m is None else np.where(better, m, fields.m)
        return replace(fields, d=np.where(better, d, fields.d), m=new_m)

    def _move(self, one: slice, change: Floats) -> None:
        self._errors[one] += change
        self._pull += self._moments[self._start : self._stop, one] @ change


def _half(now: NDArray[np.float16], step: Floats) -> NDArray[np.float16]:
    moved: NDArray[np.float16] = np.clip(now.astype(np.float32) + step, -65_504, 65_504).astype(np.float16)
    return moved
