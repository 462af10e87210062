"""The K-quants: 256 weights with one or two float16 and a small whole number of scale for each group of 16 or 32.

Knows bytes and which search of `search` fits each. In every format the codes lie in two (Q4_K, Q5_K: four) runs; a
byte holds those that are 32 (Q6_K: 64) weights apart, so that a vector of bytes gives neighbouring weights.
"""

from typing import ClassVar

import numpy as np

from rushlight.quant.blocks import search
from rushlight.quant.blocks.format import BlockFormat, Bytes, Fields, Floats, Grid, Ints, half_bytes, halves_at
from rushlight.quant.blocks.one_scale import codes_of, lanes
from rushlight.quant.blocks.search import steps_between


def _split(packed: Bytes, run: int, shifts: tuple[int, ...]) -> Ints:
    """Numbers of 8 / len(shifts) bits: from each run of bytes first all lowest bits, then the next ones ..."""
    runs = packed.reshape(packed.shape[0], -1, 1, run)
    mask = (1 << (8 // len(shifts))) - 1
    return ((runs >> np.array(shifts, np.uint8)[None, None, :, None]) & mask).reshape(len(packed), -1).astype(np.int16)


def _joined(codes: Ints, run: int, shifts: tuple[int, ...]) -> Bytes:
    parts = codes.reshape(len(codes), -1, len(shifts), run) << np.array(shifts, np.int16)[None, None, :, None]
    joined: Bytes = np.bitwise_or.reduce(parts, axis=2).reshape(len(codes), -1).astype(np.uint8)
    return joined


def _bits(packed: Bytes) -> Ints:
    """32 bytes to 256 bits: the lowest bits of all bytes are the first 32."""
    bits = (packed[:, None, :] >> np.arange(8, dtype=np.uint8)[None, :, None]) & 1
    return bits.reshape(len(packed), 256).astype(np.int16)


def _joined_bits(bits: Ints) -> Bytes:
    parts = bits.reshape(len(bits), 8, 32) << np.arange(8, dtype=np.int16)[None, :, None]
    joined: Bytes = np.bitwise_or.reduce(parts, axis=1).astype(np.uint8)
    return joined


def _six_bits(packed: Bytes) -> tuple[Ints, Ints]:
    """12 bytes of Q4_K and Q5_K to 8 scales and 8 mins of 6 bits: bytes 0-3 scales 0-3, bytes 4-7 mins 0-3, both with
    two bits of scale and min 4-7 on top; bytes 8-11 the low halves of scales and mins 4-7."""
    first, second, low = (packed[:, i : i + 4].astype(np.int16) for i in (0, 4, 8))
    scales = np.concatenate([first & 63, (low & 15) | ((first >> 6) << 4)], axis=1)
    mins = np.concatenate([second & 63, (low >> 4) | ((second >> 6) << 4)], axis=1)
    return scales, mins


def _joined_six_bits(scales: Ints, mins: Ints) -> Bytes:
    first = scales[:, :4] | ((scales[:, 4:] >> 4) << 6)
    second = mins[:, :4] | ((mins[:, 4:] >> 4) << 6)
    low = (scales[:, 4:] & 15) | ((mins[:, 4:] & 15) << 4)
    return np.concatenate([first, second, low], axis=1).astype(np.uint8)


class _Affine(BlockFormat):
    """weight = d * scale * code - dmin * min."""

    low = 0
    limit: ClassVar[int]
    steps: ClassVar[list[np.float32]]

    def grid(self, fields: Fields) -> Grid:
        assert fields.scales is not None and fields.mins is not None and fields.m is not None
        scale = fields.d.astype(np.float32)[:, None] * fields.scales.astype(np.float32)
        return Grid(scale, -(fields.m.astype(np.float32)[:, None] * fields.mins.astype(np.float32)))

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = (lanes(a, self.n_groups, self.group) for a in (values, weights))
        if self.share is not None:
            w = search.emphasized(x, w, self.share)
        found = search.fit_affine_block(x, w, self.high, self.limit, self.steps)
        return Fields(
            found.d.astype(np.float16),
            found.m.astype(np.float16),
            found.scales.T.astype(np.int16),
            found.mins.T.astype(np.int16),
            codes_of(found.codes, 256),
        )


class _Symmetric(BlockFormat):
    """weight = d * scale * code, all but d with a sign."""

    group = 16
    limits: ClassVar[tuple[int, int]]
    share: ClassVar[float]
    steps: ClassVar[list[np.float32]]

    def grid(self, fields: Fields) -> Grid:
        assert fields.scales is not None
        return Grid(fields.d.astype(np.float32)[:, None] * fields.scales.astype(np.float32), None)

    def fit(self, values: Floats, weights: Floats) -> Fields:
        x, w = (lanes(a, self.n_groups, self.group) for a in (values, weights))
        w = search.emphasized(x, w, self.share)
        found = search.fit_symmetric_block(x, w, self.low, self.high, self.limits, self.steps)
        scales = found.scales.T.astype(np.int16)
        return Fields(found.d.astype(np.float16), None, scales, None, codes_of(found.codes, 256))


class Q2_K(_Affine):
    """2.625 bits a weight. `scales 16 B | qs 64 B | d f16 | dmin f16` = 84 B for 256 weights in 16 groups.

    A byte of scales: the scale in its low half, the min in its high half. qs: two runs of 32 bytes for 128 weights.
    """

    name = "Q2_K"
    share = 1.0
    group, high, limit = 16, 3, 15
    steps = steps_between(2.1, 4.6, 24)

    def read(self, blocks: Bytes) -> Fields:
        packed = blocks[:, :16].astype(np.int16)
        codes = _split(blocks[:, 16:80], 32, (0, 2, 4, 6))
        return Fields(halves_at(blocks, 80), halves_at(blocks, 82), packed & 15, packed >> 4, codes)

    def write(self, fields: Fields) -> Bytes:
        assert fields.scales is not None and fields.mins is not None and fields.m is not None
        scales = (fields.scales | (fields.mins << 4)).astype(np.uint8)
        codes = _joined(fields.codes, 32, (0, 2, 4, 6))
        return np.concatenate([scales, codes, half_bytes(fields.d), half_bytes(fields.m)], axis=1)


class Q3_K(_Symmetric):
    """3.4375 bits a weight. `hmask 32 B | qs 64 B | scales 12 B | d f16` = 110 B for 256 weights in 16 groups.

    weight = d * (scale - 32) * (code - 4); kept here as -32 .. 31 and -4 .. 3. qs: two low bits, as in Q2_K; bit j of
    hmask[i] is the third bit of code 32 j + i. scales: bytes 0-7 hold the low halves of scales 0-7 and 8-15, bytes
    8-11 two high bits each of scales j, j + 4, j + 8, j + 12.
    """

    name = "Q3_K"
    share = 0.3
    low, high, limits = -4, 3, (-32, 31)
    steps: ClassVar[list[np.float32]] = [*steps_between(-6.5, -2.8, 22), *steps_between(2.6, 4.5, 8)]

    def read(self, blocks: Bytes) -> Fields:
        codes = _split(blocks[:, 32:96], 32, (0, 2, 4, 6)) | (_bits(blocks[:, :32]) << 2)
        low = blocks[:, 96:104].astype(np.int16)
        high = _split(blocks[:, 104:108], 4, (0, 2, 4, 6))
        scales = np.concatenate([low & 15, low >> 4], axis=1) | (high << 4)
        return Fields(halves_at(blocks, 108), None, scales - np.int16(32), None, codes - np.int16(4))

    def write(self, fields: Fields) -> Bytes:
        assert fields.scales is not None
        codes, scales = fields.codes + np.int16(4), fields.scales + np.int16(32)
        low = ((scales[:, :8] & 15) | ((scales[:, 8:] & 15) << 4)).astype(np.uint8)
        high = _joined(scales >> 4, 4, (0, 2, 4, 6))
        body = [_joined_bits(codes >> 2), _joined(codes & 3, 32, (0, 2, 4, 6)), low, high]
        return np.concatenate([*body, half_bytes(fields.d)], axis=1)


class Q4_K(_Affine):
    """4.5 bits a weight. `d f16 | dmin f16 | scales 12 B | qs 128 B` = 144 B for 256 weights in 8 groups of 32.

    scales: see `_six_bits`. qs: four runs of 32 bytes for 64 weights, the first 32 in the low halves.
    """

    name = "Q4_K"
    group, high, limit = 32, 15, 63
    steps = steps_between(14.1, 17, 22)

    def read(self, blocks: Bytes) -> Fields:
        codes = _split(blocks[:, 16:144], 32, (0, 4))
        return Fields(halves_at(blocks, 0), halves_at(blocks, 2), *_six_bits(blocks[:, 4:16]), codes)

    def write(self, fields: Fields) -> Bytes:
        assert fields.scales is not None and fields.mins is not None and fields.m is not None
        scales, codes = _joined_six_bits(fields.scales, fields.mins), _joined(fields.codes, 32, (0, 4))
        return np.concatenate([half_bytes(fields.d), half_bytes(fields.m), scales, codes], axis=1)


class Q5_K(_Affine):
    """5.5 bits a weight. `d f16 | dmin f16 | scales 12 B | qh 32 B | qs 128 B` = 176 B for 256 weights in 8 groups.

    scales and qs as in Q4_K; bit j of qh[i] is the fifth bit of code 32 j + i.
    """

    name = "Q5_K"
    group, high, limit = 32, 31, 63
    steps = steps_between(30, 33, 22)

    def read(self, blocks: Bytes) -> Fields:
        codes = _split(blocks[:, 48:176], 32, (0, 4)) | (_bits(blocks[:, 16:48]) << 4)
        return Fields(halves_at(blocks, 0), halves_at(blocks, 2), *_six_bits(blocks[:, 4:16]), codes)

    def write(self, fields: Fields) -> Bytes:
        assert fields.scales is not None and fields.mins is not None and fields.m is not None
        head = [half_bytes(fields.d), half_bytes(fields.m), _joined_six_bits(fields.scales, fields.mins)]
        codes = [_joined_bits(fields.codes >> 4), _joined(fields.codes & 15, 32, (0, 4))]
        return np.concatenate([*head, *codes], axis=1)


class Q6_K(_Symmetric):
    """6.5625 bits a weight. `ql 128 B | qh 64 B | scales 16 x int8 | d f16` = 210 B for 256 weights in 16 groups.

    weight = d * scale * (code - 32); codes are kept here as -32 .. 31. ql: two runs of 64 bytes for 128 weights with
    the four low bits; qh: two runs of 32 bytes with the two high ones.
    """

    name = "Q6_K"
    share = 6.0
    low, high, limits = -32, 31, (-128, 127)
    steps: ClassVar[list[np.float32]] = [*steps_between(-33, -30.5, 16), *steps_between(30, 32, 6)]

    def read(self, blocks: Bytes) -> Fields:
        codes = _split(blocks[:, :128], 64, (0, 4)) | (_split(blocks[:, 128:192], 32, (0, 2, 4, 6)) << 4)
        scales = np.ascontiguousarray(blocks[:, 192:208]).view(np.int8).astype(np.int16)
        return Fields(halves_at(blocks, 208), None, scales, None, codes - np.int16(32))

    def write(self, fields: Fields) -> Bytes:
        assert fields.scales is not None
        codes = fields.codes + np.int16(32)
        body = [_joined(codes & 15, 64, (0, 4)), _joined(codes >> 4, 32, (0, 2, 4, 6))]
        return np.concatenate([*body, fields.scales.astype(np.int8).view(np.uint8), half_bytes(fields.d)], axis=1)
