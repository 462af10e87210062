"""Mamba and Falcon Mamba: state space models, without attention."""

from typing import Any

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Family, Key, shortest
from rushlight.quant.convert.rule import FROM_LOG, SQUEEZED, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_LAYER = "backbone.layers.{i}."
_CONTEXT = 1 << 20  # such models have no longest text


def _rank(config: Config) -> int:
    rank = config.get("time_step_rank", "dt_rank", default="auto")
    return rank if isinstance(rank, int) else -(config.whole("hidden_size", "d_model") // -16)


def _metadata(config: Config) -> dict[str, Value]:
    width = config.whole("hidden_size", "d_model")
    return {
        "context_length": _CONTEXT,
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "ssm.inner_size": config.whole("intermediate_size", "d_inner", default=2 * width),
        "ssm.time_step_rank": _rank(config),
        "ssm.dt_b_c_rms": config.get("model_type") == "falcon_mamba",
    }


def _refuse(config: Config) -> None:
    width = config.whole("hidden_size", "d_model")
    if config.whole("intermediate_size", "d_inner", default=2 * width) != 2 * width:
        raise Error(
            "Cannot convert: llama.cpp runs Mamba models whose inner width is twice the outer one.", kind="unsupported"
        )


def _config(file: GgufFile) -> dict[str, Any]:
    return {
        "intermediate_size": file.number("mamba.ssm.inner_size", 0),
        "time_step_rank": file.number("mamba.ssm.time_step_rank", 0),
        "expand": 2,
        "hidden_act": "silu",
        "use_bias": False,
        "use_conv_bias": file.tensor("blk.0.ssm_conv1d.bias") is not None,
        "residual_in_fp32": True,
        "mixer_rms_eps": shortest(file.number("mamba.attention.layer_norm_rms_epsilon", 1e-5)),  # Falcon's
    }


def _has_inner_norms(file: GgufFile) -> bool:
    return file.metadata.get("mamba.ssm.dt_b_c_rms") is True


_RULES = (
    Rule("token_embd.weight", "backbone.embeddings.weight"),
    Rule("output_norm.weight", "backbone.norm_f.weight"),
    Rule("output.weight", "lm_head.weight"),
    Rule("blk.{i}.attn_norm.weight", _LAYER + "norm.weight"),
    Rule("blk.{i}.ssm_in.weight", _LAYER + "mixer.in_proj.weight"),
    Rule("blk.{i}.ssm_conv1d.weight", _LAYER + "mixer.conv1d.weight", SQUEEZED),
    Rule("blk.{i}.ssm_conv1d.bias", _LAYER + "mixer.conv1d.bias"),
    Rule("blk.{i}.ssm_x.weight", _LAYER + "mixer.x_proj.weight"),
    Rule("blk.{i}.ssm_dt.{s}", _LAYER + "mixer.dt_proj.{s}"),
    Rule("blk.{i}.ssm_a", _LAYER + "mixer.A_log", FROM_LOG),
    Rule("blk.{i}.ssm_d", _LAYER + "mixer.D"),
    Rule("blk.{i}.ssm_out.weight", _LAYER + "mixer.out_proj.weight"),
)
_KEYS = (
    Key("embedding_length", "hidden_size", other_names=("d_model",)),
    Key("block_count", "num_hidden_layers", other_names=("n_layer",)),
    Key("ssm.conv_kernel", "conv_kernel", default=4, other_names=("d_conv",)),
    Key("ssm.state_size", "state_size", default=16, other_names=("d_state",)),
    Key("attention.layer_norm_rms_epsilon", "layer_norm_epsilon", float, 1e-5),
    Key("vocab_size", "vocab_size"),
)
_ALWAYS_F32 = ("ssm_conv1d.weight", "ssm_a", "ssm_d", "ssm_x.weight", "ssm_dt.weight")
_RENAMES = ((r"^backbone\.embedding\.", "backbone.embeddings."),)

MAMBA = Family(
    gguf="mamba",
    architectures=("MambaForCausalLM", "MambaLMHeadModel"),
    model_type="mamba",
    keys=_KEYS,
    rules=_RULES,
    renames=_RENAMES,
    more_metadata=_metadata,
    more_config=_config,
    always_f32=_ALWAYS_F32,
    fits=lambda file: not _has_inner_norms(file),
    refuse=_refuse,
    tied_by_default=True,
)
FALCON_MAMBA = Family(
    gguf="mamba",
    architectures=("FalconMambaForCausalLM",),
    model_type="falcon_mamba",
    keys=_KEYS,
    rules=_RULES,
    renames=_RENAMES,
    more_metadata=_metadata,
    more_config=_config,
    always_f32=_ALWAYS_F32,
    fits=_has_inner_norms,
    refuse=_refuse,
)

FAMILIES = (MAMBA, FALCON_MAMBA)
