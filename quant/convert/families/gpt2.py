"""GPT-2: learned positions, matrices on their side, the head the embedding unless it has its own."""

from typing import Any

from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Family, Key
from rushlight.quant.convert.rule import FLIPPED, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_LAYER = "h.{i}."


def _metadata(config: Config) -> dict[str, Value]:
    return {"feed_forward_length": config.whole("n_inner", default=4 * config.whole("n_embd"))}


def _config(file: GgufFile) -> dict[str, Any]:
    return {
        "n_inner": file.number("gpt2.feed_forward_length", 0) or None,
        "n_ctx": file.number("gpt2.context_length", 1024),
        "activation_function": "gelu_new",
        "tie_word_embeddings": file.tensor("output.weight") is None,
    }


def _matrix(ours: str, theirs: str) -> tuple[Rule, ...]:
    return (
        Rule(f"blk.{{i}}.{ours}.weight", f"{_LAYER}{theirs}.weight", FLIPPED),
        Rule(f"blk.{{i}}.{ours}.bias", f"{_LAYER}{theirs}.bias"),
    )


GPT2 = Family(
    gguf="gpt2",
    architectures=("GPT2LMHeadModel", "GPT2Model"),
    model_type="gpt2",
    keys=(
        Key("context_length", "n_positions", other_names=("n_ctx",)),
        Key("embedding_length", "n_embd"),
        Key("block_count", "n_layer"),
        Key("attention.head_count", "n_head"),
        Key("attention.layer_norm_epsilon", "layer_norm_epsilon", float, 1e-5),
    ),
    rules=(
        Rule("token_embd.weight", "wte.weight"),
        Rule("position_embd.weight", "wpe.weight"),
        Rule("output_norm.{s}", "ln_f.{s}"),
        Rule("output.weight", "lm_head.weight"),
        Rule("blk.{i}.attn_norm.{s}", _LAYER + "ln_1.{s}"),
        *_matrix("attn_qkv", "attn.c_attn"),
        *_matrix("attn_output", "attn.c_proj"),
        Rule("blk.{i}.ffn_norm.{s}", _LAYER + "ln_2.{s}"),
        *_matrix("ffn_up", "mlp.c_fc"),
        *_matrix("ffn_down", "mlp.c_proj"),
    ),
    renames=((r"^transformer\.", ""),),
    ignored=(r"\.attn\.bias$", r"\.attn\.masked_bias$"),
    more_metadata=_metadata,
    more_config=_config,
    always_f32=("position_embd.weight",),
    tied_by_default=True,
    module_prefix="transformer.",
)

FAMILIES = (GPT2,)
