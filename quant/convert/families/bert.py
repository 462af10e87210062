"""BERT, MiniLM, BGE, RoBERTa, XLM-RoBERTa and their cross-encoders: models that read a whole text at once."""

from typing import Any, Final

from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Family, Key
from rushlight.quant.convert.rule import SAME, WITHOUT_PADDING, Change, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_LAYER: Final = "encoder.layer.{i}."


def _rules(positions: Change) -> tuple[Rule, ...]:
    return (
        Rule("token_embd.weight", "embeddings.word_embeddings.weight"),
        Rule("position_embd.weight", "embeddings.position_embeddings.weight", positions),
        Rule("token_types.weight", "embeddings.token_type_embeddings.weight"),
        Rule("token_embd_norm.{s}", "embeddings.LayerNorm.{s}"),
        Rule("blk.{i}.attn_q.{s}", _LAYER + "attention.self.query.{s}"),
        Rule("blk.{i}.attn_k.{s}", _LAYER + "attention.self.key.{s}"),
        Rule("blk.{i}.attn_v.{s}", _LAYER + "attention.self.value.{s}"),
        Rule("blk.{i}.attn_output.{s}", _LAYER + "attention.output.dense.{s}"),
        Rule("blk.{i}.attn_output_norm.{s}", _LAYER + "attention.output.LayerNorm.{s}"),
        Rule("blk.{i}.ffn_up.{s}", _LAYER + "intermediate.dense.{s}"),
        Rule("blk.{i}.ffn_down.{s}", _LAYER + "output.dense.{s}"),
        Rule("blk.{i}.layer_output_norm.{s}", _LAYER + "output.LayerNorm.{s}"),
    )


_RENAMES = (
    (r"^(?:bert|roberta)\.", ""),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)
# Heads of training, and the pooler that embeddings do not use.
_IGNORED = (r"position_ids$", r"^cls\.", r"^lm_head\.", r"^pooler\.", r"^qa_outputs\.")
_ALWAYS_F32 = ("position_embd.weight", "token_types.weight")
_KEYS = (
    Key("embedding_length", "hidden_size"),
    Key("block_count", "num_hidden_layers"),
    Key("feed_forward_length", "intermediate_size"),
    Key("attention.head_count", "num_attention_heads"),
    Key("attention.layer_norm_epsilon", "layer_norm_eps", float, 1e-12),
)


def _labels(config: Config) -> list[str]:
    """The names of a classifier's answers. One answer alone (a score) needs none; llama.cpp counts by them."""
    labels = config.get("id2label")
    if not isinstance(labels, dict):
        labels = {number: f"LABEL_{number}" for number in range(config.whole("num_labels", default=2))}
    names = [str(name) for _, name in sorted(labels.items(), key=lambda item: int(item[0]))]
    return names if len(names) > 1 else []


def _metadata(config: Config) -> dict[str, Value]:
    return {"context_length": config.whole("max_position_embeddings"), "attention.causal": False}


def _roberta_metadata(config: Config) -> dict[str, Value]:
    length = config.whole("max_position_embeddings") - config.whole("pad_token_id", default=1) - 1
    return {**_metadata(config), "context_length": length}


def _classifier_metadata(config: Config) -> dict[str, Value]:
    labels = _labels(config)
    found: dict[str, Value] = {**_metadata(config), "pooling_type": 4}
    return {**found, "classifier.output_labels": labels} if labels else found


def _roberta_classifier_metadata(config: Config) -> dict[str, Value]:
    return {**_classifier_metadata(config), **_roberta_metadata(config)}


def _config(file: GgufFile) -> dict[str, Any]:
    types = file.tensor("token_types.weight")
    return {
        "max_position_embeddings": file.number("bert.context_length", 512),
        "hidden_act": "gelu",
        "type_vocab_size": types.shape[1] if types else 1,
        "position_embedding_type": "absolute",
    }


def _roberta_config(file: GgufFile) -> dict[str, Any]:
    padding = file.number("tokenizer.ggml.padding_token_id", 1)
    found = _config(file)
    return {**found, "pad_token_id": padding, "max_position_embeddings": found["max_position_embeddings"] + padding + 1}


def _is_unigram(file: GgufFile) -> bool:
    return file.text("tokenizer.ggml.model", "") in ("t5", "gpt2")


def _is_classifier(file: GgufFile) -> bool:
    return file.tensor("cls.output.weight") is not None or file.tensor("cls.weight") is not None


BERT = Family(
    gguf="bert",
    architectures=("BertModel", "BertForMaskedLM", "BertForPreTraining"),
    model_type="bert",
    keys=_KEYS,
    rules=_rules(SAME),
    renames=_RENAMES,
    ignored=_IGNORED,
    always_f32=_ALWAYS_F32,
    more_metadata=_metadata,
    more_config=_config,
    fits=lambda file: not _is_unigram(file) and not _is_classifier(file),
    is_generator=False,
)
# BERT's own classifier puts a dense layer and tanh (the pooler) before the answers.
BERT_CLASSIFIER = Family(
    gguf="bert",
    architectures=("BertForSequenceClassification",),
    model_type="bert",
    keys=_KEYS,
    rules=(
        *_rules(SAME),
        Rule("cls.{s}", "pooler.dense.{s}"),
        Rule("cls.output.{s}", "classifier.{s}"),
    ),
    renames=_RENAMES,
    ignored=(r"position_ids$", r"^cls\."),
    always_f32=_ALWAYS_F32,
    more_metadata=_classifier_metadata,
    more_config=_config,
    fits=lambda file: not _is_unigram(file) and _is_classifier(file),
    is_generator=False,
)
ROBERTA = Family(
    gguf="bert",
    architectures=("XLMRobertaModel", "RobertaModel", "XLMRobertaForMaskedLM", "RobertaForMaskedLM"),
    model_type="xlm-roberta",
    keys=_KEYS,
    rules=_rules(WITHOUT_PADDING),
    renames=_RENAMES,
    ignored=_IGNORED,
    always_f32=_ALWAYS_F32,
    more_metadata=_roberta_metadata,
    more_config=_roberta_config,
    fits=lambda file: _is_unigram(file) and not _is_classifier(file),
    is_generator=False,
)
CROSS_ENCODER = Family(
    gguf="bert",
    architectures=("XLMRobertaForSequenceClassification", "RobertaForSequenceClassification"),
    model_type="xlm-roberta",
    keys=_KEYS,
    rules=(
        *_rules(WITHOUT_PADDING),
        Rule("cls.{s}", "classifier.dense.{s}"),
        Rule("cls.output.{s}", "classifier.out_proj.{s}"),
    ),
    renames=_RENAMES,
    ignored=_IGNORED,
    always_f32=_ALWAYS_F32,
    more_metadata=_roberta_classifier_metadata,
    more_config=_roberta_config,
    fits=lambda file: _is_unigram(file) and _is_classifier(file),
    is_generator=False,
)

FAMILIES = (BERT, BERT_CLASSIFIER, ROBERTA, CROSS_ENCODER)
