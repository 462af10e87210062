"""A GGUF file back into a Hugging Face folder, so that a model of which only the GGUF is at hand can be trained.

Weights are dequantized exactly, tensor by tensor; settings and tokenizer are rebuilt from the metadata. The folder
appears when it is whole.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import Family, family_of_gguf
from rushlight.quant.convert.rope import FREQUENCIES, LONG_FACTORS, SHORT_FACTORS
from rushlight.quant.convert.rope_unpack import rope_from_tensors
from rushlight.quant.convert.tokenizer_out import write_tokenizer
from rushlight.quant.convert.vocabulary import Vocabulary, read_vocabulary
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.rows import Rows, whole
from rushlight.quant.safetensors_file import MAX_SHARD_BYTES, write_shards
from rushlight.quant.whole_file import whole_file, whole_folder

DTYPES: Final = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_MADE_ANEW: Final[tuple[str, ...]] = (FREQUENCIES, LONG_FACTORS, SHORT_FACTORS)


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was made."""

    folder: Path
    architecture: str  # config.json's
    n_tensors: int
    n_parameters: int
    notices: tuple[str, ...] = ()


def unpack(
    path: Path,
    folder: Path,
    dtype: str = "F32",
    *,
    shard_bytes: int = MAX_SHARD_BYTES,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Unpacked:
    """Unpack the model in `path` into the new folder `folder`. F32 is exact; F16 and BF16 round."""
    dtype = dtype.upper()
    if dtype not in DTYPES:
        raise Error(f"Cannot unpack to {dtype[:20]!r}.", f"Choose one of {', '.join(DTYPES)}.", kind="unknown-type")
    with opened(path, dtype) as source:
        with whole_folder(folder) as staged:
            write_shards(staged, source.tensors, dtype, shard_bytes=shard_bytes, stop=stop, on_progress=on_progress)
            _write_json(staged / "config.json", source.settings)
            source.write_companions(staged)
        notices = () if source.vocabulary else ("The file holds no tokenizer.",)
        architecture = source.settings["architectures"][0]
        return Unpacked(folder, architecture, len(source.tensors), source.n_parameters, notices)


@dataclass(frozen=True, slots=True)
class Opened:
    """A GGUF model in Hugging Face's terms, whose tensors are read when they are asked for."""

    settings: dict[str, Any]  # config.json
    tensors: list[tuple[str, Rows]]
    vocabulary: Vocabulary | None
    n_parameters: int
    family: Family
    metadata: Mapping[str, Any]

    def write_companions(self, folder: Path) -> None:
        """Tokenizer, chat templates, generation and pooling settings: everything but weights and config.json."""
        if self.vocabulary is not None:
            write_tokenizer(folder, self.vocabulary, self.metadata.get(f"{self.family.gguf}.context_length", 2048))
            generation = _generation(self.vocabulary)
            if self.family.is_generator and generation:
                _write_json(folder / "generation_config.json", generation)
        if not self.family.is_generator:
            _write_pooling(folder, self.metadata.get(f"{self.family.gguf}.pooling_type"), self.settings)


@contextlib.contextmanager
def opened(path: Path, dtype: str = "F32") -> Iterator[Opened]:
    """The model in the GGUF file `path` while the block lasts; `dtype` is what its settings name."""
    with GgufTensors(path) as source:
        if source.file.kind != "model":
            raise Error(f"Cannot unpack {path.name}: it holds no model.", "Give a model's file.", kind="bad-file")
        family = family_of_gguf(source.file)
        vocabulary = read_vocabulary(source.file)
        settings = _settings(family, source, vocabulary, dtype)
        tensors = arrange(family, Config(settings, family.defaults), dict(source.tensors))
        yield Opened(settings, tensors, vocabulary, source.n_parameters, family, source.file.metadata)


def arrange(family: Family, config: Config, left: dict[str, Rows]) -> list[tuple[str, Rows]]:
    """The tensors under Hugging Face's names; an `Error` naming those that have no place there."""
    found: list[tuple[str, Rows]] = []
    layers = range(config.n_layers)
    for rule in family.rules:
        for layer in layers if rule.is_per_layer else range(1):
            for suffix in rule.suffixes:
                ours, theirs = rule.names(layer, suffix, config.n_experts)
                if ours in left:
                    parts = rule.change.to_hf(left.pop(ours), config)
                    found += zip(theirs, parts, strict=True)
    unknown = sorted(name for name in left if name not in _MADE_ANEW)
    if unknown:
        raise Error(
            f"Cannot unpack: {len(unknown)} tensors have no place in {family.architectures[0]}, such as "
            f"{unknown[0][:70]!r}.",
            "The file holds a variant of this architecture that is not known here.",
            kind="unsupported",
        )
    return found


def _settings(family: Family, source: GgufTensors, vocabulary: Vocabulary | None, dtype: str) -> dict[str, Any]:
    settings = family.config(source.file)
    embedding = source.tensors.get("token_embd.weight")
    if embedding is None:
        raise Error("Cannot unpack: the file holds no embedding of tokens.", kind="unsupported")
    settings["vocab_size"] = embedding.shape[0]
    settings["dtype"] = DTYPES[dtype]
    if family.is_generator:
        settings["tie_word_embeddings"] = "output.weight" not in source.tensors
    for flag, tensor in (("attention_bias", "blk.0.attn_q.bias"), ("mlp_bias", "blk.0.ffn_up.bias")):
        if tensor in source.tensors and family.gguf == "llama":
            settings[flag] = True
    for name in ("bos", "eos", "pad"):
        if vocabulary is not None and name in vocabulary.special:
            settings[f"{name}_token_id"] = vocabulary.special[name]
    kept = {name: whole(source.tensors[name]).astype(np.float64) for name in _MADE_ANEW if name in source.tensors}
    rope_from_tensors(settings, kept)
    return settings


def _generation(vocabulary: Vocabulary) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{name}_token_id": vocabulary.special[name] for name in ("bos", "pad") if name in vocabulary.special
    }
    ends = [vocabulary.special[name] for name in ("eos", "eot") if name in vocabulary.special]
    ends = list(dict.fromkeys(ends))
    if ends:
        found["eos_token_id"] = ends if len(ends) > 1 else ends[0]
    return found


def _write_pooling(folder: Path, kind: Any, settings: dict[str, Any]) -> None:
    """sentence-transformers' files, from which it knows how to pool."""
    name = {1: "mean", 2: "cls", 3: "lasttoken"}.get(kind)
    if name is None:
        return
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    _write_json(folder / "modules.json", modules)
    (folder / "1_Pooling").mkdir()
    pooling = {
        "word_embedding_dimension": settings.get("hidden_size", settings.get("n_embd")),
        "pooling_mode_cls_token": name == "cls",
        "pooling_mode_mean_tokens": name == "mean",
        "pooling_mode_lasttoken": name == "lasttoken",
    }
    _write_json(folder / "1_Pooling" / "config.json", pooling)


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as file:
        file.write(json.dumps(value, indent=2).encode())
