"""LFM2: a hybrid, most of whose layers are short convolutions and some attention."""

from typing import Any

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.families import common
from rushlight.quant.convert.family import Family, Key
from rushlight.quant.convert.rope import rope_metadata
from rushlight.quant.convert.rule import SQUEEZED, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Typed, Value


def _layer_types(config: Config) -> list[str]:
    """Of each layer "conv" or "full_attention"; older settings list the latter by number."""
    kinds = config.get("layer_types")
    if kinds is None:
        attends = set(config.get("full_attn_idxs", default=range(config.n_layers)))
        kinds = ["full_attention" if layer in attends else "conv" for layer in range(config.n_layers)]
    if len(kinds) != config.n_layers or not set(kinds) <= {"conv", "full_attention"}:
        raise Error("Cannot convert: the kinds of the layers are not understood.", kind="unsupported")
    return [str(kind) for kind in kinds]


def _middle(config: Config) -> int:
    """The width of the middle, which these models compute from what config.json says."""
    width = config.whole("intermediate_size", "block_ff_dim")
    if config.get("block_auto_adjust_ff_dim", default=True):
        width = int(2 * width / 3)
        factor = config.get("block_ffn_dim_multiplier")
        if factor is not None:
            width = int(float(factor) * width)
            multiple = config.whole("block_multiple_of", default=256)
            width = -(-width // multiple) * multiple
    return width


def _metadata(config: Config) -> dict[str, Value]:
    kv_heads = [config.n_kv_heads if kind == "full_attention" else 0 for kind in _layer_types(config)]
    return {
        **rope_metadata(config),
        "feed_forward_length": _middle(config),
        "attention.head_count_kv": Typed("array of int32", kv_heads),
        "shortconv.l_cache": config.whole("conv_L_cache", default=3),
    }


def _refuse(config: Config) -> None:
    if config.get("conv_bias"):
        raise Error("Cannot convert: llama.cpp has no form for convolutions with biases here.", kind="unsupported")


def _config(file: GgufFile) -> dict[str, Any]:
    per_layer = file.metadata.get("lfm2.attention.head_count_kv")
    kv_heads = list(per_layer) if isinstance(per_layer, list) else []
    return {
        **common.decoder_config("lfm2")(file),
        "num_key_value_heads": max(kv_heads, default=1) or 1,
        "layer_types": ["full_attention" if count else "conv" for count in kv_heads],
        "intermediate_size": file.number("lfm2.feed_forward_length", 0),
        "block_auto_adjust_ff_dim": False,
        "conv_L_cache": file.number("lfm2.shortconv.l_cache", 3),
        "conv_bias": False,
    }


LFM2 = Family(
    gguf="lfm2",
    architectures=("Lfm2ForCausalLM", "LFM2ForCausalLM"),
    model_type="lfm2",
    keys=(
        Key("context_length", "max_position_embeddings"),
        Key("embedding_length", "hidden_size"),
        Key("block_count", "num_hidden_layers"),
        Key("attention.head_count", "num_attention_heads"),
        Key("vocab_size", "vocab_size"),
        Key("attention.layer_norm_rms_epsilon", "norm_eps", float, 1e-5, other_names=("block_norm_eps",)),
    ),
    rules=(
        Rule("token_embd.weight", "model.embed_tokens.weight"),
        Rule("token_embd_norm.weight", "model.embedding_norm.weight"),  # in truth the last one
        Rule("output.weight", "lm_head.weight"),
        Rule("blk.{i}.attn_norm.weight", common.LAYER + "operator_norm.weight"),
        Rule("blk.{i}.ffn_norm.weight", common.LAYER + "ffn_norm.weight"),
        *(Rule(f"blk.{{i}}.attn_{part}.weight", common.LAYER + f"self_attn.{part}_proj.weight") for part in "qkv"),
        Rule("blk.{i}.attn_output.weight", common.LAYER + "self_attn.out_proj.weight"),
        Rule("blk.{i}.attn_q_norm.weight", common.LAYER + "self_attn.q_layernorm.weight"),
        Rule("blk.{i}.attn_k_norm.weight", common.LAYER + "self_attn.k_layernorm.weight"),
        Rule("blk.{i}.shortconv.conv.weight", common.LAYER + "conv.conv.weight", SQUEEZED),
        Rule("blk.{i}.shortconv.in_proj.weight", common.LAYER + "conv.in_proj.weight"),
        Rule("blk.{i}.shortconv.out_proj.weight", common.LAYER + "conv.out_proj.weight"),
        Rule("blk.{i}.ffn_gate.weight", common.LAYER + "feed_forward.w1.weight"),
        Rule("blk.{i}.ffn_down.weight", common.LAYER + "feed_forward.w2.weight"),
        Rule("blk.{i}.ffn_up.weight", common.LAYER + "feed_forward.w3.weight"),
    ),
    defaults={"rope_theta": 1_000_000.0},
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    always_f32=("shortconv.conv.weight",),
    more_metadata=_metadata,
    more_config=_config,
    refuse=_refuse,
    tied_by_default=True,
)

FAMILIES = (LFM2,)
