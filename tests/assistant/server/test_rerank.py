"""/v1/rerank with tiny random cross-encoders, converted by `quant`: scores as numpy computes them, order, refusals."""

import json
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.rows import Array
from rushlight.quant.safetensors_file import write_safetensors

WIDTH, LAYERS, HEADS, INNER, POSITIONS = 32, 2, 4, 48, 66
WORDS = ("what", "is", "a", "panda", "bear", "from", "china", "the", "sky", "blue", "eats", "bamboo", "hi", "paris")
Weights = dict[str, NDArray[np.float32]]
QUERY = "what is a panda"
DOCUMENTS = ["hi", "the panda is a bear from china", "the sky is blue", "paris", "a panda eats bamboo"]


def random_weights(n_vocab: int, prefix: str) -> Weights:
    """An encoder of two layers with the head of a cross-encoder."""
    pick = np.random.default_rng(7)

    def matrix(*shape: int) -> NDArray[np.float32]:
        return pick.normal(0, 0.3, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": matrix(n_vocab, WIDTH),
        "embeddings.position_embeddings.weight": matrix(POSITIONS, WIDTH),
        "embeddings.token_type_embeddings.weight": matrix(1, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            weights |= {f"{layer}{name}.weight": matrix(WIDTH, WIDTH), f"{layer}{name}.bias": matrix(WIDTH)}
        weights |= {
            f"{layer}intermediate.dense.weight": matrix(INNER, WIDTH),
            f"{layer}intermediate.dense.bias": matrix(INNER),
        }
        weights |= {f"{layer}output.dense.weight": matrix(WIDTH, INNER), f"{layer}output.dense.bias": matrix(WIDTH)}
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for name in norms:
        weights |= {f"{name}.weight": 1 + matrix(WIDTH), f"{name}.bias": matrix(WIDTH)}
    weights = {f"{prefix}.{name}": value for name, value in weights.items()}
    dense, out = (
        ("bert.pooler.dense", "classifier") if prefix == "bert" else ("classifier.dense", "classifier.out_proj")
    )
    weights |= {f"{dense}.weight": matrix(WIDTH, WIDTH), f"{dense}.bias": matrix(WIDTH)}
    weights |= {f"{out}.weight": matrix(1, WIDTH), f"{out}.bias": matrix(1)}
    return weights


def logit(weights: Weights, prefix: str, token_ids: list[int]) -> float:
    """What the model says of these tokens, in plain numpy."""
    w = weights

    def linear(x: Any, name: str) -> Any:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def heads(x: Any) -> Any:
        return x.reshape(len(x), HEADS, -1).transpose(1, 0, 2)

    gelu = np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))
    first = 0 if prefix == "bert" else 2
    x = w[f"{prefix}.embeddings.word_embeddings.weight"][token_ids].astype(np.float64)
    x = x + w[f"{prefix}.embeddings.position_embeddings.weight"][first : first + len(token_ids)]
    x = norm(x + w[f"{prefix}.embeddings.token_type_embeddings.weight"][0], f"{prefix}.embeddings.LayerNorm")
    for i in range(LAYERS):
        layer = f"{prefix}.encoder.layer.{i}."
        q, k, v = (heads(linear(x, f"{layer}attention.self.{name}")) for name in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(x), WIDTH)
        x = norm(x + linear(mixed, f"{layer}attention.output.dense"), f"{layer}attention.output.LayerNorm")
        inner = gelu(linear(x, f"{layer}intermediate.dense"))
        x = norm(x + linear(inner, f"{layer}output.dense"), f"{layer}output.LayerNorm")
    dense, out = (
        ("bert.pooler.dense", "classifier") if prefix == "bert" else ("classifier.dense", "classifier.out_proj")
    )
    return float(linear(np.tanh(linear(x[0], dense)), out)[0])


