"""The question loop in a real terminal: a pty, keys typed into it, the screen read with pyte."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

from rushlight.assistant.models.model import Model
from rushlight.ui.cli import loop

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]


class Terminal:
    """A program in a terminal of 100 by 40."""

    def __init__(self, *args: str) -> None:
        ours, theirs = pty.openpty()
        self.screen = pyte.HistoryScreen(100, 40, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self._fd = ours
        self.seen = b""
        self.process = subprocess.Popen(
            [*RUSHLIGHT, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_take_terminal,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def wait_for(self, pattern: str, timeout_s: float = 30) -> None:
        """Until the terminal received `pattern` since the last call."""
        deadline_s = time.monotonic() + timeout_s
        while not re.search(pattern.encode(), self.seen, re.DOTALL):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0 and self._read(left_s), f"{pattern!r} did not come; received:\n{self.seen.decode()}"
        self.seen = b""

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


def _take_terminal() -> None:
    """Make standard input the controlling terminal, so that Ctrl+C becomes a signal."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def terminal(own_home: Path, stopped_host: None) -> Iterator[Any]:
    opened: list[Terminal] = []

    def start(*args: str) -> Terminal:
        opened.append(Terminal(*args))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_without_a_model_it_says_how_to_get_one(terminal: Any) -> None:
    shell = terminal()
    shell.wait_for("rushlight models import")
    assert shell.wait_end() == 1


@pytest.mark.model
def test_a_conversation(terminal: Any, real_model: Model, own_home: Path) -> None:
    shell = terminal()
    shell.wait_for("is ready.*>>> ")
    shell.type("What is the capital of France?\r")
    shell.wait_for("Paris.*>>> ")
    shell.type("/help\r")
    shell.wait_for(r"/clear .*Ctrl\+C.*>>> ")
    shell.type("/stats\r")
    shell.wait_for("tokens/s.*>>> ")
    shell.type("/nonsense\r")
    shell.wait_for("no command /nonsense.*>>> ")
    shell.type("/model nobody\r")
    shell.wait_for("Error: .*nobody.*>>> ")
    shell.type('"""\rWrite the word\rblue\r"""\r')
    shell.wait_for(r"\.\.\. .*>>> ")
    shell.type("/clear\r")
    shell.wait_for("forgotten.*>>> ")
    # Ctrl+C stops the answer and only that.
    shell.type("Write a long story about a princess and a dragon.\r")
    shell.wait_for("Once upon")  # greedy, it goes on until the context is full
    shell.type("\x03")
    shell.wait_for(">>> ", timeout_s=5)
    assert shell.process.poll() is None
    shell.type("/clear\r")
    shell.wait_for("forgotten.*>>> ")
    shell.type("What is the capital of France?\r")
    shell.wait_for("Paris.*>>> ")
    # At the prompt Ctrl+C says how to leave.
    shell.type("half a thought\x03")
    shell.wait_for("/bye leaves.*>>> ")
    shell.type("/bye\r")
    assert shell.wait_end() == 0
    history = own_home / "questions.txt"
    assert "capital of France" in history.read_text() and history.stat().st_mode & 0o077 == 0
    again = terminal()
    again.wait_for("is ready.*>>> ")
    again.type("\x1b[A\x1b[A")  # the questions of last time are there
    again.wait_for("capital of France")
    again.type("\x15\x04")  # Ctrl+U, Ctrl+D
    assert again.wait_end() == 0


@pytest.mark.model
def test_ask_in_a_terminal_shows_progress_and_erases_it(terminal: Any, real_model: Model) -> None:
    shell = terminal("ask", "What is the capital of France?")
    assert shell.wait_end() == 0
    lines = [line.rstrip() for line in shell.screen.display if line.strip()]
    assert len(lines) == 1 and "Paris" in lines[0]


@pytest.mark.parametrize(
    ("typed", "question"),
    [(["one line"], "one line"), (['"""', "a", "b", '"""'], "a\nb"), (['"""a', 'b"""'], "a\nb"), (['"""a"""'], "a"),
     (["'\"' quoted"], "'\"' quoted"), (["", ], "")],
)  # fmt: skip
def test_questions_of_several_lines(typed: list[str], question: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = iter(typed)
    monkeypatch.setattr("builtins.input", lambda _prompt: next(lines))
    assert loop._read_question() == question
