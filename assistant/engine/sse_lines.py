"""Server-sent events read from bytes in any pieces: the data of each event. Knows bytes; knows no JSON.

Lines have an end: a stranger who sends one that has none is not listened to for ever.
"""

from collections.abc import Iterator

MAX_EVENT_BYTES = 1024 * 1024


class EventReader:
    """reader.feed(b"data: a\\n\\nda") -> [b"a"]; the rest waits for the next piece. Raises ValueError."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._n_bytes = 0
        self._after_return = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The events that have become whole."""
        for line in self._lines(piece):
            if not line:
                if self._data:
                    data, self._data, self._n_bytes = b"\n".join(self._data), [], 0
                    yield data
            elif line.startswith(b"data:"):
                value = line[5:].removeprefix(b" ")
                self._n_bytes += len(value)
                if self._n_bytes > MAX_EVENT_BYTES:
                    raise ValueError(f"an event of more than {MAX_EVENT_BYTES // 1024} KiB came")
                self._data.append(value)

    def _lines(self, piece: bytes) -> Iterator[bytes]:
        """Lines end with \\n, \\r\\n or \\r, as the standard has it."""
        if self._after_return and piece.startswith(b"\n"):
            piece = piece[1:]
        self._after_return = piece.endswith(b"\r")
        *whole, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            if self._line:
                line, self._line = bytes(self._line) + line, bytearray()
            if len(line) > MAX_EVENT_BYTES:
                raise ValueError(f"a line of more than {MAX_EVENT_BYTES // 1024} KiB came")
            yield line
        self._line += rest
        if len(self._line) > MAX_EVENT_BYTES:
            raise ValueError(f"a line of more than {MAX_EVENT_BYTES // 1024} KiB came")