def build(folder: Path, shape: str) -> tuple[Path, Weights, list[str]]:
    """A cross-encoder of that shape as a GGUF file, its weights, and its vocabulary."""
    folder.mkdir()
    config: dict[str, Any] = {
        "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER,
        "max_position_embeddings": POSITIONS, "layer_norm_eps": 1e-5, "type_vocab_size": 1, "hidden_act": "gelu",
        "num_labels": 1, "id2label": {"0": "LABEL_0"},
    }  # fmt: skip
    if shape == "bert":
        vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
        config |= {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "pad_token_id": 0}
        (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
        said = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]",
                "mask_token": "[MASK]", "do_lower_case": True, "tokenizer_class": "BertTokenizer"}  # fmt: skip
    else:
        vocabulary = ["<s>", "<pad>", "</s>", "<unk>", *("▁" + word for word in WORDS), "▁", "<mask>"]
        config |= {"architectures": ["XLMRobertaForSequenceClassification"], "model_type": "xlm-roberta",
                   "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}  # fmt: skip
        plain = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        special = [
            {"id": vocabulary.index(name), "content": name, **plain}
            for name in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
        ]
        tokenizer = {
            "version": "1.0", "added_tokens": special,
            "normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"}]},
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                "pair": [],
                "special_tokens": {name: {"id": name, "ids": [vocabulary.index(name)], "tokens": [name]}
                                   for name in ("<s>", "</s>")},
            },
            "model": {"type": "Unigram", "unk_id": 3, "byte_fallback": False,
                      "vocab": [[name, 0.0 if i < 4 else -1.0 - i / 10] for i, name in enumerate(vocabulary)]},
        }  # fmt: skip
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
        said = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>",
                "unk_token": "<unk>", "mask_token": "<mask>", "tokenizer_class": "XLMRobertaTokenizer"}  # fmt: skip
    prefix = "bert" if shape == "bert" else "roberta"
    weights = random_weights(len(vocabulary), prefix)
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(vocabulary)}))
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    write_safetensors(folder / "model.safetensors", [(name, Array(value)) for name, value in weights.items()])
    return convert(folder, folder.with_suffix(".gguf"), "F32", name="Tiny").path, weights, vocabulary


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Weights, list[str]]]:
    """Both shapes by name."""
    folder = tmp_path_factory.mktemp("encoders")
    return {shape: build(folder / shape, shape) for shape in ("bert", "xlmr")}


@pytest.fixture(scope="module")
def ranking(encoders: Any, quick: Any) -> Iterator[Any]:
    """The server with a tiny chat model, and both cross-encoders beside it."""
    import sys

    for shape, (path, _weights, _vocabulary) in encoders.items():
        subprocess.run(
            [sys.executable, "-P", "-m", "rushlight", "models", "import", "--in-place", "--id", shape, str(path)],
            env=quick.env, check=True, capture_output=True,
        )  # fmt: skip
    yield quick


def pair(shape: str, vocabulary: list[str], query: str, text: str) -> list[int]:
    """The tokens of both as Hugging Face's tokenizers have them."""
    mark = "" if shape == "bert" else "▁"

    def words(one: str) -> list[int]:
        return [vocabulary.index(mark + word) for word in one.split()]

    first, last = (2, 3) if shape == "bert" else (0, 2)
    between = [last] if shape == "bert" else [last, last]
    return [first, *words(query), *between, *words(text), last]


@pytest.mark.parametrize("shape", ["xlmr", "bert"])
def test_scores_are_the_model_s(ranking: Any, encoders: Any, shape: str) -> None:
    _path, weights, vocabulary = encoders[shape]
    body = {"model": shape, "query": QUERY, "documents": DOCUMENTS, "return_documents": True}
    answer = ranking.client.post("/v1/rerank", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["model"], found["object"]) == (shape, "list")
    results = found["results"]
    assert sorted(one["index"] for one in results) == list(range(len(DOCUMENTS)))
    scores = [one["relevance_score"] for one in results]
    assert scores == sorted(scores, reverse=True)
    tokens = [pair(shape, vocabulary, QUERY, text) for text in DOCUMENTS]
    prefix = "bert" if shape == "bert" else "roberta"
    for one in results:
        assert one["document"] == {"text": DOCUMENTS[one["index"]]}
        expected = 1 / (1 + math.exp(-logit(weights, prefix, tokens[one["index"]])))
        assert one["relevance_score"] == pytest.approx(expected, abs=2e-3)
    assert found["usage"]["total_tokens"] == sum(map(len, tokens))
    assert max(scores) - min(scores) > 0.01, "they differ, or the test says nothing"


