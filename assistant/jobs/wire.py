"""What a job's process and its runner say to each other: one JSON object a line, one word a line back.

Knows the form only; what is done about it is the business of `worker` and `run`.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

MAX_LINE_BYTES = 1024 * 1024
MAX_TEXT_CHARS = 4000


class Started(msgspec.Struct, frozen=True, tag_field="event", tag="started"):
    """The work begins. `pause`: how it pauses, "exit" or "hold". `may_freeze`: it may be halted anywhere.
    `patience_s`: how long it may take to a pause point. `makes_way`: it waits while the user is answered."""

    pause: str
    may_freeze: bool
    patience_s: float = 0.0
    makes_way: bool = False


class Progressed(msgspec.Struct, frozen=True, tag_field="event", tag="progress"):
    """The fields of a `rushlight.Progress`."""

    what: str
    done: float
    total: float | None = None
    unit: str = ""


class Noticed(msgspec.Struct, frozen=True, tag_field="event", tag="notice"):
    """The fields of an `events.Notice`."""

    kind: str
    text: str


class GotFurther(msgspec.Struct, frozen=True, tag_field="event", tag="further"):
    """What is done now will not be done again, whatever happens."""


class MemoryAsked(msgspec.Struct, frozen=True, tag_field="event", tag="memory"):
    """It waits until it may take that much; answered by "granted", or by "refused" with JSON of [message, hint, kind].
    A second one replaces the first."""

    main_bytes: int
    card_bytes: int = 0


class Held(msgspec.Struct, frozen=True, tag_field="event", tag="held"):
    """It waits at a pause point."""


class Result(msgspec.Struct, frozen=True, tag_field="event", tag="result"):
    """The end: it is done."""

    value: dict[str, Any]


class JobFailed(msgspec.Struct, frozen=True, tag_field="event", tag="failed"):
    """The end: the fields of a `rushlight.Error`."""

    message: str
    hint: str = ""
    kind: str = "error"


class Stopped(msgspec.Struct, frozen=True, tag_field="event", tag="stopped"):
    """The end: it was asked to."""


WireEvent: TypeAlias = Started | Progressed | Noticed | GotFurther | MemoryAsked | Held | Result | JobFailed | Stopped
End: TypeAlias = Result | JobFailed | Stopped
ENDS = (Result, JobFailed, Stopped)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[WireEvent] = msgspec.json.Decoder(WireEvent)


def line(event: WireEvent) -> bytes:
    """The event as a line, its newline included."""
    return _encoder.encode(event) + b"\n"


class Lines:
    """Pieces of a stream in, events out. What is no event is handed to the log: a job may say what it likes."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self.strange: list[str] = []  # taken by the caller

    def feed(self, data: bytes) -> Iterator[WireEvent]:
        self._rest += data
        while (end := self._rest.find(b"\n")) >= 0:
            one = bytes(self._rest[:end])
            del self._rest[: end + 1]
            yield from self._event(one)
        if len(self._rest) > MAX_LINE_BYTES:
            self.strange.append(f"a line of more than {MAX_LINE_BYTES} bytes was dropped")
            self._rest.clear()

    def _event(self, one: bytes) -> Iterator[WireEvent]:
        try:
            yield _decoder.decode(one)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if one.strip():
                self.strange.append(one[:MAX_TEXT_CHARS].decode("utf-8", "replace"))
