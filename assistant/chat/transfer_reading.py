"""The JSON objects of an export file, one at a time: a list of them, one alone, or one a line.

A ChatGPT export is one list of hundreds of megabytes on a single line. Only one conversation of it is in memory at a
time; size and depth are limited before a parser sees it. Knows encodings and zip archives, but no chat format.
"""

import codecs
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat import transfer_zip
from rushlight.assistant.chat.disk_failure import disk_failure
from rushlight.assistant.chat.transfer import quote
from rushlight.assistant.chat.transfer_field import Field, Place

MAX_FILE_BYTES = 4 * 1024**3
MAX_PIECE_CHARS = 256 * 1024**2  # one conversation
MAX_DEPTH = 200
BLOCK_BYTES = 1024 * 1024

OnProgress = Callable[[Progress], None]

# Everything up to the next bracket, whole strings included: brackets in them do not count.
_NO_BRACKET = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*+")


@dataclass(frozen=True, slots=True)
class Piece:
    """One JSON object of the file, not yet parsed, and where it begins."""

    text: str
    place: Place
    column: int  # of its first character, from 1

    def parse(self) -> Field:
        """Its value. Raises `Error` naming line and column."""
        try:
            # Raw control characters are let through: older tools write tabs and line ends unescaped.
            return Field(json.loads(self.text, strict=False, parse_constant=_no_constant), self.place)
        except json.JSONDecodeError as failure:
            raise self._broken(failure.msg, failure.lineno, failure.colno) from failure
        except (ValueError, RecursionError) as failure:  # a number of thousands of digits, NaN
            what = "it is nested too deeply" if isinstance(failure, RecursionError) else str(failure)
            raise self._broken(what, 1, 1) from failure

    def _broken(self, what: str, line: int, column: int) -> Error:
        if line == 1:
            column += self.column - 1
        return self.place.wrong(f"not valid JSON in line {self.place.line + line - 1}, column {column}: {what}")


def read_pieces(path: Path, *, stop: Stop, on_progress: OnProgress) -> Iterator[Piece]:
    """Every JSON object of the export, in order. Raises `Error`: unreadable, not JSON, too large, stopped."""
    try:
        with os.fdopen(_open(path), "rb") as file:
            number = 0
            for piece in _pieces(file, path.name, stop, on_progress):
                number += 1
                piece.place.number = number
                yield piece
    except OSError as failure:
        raise disk_failure(failure, f"{path} cannot be read", "Copy the file elsewhere and try that.") from failure
    if number == 0:
        raise Error(
            f"{path.name} holds no conversations: it is empty.",
            hint="Export the conversations again.",
            kind="bad-import",
        )


def _pieces(file: BinaryIO, file_name: str, stop: Stop, on_progress: OnProgress) -> Iterator[Piece]:
    beginning = file.read(4)
    file.seek(0)
    for name, blocks, size_bytes in _parts(file, file_name, beginning, os.fstat(file.fileno()).st_size):
        report = _Report(stop, on_progress, size_bytes)
        yield from _Splitter(name, _characters(report.watch(blocks), name)).pieces()


def _open(path: Path) -> int:
    """Opened without waiting, so that a named pipe is refused instead of waited for."""
    try:
        descriptor = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        )
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        raise Error(f"Cannot open {path}: {reason}.", hint="Check the path.", kind="bad-file") from failure
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a file"
        raise Error(f"{path} is {what}.", hint="Name the exported .json, .jsonl or .zip file.", kind="bad-file")
    if status.st_size > MAX_FILE_BYTES:
        os.close(descriptor)
        raise Error(
            f"{path} is too large: {status.st_size / 1024**3:.1f} GiB; exports of up to "
            f"{MAX_FILE_BYTES // 1024**3} GiB are read.",
            hint="Split the export.",
            kind="bad-import",
        )
    return descriptor


def _parts(file: BinaryIO, name: str, beginning: bytes, size_bytes: int) -> Iterator[tuple[str, Iterator[bytes], int]]:
    """(name for errors, content, size) of the file itself, or of each member with conversations."""
    if not transfer_zip.is_zip(beginning):
        yield name, iter(lambda: file.read(BLOCK_BYTES), b""), size_bytes
        return
    for member in transfer_zip.chat_members(file, name, MAX_FILE_BYTES):
        yield f"{name}:{member.name}", transfer_zip.blocks(file, member, name), member.size_bytes


