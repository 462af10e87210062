"""Llama, Mistral, SmolLM and Mixtral: heads rotated in interleaved pairs, so queries and keys change their order."""

from rushlight.quant.convert.config import Config
from rushlight.quant.convert.families import common
from rushlight.quant.convert.family import Family
from rushlight.quant.convert.rope import rope_tensors
from rushlight.quant.convert.rule import EXPERTS, ROPE_KEYS, ROPE_QUERIES, Rule
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value

_ATTENTION = (*common.frame(), *common.norms(), *common.attention(ROPE_QUERIES, ROPE_KEYS))
_MIXTURE = common.LAYER + "block_sparse_moe."


def _is_mixture(file: GgufFile) -> bool:
    return file.number("llama.expert_count", 0) > 0


def _mixtral(config: Config) -> dict[str, Value]:
    return {**common.rope_and_heads(config), "expert_feed_forward_length": config.whole("intermediate_size")}


LLAMA = Family(
    gguf="llama",
    architectures=("LlamaForCausalLM", "MistralForCausalLM", "LLaMAForCausalLM", "LlamaModel", "MistralModel",
                   "LlavaForConditionalGeneration"),
    model_type="llama",
    keys=(*common.SIZES, common.RMS_EPSILON),
    rules=(*_ATTENTION, *common.gated()),
    renames=common.INNER_NAMES,
    ignored=(*common.NOT_WEIGHTS, *common.NOT_LANGUAGE),
    more_metadata=common.rope_and_heads,
    more_config=common.decoder_config("llama"),
    more_tensors=rope_tensors,
    fits=lambda file: not _is_mixture(file),
)  # fmt: skip

MIXTRAL = Family(
    gguf="llama",
    architectures=("MixtralForCausalLM",),
    model_type="mixtral",
    keys=(*common.SIZES, common.RMS_EPSILON, *common.EXPERT_COUNTS),
    rules=(
        *_ATTENTION,
        Rule("blk.{i}.ffn_gate_inp.weight", _MIXTURE + "gate.weight"),
        Rule("blk.{i}.ffn_gate_exps.weight", _MIXTURE + "experts.{e}.w1.weight", EXPERTS),
        Rule("blk.{i}.ffn_down_exps.weight", _MIXTURE + "experts.{e}.w2.weight", EXPERTS),
        Rule("blk.{i}.ffn_up_exps.weight", _MIXTURE + "experts.{e}.w3.weight", EXPERTS),
    ),
    renames=common.INNER_NAMES,
    ignored=common.NOT_WEIGHTS,
    more_metadata=_mixtral,
    more_config=lambda file: {
        **common.decoder_config("llama")(file),
        "num_local_experts": file.number("llama.expert_count", 0),
    },
    fits=_is_mixture,
)

FAMILIES = (LLAMA, MIXTRAL)
