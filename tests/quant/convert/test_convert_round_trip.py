"""A real quantized model, SmolLM2: GGUF to Hugging Face and back to GGUF. Needs neither torch nor transformers."""

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rushlight.quant.convert.pre_tokenizers import HARD_TEXT
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole
from rushlight.quant.unpack import unpack

TEXTS = [
    HARD_TEXT,
    Path(__file__).read_text("utf-8"),
    "Привет, мир! 你好，世界。こんにちは 한국어 नमस्ते العربية עברית Ελληνικά ไทย 🚀🚀",
    "<|im_start|>user\nHi<|im_end|>\n",
    "",
    " ",
    "\n\n\n\t\t",
]


@pytest.mark.model
def test_every_weight_and_every_token_comes_back(demo_model: Path, tmp_path: Path, plain_llama: ModuleType) -> None:
    made = unpack(demo_model, tmp_path / "hf")
    assert made.architecture == "LlamaForCausalLM"
    again = tmp_path / "again.gguf"
    convert(tmp_path / "hf", again, "F32")
    check(again)
    with GgufTensors(demo_model) as a, GgufTensors(again) as b:
        assert set(a.tensors) == set(b.tensors)
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))
        for key in ("tokenizer.chat_template", "llama.rope.freq_base", "llama.attention.layer_norm_rms_epsilon"):
            assert a.file.metadata[key] == b.file.metadata[key]
    with plain_llama.PlainLlama(demo_model) as before, plain_llama.PlainLlama(again) as after:
        for text in TEXTS:
            assert before.tokenize(text) == after.tokenize(text)
    settings = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert settings["tie_word_embeddings"] is True
    assert settings["rms_norm_eps"] == 1e-5


@pytest.mark.model
@pytest.mark.torch
def test_the_tokenizer_is_the_same_in_hugging_faces_library(
    demo_model: Path, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    unpack(demo_model, tmp_path / "hf", "BF16")
    tokenizer = hf_builder.t.AutoTokenizer.from_pretrained(tmp_path / "hf")
    with plain_llama.PlainLlama(demo_model) as llama:
        for text in TEXTS:
            assert tokenizer(text, add_special_tokens=True)["input_ids"] == llama.tokenize(text)


def test_shards_are_read_back(tmp_path: Path, tiny_gguf: Path) -> None:
    unpack(tiny_gguf, tmp_path / "hf", shard_bytes=100_000)
    assert len(list((tmp_path / "hf").glob("model-*-of-*.safetensors"))) > 1
    convert(tmp_path / "hf", tmp_path / "again.gguf", "F32")
    with GgufTensors(tiny_gguf) as a, GgufTensors(tmp_path / "again.gguf") as b:
        for name in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[name]), whole(b.tensors[name]))
