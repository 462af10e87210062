"""Tiny models of every family: transformers' logits against llama.cpp's on our file, and the way back and forth."""

import unicodedata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight.quant.convert.pre_tokenizers import HARD_TEXT, LOSES_MARKS
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_values import LongArray
from rushlight.quant.rows import whole
from rushlight.quant.unpack import unpack

pytestmark = pytest.mark.torch

NAMES = [
    "llama",
    "llama-tied",
    "llama-bias-wide-heads",
    "llama3-rope",
    "llama-yarn",
    "llama-linear",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen3",
    "qwen2-moe",
    "qwen3-moe",
    "gemma",
    "gemma2",
    "gemma3",
    "phi3",
    "phi3-long",
    "gpt2",
    "lfm2",
    "mamba",
    "falcon-mamba",
]
TOKEN_IDS = [int(number) for number in np.random.default_rng(0).integers(4, 500, 90)]


def value(metadata: Any, key: str) -> Any:
    found = metadata.get(key)
    return found.load() if isinstance(found, LongArray) else found


@pytest.mark.parametrize("name", NAMES)
def test_logits_agree_and_the_way_back_is_exact(
    name: str, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    model = hf_builder.generator(name)
    folder = hf_builder.save(tmp_path / "hf", model)
    first = tmp_path / "first.gguf"
    convert(folder, first, "F32", name="Tiny")
    assert check(first).kind == "model"

    expected = hf_builder.logits(model, TOKEN_IDS)
    tokenizer = hf_builder.tokenizer()
    with plain_llama.PlainLlama(first) as llama:
        found = llama.logits(TOKEN_IDS)
        for text in hf_builder.TEXTS:
            assert llama.tokenize(text) == tokenizer.encode(text).ids
    # 1e-3 is what GELU costs, which ggml looks up in a table of half precision; the others come to 3e-6
    limit = 1e-3 if name.startswith(("gemma", "gpt2")) else 1e-5
    assert np.abs(found - expected).max() / np.abs(expected).max() < limit

    back = unpack(first, tmp_path / "back").folder
    again = hf_builder.load(back)
    again.set_attn_implementation("eager")
    assert np.abs(hf_builder.logits(again, TOKEN_IDS) - expected).max() < 1e-5
    second = tmp_path / "second.gguf"
    convert(back, second, "F32", name="Tiny")
    with GgufTensors(first) as a, GgufTensors(second) as b:
        assert set(a.tensors) == set(b.tensors)
        for label in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[label]), whole(b.tensors[label]))
        keys = set(a.file.metadata) | set(b.file.metadata)
        assert {key for key in keys if value(a.file.metadata, key) != value(b.file.metadata, key)} == set()


@pytest.mark.parametrize(("type_name", "limit"), [("F16", 5e-3), ("BF16", 5e-2), ("Q8_0", 8e-2)])
def test_smaller_types_stay_close(
    type_name: str, limit: float, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    model = hf_builder.generator("llama")
    folder = hf_builder.save(tmp_path / "hf", model)
    convert(folder, tmp_path / "model.gguf", type_name)
    expected = hf_builder.logits(model, TOKEN_IDS)
    with plain_llama.PlainLlama(tmp_path / "model.gguf") as llama:
        found = llama.logits(TOKEN_IDS)
    assert np.sqrt(np.mean((found - expected) ** 2)) / expected.std() < limit


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe", "qwen2", "qwen35", "tekken", "gpt-4o", "deepseek-v3"])
def test_tokenizers_of_our_own_are_cut_as_llama_cpp_cuts(
    pre: str, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    tokenizer = hf_builder.tokenizer(pre)
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator("llama"), tokenizer)
    convert(folder, tmp_path / "model.gguf", "F32")
    assert check(tmp_path / "model.gguf").metadata["tokenizer.ggml.pre"] in (pre, "dbrx")
    with plain_llama.PlainLlama(tmp_path / "model.gguf") as llama:
        for text in [*hf_builder.TEXTS, HARD_TEXT, "<|im_start|>user\nHi<|im_end|>\n"]:
            if pre in LOSES_MARKS:
                text = "".join(letter for letter in text if not unicodedata.category(letter).startswith("M"))
            assert llama.tokenize(text) == tokenizer.encode(text).ids


def test_tokenizers_with_bars_are_carried_over_both_ways(
    tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    tokenizer = hf_builder.bar_tokenizer()
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator("llama"), tokenizer, **special)
    convert(folder, tmp_path / "model.gguf", "F32")
    unpack(tmp_path / "model.gguf", tmp_path / "back")
    again = hf_builder.Tokenizer.from_file(str(tmp_path / "back" / "tokenizer.json"))
    with plain_llama.PlainLlama(tmp_path / "model.gguf") as llama:
        for text in hf_builder.TEXTS:
            expected = tokenizer.encode(text).ids
            assert llama.tokenize(text) == expected
            assert again.encode(text).ids == expected


def test_the_end_of_a_turn_and_the_template_come_along(tmp_path: Path, hf_builder: ModuleType) -> None:
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator("llama"))
    convert(folder, tmp_path / "model.gguf", "F32")
    metadata = check(tmp_path / "model.gguf").metadata
    assert metadata["tokenizer.chat_template"] == hf_builder.CHATML
    assert metadata["tokenizer.ggml.eot_token_id"] == 3
    assert metadata["tokenizer.ggml.eos_token_id"] == 1
