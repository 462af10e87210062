"""Phi 3 and 4: queries, keys and values in one matrix, gate and up in another, on both sides."""

from typing import Any

from rushlight.quant.convert.config import Config
from rushlight.quant.convert.families import common
from rushlight.quant.convert.family import Family
from rushlight.quant.convert.rope import rope_metadata, rope_tensors
from rushlight.quant.convert.rule import Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value


def _metadata(config: Config) -> dict[str, Value]:
    found = {**common.head_sizes(config), **rope_metadata(config)}
    rotated = config.rope().get("partial_rotary_factor") or config.get("partial_rotary_factor", default=1.0)
    found["rope.dimension_count"] = int(float(rotated) * config.head_size)
    trained = config.get("original_max_position_embeddings", "max_position_embeddings")
    found.setdefault("rope.scaling.original_context_length", int(trained))
    # 0 tells llama.cpp that no layer has a window (Phi 4)
    found["attention.sliding_window"] = config.whole("sliding_window", default=0)
    return found


def _config(file: GgufFile) -> dict[str, Any]:
    found = common.decoder_config("phi3")(file)
    window = file.number("phi3.attention.sliding_window", 0)
    found["sliding_window"] = window or None
    found["original_max_position_embeddings"] = file.number(
        "phi3.rope.scaling.original_context_length", file.number("phi3.context_length", 4096)
    )
    rotated = file.number("phi3.rope.dimension_count", found["head_dim"]) / found["head_dim"]
    found["partial_rotary_factor"] = found["rope_parameters"]["partial_rotary_factor"] = rotated
    # its class names ids that these vocabularies need not have
    return {**found, "pad_token_id": None}


PHI3 = Family(
    gguf="phi3",
    architectures=("Phi3ForCausalLM",),
    model_type="phi3",
    keys=(*common.SIZES, common.RMS_EPSILON),
    rules=(
        *common.frame(),
        *common.norms(),
        Rule("blk.{i}.attn_qkv.{s}", common.LAYER + "self_attn.qkv_proj.{s}"),
        Rule("blk.{i}.attn_output.{s}", common.LAYER + "self_attn.o_proj.{s}"),
        Rule("blk.{i}.ffn_up.{s}", common.LAYER + "mlp.gate_up_proj.{s}"),
        Rule("blk.{i}.ffn_down.{s}", common.LAYER + "mlp.down_proj.{s}"),
    ),
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=_metadata,
    more_config=_config,
    more_tensors=rope_tensors,
)

FAMILIES = (PHI3,)
