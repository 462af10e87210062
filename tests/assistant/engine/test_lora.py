"""Adapters: scale 0 is the base model, another scale is not, and the cache knows the difference."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight import Error
from rushlight.assistant.engine.load import Loaded
from rushlight.assistant.engine.request import LoraUse

gguf = pytest.importorskip("gguf")
pytestmark = pytest.mark.model

N_EMBD = 576


def write_adapter(path: Path, seed: int = 1, *, architecture: str = "llama", n_embd: int = N_EMBD) -> Path:
    """A LoRA of rank 4 on one projection of the demo model."""
    numbers = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    a = numbers.normal(size=(4, n_embd)).astype(np.float32)  # ne = [n_embd, 4]
    b = numbers.normal(size=(n_embd, 4)).astype(np.float32) * 0.1
    writer.add_tensor("blk.0.attn_q.weight.lora_a", a)
    writer.add_tensor("blk.0.attn_q.weight.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def logits(loaded: Loaded) -> Callable[..., Any]:
    token_ids = loaded.model.tokenize("The capital of France is", parse_special=False)

    def compute(*uses: LoraUse) -> Any:
        computed_with = loaded.adapters.apply(uses)
        n_kept = loaded.prefix.reuse(token_ids, computed_with)
        assert loaded.context.decode(token_ids[n_kept:]) == 0
        loaded.prefix.extend(token_ids[n_kept:])
        return loaded.context.logits().copy()

    yield compute
    loaded.adapters.apply(())
    loaded.prefix.clear()


def test_scale_decides(tmp_path: Path, loaded: Loaded, logits: Callable[..., Any]) -> None:
    path = str(write_adapter(tmp_path / "a.gguf"))
    loaded.prefix.clear()
    base = logits()
    loaded.prefix.clear()
    assert np.array_equal(logits(LoraUse(path, 0.0)), base)
    one = logits(LoraUse(path, 1.0))  # no clearing: the change of adapters must do it
    assert float(abs(one - base).max()) > 0.05
    half = logits(LoraUse(path, 0.5))
    assert float(abs(half - one).max()) > 0.01
    assert np.array_equal(logits(), base)


def test_side_by_side(tmp_path: Path, logits: Callable[..., Any]) -> None:
    first, second = (str(write_adapter(tmp_path / f"{seed}.gguf", seed)) for seed in (1, 2))
    alone = logits(LoraUse(first))
    both = logits(LoraUse(first), LoraUse(second))
    assert float(abs(both - alone).max()) > 0.01
    assert np.array_equal(logits(LoraUse(second), LoraUse(first)), both)


def test_a_file_that_changed_is_loaded_anew(tmp_path: Path, logits: Callable[..., Any]) -> None:
    path = write_adapter(tmp_path / "a.gguf", 1)
    before = logits(LoraUse(str(path)))
    write_adapter(tmp_path / "new.gguf", 2)
    (tmp_path / "new.gguf").replace(path)
    assert float(abs(logits(LoraUse(str(path))) - before).max()) > 0.01


@pytest.mark.parametrize(("options", "word"), [({"architecture": "gemma3"}, "mismatch"), ({"n_embd": 64}, "shape")])
def test_an_adapter_of_another_model(tmp_path: Path, loaded: Loaded, options: dict[str, Any], word: str) -> None:
    path = write_adapter(tmp_path / "other.gguf", **options)
    with pytest.raises(Error) as caught:
        loaded.adapters.apply([LoraUse(str(path))])
    assert caught.value.kind in ("bad-adapter", "bad-file")
    assert caught.value.kind == "bad-file" or word in caught.value.message


def test_no_such_file_and_no_adapter(tmp_path: Path, loaded: Loaded, demo_model: Path) -> None:
    with pytest.raises(Error, match="cannot be opened") as caught:
        loaded.adapters.apply([LoraUse(str(tmp_path / "none.gguf"))])
    assert caught.value.kind == "bad-adapter"
    with pytest.raises(Error) as caught:
        loaded.adapters.apply([LoraUse(str(demo_model))])
    assert caught.value.kind == "bad-adapter"
