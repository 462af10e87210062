"""Texts to calibrate and compare on: the user's files and folders, and a sample for those who give none.

Knows plain text only. What is read is data: nothing in it is followed.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from rushlight import Error

Part = Literal["calibrate", "evaluate"]

MAX_CHARS: Final = 20_000_000
_ENDINGS: Final = frozenset({
    ".c", ".cfg", ".cpp", ".css", ".csv", ".go", ".h", ".htm", ".html", ".ini", ".java", ".js", ".json", ".jsonl",
    ".log", ".md", ".org", ".py", ".rs", ".rst", ".sh", ".sql", ".tex", ".toml", ".ts", ".tsv", ".txt", ".xml", ".yaml",
    ".yml",
})  # fmt: skip
_HELD_OUT: Final = 4  # every fourth piece is kept for looking at what came of it


def read_texts(paths: Sequence[Path]) -> str:
    """The text of files, and of the text files below folders, in a fixed order."""
    pieces, n_chars = [], 0
    for path in paths:
        for file in _files(path):
            piece = _read(file, MAX_CHARS - n_chars)
            pieces.append(piece)
            n_chars += len(piece)
            if n_chars >= MAX_CHARS:
                return "\n".join(pieces)
    text = "\n".join(pieces)
    if not text.strip():
        named = ", ".join(str(path) for path in paths)
        raise Error(
            f"There is no text in {named}.", "Give files of plain text, or folders that hold some.", kind="no-text"
        )
    return text


def document_pieces(paths: Sequence[Path]) -> list[str]:
    """The text of files and folders in pieces of some pages: what `split_text` deals out."""
    pieces: list[str] = []
    n_chars = 0
    for path in paths:
        for file in _files(path):
            if n_chars >= MAX_CHARS:
                return pieces
            found = pieces_of(_read(file, MAX_CHARS - n_chars))
            pieces += [piece for piece in found if piece.strip()]
            n_chars += sum(map(len, found))
    return pieces


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() in _ENDINGS and file.is_file() and not _is_hidden(file.relative_to(path)):
            yield file


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read(path: Path, most_chars: int) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(most_chars)
    except OSError as failure:
        raise Error(f"Cannot read {path}: {failure.strerror}.", "Check the path.", kind="bad-file") from None
    if "\0" in text[:10_000]:
        raise Error(f"{path} holds no plain text.", "Give .txt, .md or source files.", kind="bad-file")
    return text


def sample_text(part: Part) -> str:
    """Prose and code that come with Python, for those who give no text. The parts have no sentence in common."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise Error("There is no text to work on.", "Give some with --text FILE.", kind="no-text") from None
    seen: set[str] = set()
    pieces = []
    for name in sorted(topics):  # some are parts of others
        paragraphs = [one for one in topics[name].split("\n\n") if one not in seen]
        seen.update(paragraphs)
        pieces.append("\n\n".join(paragraphs))
    calibration, evaluation = split_text(pieces)
    return calibration if part == "calibrate" else evaluation


def split_text(pieces: Sequence[str]) -> tuple[str, str]:
    """(what to calibrate on, what to look at afterwards): every fourth piece is kept back."""
    kept = [piece for number, piece in enumerate(pieces) if number % _HELD_OUT == _HELD_OUT - 1]
    others = [piece for number, piece in enumerate(pieces) if number % _HELD_OUT != _HELD_OUT - 1]
    return "\n".join(others), "\n".join(kept)


def small_pieces(text: str) -> list[str]:
    """A short text in pieces enough to deal out: at empty lines, or else wherever the length says."""
    size = max(200, len(text) // 16)
    pieces = pieces_of(text, size)
    if len(pieces) >= 2 * _HELD_OUT:
        return pieces
    return [text[start : start + size] for start in range(0, len(text), size)]


def pieces_of(text: str, least_chars: int = 4000) -> list[str]:
    """A text in pieces of some pages, cut at empty lines where there are some: what `split_text` deals out."""
    pieces: list[str] = []
    current: list[str] = []
    n_chars = 0
    for paragraph in text.split("\n\n"):
        current.append(paragraph)
        n_chars += len(paragraph)
        if n_chars >= least_chars:
            pieces.append("\n\n".join(current))
            current, n_chars = [], 0
    return [*pieces, "\n\n".join(current)] if current else pieces
