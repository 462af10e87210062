"""What was found in a file is kept beside the other caches, under the hash of its content: looking again costs time."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rushlight.assistant.paths import private_folder
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.values import Source

VERSION = 3  # raise it when a profile holds other things
_MAX_BYTES = 64 * 1024 * 1024


def load_known(cache: Path, sources: Sequence[Source]) -> Profiled | None:
    """The profile of these files as they are now; None where there is none, or none that can be read."""
    path = _path(cache, sources)
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        return msgspec.msgpack.decode(path.read_bytes(), type=Profiled)
    except (OSError, msgspec.DecodeError):
        return None


def keep_known(cache: Path, sources: Sequence[Source], profiled: Profiled) -> None:
    """Keep it; where the disk refuses, the next look costs time again and nothing else."""
    path = _path(cache, sources)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        private_folder(path.parent)
        staged.write_bytes(msgspec.msgpack.encode(profiled))
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)


def _path(cache: Path, sources: Sequence[Source]) -> Path:
    named = "".join(f"{source.name} {source.sha256} " for source in sources)
    return cache / "sql" / f"{hashlib.sha256(f'{VERSION} {named}'.encode()).hexdigest()[:32]}.profile"
