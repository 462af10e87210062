"""Comparison of models: against numpy over raw logits, and of a model with itself."""

from pathlib import Path

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import compare, quantize
from rushlight.quant.ggml import RunningModel
from rushlight.quant.imatrix import windows

TEXT = "the capital of France is Paris and the world is a user of words " * 30


def test_scores_equal_numpy_in_double_precision() -> None:
    random = np.random.default_rng(1)
    a = random.normal(0, 4, (70, 500)).astype(np.float32)
    b = (a + random.normal(0, 0.1, a.shape)).astype(np.float32)
    targets = random.integers(0, 500, 70)
    scores = compare.Scores()
    compare.add_scores(scores, a, b, targets)

    def log_softmax(x: "np.ndarray") -> "np.ndarray":
        x = x.astype(np.float64) - x.max(axis=1, keepdims=True)
        return x - np.log(np.exp(x).sum(axis=1, keepdims=True))

    log_a, log_b = log_softmax(a), log_softmax(b)
    assert np.allclose(scores.divergences, (np.exp(log_a) * (log_a - log_b)).sum(axis=1), rtol=1e-4, atol=1e-8)
    assert np.allclose(scores.losses, -log_b[np.arange(70), targets], atol=1e-5)
    assert scores.agreements == (a.argmax(1) == b.argmax(1)).tolist()
    assert np.allclose(compare.losses(b, targets), scores.losses)


def test_a_model_equals_itself_and_a_worse_one_is_further_away(tiny_gguf: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.gguf" for name in ("Q8_0", "Q4_0")]
    for path in files:
        quantize.make(tiny_gguf, path, path.stem)
    same, eight, four = compare.compare(tiny_gguf, [tiny_gguf, *files], TEXT, n_ctx=64, most_windows=3)
    assert same.divergence == 0 and same.agreement == 1 and same.perplexity == same.reference_perplexity
    assert 0 < eight.divergence < four.divergence
    assert same.n_positions == 3 * 32


def test_perplexity_equals_numpy_over_raw_logits(tiny_gguf: Path) -> None:
    (found,) = compare.compare(tiny_gguf, [tiny_gguf], TEXT, n_ctx=64, most_windows=2)
    losses = []
    with RunningModel(tiny_gguf, n_ctx=64) as running:
        for piece in windows(running.tokenize(TEXT), 64, None)[:2]:
            logits = running.logits(piece).astype(np.float64)
            logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            losses += [-logs[i - 1, piece[i]] for i in range(32, 64)]
    assert found.perplexity == pytest.approx(np.exp(np.mean(losses)), rel=1e-4)


def test_other_vocabularies_and_no_text_are_refused(tiny_gguf: Path, make_gguf: "object") -> None:
    other = make_gguf("other.gguf", n_vocab=400)  # type: ignore[operator]
    with pytest.raises(Error, match="cannot be compared"):
        compare.compare(tiny_gguf, [other], TEXT, n_ctx=64)
    with pytest.raises(Error, match="no text"):
        compare.compare(tiny_gguf, [tiny_gguf], "", n_ctx=64)


def test_windows_are_told_apart(tiny_gguf: Path, tmp_path: Path) -> None:
    path = tmp_path / "Q4_0.gguf"
    quantize.make(tiny_gguf, path, "Q4_0")
    (found,) = compare.compare(tiny_gguf, [path], TEXT, n_ctx=64, most_windows=3)
    assert len(found.by_window) == 3 and np.mean(found.by_window) == pytest.approx(found.divergence)
    assert found.divergence_error == pytest.approx(np.std(found.by_window) / 3**0.5)
