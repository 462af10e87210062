"""What the command line prints: sentences, tables, JSON and errors, all of it safe for a terminal.

Knows streams and widths; knows nothing of what is printed. Output goes through here, so that no control character of
a file name, a model or a document reaches a terminal.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rushlight import Error
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.words import text

_GAP = "  "
# Beyond what JSON escapes itself: DEL, C1, bidi and format controls, line separators, tags, surrogates.
_UNSAFE_JSON = "[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\U000e0000-\U000e007f\ud800-\udfff]"


def say(sentence: str = "") -> None:
    """One line on stdout."""
    sys.stdout.write(plain(sentence) + "\n")


def tell(sentence: str) -> None:
    """One line on stderr: what is not the result."""
    _write(sys.stderr, plain(sentence) + "\n")


def tell_error(err: Error) -> None:
    """An error in two lines on stderr: what happened, what to do."""
    tell(text("Error: {message}", message=err.message))
    if err.hint:
        tell(err.hint)


def _write(stream: TextIO, line: str) -> None:
    """To a stream whose reader may have gone: then there is nobody to tell."""
    try:
        stream.write(line)
        stream.flush()
    except (OSError, ValueError):
        pass


def print_json(value: Any) -> None:
    """`value` as indented JSON on stdout; text is exact, its dangerous characters escaped."""
    sys.stdout.write(json_text(value) + "\n")


def json_text(value: Any) -> str:
    """JSON that a terminal can show: readable in every script, no control character raw."""
    import json
    import re

    written = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return re.sub(_UNSAFE_JSON, _escape, written)


def _escape(match: Any) -> str:
    code = ord(match.group())
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"


def error_json(err: Error) -> dict[str, Any]:
    """The shape of every error under --json."""
    return {"error": {"message": err.message, "hint": err.hint, "kind": err.kind}}


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Aligned columns; `right` lists columns of numbers. In a terminal, too wide cells end in “…”."""
    for line in table_lines(headers, rows, right=right, width=terminal_width()):
        sys.stdout.write(line + "\n")


def table_lines(
    headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = (), width: int | None = None
) -> list[str]:
    """The lines of a table. `width` in columns, None for as wide as it is."""
    cells = [[plain_line(cell) for cell in row] for row in [headers, *rows]]
    widths = [max(display_width(row[column]) for row in cells) for column in range(len(headers))]
    if width is not None:
        _narrow(widths, width)
    lines = []
    for row in cells:
        parts = [_fit(cell, widths[column], column in right) for column, cell in enumerate(row)]
        lines.append(_GAP.join(parts).rstrip())
    return lines


def _narrow(widths: list[int], width: int) -> None:
    """Take from the widest column until the table fits or every column is small."""
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max(range(len(widths)), key=widths.__getitem__)
        if widths[widest] <= 8:
            return
        widths[widest] -= 1


def _fit(cell: str, width: int, right: bool) -> str:
    if display_width(cell) > width:
        kept = ""
        for char in cell:
            if display_width(kept + char) > width - 1:
                break
            kept += char
        cell = kept + "…"
    blank = " " * (width - display_width(cell))
    return blank + cell if right else cell + blank


def display_width(line: str) -> int:
    """Columns of a terminal that `line` takes: wide East Asian characters two, combining ones none."""
    if line.isascii():
        return len(line)
    from unicodedata import category, east_asian_width

    columns = 0
    for char in line:
        if category(char) in ("Mn", "Me", "Cf"):
            continue
        columns += 2 if east_asian_width(char) in "WF" else 1
    return columns


def terminal_width() -> int | None:
    """Columns of the terminal on stdout; None where there is none."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError, AttributeError):
        return None


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at it (or types into it)."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def size_text(size_bytes: float) -> str:
    """Bytes as people read them: 98.1 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


class ProgressLine:
    """One line of progress on stderr that is redrawn in place and erased at the end; silent where no person looks."""

    def __init__(self) -> None:
        self._shown = False
        self._last = ""
        self._active = is_terminal(sys.stderr)

    def show(self, what: str, fraction: float | None = None) -> None:
        if not self._active:
            return
        line = plain_line(what)
        if fraction is not None:
            line = f"{line} {fraction:4.0%}"
        if line != self._last:
            # Carriage return, the line, erase what an earlier, longer one left.
            _write(sys.stderr, f"\r{line}\x1b[K")
            self._last, self._shown = line, True

    def clear(self) -> None:
        if self._shown:
            _write(sys.stderr, "\r\x1b[K")
            self._shown, self._last = False, ""
