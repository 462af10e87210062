"""A lock that the kernel holds for as long as its owner lives: no process id to go stale, nothing to unlock by hand.

Knows files; knows nothing of hosts. The lock file itself is never removed: two processes could then hold locks on
two files of one name.
"""

import os
import sys
import time
from pathlib import Path

from rushlight import Error

_POLL_S = 0.01


class FileLock:
    """An exclusive lock on a file, held until `release` or the end of the process, however it ends."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def release(self) -> None:
        """Give the lock back. Twice is fine."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def try_lock(path: Path) -> FileLock | None:
    """The lock on `path` (created with mode 0600), or None while another process holds it."""
    try:
        # Close-on-exec by Python's custom: a child that kept the descriptor would keep the lock.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as err:
        raise Error(
            f"Cannot open the lock file {path}: {err.strerror}.",
            hint="The data folder must be writable; RUSHLIGHT_HOME names another one.",
            kind="lock-failed",
        ) from err
    try:
        taken = _lock(fd)
    except OSError as err:
        os.close(fd)
        raise Error(
            f"Cannot lock {path}: {err.strerror}.",
            hint="The data folder must be on a file system with locks; RUSHLIGHT_HOME names another one.",
            kind="lock-failed",
        ) from err
    if not taken:
        os.close(fd)
        return None
    return FileLock(fd)


def wait_lock(path: Path, timeout_s: float) -> FileLock | None:
    """Like `try_lock`, but waits up to `timeout_s` for the other process to let go."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        lock = try_lock(path)
        if lock is not None or time.monotonic() >= deadline_s:
            return lock
        time.sleep(_POLL_S)


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
