"""The proof after a conversion, for every family: what was converted well is never said to have failed."""

from pathlib import Path
from types import ModuleType

import pytest

from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.export_proof import prove_file
from rushlight.quant.unpack import unpack

pytestmark = pytest.mark.torch

COMPUTED = ("llama", "llama-tied", "llama3-rope", "mistral", "qwen2", "qwen3")
OTHERS = ("mixtral", "qwen2-moe", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "lfm2", "mamba")


QUICK = ("llama-tied", "qwen3", "gemma2", "mamba")  # the others in `make test-all`


@pytest.mark.parametrize("type_name", [pytest.param("F32", marks=pytest.mark.slow), "Q8_0"])
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in (*COMPUTED, *OTHERS)]
)
def test_generators(name: str, type_name: str, tmp_path: Path, hf_builder: ModuleType) -> None:
    folder = hf_builder.save(tmp_path / "hf", hf_builder.generator(name))
    made = tmp_path / "made.gguf"
    convert(folder, made, type_name)
    proof = prove_file(made, folder)
    assert proof.state == ("passed" if name in COMPUTED else "partial"), proof.failures
    back = unpack(made, tmp_path / "back").folder
    proof = prove_file(back, made)
    assert proof.state == ("passed" if name in COMPUTED else "partial"), proof.failures


PIECES = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
UNIGRAMS = {
    "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "cls_token": "<s>", "sep_token": "</s>",
    "pad_token": "<pad>", "mask_token": "<mask>",
}  # fmt: skip
SIZES = {
    "vocab_size": 512, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96
}  # fmt: skip


@pytest.mark.parametrize("name", ["word pieces", "unigrams", "bars"])
def test_other_tokenizers(name: str, tmp_path: Path, hf_builder: ModuleType) -> None:
    """Known differences of llama.cpp (docs/quant.md) are no failures of a file."""
    t = hf_builder.t
    if name == "word pieces":
        model, tokenizer, special = t.BertModel(t.BertConfig(**SIZES)), hf_builder.word_piece_tokenizer(), PIECES
    elif name == "unigrams":
        sizes = {**SIZES, "max_position_embeddings": 258, "type_vocab_size": 1, "pad_token_id": 1}
        model = t.XLMRobertaModel(t.XLMRobertaConfig(**sizes))
        tokenizer, special = hf_builder.unigram_tokenizer(), UNIGRAMS
    else:
        model, tokenizer = hf_builder.generator("llama"), hf_builder.bar_tokenizer()
        special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    folder = hf_builder.save(tmp_path / "hf", model, tokenizer, **special)
    made = tmp_path / "made.gguf"
    convert(folder, made, "F32")
    proof = prove_file(made, folder)
    assert proof.state == ("passed" if name == "bars" else "partial"), proof.failures
