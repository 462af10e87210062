"""Gemma 1 to 3 (text): norms stored as one more, a head that is always the embedding, windows in most layers."""

from typing import Any, Final

from rushlight.quant.convert.config import Config
from rushlight.quant.convert.families import common
from rushlight.quant.convert.family import Family, Key, shortest
from rushlight.quant.convert.rope import rope_config, rope_metadata
from rushlight.quant.convert.rule import PLUS_ONE, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_FRAME = (*common.frame(head=False, norm=PLUS_ONE), *common.attention(), *common.gated())
_IGNORED = (*common.NOT_WEIGHTS, *common.NOT_LANGUAGE, r"^lm_head\.weight$")
_FOUR_NORMS = tuple(
    Rule(f"blk.{{i}}.{ours}.weight", common.LAYER + f"{theirs}.weight", PLUS_ONE)
    for ours, theirs in (
        ("attn_norm", "input_layernorm"),
        ("post_attention_norm", "post_attention_layernorm"),
        ("ffn_norm", "pre_feedforward_layernorm"),
        ("post_ffw_norm", "post_feedforward_layernorm"),
    )
)
_HEAD_NORMS = tuple(
    Rule(f"blk.{{i}}.attn_{part}_norm.weight", common.LAYER + f"self_attn.{part}_norm.weight", PLUS_ONE)
    for part in ("q", "k")
)
_WINDOW = Key("attention.sliding_window", "sliding_window")
_GEMMA3_DEFAULTS: Final = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "rms_norm_eps": 1e-6,
    "max_position_embeddings": 131_072,
    "sliding_window": 4096,
    "vocab_size": 262_208,
    "rope_theta": 1_000_000.0,
}


def _heads(config: Config) -> dict[str, Value]:
    return {"attention.key_length": config.head_size, "attention.value_length": config.head_size}


def _gemma3_metadata(config: Config) -> dict[str, Value]:
    found = {**_heads(config), **rope_metadata(config)}
    local = config.rope("sliding_attention")["rope_theta"]
    if float(local) != 10_000.0:
        found["rope.freq_base_swa"] = float(local)
    cap = config.get("final_logit_softcapping")
    return {**found, "final_logit_softcapping": float(cap)} if cap else found


def _config(prefix: str, activation: str) -> dict[str, Any]:
    return {"hidden_act": activation, "hidden_activation": activation, "tie_word_embeddings": True}


def _gemma3_config(file: GgufFile) -> dict[str, Any]:
    ropes = rope_config(file, "gemma3", 1_000_000.0)["rope_parameters"]
    size = file.number("gemma3.attention.key_length", 256)
    n_layers = file.number("gemma3.block_count", 0)
    return {
        **_config("gemma3", "gelu_pytorch_tanh"),
        "head_dim": size,
        # llama.cpp scales by the size of a head, but for the 27B model; so do the others
        "query_pre_attn_scalar": 168 if n_layers == 62 else size,
        "rope_parameters": {
            "full_attention": ropes,
            "sliding_attention": {
                "rope_type": "default",
                "rope_theta": shortest(file.number("gemma3.rope.freq_base_swa", 10_000.0)),
            },
        },
        "layer_types": ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(n_layers)],
        "use_bidirectional_attention": False,
    }


GEMMA = Family(
    gguf="gemma",
    architectures=("GemmaForCausalLM", "GemmaModel"),
    model_type="gemma",
    keys=(*common.SIZES[:-1], common.RMS_EPSILON),
    rules=(*_FRAME, *common.norms(PLUS_ONE)),
    defaults={"head_dim": 256, "num_key_value_heads": 16},
    renames=common.INNER_NAMES,
    ignored=_IGNORED,
    more_metadata=_heads,
    more_config=lambda file: {
        **common.decoder_config("gemma")(file),
        **_config("gemma", "gelu_pytorch_tanh"),
    },
    tied_by_default=True,
)
GEMMA2 = Family(
    gguf="gemma2",
    architectures=("Gemma2ForCausalLM", "Gemma2Model"),
    model_type="gemma2",
    keys=(
        *common.SIZES[:-1],
        common.RMS_EPSILON,
        Key("attn_logit_softcapping", "attn_logit_softcapping", float, 50.0),
        Key("final_logit_softcapping", "final_logit_softcapping", float, 30.0),
        _WINDOW,
    ),
    rules=(*_FRAME, *_FOUR_NORMS),
    defaults={"head_dim": 256, "num_key_value_heads": 4, "sliding_window": 4096},
    renames=common.INNER_NAMES,
    ignored=_IGNORED,
    more_metadata=_heads,
    more_config=lambda file: {
        **common.decoder_config("gemma2")(file),
        **_config("gemma2", "gelu_pytorch_tanh"),
        "query_pre_attn_scalar": _gemma2_scale(file),
    },
    tied_by_default=True,
)
GEMMA3 = Family(
    gguf="gemma3",
    architectures=("Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", "Gemma3TextModel"),
    model_type="gemma3_text",
    keys=(*common.SIZES, common.RMS_EPSILON, _WINDOW),
    rules=(*_FRAME, *_FOUR_NORMS, *_HEAD_NORMS),
    defaults=_GEMMA3_DEFAULTS,
    renames=common.INNER_NAMES,
    ignored=_IGNORED,
    more_metadata=_gemma3_metadata,
    more_config=_gemma3_config,
    tied_by_default=True,
)


def _gemma2_scale(file: GgufFile) -> int:
    """llama.cpp knows the 27B model, which scales by the width of the model over its heads, by its 46 layers."""
    if file.number("gemma2.block_count", 0) == 46:
        return file.number("gemma2.embedding_length", 4608) // file.number("gemma2.attention.head_count", 32)
    return file.number("gemma2.attention.key_length", 256)


FAMILIES = (GEMMA, GEMMA2, GEMMA3)
