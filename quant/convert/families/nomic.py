"""Nomic's embedding models: BERT with rotated heads, a gated middle and no biases."""

from typing import Any

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Family, Key, shortest
from rushlight.quant.convert.rule import Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_LAYER = "encoder.layers.{i}."


def _metadata(config: Config) -> dict[str, Value]:
    positions = config.whole("n_positions", "max_position_embeddings")
    trained = config.whole("max_trained_positions", default=2048)
    return {
        "context_length": min(positions, trained),
        "attention.causal": False,
        "rope.freq_base": config.number("rotary_emb_base", default=float(config.rope()["rope_theta"])),
    }


def _refuse(config: Config) -> None:
    fits = (
        not config.get("moe_every_n_layers")
        and config.get("activation_function", "hidden_act") in ("swiglu", "silu")
        and not config.get("prenorm")
        and float(config.get("rotary_emb_fraction", default=1.0)) == 1.0
        and not config.get("rotary_emb_interleaved")
        and not config.get("qkv_proj_bias")
    )
    if not fits:
        raise Error(
            "Cannot convert: of Nomic's models only the dense ones with a gated middle are known here.",
            "nomic-embed-text v1 and v1.5 are such.",
            kind="unsupported",
        )


def _config(file: GgufFile) -> dict[str, Any]:
    types = file.tensor("token_types.weight")
    length = file.number("nomic-bert.context_length", 2048)
    base = shortest(file.number("nomic-bert.rope.freq_base", 10_000.0))
    return {
        "max_position_embeddings": length,
        "max_trained_positions": length,
        "rope_parameters": {"rope_type": "default", "rope_theta": base},
        "hidden_act": "silu",
        "type_vocab_size": types.shape[1] if types else 1,
    }


NOMIC_BERT = Family(
    gguf="nomic-bert",
    architectures=("NomicBertModel",),
    model_type="nomic_bert",
    keys=(
        Key("embedding_length", "hidden_size", other_names=("n_embd",)),
        Key("block_count", "num_hidden_layers", other_names=("n_layer",)),
        Key("feed_forward_length", "intermediate_size", other_names=("n_inner",)),
        Key("attention.head_count", "num_attention_heads", other_names=("n_head",)),
        Key("attention.layer_norm_epsilon", "layer_norm_eps", float, 1e-12, other_names=("layer_norm_epsilon",)),
    ),
    rules=(
        Rule("token_embd.weight", "embeddings.word_embeddings.weight"),
        Rule("token_types.weight", "embeddings.token_type_embeddings.weight"),
        Rule("token_embd_norm.{s}", "emb_ln.{s}"),
        Rule("blk.{i}.attn_qkv.weight", _LAYER + "attn.Wqkv.weight"),
        Rule("blk.{i}.attn_output.weight", _LAYER + "attn.out_proj.weight"),
        Rule("blk.{i}.attn_output_norm.{s}", _LAYER + "norm1.{s}"),
        Rule("blk.{i}.ffn_up.weight", _LAYER + "mlp.fc11.weight"),
        Rule("blk.{i}.ffn_gate.weight", _LAYER + "mlp.fc12.weight"),
        Rule("blk.{i}.ffn_down.weight", _LAYER + "mlp.fc2.weight"),
        Rule("blk.{i}.layer_output_norm.{s}", _LAYER + "norm2.{s}"),
    ),
    ignored=(r"^pooler\.", r"^cls\."),
    always_f32=("token_types.weight",),
    more_metadata=_metadata,
    more_config=_config,
    refuse=_refuse,
    is_generator=False,
)

FAMILIES = (NOMIC_BERT,)
