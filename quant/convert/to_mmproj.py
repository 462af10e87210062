"""The eyes of a model that sees (LLaVA over CLIP) into a GGUF file of its own, which llama.cpp calls mmproj.

The language model of the same folder is converted by `to_gguf`. Knows CLIP's tower and the two layers behind it.
"""

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.family import Family
from rushlight.quant.convert.rule import Rule, Whole
from rushlight.quant.convert.to_gguf import FILE_TYPES, Converted, open_weights
from rushlight.quant.gguf_types import type_size
from rushlight.quant.gguf_write import NamedRows, Typed, Value, write_gguf
from rushlight.quant.rows import Rows

_LAYER: Final = "vision.encoder.layers.{i}."
_RULES: Final = (
    Rule("v.class_embd", "vision.embeddings.class_embedding", Whole()),
    Rule("v.patch_embd.weight", "vision.embeddings.patch_embedding.weight"),
    Rule("v.position_embd.weight", "vision.embeddings.position_embedding.weight"),
    Rule("v.pre_ln.{s}", "vision.pre_layrnorm.{s}"),  # so spelled there
    Rule("v.blk.{i}.ln1.{s}", _LAYER + "layer_norm1.{s}"),
    Rule("v.blk.{i}.attn_q.{s}", _LAYER + "self_attn.q_proj.{s}"),
    Rule("v.blk.{i}.attn_k.{s}", _LAYER + "self_attn.k_proj.{s}"),
    Rule("v.blk.{i}.attn_v.{s}", _LAYER + "self_attn.v_proj.{s}"),
    Rule("v.blk.{i}.attn_out.{s}", _LAYER + "self_attn.out_proj.{s}"),
    Rule("v.blk.{i}.ln2.{s}", _LAYER + "layer_norm2.{s}"),
    Rule("v.blk.{i}.ffn_up.{s}", _LAYER + "mlp.fc1.{s}"),
    Rule("v.blk.{i}.ffn_down.{s}", _LAYER + "mlp.fc2.{s}"),
    Rule("mm.0.{s}", "projector.linear_1.{s}"),
    Rule("mm.2.{s}", "projector.linear_2.{s}"),
)
LLAVA: Final = Family(
    gguf="clip",
    architectures=("LlavaForConditionalGeneration",),
    model_type="llava",
    keys=(),
    rules=_RULES,
    renames=(
        (r"^(?:model\.)?vision_tower\.(?:vision_model\.)?", "vision."),
        (r"^(?:model\.)?multi_modal_projector\.", "projector."),
    ),
    ignored=(
        r"^(?:model\.)?language_model\.",
        r"^lm_head\.",
        r"^model\.(?:embed_tokens|layers|norm)\.",
        r"position_ids$",
        r"^vision\.post_layernorm\.",
    ),
    is_generator=False,
)
_CLIP_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD: Final = (0.26862954, 0.26130258, 0.27577711)
# what transformers means where the settings of a CLIP tower are silent
_DEFAULTS: Final[dict[str, Any]] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "layer_norm_eps": 1e-5,
    "hidden_act": "quick_gelu",
}


