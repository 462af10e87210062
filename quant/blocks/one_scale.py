"""The formats of 32 weights with float16 scales of their own: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and IQ4_NL.

Knows bytes and which search of `search` fits each.
"""

from typing import ClassVar

import numpy as np

from rushlight.quant.blocks import search
from rushlight.quant.blocks.format import BlockFormat, Bytes, Fields, Floats, Grid, Ints, half_bytes, halves_at
from rushlight.quant.blocks.search import steps_between

IQ4_LEVELS = (-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)


def lanes(values: Floats, n_groups: int, group: int) -> Floats:
    """(N, elements) as (elements of a group, groups, N): the order of the search."""
    return np.ascontiguousarray(values.reshape(-1, n_groups, group).transpose(2, 1, 0), np.float32)


def codes_of(levels: Floats, n_elements: int) -> Ints:
    """The search's codes as (N, elements)."""
    return levels.transpose(2, 1, 0).reshape(-1, n_elements).astype(np.int16)


def _nibbles(packed: Bytes) -> Ints:
    """16 bytes to 32 numbers: the low halves are the first 16."""
    return np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.int16)


def _packed(codes: Ints) -> Bytes:
    return (codes[:, :16] | (codes[:, 16:] << 4)).astype(np.uint8)


def _fifth_bits(blocks: Bytes) -> Ints:
    """4 bytes to 32 bits, the lowest first."""
    return np.unpackbits(blocks, axis=1, bitorder="little").astype(np.int16)


class _OneScale(BlockFormat):
    group = 32

    def grid(self, fields: Fields) -> Grid:
        offset = None if fields.m is None else fields.m.astype(np.float32)[:, None]
        return Grid(fields.d.astype(np.float32)[:, None], offset)

    def _fields(self, found: search.Fit) -> Fields:
        return Fields(found.d.astype(np.float16), None, None, None, codes_of(found.codes, 32))

    def _fields_with_offset(self, found: search.Fit) -> Fields:
        return Fields(found.d.astype(np.float16), found.m.astype(np.float16), None, None, codes_of(found.codes, 32))


