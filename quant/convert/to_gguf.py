"""A Hugging Face folder into one GGUF file, a few megabytes at a time: weights, settings, tokenizer, chat template."""

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Final

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.family import Family, family_of_config
from rushlight.quant.convert.pooling import pooling_metadata
from rushlight.quant.convert.tokenizer_in import read_tokenizer
from rushlight.quant.convert.vocabulary import Vocabulary
from rushlight.quant.gguf_types import type_size
from rushlight.quant.gguf_write import NamedRows, Value, write_gguf
from rushlight.quant.rows import Array, Rows
from rushlight.quant.safetensors_file import SafetensorsFile

# type of the matrices -> general.file_type
FILE_TYPES: Final = {"F32": 0, "F16": 1, "Q8_0": 7, "BF16": 32}
_ALWAYS_F32: Final = ("_norm.weight", ".ffn_gate_inp.weight", "ffn_gate_inp_shexp.weight")
_QUANTIZATION_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Converted:
    """What was made."""

    path: Path
    architecture: str
    type_name: str
    n_tensors: int
    n_parameters: int
    size_bytes: int
    notices: tuple[str, ...] = ()


def convert(
    folder: Path,
    target: Path,
    type_name: str = "F16",
    *,
    name: str = "",
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Converted:
    """Convert the model in `folder`. `type_name`: F32, F16, BF16 or Q8_0, for matrices; vectors stay F32."""
    type_name = type_name.upper()
    if type_name not in FILE_TYPES:
        raise Error(
            f"Cannot convert to {type_name[:20]!r} directly.",
            f"Choose one of {', '.join(FILE_TYPES)}; smaller types are made of such a file.",
            kind="unknown-type",
        )
    config = Config.read(folder)
    family = family_of_config(config)
    config = config.with_defaults(family.defaults)
    family.refuse(config)
    with open_weights(folder) as stored:
        found = arrange(family, config, stored)
        notices = []
        tensors = [NamedRows(label, rows, _type_of(label, rows, type_name, family)) for label, rows in found]
        shrunk = [tensor.name for tensor in tensors if tensor.type_name == "F16" and type_name == "Q8_0"]
        if shrunk:
            notices.append(f"{len(shrunk)} matrices stay F16, their rows do not divide by 32.")
        embedding = next(tensor.rows for tensor in tensors if tensor.name == "token_embd.weight")
        vocabulary = read_tokenizer(folder, config)
        vocabulary.fit(embedding.shape[0])
        metadata = _metadata(_usable_name(name or _usual_name(folder, config), vocabulary), family, config, type_name)
        metadata.update(pooling_metadata(folder, family))
        types = next((tensor.rows.shape[0] for tensor in tensors if tensor.name == "token_types.weight"), None)
        metadata.update(vocabulary.metadata())
        if types is not None:
            metadata["tokenizer.ggml.token_type_count"] = types
        size = write_gguf(target, metadata, tensors, stop=stop, on_progress=on_progress, what="Converting")
    count = sum(prod(tensor.rows.shape) for tensor in tensors)
    return Converted(target, family.gguf, type_name, len(tensors), count, size, (*notices, *vocabulary.notices))


# ---------------------------------------------------------------- weights
@contextlib.contextmanager
def open_weights(folder: Path) -> Iterator[dict[str, Rows]]:
    """The tensors of a folder by name, from one safetensors file or several."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        listed = read_json(index).get("weight_map")
        names = sorted({str(file) for file in listed.values()}) if isinstance(listed, dict) else []
        if not names or any("/" in name or "\\" in name for name in names):
            raise Error(
                "Cannot use model.safetensors.index.json: its list of files is not understood.", kind="bad-file"
            )
        files = [folder / name for name in names]
    elif (folder / "model.safetensors").exists():
        files = [folder / "model.safetensors"]
    else:
        files = sorted(folder.glob("*.safetensors"))
    if not files:
        pickled = any(folder.glob("*.bin")) or any(folder.glob("*.pt"))
        raise Error(
            f"Cannot convert: there are no safetensors in {folder}.",
            "Its weights are in an old form that may run programs when it is read; get the model as safetensors."
            if pickled
            else "Give the folder that holds config.json and model.safetensors.",
            kind="bad-file",
        )
    with contextlib.ExitStack() as stack:
        found: dict[str, Rows] = {}
        for path in files:
            found.update(stack.enter_context(SafetensorsFile(path)).tensors)
        yield found


def arrange(family: Family, config: Config, stored: dict[str, Rows]) -> list[tuple[str, Rows]]:
    """The tensors of the GGUF file in their order; an `Error` naming those that have no place there."""
    left = {family.renamed(name): rows for name, rows in stored.items()}
    found: list[tuple[str, Rows]] = []

    def take(layer: int, *, per_layer: bool) -> None:
        for rule in family.rules:
            if rule.is_per_layer != per_layer:
                continue
            for suffix in rule.suffixes:
                ours, theirs = rule.names(layer, suffix, config.n_experts)
                if theirs and all(label in left for label in theirs):
                    parts = [left.pop(label) for label in theirs]
                    found.append((ours, rule.change.to_gguf(parts, config)))

    tied = bool(config.get("tie_word_embeddings", default=family.tied_by_default))
    if tied and family.is_generator:
        left.pop("lm_head.weight", None)
    take(0, per_layer=False)
    for layer in range(config.n_layers):
        take(layer, per_layer=True)
    unknown = sorted(name for name in left if not family.is_ignored(name))
    if unknown:
        raise Error(
            f"Cannot convert: {len(unknown)} tensors have no place in GGUF's {family.gguf}, such as "
            f"{unknown[0][:80]!r}.",
            "The model is of another kind than its config.json says, or newer than this program.",
            kind="unsupported",
        )
    if not any(name == "token_embd.weight" for name, _ in found):
        raise Error("Cannot convert: the folder holds no embedding of tokens.", "It is incomplete.", kind="bad-file")
    if family.is_generator and not tied and not any(name == "output.weight" for name, _ in found):
        # llama.cpp then takes the embedding, which such a checkpoint does not mean
        _refuse_headless(config)
    extra = [(label, Array(values)) for label, values in family.more_tensors(config)]
    return [*found, *extra]


def _refuse_headless(config: Config) -> None:
    if config.architecture.endswith("Model"):
        return  # a model for embeddings: nothing is generated
    raise Error(
        "Cannot convert: the folder has no head (lm_head), and config.json does not say that the embedding serves "
        "as one.",
        "It is incomplete; get all its files.",
        kind="bad-file",
    )


def _type_of(name: str, rows: Rows, wanted: str, family: Family) -> str:
    if len(rows.shape) < 2 or name.endswith((*_ALWAYS_F32, *family.always_f32)):
        return "F32"
    block, _ = type_size(wanted)
    return wanted if rows.shape[-1] % block == 0 else "F16"


# ---------------------------------------------------------------- metadata
def _usual_name(folder: Path, config: Config) -> str:
    stated = config.all.get("_name_or_path")
    return Path(str(stated)).name if stated else folder.resolve().name


def _usable_name(name: str, vocabulary: Vocabulary) -> str:
    """llama.cpp looks for Phi 3's own tokens where a model is called so, and does not load the file without them."""
    needed = {"</s>", "<unk>", "<s>", "<|endoftext|>"}
    if re.search("phi-?3", name, re.IGNORECASE) and not needed <= set(vocabulary.tokens):
        return re.sub("(phi)-?3", r"\1 3", name, flags=re.IGNORECASE)
    return name


def _metadata(name: str, family: Family, config: Config, type_name: str) -> dict[str, Value]:
    found: dict[str, Value] = {
        "general.architecture": family.gguf,
        "general.type": "model",
        "general.name": name,
        "general.file_type": FILE_TYPES[type_name],
        "general.quantization_version": _QUANTIZATION_VERSION,
    }
    found.update(family.metadata(config))
    return found
