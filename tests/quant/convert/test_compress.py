"""Folders in the compressed-tensors layout: transformers loads them, and they say nearly what the model said."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rushlight import Error
from rushlight.quant import compress as job
from rushlight.quant.compressed_tensors import packed_fours, unpacked_fours

pytestmark = pytest.mark.torch

TEXT = "The quick brown fox jumps over the lazy dog, 1234 times. def f(x): return x ** 2  # comment\n" * 60


def test_fours_go_in_and_out() -> None:
    random = np.random.default_rng(1)
    for columns in (8, 24, 13):
        codes = random.integers(-8, 8, (5, columns)).astype(np.int8)
        packed = packed_fours(codes)
        assert packed.shape == (5, -(-columns // 8))
        assert np.array_equal(unpacked_fours(packed, columns), codes)
    assert packed_fours(np.array([[-8, 7, 0, 0, 0, 0, 0, 0]], np.int8))[0, 0] & 0xFF == 0xF0


@pytest.mark.parametrize("method", job.METHODS)
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_transformers_loads_the_folder(method: job.Method, name: str, tmp_path: Path, hf_builder: ModuleType) -> None:
    pytest.importorskip("compressed_tensors")
    model = hf_builder.generator(name)
    folder = hf_builder.save(tmp_path / "hf", model)
    made = job.compress(folder, tmp_path / "made", TEXT, method, group=32, n_ctx=64, most_windows=6)
    assert made.n_matrices == 7 * model.config.num_hidden_layers
    config = json.loads((tmp_path / "made" / "config.json").read_text())
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"
    assert (tmp_path / "made" / "tokenizer.json").exists()
    loaded = hf_builder.load(tmp_path / "made")
    token_ids = [int(one) for one in np.random.default_rng(0).integers(4, 500, 48)]
    before, after = (hf_builder.logits(one, token_ids) for one in (model, loaded))  # unpacks, too
    stored = dict(loaded.named_parameters())
    changes = [
        float((stored[label] - weights).detach().norm() / weights.detach().norm())
        for label, weights in model.named_parameters()
        if label.endswith("_proj.weight") and label in stored
    ]
    if method == "gptq":  # the others scale weights as well
        assert len(changes) == made.n_matrices and max(changes) < 0.25
    # random weights exaggerate: four bits in groups of 32 change each layer by a tenth
    assert np.corrcoef(after.ravel(), before.ravel())[0, 1] > (0.99 if method == "smoothquant" else 0.6)


def test_what_cannot_be_is_said(tmp_path: Path, hf_builder: ModuleType) -> None:
    dense = hf_builder.save(tmp_path / "hf", hf_builder.generator("llama"))
    mixture = hf_builder.save(tmp_path / "moe", hf_builder.generator("mixtral"))
    for folder, group, kind in ((dense, 128, "unsupported"), (mixture, 32, "unsupported")):
        with pytest.raises(Error) as refused:
            job.compress(folder, tmp_path / "made", TEXT, group=group, n_ctx=64, most_windows=2)
        assert refused.value.kind == kind
        assert not (tmp_path / "made").exists()
