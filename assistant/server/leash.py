"""A server on a leash: it ends when the face that began it is gone, however that ended, unless it was told to stay.

The leash is the server's stdin. Its starter writes the lines `stay` and `go`, the last one holds; when the pipe
closes, which the kernel does also for a killed starter, a server that may not stay ends.
"""

import os
import threading
from collections.abc import Callable

STAY, GO = b"stay\n", b"go\n"
_MOST = 4096


def hold(fd: int, on_end: Callable[[], None]) -> None:
    """Watch the descriptor from a thread; `on_end` is called there once, when the leash is let go."""
    threading.Thread(target=_watch, args=(fd, on_end), name="leash", daemon=True).start()


def _watch(fd: int, on_end: Callable[[], None]) -> None:
    stays = False
    rest = b""
    while True:
        try:
            piece = os.read(fd, _MOST)
        except OSError:
            piece = b""
        if not piece:
            break
        *lines, rest = (rest + piece)[-_MOST:].split(b"\n")
        for line in lines:
            if line + b"\n" in (STAY, GO):
                stays = line + b"\n" == STAY
    if not stays:
        on_end()
