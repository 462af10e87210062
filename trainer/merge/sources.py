"""A model that is merged, in Hugging Face's terms, be it a folder or a GGUF file: settings, tensors, tokenizer."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.to_gguf import open_weights
from rushlight.quant.convert.tokenizer_in import read_tokenizer
from rushlight.quant.convert.vocabulary import Vocabulary
from rushlight.quant.rows import Rows
from rushlight.quant.unpack import opened

_COMPANIONS: Final = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "sentencepiece.bpe.model",
    "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
    "modules.json",
)
_COMPANION_FOLDERS: Final = ("additional_chat_templates", "1_Pooling")
_DTYPES: Final = {"float32": "F32", "float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True, slots=True)
class Source:
    """An open model. `name` is what the user called it."""

    name: str
    path: Path
    settings: dict[str, Any]  # config.json
    tensors: Mapping[str, Rows]
    vocabulary: Vocabulary | None
    write_companions: Callable[[Path], None]  # tokenizer and what else lies beside the weights, into a folder

    @property
    def architecture(self) -> str:
        names = self.settings.get("architectures")
        return str(names[0]) if isinstance(names, list) and names else "unknown"

    @property
    def dtype(self) -> str:
        """F32, F16 or BF16, as the settings name it."""
        said = self.settings.get("dtype", self.settings.get("torch_dtype"))
        return _DTYPES.get(str(said), "F32")


@contextlib.contextmanager
def open_source(name: str, path: Path) -> Iterator[Source]:
    """The model at `path` while the block lasts."""
    if path.is_dir():
        settings = read_json(path / "config.json")
        with open_weights(path) as tensors:
            yield Source(name, path, settings, tensors, _tokenizer(path), lambda folder: _copy(path, folder))
    elif path.suffix.lower() == ".gguf":
        with opened(path, "F16") as model:
            yield Source(name, path, model.settings, dict(model.tensors), model.vocabulary, model.write_companions)
    else:
        raise Error(
            f"Cannot merge {name}: it is neither a Hugging Face folder nor a GGUF file.",
            "Name a folder with config.json and model.safetensors, or a file that ends in .gguf.",
            kind="bad-file",
        )


def _tokenizer(folder: Path) -> Vocabulary | None:
    if not any(
        (folder / name).exists() for name in _COMPANIONS[:9] if name.startswith(("tokenizer.", "vocab", "sent"))
    ):
        return None
    return read_tokenizer(folder, Config.read(folder))


def _copy(source: Path, folder: Path) -> None:
    for name in _COMPANIONS:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    for name in _COMPANION_FOLDERS:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, symlinks=False, ignore=_only_small_text)


def _only_small_text(folder: str, names: list[str]) -> list[str]:
    """Nothing but the settings and templates that belong there: a stranger's folder may hold anything."""
    return [name for name in names if Path(name).suffix not in (".json", ".jinja") or Path(folder, name).is_symlink()]
