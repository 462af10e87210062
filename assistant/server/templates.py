"""What a model file says of itself: chat template, marks, whether it ranks. Read by our own checker, never rendered."""

from functools import lru_cache
from pathlib import Path

from rushlight.assistant.models.model import Model
from rushlight.quant.gguf_check import LongArray, check

_RANK = 4  # llama.cpp's pooling type of a cross-encoder


def template_of(model: Model) -> str:
    """The text of the template that the file brings, "" where there is none, and for models of other machines."""
    if model.is_remote:
        return ""
    try:
        status = model.path.stat()
    except OSError:
        return ""  # the engine will say what is wrong with the file
    return _read(model.path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, _size_bytes: int, _mtime_ns: int) -> str:
    template = check(path).metadata.get("tokenizer.chat_template")
    return template if isinstance(template, str) else ""


def is_cross_encoder(model: Model) -> bool:
    """Whether the model reads a query and a text together and says how well they fit."""
    if model.is_remote:
        return False
    try:
        status = model.path.stat()
    except OSError:
        return model.purpose == "rerank"
    return _pooling(model.path, status.st_size, status.st_mtime_ns) == _RANK


@lru_cache(maxsize=16)
def _pooling(path: Path, _size_bytes: int, _mtime_ns: int) -> object:
    metadata = check(path).metadata
    return metadata.get(f"{metadata.get('general.architecture')}.pooling_type")


def token_text(model: Model, key: str) -> str | None:
    """The text of the token that the file names under `tokenizer.ggml.KEY_token_id`; None where it names none."""
    metadata = check(model.path).metadata
    token_id, tokens = metadata.get(f"tokenizer.ggml.{key}_token_id"), metadata.get("tokenizer.ggml.tokens")
    listed = tokens.load() if isinstance(tokens, LongArray) else tokens
    if not isinstance(token_id, int) or not isinstance(listed, list | tuple) or not 0 <= token_id < len(listed):
        return None
    return str(listed[token_id])