def convert_mmproj(
    folder: Path,
    target: Path,
    type_name: str = "F16",
    *,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Converted:
    """Convert the vision tower and projector of the LLaVA-style model in `folder`."""
    type_name = type_name.upper()
    if type_name not in FILE_TYPES:
        raise Error(
            f"Cannot convert to {type_name[:20]!r}.", f"Choose one of {', '.join(FILE_TYPES)}.", kind="unknown-type"
        )
    config = Config.read(folder)
    eyes = _eyes(config)
    n_layers = _n_layers(config, eyes)
    with open_weights(folder) as stored:
        tensors = [NamedRows(name, rows, _type_of(name, rows, type_name)) for name, rows in _arranged(stored, n_layers)]
        metadata = _metadata(folder, config, eyes, n_layers, type_name)
        size = write_gguf(target, metadata, tensors, stop=stop, on_progress=on_progress, what="Converting")
    n_parameters = sum(prod(tensor.rows.shape) for tensor in tensors)
    return Converted(target, "clip", type_name, len(tensors), n_parameters, size)


def _eyes(config: Config) -> Config:
    """The settings of the tower; an `Error` for what llama.cpp's LLaVA has no form for."""
    settings = config.all.get("vision_config")
    if config.architecture not in LLAVA.architectures or not isinstance(settings, dict):
        raise Error(
            f"Cannot convert the eyes of {config.architecture[:60] or 'this model'}.",
            "Known: LLaVA over CLIP (LlavaForConditionalGeneration).",
            kind="unsupported",
        )
    eyes = Config(settings, _DEFAULTS)
    strategy = config.get("vision_feature_select_strategy", default="default")
    activations = (eyes.get("hidden_act"), config.get("projector_hidden_act", default="gelu"))
    if eyes.get("model_type", default="clip_vision_model") != "clip_vision_model" or strategy != "default":
        raise Error(
            "Cannot convert: of towers only CLIP's, without its class token, is known here.", kind="unsupported"
        )
    if activations[0] not in ("quick_gelu", "gelu") or activations[1] != "gelu":
        raise Error(f"Cannot convert: llama.cpp has no form for {activations} here.", kind="unsupported")
    return eyes


def _n_layers(config: Config, eyes: Config) -> int:
    """llama.cpp always leaves the last layer of the file out, as LLaVA takes what comes out of the last but one."""
    layer = config.get("vision_feature_layer", default=-2)
    n_layers = eyes.whole("num_hidden_layers")
    if not isinstance(layer, int) or not -n_layers - 1 <= layer <= -2:
        raise Error(
            f"Cannot convert: the model takes the output of layer {str(layer)[:40]} of its eyes.",
            "llama.cpp knows the last but one, or one before it.",
            kind="unsupported",
        )
    return n_layers + layer + 2


def _arranged(stored: dict[str, Rows], n_layers: int) -> list[tuple[str, Rows]]:
    left = {LLAVA.renamed(name): rows for name, rows in stored.items()}
    empty = Config({})
    found: list[tuple[str, Rows]] = []
    for rule in _RULES:
        for layer in range(n_layers) if rule.is_per_layer else range(1):
            for suffix in rule.suffixes:
                ours, theirs = rule.names(layer, suffix, 0)
                if theirs[0] in left:
                    found.append((ours, rule.change.to_gguf([left.pop(theirs[0])], empty)))
    later = tuple(f"vision.encoder.layers.{layer}." for layer in range(n_layers, n_layers + 512))
    unknown = sorted(name for name in left if not LLAVA.is_ignored(name) and not name.startswith(later))
    names = {name for name, _ in found}
    missing = {"v.patch_embd.weight", "v.position_embd.weight", "mm.0.weight", "mm.2.weight"} - names
    if unknown or missing:
        what = f"{unknown[0][:80]!r} has no place in GGUF" if unknown else f"{min(missing)} is missing"
        raise Error(f"Cannot convert the eyes of this model: {what}.", "It is no LLaVA over CLIP.", kind="unsupported")
    return found


def _type_of(name: str, rows: Rows, wanted: str) -> str:
    if len(rows.shape) < 2 or name == "v.position_embd.weight" or wanted == "F32":
        return "F32"
    if name == "v.patch_embd.weight" or rows.shape[-1] % type_size(wanted)[0]:
        return "F16"
    return wanted


def _metadata(folder: Path, config: Config, eyes: Config, n_layers: int, type_name: str) -> dict[str, Value]:
    path = next(
        (folder / name for name in ("preprocessor_config.json", "processor_config.json") if (folder / name).exists()),
        None,
    )
    said = read_json(path) if path else {}
    said = said.get("image_processor", said)
    mean, std = said.get("image_mean", _CLIP_MEAN), said.get("image_std", _CLIP_STD)
    found: dict[str, Value] = {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "general.name": folder.resolve().name,
        "general.file_type": FILE_TYPES[type_name],
        "clip.has_vision_encoder": True,
        "clip.projector_type": "mlp",
        "clip.use_gelu": eyes.get("hidden_act") == "gelu",
        "clip.vision.image_size": eyes.whole("image_size"),
        "clip.vision.patch_size": eyes.whole("patch_size"),
        "clip.vision.embedding_length": eyes.whole("hidden_size"),
        "clip.vision.feed_forward_length": eyes.whole("intermediate_size"),
        "clip.vision.block_count": n_layers,
        "clip.vision.projection_dim": config.whole("hidden_size"),
        "clip.vision.attention.head_count": eyes.whole("num_attention_heads"),
        "clip.vision.attention.layer_norm_epsilon": eyes.number("layer_norm_eps"),
        "clip.vision.image_mean": Typed("array of float32", [float(number) for number in mean]),
        "clip.vision.image_std": Typed("array of float32", [float(number) for number in std]),
    }
    return found
