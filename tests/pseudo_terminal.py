"""A program in a terminal of its own, for tests that type and look at the screen."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pyte

# Standard input becomes the controlling terminal, so that Ctrl+C is a signal. Done by the program that is started
# and not between fork and exec in this process, where a lock held by another thread would never come free.
_TAKE_TERMINAL = """
import fcntl, os, signal, sys, termios
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job has it ignored, and so would the program
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A program in a terminal of 100 by 40."""

    def __init__(self, *command: str) -> None:
        ours, theirs = pty.openpty()
        self.screen = pyte.HistoryScreen(100, 40, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self._fd = ours
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, pattern: str, timeout_s: float = 30) -> str:
        """Until the terminal received `pattern` since the last call; what it received."""
        deadline_s = time.monotonic() + timeout_s
        while not re.search(pattern.encode(), self.seen, re.DOTALL):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0 and self._read(left_s), (
                f"{pattern!r} did not come; received:\n{self.seen.decode(errors='replace')}"
            )
        seen, self.seen = self.seen.decode(errors="replace"), b""  # the end may be half a letter
        return seen

    def wait_end(self, timeout_s: float = 20) -> int:
        deadline_s = time.monotonic() + timeout_s
        while self._read(max(0.0, deadline_s - time.monotonic())):
            pass
        return self.process.wait(timeout=5)

    def _read(self, timeout_s: float) -> bool:
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return False
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # EIO: the program has gone
            return False
        self.seen += data
        self._stream.feed(data)
        return bool(data)

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._fd)
