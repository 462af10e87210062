"""Scales fitted to a type: never worse than none on the rows they were fitted to, and the file stays the model."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rushlight.quant import fitted_scaling, ggml, quantize
from rushlight.quant.block_encoding import encode_rows
from rushlight.quant.blocks.format import Floats
from rushlight.quant.encoding import decode
from rushlight.quant.export_proof import prove_file
from rushlight.quant.fitted_scaling import Reader, best_scale, find_scaling, rounded_inputs
from rushlight.quant.gptq import ErrorFeedback
from rushlight.quant.sampled_inputs import Inputs
from rushlight.quant.scaling import Place, ScaledEncoder
from rushlight.quant.scaling_keys import scaling_keys

TEXT = "the capital of France is Paris and the world is a user of words " * 30


def error_of(reader: Reader, rows: Floats, scale: Floats) -> float:
    """Of the outputs, written out: rounded inputs times rounded weights against both as they are."""
    scaled = np.ascontiguousarray(reader.weights * scale)
    importance = np.square(rows / scale).mean(axis=0)
    weights = decode(encode_rows(scaled, reader.type_name, importance), reader.type_name).reshape(scaled.shape)
    return float(np.square(rounded_inputs(rows / scale, reader.type_name) @ weights.T - rows @ reader.weights.T).sum())


@pytest.mark.parametrize("type_name", ["Q4_0", "IQ4_NL", "Q8_0", "Q4_K", "Q2_K", "Q6_K"])
@pytest.mark.parametrize("large", [1.0, 60.0])
def test_a_scale_is_never_worse_than_none(type_name: str, large: float) -> None:
    random = np.random.default_rng(7)
    rows = random.normal(size=(300, 512)).astype(np.float32)
    rows[:, :3] *= large
    reader = Reader(random.normal(size=(64, 512)).astype(np.float32), type_name)
    place, ones = Place("p", ("norm",), ("w",), np.arange(512)), np.ones(512, np.float32)
    scale = best_scale([reader], Inputs(np.abs(rows).max(axis=0), [rows]), place)
    before = error_of(reader, rows, ones)
    if scale is None:
        assert large == 1.0
        return
    assert scale.shape == (512,) and (scale > 0).all()
    # Both errors are summed up as if they had nothing to do with each other; together they differ by little.
    assert error_of(reader, rows, scale) < (1.02 if large == 1.0 else 0.7) * before


def test_channels_without_inputs_or_weights_do_no_harm() -> None:
    random = np.random.default_rng(8)
    rows, weights = random.normal(size=(50, 64)).astype(np.float32), random.normal(size=(16, 64)).astype(np.float32)
    rows[:, 5], weights[:, 9] = 0, 0
    place = Place("p", ("norm",), ("w",), np.arange(64))
    for given in (rows, np.zeros_like(rows)):
        scale = best_scale([Reader(weights, "Q4_0")], Inputs(np.abs(given).max(axis=0), [given]), place)
        assert scale is None or (np.isfinite(scale).all() and (scale > 0).all())


def test_channels_that_several_columns_read_have_one_scale() -> None:
    random = np.random.default_rng(9)
    rows = random.normal(size=(200, 64)).astype(np.float32)
    rows[:, :2] *= 50
    place = Place("p", ("attn_v",), ("attn_output",), np.arange(64) // 2)
    reader = Reader(random.normal(size=(32, 64)).astype(np.float32), "Q4_0")
    scale = best_scale([reader], Inputs(np.abs(rows).max(axis=0), [rows]), place)
    assert scale is not None and scale.shape == (32,)


@pytest.mark.parametrize("type_name", ["Q8_0", "Q4_0", "Q4_K"])
def test_inputs_are_rounded_as_blocks_of_8_bits(type_name: str) -> None:
    random = np.random.default_rng(10)
    rows = random.normal(size=(20, 512)).astype(np.float32)
    block = 256 if type_name.endswith("K") else 32
    rounded = rounded_inputs(rows, type_name)
    step = np.abs(rows.reshape(20, -1, block)).max(axis=2) / 127
    assert (np.abs(rounded - rows).reshape(20, -1, block).max(axis=2) <= step / 2 + 1e-6).all()
    if block == 32:
        theirs = decode(encode_rows(rows, "Q8_0"), "Q8_0").reshape(rows.shape)
        assert np.abs(rounded - theirs).max() < 2e-3 * np.abs(rows).max()
    assert np.array_equal(rounded_inputs(rows, "F16"), rows)


def test_a_file_made_with_them_is_proven(gguf_builder: ModuleType, tmp_path: Path) -> None:
    model: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_kv_heads=2)
    types = ggml.mixture_types(model, "Q4_0")
    scaling = find_scaling(model, TEXT, types, n_ctx=64, most_windows=3)
    assert scaling.scales
    fed = ErrorFeedback(model, TEXT, types, scaling=scaling, n_ctx=64, most_windows=3)
    made = tmp_path / "q.gguf"
    quantize.make(
        model, made, "Q4_0", types=types, encoder=ScaledEncoder(scaling, inner=fed), keys=scaling_keys(scaling)
    )
    checks = prove_file(made, model).checks
    assert {one.name for one in checks if one.passed} >= {"weights", "logits"}, checks


def test_where_scales_do_harm_before_feedback_there_are_none(
    gguf_builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Types whose inputs are a small part of what they lose, and weights that were rounded before. Every place that is
    looked at gets a scale here."""
    ones = lambda _readers, _inputs, place, **_: np.ones(place.n_channels, np.float32)  # noqa: E731
    monkeypatch.setattr(fitted_scaling, "best_scale", ones)
    whole: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=256, n_ff=256)
    names = [name for name, kind in ggml.mixture_types(whole, "Q8_0").items() if kind == "Q8_0"]

    def n_scales(model: Path, type_name: str, *, feeds_back: bool) -> int:
        types = dict.fromkeys(names, type_name)
        return len(find_scaling(model, TEXT, types, feeds_back=feeds_back, n_ctx=64, most_windows=2).scales)

    assert n_scales(whole, "Q2_K", feeds_back=True) == 0 < n_scales(whole, "Q2_K", feeds_back=False)
    assert n_scales(whole, "Q4_K", feeds_back=True) > 0
    for before, has_scales in (("Q8_0", True), ("Q4_0", False)):
        rounded = tmp_path / f"{before}.gguf"
        quantize.make(whole, rounded, before, types=dict.fromkeys(names, before))
        assert bool(n_scales(rounded, "Q3_K", feeds_back=True)) == has_scales
        assert n_scales(rounded, "Q3_K", feeds_back=False) > 0
