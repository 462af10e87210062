"""Perplexity: llama.cpp's on our files against transformers' on the same dequantized weights, within one per cent."""

import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight.quant import compare, quantize
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.ggml import RunningModel
from rushlight.quant.imatrix import windows
from rushlight.quant.texts import sample_text
from rushlight.quant.unpack import unpack

pytestmark = pytest.mark.torch

N_CTX = 128


def by_transformers(hf_builder: ModuleType, folder: Path, pieces: Sequence[Sequence[int]]) -> float:
    """exp of the mean loss over the second half of each window, as `compare` counts it."""
    model: Any = hf_builder.load(folder)
    losses = []
    for piece in pieces:
        logits = hf_builder.logits(model, list(piece)).astype(np.float64)
        logs = logits - logits.max(axis=1, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        n_scored = len(piece) - len(piece) // 2
        losses += [-logs[i - 1, piece[i]] for i in range(len(piece) - n_scored, len(piece))]
    return math.exp(float(np.mean(losses)))


def both(source: Path, text: str, n_windows: int, hf_builder: ModuleType, folder: Path) -> tuple[float, float]:
    (found,) = compare.compare(source, [source], text, n_ctx=N_CTX, most_windows=n_windows, n_threads=2)
    with RunningModel(source, n_ctx=N_CTX) as running:
        pieces = windows(running.tokenize(text), N_CTX, running.first_token)[:n_windows]
    return found.perplexity, by_transformers(hf_builder, unpack(source, folder).folder, pieces)


@pytest.mark.parametrize("type_name", ["F32", "Q8_0", "Q4_0"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_transformers_finds_the_same_on_tiny_models(
    name: str, type_name: str, tmp_path: Path, hf_builder: ModuleType
) -> None:
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator(name))
    convert(folder, tmp_path / "f32.gguf", "F32")
    source = tmp_path / "source.gguf"
    quantize.make(tmp_path / "f32.gguf", source, type_name)
    text = "\n".join(hf_builder.TEXTS) * 12
    ours, theirs = both(source, text, 4, hf_builder, tmp_path / "unpacked")
    print(f"{name} {type_name}: perplexity {ours:.3f}, transformers {theirs:.3f}")
    assert ours == pytest.approx(theirs, rel=0.01)


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("type_name", ["", "Q8_0", "IQ4_NL"])
def test_transformers_finds_the_same_on_smollm2(
    type_name: str, demo_model: Path, tmp_path: Path, hf_builder: ModuleType
) -> None:
    """The model as it is (Q4_1), and made of that."""
    source = demo_model
    if type_name:
        source = tmp_path / "source.gguf"
        quantize.make(demo_model, source, type_name, n_threads=2)
    ours, theirs = both(source, sample_text("evaluate"), 6, hf_builder, tmp_path / "unpacked")
    print(f"SmolLM2 {type_name or 'Q4_1'}: perplexity {ours:.3f}, transformers {theirs:.3f}")
    assert ours == pytest.approx(theirs, rel=0.01)