class Q4_0(_OneScale):
    """4.5 bits a weight. `d f16 | qs 16 B` = 18 B for 32 weights; weight = d * (code - 8).

    Byte j of qs holds code j in its low half and code j + 16 in its high half. Codes are kept here as -8 .. 7.
    """

    name = "Q4_0"
    low, high = -8, 7
    steps: ClassVar[list[np.float32]] = [*steps_between(-11, -6.8, 26), *steps_between(6.2, 9, 12)]

    def read(self, blocks: Bytes) -> Fields:
        return Fields(halves_at(blocks, 0), None, None, None, _nibbles(blocks[:, 2:18]) - np.int16(8))

    def write(self, fields: Fields) -> Bytes:
        return np.concatenate([half_bytes(fields.d), _packed(fields.codes + np.int16(8))], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = lanes(values, 1, 32), lanes(weights, 1, 32)
        return self._fields(search.fit_one_scale(x, w, lambda t: search.rounded(t, -8, 7), self.steps))


class Q4_1(_OneScale):
    """5 bits a weight. `d f16 | m f16 | qs 16 B` = 20 B for 32 weights; weight = d * code + m. qs as in Q4_0."""

    name = "Q4_1"
    low, high = 0, 15
    steps = steps_between(14.1, 17, 28)

    def read(self, blocks: Bytes) -> Fields:
        return Fields(halves_at(blocks, 0), halves_at(blocks, 2), None, None, _nibbles(blocks[:, 4:20]))

    def write(self, fields: Fields) -> Bytes:
        assert fields.m is not None
        return np.concatenate([half_bytes(fields.d), half_bytes(fields.m), _packed(fields.codes)], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = lanes(values, 1, 32), lanes(weights, 1, 32)
        return self._fields_with_offset(search.fit_scale_and_offset(x, w, 15, self.steps))


class Q5_0(_OneScale):
    """5.5 bits a weight. `d f16 | qh 4 B | qs 16 B` = 22 B for 32 weights; weight = d * (code - 16).

    qs holds the low four bits as in Q4_0, bit j of qh the fifth bit of code j. Codes are kept here as -16 .. 15.
    """

    name = "Q5_0"
    low, high = -16, 15
    steps: ClassVar[list[np.float32]] = [*steps_between(-18, -14.5, 24), *steps_between(14.2, 16.5, 10)]

    def read(self, blocks: Bytes) -> Fields:
        codes = _nibbles(blocks[:, 6:22]) | (_fifth_bits(blocks[:, 2:6]) << 4)
        return Fields(halves_at(blocks, 0), None, None, None, codes - np.int16(16))

    def write(self, fields: Fields) -> Bytes:
        codes = fields.codes + np.int16(16)
        high = np.packbits((codes >> 4).astype(np.uint8), axis=1, bitorder="little")
        return np.concatenate([half_bytes(fields.d), high, _packed(codes & 15)], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = lanes(values, 1, 32), lanes(weights, 1, 32)
        return self._fields(search.fit_one_scale(x, w, lambda t: search.rounded(t, -16, 15), self.steps))


class Q5_1(_OneScale):
    """6 bits a weight. `d f16 | m f16 | qh 4 B | qs 16 B` = 24 B for 32 weights; weight = d * code + m. Codes: Q5_0."""

    name = "Q5_1"
    low, high = 0, 31
    steps = steps_between(30, 33, 28)

    def read(self, blocks: Bytes) -> Fields:
        codes = _nibbles(blocks[:, 8:24]) | (_fifth_bits(blocks[:, 4:8]) << 4)
        return Fields(halves_at(blocks, 0), halves_at(blocks, 2), None, None, codes)

    def write(self, fields: Fields) -> Bytes:
        assert fields.m is not None
        high = np.packbits((fields.codes >> 4).astype(np.uint8), axis=1, bitorder="little")
        return np.concatenate([half_bytes(fields.d), half_bytes(fields.m), high, _packed(fields.codes & 15)], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = lanes(values, 1, 32), lanes(weights, 1, 32)
        return self._fields_with_offset(search.fit_scale_and_offset(x, w, 31, self.steps))


class Q8_0(_OneScale):
    """8.5 bits a weight. `d f16 | qs 32 B` = 34 B for 32 weights; weight = d * code, codes int8 from -127 to 127."""

    name = "Q8_0"
    low, high = -127, 127

    def read(self, blocks: Bytes) -> Fields:
        codes = np.ascontiguousarray(blocks[:, 2:34]).view(np.int8).astype(np.int16)
        return Fields(halves_at(blocks, 0), None, None, None, codes)

    def write(self, fields: Fields) -> Bytes:
        return np.concatenate([half_bytes(fields.d), fields.codes.astype(np.int8).view(np.uint8)], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        """The largest weight is 127, as in ggml: a search gains less than float16 loses. Weights have no say."""
        d = np.abs(values).max(axis=1, initial=0) / np.float32(127)
        scaled = values * search.divided(np.ones_like(d), d)[:, None]
        codes = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))  # halves away from zero, as C's roundf
        return Fields(d.astype(np.float16), None, None, None, np.clip(codes, -127, 127).astype(np.int16))


class IQ4_NL(_OneScale):
    """4.5 bits a weight. `d f16 | qs 16 B` = 18 B for 32 weights; weight = d * level(code), qs as in Q4_0.

    The 16 levels lie closer together near 0, where most weights are.
    """

    name = "IQ4_NL"
    low, high = 0, 15
    levels = IQ4_LEVELS
    steps: ClassVar[list[np.float32]] = [*steps_between(-165, -110, 28), *steps_between(96, 140, 14)]

    def read(self, blocks: Bytes) -> Fields:
        return Fields(halves_at(blocks, 0), None, None, None, _nibbles(blocks[:, 2:18]))

    def write(self, fields: Fields) -> Bytes:
        return np.concatenate([half_bytes(fields.d), _packed(fields.codes)], axis=1)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = lanes(values, 1, 32), lanes(weights, 1, 32)
        found = search.fit_one_scale(x, w, nearest_level, self.steps)
        found.codes = np.searchsorted(np.array(IQ4_LEVELS, np.float32), found.codes).astype(np.float32)
        return self._fields(found)


def nearest_level(t: Floats) -> Floats:
    """The level of IQ4_NL next to each number; half-way the upper one."""
    levels = np.array(IQ4_LEVELS, np.float32)
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, t, side="right")]
