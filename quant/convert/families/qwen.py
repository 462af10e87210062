"""Qwen 2, 2.5 and 3, dense and with experts. Their heads are rotated in halves on both sides: nothing is reordered."""

from typing import Any

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.families import common
from rushlight.quant.convert.family import Family, Key
from rushlight.quant.convert.rule import EXPERTS, Rule
from rushlight.quant.gguf_values import GgufFile

_FRAME = (*common.frame(), *common.norms(), *common.attention())
_HEAD_NORMS = (
    Rule("blk.{i}.attn_q_norm.weight", common.LAYER + "self_attn.q_norm.weight"),
    Rule("blk.{i}.attn_k_norm.weight", common.LAYER + "self_attn.k_norm.weight"),
)
_EXPERTS = (
    Rule("blk.{i}.ffn_gate_inp.weight", common.LAYER + "mlp.gate.weight"),
    *(
        Rule(f"blk.{{i}}.ffn_{part}_exps.weight", common.LAYER + f"mlp.experts.{{e}}.{part}_proj.weight", EXPERTS)
        for part in ("gate", "up", "down")
    ),
)
_SHARED_EXPERT = (
    Rule("blk.{i}.ffn_gate_inp_shexp.weight", common.LAYER + "mlp.shared_expert_gate.weight"),
    *(
        Rule(f"blk.{{i}}.ffn_{part}_shexp.weight", common.LAYER + f"mlp.shared_expert.{part}_proj.weight")
        for part in ("gate", "up", "down")
    ),
)
_EXPERT_KEYS = (*common.EXPERT_COUNTS, Key("expert_feed_forward_length", "moe_intermediate_size"))


def _every_layer_has_experts(config: Config) -> None:
    if config.whole("decoder_sparse_step", default=1) != 1 or config.get("mlp_only_layers"):
        raise Error(
            "Cannot convert: some layers of this model have no experts.",
            "llama.cpp has no form for it.",
            kind="unsupported",
        )


def _qwen3_moe(file: GgufFile) -> dict[str, Any]:
    # without this key transformers would divide by the sum or not, depending on the version
    return {**common.decoder_config("qwen3moe")(file), "norm_topk_prob": True, "decoder_sparse_step": 1}


QWEN2 = Family(
    gguf="qwen2",
    architectures=("Qwen2ForCausalLM", "Qwen2Model"),
    model_type="qwen2",
    keys=(*common.SIZES, common.RMS_EPSILON),
    rules=(*_FRAME, *common.gated()),
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=common.rope_and_heads,
    more_config=common.decoder_config("qwen2"),
)
QWEN3 = Family(
    gguf="qwen3",
    architectures=("Qwen3ForCausalLM", "Qwen3Model"),
    model_type="qwen3",
    keys=(*common.SIZES, common.RMS_EPSILON),
    rules=(*_FRAME, *_HEAD_NORMS, *common.gated()),
    defaults={"head_dim": 128},
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=common.rope_and_heads,
    more_config=common.decoder_config("qwen3"),
)
QWEN2_MOE = Family(
    gguf="qwen2moe",
    architectures=("Qwen2MoeForCausalLM",),
    model_type="qwen2_moe",
    keys=(
        *common.SIZES,
        common.RMS_EPSILON,
        *_EXPERT_KEYS,
        Key("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
    ),
    rules=(*_FRAME, *_EXPERTS, *_SHARED_EXPERT),
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=common.rope_and_heads,
    more_config=common.decoder_config("qwen2moe", norm_topk_prob=False, decoder_sparse_step=1),
    refuse=_every_layer_has_experts,
)
QWEN3_MOE = Family(
    gguf="qwen3moe",
    architectures=("Qwen3MoeForCausalLM",),
    model_type="qwen3_moe",
    keys=(*common.SIZES, common.RMS_EPSILON, *_EXPERT_KEYS),
    rules=(*_FRAME, *_HEAD_NORMS, *_EXPERTS),
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=common.rope_and_heads,
    more_config=_qwen3_moe,
    refuse=_every_layer_has_experts,
)

FAMILIES = (QWEN2, QWEN3, QWEN2_MOE, QWEN3_MOE)
