"""What the tables of most language models share."""

from typing import Any, Final

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Key, shortest
from rushlight.quant.convert.rope import rope_config, rope_metadata
from rushlight.quant.convert.rule import SAME, Change, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

LAYER: Final = "model.layers.{i}."
SIZES: Final = (
    Key("context_length", "max_position_embeddings"),
    Key("embedding_length", "hidden_size"),
    Key("block_count", "num_hidden_layers"),
    Key("feed_forward_length", "intermediate_size"),
    Key("attention.head_count", "num_attention_heads"),
    Key("attention.head_count_kv", "num_key_value_heads", default=lambda config: config.n_heads),
    Key("vocab_size", "vocab_size"),
)
RMS_EPSILON: Final = Key("attention.layer_norm_rms_epsilon", "rms_norm_eps", float, 1e-6)
EXPERT_COUNTS: Final = (
    Key("expert_count", "num_experts", other_names=("num_local_experts",)),
    Key("expert_used_count", "num_experts_per_tok"),
)

# What a checkpoint may hold beside the weights: tables that are computed anew, and heads of training.
NOT_WEIGHTS: Final = (r"rotary_emb\.inv_freq$", r"\.attention\.masked_bias$", r"position_ids$", r"^mtp\.")
# The language model inside one that sees, and bare models without a head.
INNER_NAMES: Final = (
    (r"^(?:model\.)?language_model\.(?:model\.)?", "model."),
    (r"^model\.lm_head\.", "lm_head."),
    (r"^(embed_tokens|layers|norm)\.", r"model.\1."),
)
NOT_LANGUAGE: Final = (
    r"^(?:model\.)?(?:vision_tower|vision_model|multi_modal_projector|visual|audio_tower|embed_vision)\.",
)


def frame(head: bool = True, norm: Change = SAME) -> tuple[Rule, ...]:
    """Embedding, last norm and head."""
    rules = (
        Rule("token_embd.weight", "model.embed_tokens.weight"),
        Rule("output_norm.weight", "model.norm.weight", norm),
    )
    return (*rules, Rule("output.weight", "lm_head.weight")) if head else rules


def attention(queries: Change = SAME, keys: Change = SAME) -> tuple[Rule, ...]:
    return (
        Rule("blk.{i}.attn_q.{s}", LAYER + "self_attn.q_proj.{s}", queries),
        Rule("blk.{i}.attn_k.{s}", LAYER + "self_attn.k_proj.{s}", keys),
        Rule("blk.{i}.attn_v.{s}", LAYER + "self_attn.v_proj.{s}"),
        Rule("blk.{i}.attn_output.{s}", LAYER + "self_attn.o_proj.{s}"),
    )


def norms(norm: Change = SAME) -> tuple[Rule, ...]:
    return (
        Rule("blk.{i}.attn_norm.weight", LAYER + "input_layernorm.weight", norm),
        Rule("blk.{i}.ffn_norm.weight", LAYER + "post_attention_layernorm.weight", norm),
    )


def gated() -> tuple[Rule, ...]:
    return tuple(
        Rule(f"blk.{{i}}.ffn_{part}.{{s}}", LAYER + f"mlp.{part}_proj.{{s}}") for part in ("gate", "up", "down")
    )


def head_sizes(config: Config) -> dict[str, Value]:
    """Keys for heads that are not as wide as the model divided by their number, and how much of one is rotated."""
    found: dict[str, Value] = {
        "rope.dimension_count": int(config.head_size * config.number("partial_rotary_factor", default=1.0))
    }
    if config.head_size * config.n_heads != config.whole("hidden_size"):
        found["attention.key_length"] = config.head_size
        found["attention.value_length"] = config.head_size
    return found


def rope_and_heads(config: Config) -> dict[str, Value]:
    return {**head_sizes(config), **rope_metadata(config)}


def decoder_config(prefix: str, **fixed: Any) -> "_DecoderConfig":
    """What of config.json follows from the metadata of a language model."""
    return _DecoderConfig(prefix, fixed)


class _DecoderConfig:
    def __init__(self, prefix: str, fixed: dict[str, Any]) -> None:
        self._prefix = prefix
        self._fixed = fixed

    def __call__(self, file: GgufFile) -> dict[str, Any]:
        prefix = self._prefix
        heads = file.number(f"{prefix}.attention.head_count", 1)
        size = file.number(
            f"{prefix}.attention.key_length", file.number(f"{prefix}.embedding_length", 1) // max(1, heads)
        )
        found: dict[str, Any] = {"hidden_act": "silu", "head_dim": size, **rope_config(file, prefix)}
        found.update(self._fixed)
        return found


def per_layer_number(file: GgufFile, key: str) -> int:
    """A number that is the same in all layers; an `Error` for a model whose layers differ."""
    value = file.metadata.get(key)
    if isinstance(value, int):
        return value
    raise Error(
        f"Cannot unpack {file.path.name}: its layers differ in {key}.",
        "Such models have no form there.",
        kind="unsupported",
    )


__all__ = [
    "EXPERT_COUNTS",
    "INNER_NAMES",
    "LAYER",
    "NOT_LANGUAGE",
    "NOT_WEIGHTS",
    "RMS_EPSILON",
    "SIZES",
    "attention",
    "decoder_config",
    "frame",
    "gated",
    "head_sizes",
    "norms",
    "per_layer_number",
    "rope_and_heads",
    "shortest",
]
