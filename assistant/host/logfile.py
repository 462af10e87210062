"""A log file that cannot fill the disk: at its cap it becomes NAME.1 and a new one begins.

What is written is sanitized: workers quote strings out of strangers' files. A log that cannot be written is given
up silently; it must not take the host with it.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

MAX_BYTES = 1024 * 1024
_MAX_LINE = 4096


def open_log(path: Path, max_bytes: int = MAX_BYTES) -> int:
    """A descriptor that appends to the log, which is rotated first if it is full; /dev/null where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size >= max_bytes:
            path.replace(path.with_name(path.name + ".1"))
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


class LogFile:
    """Lines with time and source. With `as_output`, this process's stdout and stderr follow each rotation."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, as_output: bool = False) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._as_output = as_output
        self._fd = -1

    def write(self, source: str, text: str) -> None:
        """Append `text`, every line of it marked."""
        from rushlight.assistant.safety.plain import plain  # brings re; not needed before the first line

        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = "".join(f"{stamp} {source}: {line}\n" for line in plain(text).splitlines() if line.strip())
        try:
            if self._fd < 0 or os.fstat(self._fd).st_size >= self._max_bytes:
                self._reopen()
            os.write(self._fd, lines.encode("utf-8", "replace"))
        except OSError:
            pass

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _reopen(self) -> None:
        self.close()
        self._fd = open_log(self.path, self._max_bytes)
        if self._as_output:
            os.dup2(self._fd, 1)
            os.dup2(self._fd, 2)


class LineLog:
    """Pieces of a child's output in, whole lines into the log."""

    def __init__(self, write: Callable[[str, str], None], source: str) -> None:
        self._write = write
        self._source = source
        self._rest = ""

    def feed(self, text: str) -> None:
        lines, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self._write(self._source, lines)
        if len(self._rest) > _MAX_LINE:
            self.finish()

    def finish(self) -> None:
        """Write a last line that did not end."""
        if self._rest:
            self._write(self._source, self._rest)
            self._rest = ""
