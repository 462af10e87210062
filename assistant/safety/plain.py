"""The one sanitizer of text that goes to a terminal, a log or a table: no control byte of a stranger passes.

Escape sequences go as a whole (a terminal would have swallowed their letters too), other control characters go alone,
characters that reorder or hide text go, lone surrogates become U+FFFD. Newline and tab stay. One state machine does
it for whole texts and for streams, so that a sequence split over two chunks is the same as one in a single chunk.

Knows text only: no terminal, no colours, no model.
"""

import re
from collections.abc import Iterable, Iterator

# C0 without \t and \n, DEL, C1; Unicode's Bidi_Control property and the deprecated format controls beside it;
# tag characters, which carry readable but invisible ASCII; surrogates, which no encoder takes.
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f\U000e0000-\U000e007f\ud800-\udfff]"
)
_BLANKS = re.compile(r"[\n\t\u2028\u2029]+")

_GROUND, _ESCAPE, _INTERMEDIATE, _CSI, _STRING, _STRING_ESCAPE = range(6)
_ESC = "\x1b"
_CSI_C1 = "\x9b"
_STRING_INTRODUCERS_C1 = "\x90\x98\x9d\x9e\x9f"  # DCS, SOS, OSC, PM, APC
_STRING_INTRODUCERS = "PX]^_"  # the same after ESC
_STRING_ENDS = "\x07\x9c"  # BEL, ST; the other form of ST is ESC \

# Real sequences are short. Past these lengths it is no sequence but somebody who wants text to disappear or a
# stream to stall: the introducer alone goes, the rest is shown.
_MAX_STRING = 4096
_MAX_CSI = 128
_MAX_INTERMEDIATE = 16


def plain(text: str) -> str:
    """`text` without anything that a terminal would obey.

    >>> plain("\\x1b]0;owned\\x07Hello \\x1b[31mred\\x1b[0m")
    'Hello red'
    """
    if _SUSPECT.search(text) is None:
        return text
    stream = PlainStream()
    return stream.feed(text) + stream.close()


def plain_line(text: str) -> str:
    """`plain` on one line: newlines and tabs become single spaces. For table cells, titles and log lines."""
    return _BLANKS.sub(" ", plain(text))


def plain_stream(pieces: Iterable[str]) -> Iterator[str]:
    """`plain` over a stream; empty pieces are left out."""
    stream = PlainStream()
    for piece in pieces:
        clean = stream.feed(piece)
        if clean:
            yield clean
    rest = stream.close()
    if rest:
        yield rest


class PlainStream:
    """`plain` piece by piece: the pieces joined are what `plain` makes of the whole text.

    What may become an escape sequence is held back until it is one or is not, at most 4,096 characters.
    """

    __slots__ = ("_held", "_length", "_state")

    def __init__(self) -> None:
        self._state = _GROUND
        self._held: list[str] = []  # the body of an unfinished string sequence, shown if it never ends
        self._length = 0  # characters of an unfinished sequence of another kind

    def feed(self, text: str) -> str:
        """What of `text`, and of what was held back, can be shown now."""
        if self._state == _GROUND and _SUSPECT.search(text) is None:
            return text
        out: list[str] = []
        position = 0
        while position < len(text):
            if self._state == _GROUND:
                found = _SUSPECT.search(text, position)
                if found is None:
                    out.append(text[position:])
                    break
                out.append(text[position : found.start()])
                position = found.end()
                self._begin(found.group(), out)
            elif self._continue(text[position], out):
                position += 1
        return "".join(out)

    def close(self) -> str:
        """The end of the text: an unfinished string sequence loses its introducer only."""
        out: list[str] = []
        self._abandon(out)
        return "".join(out)

    def _begin(self, char: str, out: list[str]) -> None:
        """Handle one suspect character of ordinary text."""
        if char == _ESC:
            self._state, self._length = _ESCAPE, 0
        elif char == _CSI_C1:
            self._state, self._length = _CSI, 0
        elif char in _STRING_INTRODUCERS_C1:
            self._state = _STRING
        elif "\ud800" <= char <= "\udfff":
            out.append("\ufffd")

    def _continue(self, char: str, out: list[str]) -> bool:
        """Handle `char` inside a sequence. False: it was not part of it and must be looked at again."""
        if self._state == _STRING:
            return self._continue_string(char, out)
        if self._state == _STRING_ESCAPE:
            if char == "\\":
                self._held.clear()
                self._state = _GROUND
                return True
            self._abandon(out)
            self._state, self._length = _ESCAPE, 0
            return False
        if self._state == _CSI:
            self._length += 1
            if "@" <= char <= "~":
                self._state = _GROUND
                return True
            if " " <= char <= "?" and self._length <= _MAX_CSI:
                return True
        elif self._state == _ESCAPE and char == "[":
            self._state, self._length = _CSI, 0
            return True
        elif self._state == _ESCAPE and char in _STRING_INTRODUCERS:
            self._state = _STRING
            return True
        elif " " <= char <= "/" and self._length < _MAX_INTERMEDIATE:
            self._state = _INTERMEDIATE
            self._length += 1
            return True
        elif "0" <= char <= "~":
            self._state = _GROUND
            return True
        self._state = _GROUND
        return False

    def _continue_string(self, char: str, out: list[str]) -> bool:
        if char in _STRING_ENDS:
            self._held.clear()
            self._state = _GROUND
            return True
        if char == _ESC:
            self._state = _STRING_ESCAPE
            return True
        if char < " " or "\x7f" <= char <= "\x9f" or len(self._held) >= _MAX_STRING:
            self._abandon(out)
            return False
        self._held.append(char)
        return True

    def _abandon(self, out: list[str]) -> None:
        """Show the body of a string sequence that never ended; it holds no control character."""
        for char in self._held:
            if _SUSPECT.match(char) is None:
                out.append(char)
            elif "\ud800" <= char <= "\udfff":
                out.append("\ufffd")
        self._held.clear()
        self._state = _GROUND
