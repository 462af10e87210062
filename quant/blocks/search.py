"""Finds scales and offsets of blocks: the slow, obvious version of native/src/kquant_lanes.h, equal to the last bit.

Arrays are (elements of a group, groups, blocks), so that the C++ side can give one lane to a block. Every operation
is one float32 operation and sums run from the first element to the last: then numpy, plain C++, AVX2 and AVX-512
agree exactly. Knows nothing of bytes.

First each group is searched alone: several grids, for each the codes and by least squares the best scale (and offset)
for these codes (as ggml does), then two rounds of codes-from-scale, scale-from-codes (Lloyd 1982). Where scales are
stored as small integers times a float16, these integers are then chosen by trying neighbours against the true error,
and the float16 by least squares over the whole block, twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
Nearest = Callable[[F32], F32]  # what x / scale becomes: a whole number within limits, or a level of a table

TINY: Final = np.float32(1e-20)  # what is smaller is no scale: its inverse would not be finite
HALF_MAX: Final = 65_504.0
FLAT: Final = np.float32(1e-6)  # a determinant this small is rounding
N_LLOYD: Final = 2
N_REFINE: Final = 2
ZERO: Final = np.float32(0)
ROUNDER: Final = np.float32(12_582_912)  # 1.5 * 2 ** 23


@dataclass(slots=True)
class Fit:
    """d, m: (blocks,); scales, mins, and codes as small whole numbers in float32."""

    d: F32
    m: F32
    scales: F32
    mins: F32
    codes: F32


def total(terms: F32) -> F32:
    """The sum over the first axis, strictly in order."""
    result = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        result = result + term
    return result


def divided(numerator: F32, denominator: F32) -> F32:
    """The quotient; 0 where the denominator is none."""
    usable = np.abs(denominator) > TINY
    return np.where(usable, numerator / np.where(usable, denominator, np.float32(1)), ZERO).astype(np.float32)


def between(values: F32, low: float, high: float) -> F32:
    """Kept in limits. Not np.clip: which zero is the larger one, 0 or -0, must not depend on the machine."""
    values = np.where(values < np.float32(low), np.float32(low), values)
    return np.where(values > np.float32(high), np.float32(high), values)


def half(values: F32) -> F32:
    """Rounded to float16 and kept in its range; no -0."""
    return between(values, -HALF_MAX, HALF_MAX).astype(np.float16).astype(np.float32) + ZERO


def rounded(values: F32, low: float, high: float) -> F32:
    """The nearest whole number within limits, ties to even: what is added leaves no room for a fraction."""
    return (between(values, low, high) + ROUNDER) - ROUNDER


def emphasized(x: F32, w: F32, share: float) -> F32:
    """w by share + x^2 / the mean x^2 of the block. Few levels make large weights too small, and what is so lost adds
    up where inputs are alike; so a large weight counts for more than its importance."""
    mean = total(total(x * x)) * np.float32(1 / (x.shape[0] * x.shape[1]))
    result: F32 = w * (x * x * divided(np.ones_like(mean), mean) + np.float32(share))
    return result


# ------------------------------------------------------------------------------------------------ one group alone
def steps_between(first: float, last: float, count: int) -> list[np.float32]:
    """`count` grid widths from `first` to `last`."""
    return [np.float32(first + (last - first) * i / (count - 1)) for i in range(count)]


def search_symmetric(x: F32, w: F32, nearest: Nearest, steps: list[np.float32]) -> F32:
    """The scale of each group, of either sign: x is near scale * level. x, w: (elements, groups, blocks)."""
    peak = np.zeros(x.shape[1:], np.float32)
    for element in x:
        peak = np.where(np.abs(element) > np.abs(peak), element, peak)
    best = np.zeros_like(peak)
    scale = np.zeros_like(peak)

    def attempt(inverse: F32) -> None:
        nonlocal best, scale
        levels = nearest(x * inverse)
        wq = w * levels
        xq, qq = total(wq * x), total(wq * levels)
        this = divided(xq, qq)
        gain = this * xq
        better = gain > best
        best, scale = np.where(better, gain, best), np.where(better, this, scale)

    inverse_peak = divided(np.ones_like(peak), peak)
    for step in steps:
        attempt(step * inverse_peak)
    for _ in range(N_LLOYD):
        attempt(divided(np.ones_like(peak), scale))
    return scale


def search_affine(x: F32, w: F32, high: int, steps: list[np.float32], *, is_free: bool) -> tuple[F32, F32]:
    """(scale, offset) of each group: x is near scale * code + offset, codes from 0. The offset is at most 0 unless
    `is_free`."""
    lo, hi = x[0], x[0]
    for element in x[1:]:
        lo, hi = np.where(element < lo, element, lo), np.where(element > hi, element, hi)
    if not is_free:
        lo = np.where(lo > 0, ZERO, lo)
    span = hi - lo
    sw, sx = total(w), total(w * x)
    scale = np.zeros_like(lo)
    offset = divided(sx, sw)  # to begin with one number for all
    if not is_free:
        offset = np.where(offset > 0, ZERO, offset)
    best = offset * sx

    def attempt(start: F32, inverse: F32) -> None:
        nonlocal best, scale, offset
        codes = rounded((x - start) * inverse, 0, high)
        wq = w * codes
        sl, sll, sxl = total(wq), total(wq * codes), total(wq * x)
        determinant = sw * sll - sl * sl
        this = divided(sw * sxl - sx * sl, determinant)
        that = divided(sll * sx - sl * sxl, determinant)
        if not is_free:  # an offset above 0 is none; one code for all fixes no offset
            is_above = (that > 0) | ~(determinant > sw * sll * FLAT)
            this = np.where(is_above, divided(sxl, sll), this)
            that = np.where(is_above, ZERO, that)
        gain = this * sxl + that * sx
        better = (gain > best) & (this > 0)
        if is_free:
            better &= determinant > sw * sll * FLAT
        best, scale, offset = (
            np.where(better, gain, best),
            np.where(better, this, scale),
            np.where(better, that, offset),
        )

    inverse_span = divided(np.ones_like(span), span)
    for step in steps:
        attempt(lo, step * inverse_span)
    for _ in range(N_LLOYD):
        attempt(offset, divided(np.ones_like(scale), scale))
    return scale, offset


# ------------------------------------------------------------------------------------------------ a block of groups
def fit_one_scale(x: F32, w: F32, nearest: Nearest, steps: list[np.float32]) -> Fit:
    """Blocks of one group whose scale is a float16; the codes are given as levels."""
    d = half(search_symmetric(x, w, nearest, steps))
    return _no_integers(d, np.zeros_like(d), nearest(x * divided(np.ones_like(d), d)))


def fit_scale_and_offset(x: F32, w: F32, high: int, steps: list[np.float32]) -> Fit:
    """Blocks of one group with a float16 scale and a float16 offset of any sign."""
    scale, offset = search_affine(x, w, high, steps, is_free=True)
    d, m = half(scale), half(offset)
    return _no_integers(d, m, rounded((x - m) * divided(np.ones_like(d), d), 0, high))


def _no_integers(d: F32, m: F32, codes: F32) -> Fit:
    return Fit(d[0], m[0], np.ones_like(d), np.ones_like(d), codes)


def fit_symmetric_block(x: F32, w: F32, low: int, high: int, limit: tuple[int, int], steps: list[np.float32]) -> Fit:
    """Symmetric groups whose scales are whole numbers from `limit[0]` to `limit[1]` times one float16."""
    found = search_symmetric(x, w, lambda t: rounded(t, low, high), steps)
    peak = np.zeros(found.shape[1:], np.float32)
    for scale in found:
        peak = np.where(np.abs(scale) > np.abs(peak), scale, peak)
    d = half(peak * np.float32(1 / limit[0]))
    scales = rounded(found * divided(np.ones_like(d), d), *limit)
    codes, errors = _symmetric_codes(x, w, d, scales, low, high)
    for _ in range(N_REFINE):
        for change in (np.float32(-1), np.float32(1)):
            tried = between(scales + change, *limit)
            these, errors_of_these = _symmetric_codes(x, w, d, tried, low, high)
            better = errors_of_these < errors
            scales, errors = np.where(better, tried, scales), np.where(better, errors_of_these, errors)
            codes = np.where(better, these, codes)
        stands = scales * codes
        ws = w * stands
        d_tried = half(divided(total(total(ws * x)), total(total(ws * stands))))
        these, errors_of_these = _symmetric_codes(x, w, d_tried, scales, low, high)
        better = total(errors_of_these) < total(errors)
        d, errors = np.where(better, d_tried, d), np.where(better, errors_of_these, errors)
        codes = np.where(better, these, codes)
    return Fit(d, np.zeros_like(d), scales, np.zeros_like(scales), codes)


def _symmetric_codes(x: F32, w: F32, d: F32, scales: F32, low: int, high: int) -> tuple[F32, F32]:
    scale = d * scales
    codes = rounded(x * divided(np.ones_like(scale), scale), low, high)
    difference = x - scale * codes
    return codes, total(w * difference * difference)


def fit_affine_block(x: F32, w: F32, high: int, limit: int, steps: list[np.float32]) -> Fit:
    """Affine groups: scale and offset are whole numbers from 0 to `limit` times two float16."""
    scale, offset = search_affine(x, w, high, steps, is_free=False)
    d = half(_largest(scale) * np.float32(1 / limit))
    m = half(_largest(-offset) * np.float32(1 / limit))
    scales = rounded(scale * divided(np.ones_like(d), d), 0, limit)
    mins = rounded(-offset * divided(np.ones_like(m), m), 0, limit)
    sw, sx = total(w), total(w * x)
    codes, errors = _affine_codes(x, w, d, m, scales, mins, high)
    for _ in range(N_REFINE):
        inverse_m = divided(np.ones_like(m), m)
        base_scales = scales
        for change in (np.float32(0), np.float32(-1), np.float32(1)):
            tried = between(base_scales + change, 0, limit)
            these, _ = _affine_codes(x, w, d, m, tried, mins, high)
            best_min = divided(d * tried * total(w * these) - sx, sw) * inverse_m
            mins_tried = rounded(best_min, 0, limit)
            these, errors_of_these = _affine_codes(x, w, d, m, tried, mins_tried, high)
            better = errors_of_these < errors
            scales, mins = np.where(better, tried, scales), np.where(better, mins_tried, mins)
            codes, errors = np.where(better, these, codes), np.where(better, errors_of_these, errors)
        d_tried, m_tried = _block_scales(x, w, sw, sx, scales, mins, codes)
        these, errors_of_these = _affine_codes(x, w, d_tried, m_tried, scales, mins, high)
        better = (total(errors_of_these) < total(errors)) & (d_tried > 0) & (m_tried >= 0)
        d, m = np.where(better, d_tried, d), np.where(better, m_tried, m)
        codes, errors = np.where(better, these, codes), np.where(better, errors_of_these, errors)
    return Fit(d, m, scales, mins, codes)


def _largest(values: F32) -> F32:
    result = np.zeros(values.shape[1:], np.float32)
    for value in values:
        result = np.where(value > result, value, result)
    return result


def _affine_codes(x: F32, w: F32, d: F32, m: F32, scales: F32, mins: F32, high: int) -> tuple[F32, F32]:
    scale, offset = d * scales, m * mins
    codes = rounded((x + offset) * divided(np.ones_like(scale), scale), 0, high)
    difference = x - (scale * codes - offset)
    return codes, total(w * difference * difference)


def _block_scales(x: F32, w: F32, sw: F32, sx: F32, scales: F32, mins: F32, codes: F32) -> tuple[F32, F32]:
    """(d, m) by least squares for x near d * scales * codes - m * mins."""
    wq = w * codes
    sl, sll, sxl = total(wq), total(wq * codes), total(wq * x)
    a, b, c = total(scales * scales * sll), total(scales * mins * sl), total(mins * mins * sw)
    p, q = total(scales * sxl), total(mins * sx)
    determinant = a * c - b * b
    without = divided(p, a)
    is_plain = ~(determinant > a * c * FLAT)
    d = np.where(is_plain, without, divided(p * c - q * b, determinant))
    m = np.where(is_plain, ZERO, divided(p * b - q * a, determinant))
    return half(d), half(m)
