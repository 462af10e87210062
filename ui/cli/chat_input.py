"""Reads what a person types into a conversation: lines, texts of several lines, pastes; keeps the history.

A paste is one message: where readline knows its end (bracketed paste), and elsewhere because its lines come at once.
Knows the terminal; knows neither commands nor models.
"""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from rushlight.ui.cli.output import is_terminal, say, tell
from rushlight.ui.words import text

PROMPT = ">>> "
MORE = "... "
QUOTES = '"""'
_MAX_ENTRIES = 1000
_MAX_ENTRY_CHARS = 20_000  # a longer text is not worth its place in the history
_PASTE_GAP_S = 0.02  # lines that follow this fast were not typed one by one

IsWhole = Callable[[str], bool]
Complete = Callable[[str], list[str]]


class Reader:
    """`read` gives one message or command. Raises EOFError at Ctrl+D, KeyboardInterrupt at Ctrl+C."""

    def __init__(
        self, history: Path, *, is_whole: IsWhole = lambda line: False, complete: Complete = lambda line: []
    ) -> None:
        """`is_whole`: lines to which nothing is joined, however fast it follows. `complete`: for the Tab key."""
        self._history = history
        self._is_whole = is_whole
        self._complete = complete
        self.is_terminal = is_terminal(sys.stdin) and is_terminal(sys.stdout)
        self._readline = _set_up_readline() if self.is_terminal else None
        if self._readline is not None:
            for entry in _read_history(history):
                self._readline.add_history(entry)
            self._readline.set_completer(self._completion)

    def read(self, prompt: str = PROMPT) -> str:
        """One line, several between triple quotes, or a paste."""
        typed = self._line(prompt)
        if self.is_terminal and typed.strip() and not self._is_whole(typed):
            typed = self._with_pasted(typed)
        if typed.lstrip().startswith(QUOTES):
            typed = self._unquoted(typed.strip())
        self._remember(typed)
        return typed

    def read_block(self, first: str) -> str:
        """The rest of a text whose beginning stood behind a command: between triple quotes, or this line alone."""
        if not first.startswith(QUOTES):
            return first
        return self._quoted(first[len(QUOTES) :])

    def read_prefilled(self, prompt: str, old: str) -> str:
        """One text, begun with `old`, to be changed. Without line editing it is typed anew."""
        if self._readline is None:
            return self.read(prompt)
        readline = self._readline
        readline.set_startup_hook(lambda: readline.insert_text(old))
        try:
            typed = self._with_pasted(self._line(prompt))
        finally:
            readline.set_startup_hook()
        self._remember(typed)
        return typed

    def _unquoted(self, typed: str) -> str:
        """What stands between triple quotes, read to their end. Pasted code may begin with them and is left alone."""
        if typed.count(QUOTES) % 2:
            return self._quoted(typed[len(QUOTES) :])
        return _inside(typed[len(QUOTES) : -len(QUOTES)]) if typed.endswith(QUOTES) else typed

    def _quoted(self, rest: str) -> str:
        """What stands until the closing quotes, or until nothing more comes."""
        lines = [rest]
        while not lines[-1].rstrip().endswith(QUOTES):
            try:
                lines.append(self._line(MORE))
            except EOFError:  # a forgotten end is no reason to lose what was written
                if self.is_terminal:
                    say()
                return _inside("\n".join(lines))
        return _inside("\n".join(lines).rstrip()[: -len(QUOTES)])

    def _with_pasted(self, line: str) -> str:
        """The line and those that came at once behind it, by a paste whose end the terminal does not tell."""
        lines = [line]
        while _has_input():
            try:
                lines.append(self._line(MORE))
            except EOFError:
                break
        return "\n".join(lines).rstrip("\n")

    def _line(self, prompt: str) -> str:
        if self.is_terminal:
            return input(prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")

    def _remember(self, typed: str) -> None:
        """Into the history at once: what was asked is not lost with the terminal."""
        if self._readline is None or not typed.strip() or len(typed) > _MAX_ENTRY_CHARS:
            return
        last = self._readline.get_current_history_length()
        if last and self._readline.get_history_item(last) == typed:
            return
        self._readline.add_history(typed)
        try:
            # Questions are private: the file is made ours before anything is in it.
            descriptor = os.open(self._history, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write((_escaped(typed) + "\n").encode(errors="replace"))
        except OSError as err:
            tell(
                text(
                    "The history could not be kept in {path}: {reason}", path=self._history, reason=err.strerror or err
                )
            )

    def _completion(self, word: str, state: int) -> str | None:
        assert self._readline is not None
        line = self._readline.get_line_buffer()
        if not line.startswith("/"):
            return word + "\t" if state == 0 else None  # an ordinary tab, typed or pasted
        start = self._readline.get_begidx()
        found = self._complete(line[:start] + word)
        return found[state] if state < len(found) else None


@contextmanager
def no_echo() -> Iterator[None]:
    """What is typed while a reply comes does not show in the middle of it; it waits for the next prompt."""
    try:
        import termios
    except ImportError:  # Windows has another kind of terminal
        yield
        return
    try:
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
    except (OSError, ValueError, termios.error):  # no terminal
        yield
        return
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)  # now: nothing that was typed is thrown away


def _set_up_readline() -> ModuleType | None:
    """Line editing, where this Python has it."""
    try:
        import readline
    except ImportError:
        return None
    readline.set_auto_history(False)  # ours holds whole messages, not lines
    readline.set_history_length(_MAX_ENTRIES)
    readline.set_completer_delims(" \t\n")
    if "libedit" in (readline.__doc__ or ""):
        readline.parse_and_bind("bind ^I rl_complete")
    else:
        readline.parse_and_bind("tab: complete")
        readline.parse_and_bind("set enable-bracketed-paste on")
    return readline


def _inside(quoted: str) -> str:
    """Without the line breaks next to the quotes."""
    first, separator, rest = quoted.partition("\n")
    if separator and not first.strip():
        quoted = rest
    before, separator, last = quoted.rpartition("\n")
    return before if separator and not last.strip() else quoted


def _has_input() -> bool:
    try:
        return bool(select.select([sys.stdin], [], [], _PASTE_GAP_S)[0])
    except (OSError, ValueError):  # where only sockets can be waited for
        return False


def _read_history(path: Path) -> list[str]:
    """The last entries; a file that grew long is cut."""
    try:
        lines = path.read_bytes().decode(errors="replace").split("\n")
    except OSError:  # none yet, or not readable
        return []
    entries = [line for line in lines if line]
    if len(entries) > 3 * _MAX_ENTRIES:
        entries = entries[-_MAX_ENTRIES:]
        _rewrite(path, entries)
    return [_unescaped(entry) for entry in entries[-_MAX_ENTRIES:]]


def _rewrite(path: Path, entries: list[str]) -> None:
    new = path.with_name(path.name + f".{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write("".join(entry + "\n" for entry in entries).encode(errors="replace"))
        new.replace(path)
    except OSError:  # it stays long
        new.unlink(missing_ok=True)


def _escaped(entry: str) -> str:
    """On one line."""
    return entry.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _unescaped(entry: str) -> str:
    parts = entry.split("\\\\")
    return "\\".join(part.replace("\\n", "\n").replace("\\r", "\r") for part in parts)
