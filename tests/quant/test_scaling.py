"""Folded scales: the model stays the same whatever they are; AWQ's never make a place worse; no torch is said."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import awq, ggml, quantize, smoothquant
from rushlight.quant.export_proof import prove_file
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_write import Value
from rushlight.quant.imatrix import collect
from rushlight.quant.moments import Moments, collect_moments
from rushlight.quant.scaling import ScaledEncoder, Scaling, places
from rushlight.quant.scaling_keys import keep_scaling, kept_scaling, scaling_keys

TEXT = "the capital of France is Paris and the world is a user of words " * 30


def _random_scaling(model: Path, spread: float = 1.0, seed: int = 1) -> Scaling:
    random = np.random.default_rng(seed)
    file = check(model)
    found = places(file, file.tensors)
    assert len(found) == 4 * file.number("llama.block_count", 0)
    return Scaling(
        {one.name: np.exp(spread * random.normal(size=one.n_channels)).astype(np.float32) for one in found}, found
    )


def _logits(model: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    with ggml.RunningModel(model, n_ctx=64) as running:
        return running.logits(running.tokenize(TEXT)[:64]).copy()


@pytest.mark.parametrize("n_kv_heads", [4, 2, 1])
def test_a_scaled_model_is_the_same_model(n_kv_heads: int, gguf_builder: ModuleType, tmp_path: Path) -> None:
    model: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_kv_heads=n_kv_heads)
    scaled = tmp_path / "scaled.gguf"
    quantize.make(model, scaled, "F32", types={}, encoder=ScaledEncoder(_random_scaling(model)))
    assert scaled.read_bytes() != model.read_bytes()
    before, after = _logits(model), _logits(scaled)
    # llama.cpp keeps values in half precision
    assert np.abs(after - before).max() < 5e-3 * np.abs(before).max()


def test_scaled_quantized_and_fed_back(gguf_builder: ModuleType, tmp_path: Path) -> None:
    from rushlight.quant.gptq import ErrorFeedback

    model: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf", n_embd=256, n_ff=256)
    scaling, types = _random_scaling(model, 0.2), ggml.mixture_types(model, "Q8_0")
    types |= {name: "Q6_K" for name in types if name.startswith("blk.") and types[name] == "Q8_0"}
    matrix = collect(model, TEXT, n_ctx=64, most_windows=3)
    plain, fed = tmp_path / "plain.gguf", tmp_path / "fed.gguf"
    moments = collect_moments(model, TEXT, list(types), n_ctx=64, most_windows=3)
    feedback = ErrorFeedback(model, TEXT, types, moments=moments, scaling=scaling, n_passes=1)
    quantize.make(model, plain, "Q6_K", types=types, importance=matrix, encoder=ScaledEncoder(scaling, matrix))
    quantize.make(model, fed, "Q6_K", types=types, encoder=ScaledEncoder(scaling, matrix, inner=feedback))
    before = _logits(model)
    for made in (plain, fed):
        assert np.abs(_logits(made) - before).mean() < 0.15 * np.abs(before).mean()


def test_the_proof_of_a_scaled_file_needs_its_scales(gguf_builder: ModuleType, tmp_path: Path) -> None:
    model: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf")
    scaling, made = _random_scaling(model, 0.5), tmp_path / "made.gguf"

    def weights_pass(keys: dict[str, Value]) -> tuple[bool, str]:
        encoder = ScaledEncoder(scaling)
        quantize.make(model, made, "Q8_0", types=ggml.mixture_types(model, "Q8_0"), encoder=encoder, keys=keys)
        (found,) = [one for one in prove_file(made, model).checks if one.name == "weights"]
        return bool(found.passed), found.detail

    right = scaling_keys(scaling)
    assert weights_pass(right) == (True, "The weights are those of the source.")
    name, scale = next(iter(right.items()))
    assert isinstance(scale, list)
    assert not weights_pass({})[0]
    assert not weights_pass({**right, name: [2 * float(one) for one in scale]})[0]
    for wrong in ([0.0] * len(scale), scale[1:], [float("nan")] * len(scale), "text", 3):
        passed, said = weights_pass({**right, name: wrong})
        assert not passed and "is damaged" in said
    assert "is damaged" in weights_pass({**right, "rushlight.scale.blk.0.nothing": [1.0]})[1]


def test_scales_are_kept_whole_and_of_their_model(gguf_builder: ModuleType, tmp_path: Path) -> None:
    model: Path = gguf_builder.tiny_llama_gguf(tmp_path / "m.gguf")
    other: Path = gguf_builder.tiny_llama_gguf(tmp_path / "other.gguf", n_embd=128)
    scaling, kept = _random_scaling(model), tmp_path / "scales.npz"
    assert kept_scaling(kept, model) is None
    keep_scaling(kept, scaling)
    found = kept_scaling(kept, model)
    assert found is not None and set(found.scales) == set(scaling.scales)
    assert all(np.array_equal(found.scales[name], one) for name, one in scaling.scales.items())
    assert kept_scaling(kept, other) is None
    kept.write_bytes(kept.read_bytes()[:-200])
    assert kept_scaling(kept, model) is None


def test_scales_of_a_split_model_are_those_of_all_its_parts(
    make_split: Callable[..., list[Path]], tmp_path: Path
) -> None:
    model, *others = make_split(7)
    assert len(others) == 2
    with GgufTensors(model) as opened:
        known = places(opened.file, [tensor.info for tensor in opened.tensors.values()])
    assert len(known) == 8
    scaling = Scaling({one.name: np.full(one.n_channels, 2, np.float32) for one in known}, known)
    keep_scaling(tmp_path / "scales.npz", scaling)
    found = kept_scaling(tmp_path / "scales.npz", model)
    assert found is not None and set(found.scales) == set(scaling.scales)


def test_other_architectures_are_refused() -> None:
    with pytest.raises(Error) as refused:
        places(_Named("bert"), [])  # type: ignore[arg-type]
    assert refused.value.kind == "unsupported" and "llama" in refused.value.hint


class _Named:
    def __init__(self, architecture: str) -> None:
        self.architecture = architecture


def _place_and_weights(columns: int = 64) -> tuple[object, np.ndarray, Moments]:  # type: ignore[type-arg]
    from rushlight.quant.scaling import Place

    random = np.random.default_rng(3)
    inputs = random.normal(size=(400, columns)).astype(np.float32)
    inputs[:, :3] *= 30  # few channels are large, as in trained models
    place = Place("p", ("norm",), ("w",), np.arange(columns))
    return place, random.normal(size=(96, columns)).astype(np.float32), inputs.T @ inputs


def test_awq_protects_large_inputs() -> None:
    pytest.importorskip("torch")
    from rushlight.quant.moments import output_error

    place, weights, moments = _place_and_weights()
    rounding = awq.block_rounding("Q4_0")
    plain = lambda values, importance: rounding(values, np.ones_like(importance))  # noqa: E731 a rounding without a matrix
    scale = awq.best_scale([weights], [moments], [plain], place)  # type: ignore[arg-type]
    assert scale is not None and scale[:3].min() > scale[3:].max()
    ones = np.ones(64, np.float32)
    before = output_error(weights, rounding(weights, ones), moments)
    after = output_error(weights, rounding(weights * scale, ones) / scale, moments)
    assert after < 0.6 * before


def test_smoothquant_takes_peaks_out_of_activations() -> None:
    torch = pytest.importorskip("torch")
    place, weights, _ = _place_and_weights()
    random = np.random.default_rng(4)
    rows = random.normal(size=(256, 64)).astype(np.float32)
    rows[:, :3] *= 60
    inputs = smoothquant.Inputs(np.abs(rows).max(axis=0), [rows])
    scale = smoothquant.best_scale([weights], [inputs], place)  # type: ignore[arg-type]
    assert scale is not None

    def error(factor: np.ndarray) -> float:  # type: ignore[type-arg]
        x = smoothquant.rounded_rows(torch.from_numpy(rows / factor))
        w = smoothquant.rounded_rows(torch.from_numpy(weights * factor))
        return float((x @ w.T - torch.from_numpy(rows @ weights.T)).square().sum())

    assert error(scale) < 0.5 * error(np.ones(64, np.float32))


@pytest.mark.parametrize("what", ["awq", "smoothquant", "gptq"])
def test_without_torch_it_is_said_what_to_install(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.quant import gptq

    monkeypatch.setitem(sys.modules, "torch", None)
    place, weights, moments = _place_and_weights()
    with pytest.raises(Error) as refused:
        if what == "awq":
            awq.best_scale([weights], [moments], [awq.block_rounding("Q4_0")], place)  # type: ignore[arg-type]
        elif what == "smoothquant":
            smoothquant.best_scale([weights], [smoothquant.Inputs(weights[0], [weights])], place)  # type: ignore[arg-type]
        else:
            gptq.code_groups(weights, moments, 32, "F32")
    assert refused.value.kind == "no-torch" and "rushlight[train]" in refused.value.hint
