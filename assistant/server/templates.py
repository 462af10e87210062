"""What a model file says of its text: chat template, first and last token. Read by our own checker, never rendered."""

from functools import lru_cache
from pathlib import Path

from rushlight.assistant.models.model import Model
from rushlight.quant.gguf_check import LongArray, check


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


def token_text(model: Model, key: str) -> str | None:
    """The text of the token that the file names under `tokenizer.ggml.KEY_token_id`; None where it names none."""
    metadata = check(model.path).metadata
    token_id, tokens = metadata.get(f"tokenizer.ggml.{key}_token_id"), metadata.get("tokenizer.ggml.tokens")
    listed = tokens.load() if isinstance(tokens, LongArray) else tokens
    if not isinstance(token_id, int) or not isinstance(listed, list | tuple) or not 0 <= token_id < len(listed):
        return None
    return str(listed[token_id])
