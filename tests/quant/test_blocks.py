"""Block formats: dequantized bit for bit as gguf does, written as read, and quantized no worse than ggml does."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from rushlight.quant.block_encoding import LEFT_TO_GGML, SEARCHED, encode_rows
from rushlight.quant.blocks import FORMATS
from rushlight.quant.ggml import quantize_rows

_NAMES = sorted(FORMATS)


def _random_blocks(name: str, n: int, seed: int) -> "np.ndarray":
    """Any bytes, but with float16 that are numbers: every code, scale and sign occurs."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (n, FORMATS[name].n_bytes), dtype=np.uint8)
    for position in {"Q2_K": (80, 82), "Q3_K": (108,), "Q6_K": (208,), "Q4_1": (0, 2), "Q5_1": (0, 2),
                     "Q4_K": (0, 2), "Q5_K": (0, 2)}.get(name, (0,)):  # fmt: skip
        halves = random.normal(size=n).astype("<f2")
        blocks[:, position : position + 2] = halves[:, None].view(np.uint8)
    return blocks


@pytest.mark.parametrize("name", _NAMES)
def test_dequantized_bit_for_bit_as_gguf(name: str) -> None:
    blocks = _random_blocks(name, 300, 1)
    theirs = quants.dequantize(blocks, GGMLQuantizationType[name]).reshape(300, -1)
    ours = FORMATS[name].dequantize(blocks)
    assert ours.dtype == np.float32
    assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


@pytest.mark.parametrize("name", _NAMES)
def test_written_as_read(name: str) -> None:
    blocks = _random_blocks(name, 200, 2)
    if name == "Q8_0":
        blocks[:, 2:][blocks[:, 2:] == 128] = 129
    assert np.array_equal(FORMATS[name].write(FORMATS[name].read(blocks)), blocks)


def _samples() -> dict[str, "np.ndarray"]:
    random = np.random.default_rng(3)
    smooth = random.normal(size=(24, 1024)).astype(np.float32) * np.float32(0.05)
    heavy = random.standard_t(4, size=(24, 1024)).astype(np.float32) * np.float32(0.03)
    shifted = smooth + np.float32(0.02)
    return {"normal": smooth, "heavy tails": heavy, "shifted": shifted}


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("kind", _samples())
def test_weighted_error_is_no_worse_than_ggmls(name: str, kind: str) -> None:
    values = _samples()[kind]
    importance = np.exp(np.random.default_rng(4).normal(size=1024)).astype(np.float32)
    weights = np.broadcast_to(importance, values.shape)
    form = FORMATS[name]
    ours = form.dequantize(form.quantize(values.reshape(-1, form.n_elements), weights.reshape(-1, form.n_elements)))
    theirs = form.dequantize(quantize_rows(values, name, importance).reshape(-1, form.n_bytes))
    if form.share is not None:  # larger weights count for more, as they do in ggml's search
        blocks = values.reshape(-1, form.n_elements).astype(np.float64)
        sizes = form.share + blocks**2 / (blocks**2).mean(axis=1, keepdims=True)
        weights = weights * sizes.reshape(values.shape)
    error, their_error = (
        float((weights.astype(np.float64) * (got.reshape(values.shape) - values) ** 2).sum()) for got in (ours, theirs)
    )
    assert error <= their_error * (1 + 1e-9)


@pytest.mark.parametrize("name", _NAMES)
def test_zeros_stay_zeros(name: str) -> None:
    form = FORMATS[name]
    values = np.zeros((3, form.n_elements), np.float32)
    assert not form.dequantize(form.quantize(values)).any()


@pytest.mark.parametrize("name", _NAMES)
def test_one_constant_is_kept(name: str) -> None:
    form = FORMATS[name]
    for constant in (0.5, -0.5):
        values = np.full((2, form.n_elements), constant, np.float32)
        assert np.allclose(form.dequantize(form.quantize(values)), constant, rtol=0.02)


@pytest.mark.parametrize("name", _NAMES)
def test_extremes_stay_finite(name: str) -> None:
    form = FORMATS[name]
    values = np.zeros((4, form.n_elements), np.float32)
    values[0, 5], values[1, :], values[2, ::2], values[3, 7] = 65504, 1e-30, -65504, 1e-7
    weights = np.ones_like(values)
    weights[:, ::3] = 1e-6
    assert np.isfinite(form.dequantize(form.quantize(values, weights))).all()


@pytest.mark.parametrize("name", sorted(SEARCHED))
def test_the_best_is_our_search_or_ggmls_where_ours_lost_more(name: str) -> None:
    values, importance = _samples()["normal"][:2], np.linspace(0.5, 2, 1024, dtype=np.float32)
    best = encode_rows(values, name, importance, by="best")
    assert np.array_equal(
        best, encode_rows(values, name, importance, by="ggml" if name in LEFT_TO_GGML else "rushlight")
    )
