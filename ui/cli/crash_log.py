"""The log of faults: one file, newest last, cut when it grows. Written only when something of ours broke."""

import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from rushlight import __version__
from rushlight.assistant.paths import find_paths
from rushlight.assistant.safety.plain import plain

_MAX_BYTES = 1024 * 1024


def write_crash(err: BaseException, argv: Sequence[str]) -> Path | None:
    """Append the traceback and return the file's path; None where nothing can be written.

    Only the verb is logged: questions and file names in the arguments are private.
    """
    verb = argv[0] if argv and argv[0].isidentifier() else ""
    head = f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} rushlight {__version__} Python {sys.version.split()[0]} {verb}"
    try:
        folder = find_paths().logs
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "faults.log"
        if path.exists() and path.stat().st_size > _MAX_BYTES:
            path.replace(path.with_suffix(".old.log"))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(plain(f"{head.rstrip()}\n{''.join(traceback.format_exception(err))}\n"))
    except (OSError, ValueError):
        return None
    return path