def test_the_best_ones_only_and_objects(ranking: Any) -> None:
    body = {"model": "xlmr", "query": QUERY, "documents": [{"text": text} for text in DOCUMENTS]}
    whole = ranking.client.post("/v1/rerank", json=body).json()["results"]
    assert "document" not in whole[0]
    best = ranking.client.post("/v1/rerank", json={**body, "top_n": 2}).json()["results"]
    assert [one["index"] for one in best] == [one["index"] for one in whole[:2]]
    assert len(ranking.client.post("/v1/rerank", json={**body, "top_n": 99}).json()["results"]) == len(DOCUMENTS)


def test_many_documents_are_ranked_in_batches_as_alone(ranking: Any) -> None:
    many = [f"{DOCUMENTS[i % 5]} {WORDS[i % len(WORDS)]}" for i in range(40)]
    found = ranking.client.post("/v1/rerank", json={"model": "xlmr", "query": QUERY, "documents": many}).json()
    scores = {one["index"]: one["relevance_score"] for one in found["results"]}
    assert len(scores) == 40
    for i in (0, 39):
        body = {"model": "xlmr", "query": QUERY, "documents": [many[i]]}
        (alone,) = ranking.client.post("/v1/rerank", json=body).json()["results"]
        assert alone["relevance_score"] == pytest.approx(scores[i], abs=1e-3)


def test_long_ones_are_cut_and_empty_ones_ranked(ranking: Any) -> None:
    body = {"model": "xlmr", "query": QUERY, "documents": ["panda " * 500, "", "</s> <s> <mask>"]}
    answer = ranking.client.post("/v1/rerank", json=body)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == 3
    assert ranking.client.get("/requests").json()["data"][0]["notices"] == ["text-truncated"]
    long = ranking.client.post("/v1/rerank", json={**body, "query": "panda " * 500})
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_what_cannot_rank_says_so(ranking: Any) -> None:
    for name in ("", "smollm2"):
        refused = ranking.client.post("/v1/rerank", json={"model": name, "query": "a", "documents": ["b"]})
        assert refused.status_code == 400
        assert "no cross-encoder" in refused.json()["error"]["message"]
    vectors = ranking.client.post("/v1/embeddings", json={"model": "xlmr", "input": "a"})
    assert vectors.status_code == 400 and "/v1/rerank" in vectors.json()["error"]["message"]
    chat = ranking.client.post(
        "/v1/chat/completions", json={"model": "xlmr", "messages": [{"role": "user", "content": "x"}]}
    )
    assert chat.status_code == 400
    purposes = {one["id"]: one["purpose"] for one in ranking.client.get("/v1/models").json()["data"]}
    assert purposes == {"smollm2": "chat", "bert": "rerank", "xlmr": "rerank"}


@pytest.mark.parametrize("fields", [
    {"query": ""}, {"query": 5}, {"documents": []}, {"documents": [5]}, {"documents": [{"title": "a"}]}, {"top_n": 0},
    {"top_n": -1}, {"documents": "a"}, {"model": "none"},
])  # fmt: skip
def test_requests_that_cannot_be(ranking: Any, fields: Any) -> None:
    body = {"model": "xlmr", "query": "a", "documents": ["b"], **fields}
    assert ranking.client.post("/v1/rerank", json=body).status_code in (400, 404)