class _Report:
    """Looks at the stop flag and reports progress while blocks go by."""

    def __init__(self, stop: Stop, on_progress: OnProgress, size_bytes: int) -> None:
        self.stop, self.on_progress, self.size_bytes = stop, on_progress, size_bytes

    def watch(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        done_bytes = 0
        for block in blocks:
            self.stop.check()
            done_bytes += len(block)
            if done_bytes > MAX_FILE_BYTES:
                raise Error("The file grew while it was read.", hint="Wait until it is written.", kind="bad-import")
            self.on_progress(Progress("Reading", done_bytes, self.size_bytes, "bytes"))
            yield block


def _characters(blocks: Iterator[bytes], name: str) -> Iterator[str]:
    """The text: UTF-8, UTF-16 or UTF-32, with or without a byte order mark."""
    first = b""
    for block in blocks:
        first += block
        if len(first) >= 4:
            break
    encoding = json.detect_encoding(first)
    decoder = codecs.getincrementaldecoder(encoding)()
    done_bytes = 0
    block = first
    while True:
        held_back = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as failure:
            at = done_bytes - held_back + failure.start
            raise Error(
                f"{name} is not {encoding.removesuffix('-sig').upper()} text: the byte "
                f"{failure.object[failure.start]:#04x} at offset {at} does not fit ({failure.reason}).",
                hint="Save the file as UTF-8 and import it again.",
                kind="bad-import",
            ) from failure
        done_bytes += len(block)
        if text:
            yield text
        if not block:
            return
        block = next(blocks, b"")


class _Splitter:
    """Cuts text into the top-level objects, or the objects of top-level lists."""

    def __init__(self, name: str, texts: Iterator[str]) -> None:
        self.name = name
        self.texts = texts
        self.buffer = ""
        self.at = 0  # in the buffer; what lies before is done with
        self.line = 1
        self.column = 1
        self.is_end = False

    def pieces(self) -> Iterator[Piece]:
        in_list = False
        need_comma = False  # inside a list, after an object
        may_end = True  # inside a list: "]" may come (not after a comma)
        n_values = 0
        while (character := self._next_visible()) is not None:
            if character == "{" and not need_comma:
                piece = self._object()
                n_values += 1
                need_comma, may_end = in_list, True
                yield piece
            elif character == "[" and not in_list:
                self._advance(1)
                in_list, may_end = True, True
                n_values += 1
            elif character == "]" and in_list and may_end:
                self._advance(1)
                in_list = need_comma = False
            elif character == "," and need_comma:
                self._advance(1)
                need_comma = may_end = False
            else:
                raise self._unexpected(character, in_list, need_comma, n_values)
        if in_list:
            raise self._wrong("the file ends in the middle of the list of conversations (an incomplete download?)")

    def _unexpected(self, character: str, in_list: bool, need_comma: bool, n_values: int) -> Error:
        if n_values == 0:
            return self._wrong(f"expected JSON, found {quote(self.buffer[self.at : self.at + 40])}")
        expected = '"," or "]"' if need_comma else "an object" if in_list else "an object or the end"
        return self._wrong(f"expected {expected}, found {quote(character)}")

    def _object(self) -> Piece:
        """The object that begins here, complete: its brackets are counted, strings passed over."""
        place = Place(self.name, line=self.line)
        column = self.column
        depth = 0
        end = self.at
        while True:
            match = _NO_BRACKET.match(self.buffer, end)
            assert match is not None
            end = match.end()
            if end == len(self.buffer) or self.buffer[end] == '"':  # a string that is not complete yet
                end -= self.at
                if not self._read_more():
                    raise self._wrong("the file ends in the middle of this object (an incomplete download?)")
                continue
            depth += 1 if self.buffer[end] in "[{" else -1
            end += 1
            if depth == 0:
                break
            if depth > MAX_DEPTH:
                raise self._wrong(f"it is nested more than {MAX_DEPTH} levels deep")
        text = self.buffer[self.at : end]
        self._advance(len(text))
        return Piece(text, place, column)

    def _next_visible(self) -> str | None:
        """The next character that is no white space, not consumed; None at the end."""
        while True:
            match = _SPACE.match(self.buffer, self.at)
            assert match is not None
            self._advance(match.end() - self.at)
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self._read_more():
                return None

    def _read_more(self) -> bool:
        """Append text to the buffer and drop what is done. At least doubles it, so a long object is not read over
        and over; False at the end of the file."""
        texts = [self.buffer[self.at :]]
        had = len(texts[0])
        wanted = max(had, 1)
        while wanted > 0 and not self.is_end:
            text = next(self.texts, "")
            self.is_end = not text
            texts.append(text)
            wanted -= len(text)
        self.buffer, self.at = "".join(texts), 0
        if had > MAX_PIECE_CHARS:
            raise self._wrong(f"this conversation has more than {MAX_PIECE_CHARS // 1024**2} million characters")
        return len(self.buffer) > had

    def _advance(self, n_chars: int) -> None:
        end = self.at + n_chars
        n_lines = self.buffer.count("\n", self.at, end)
        if n_lines:
            self.line += n_lines
            self.column = end - self.buffer.rindex("\n", self.at, end)
        else:
            self.column += n_chars
        self.at = end

    def _wrong(self, what: str) -> Error:
        return Error(
            f"{self.name}, line {self.line}, column {self.column}: {what}.",
            hint="Export the conversations again; nothing was imported.",
            kind="bad-import",
        )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
