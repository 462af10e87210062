"""Values of a foreign JSON file that know their place, so that every error names it.

A reader asks for what it expects (`need("mapping").members()`); what is something else raises an `Error` with the
file, the conversation, the message and the JSON pointer. Knows no format.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rushlight import Error
from rushlight.assistant.chat.text_rules import MAX_TEXT_CHARS, storable
from rushlight.assistant.chat.transfer import quote

_LATEST_S = 32_503_680_000.0  # the year 3000
# How often a unit fits into a second; an export of today in seconds is about 1.8e9.
_UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (math.inf, 1e9))


@dataclass(slots=True)
class Place:
    """Where reading has come in a file: filled in on the way, printed in errors."""

    file_name: str
    number: int = 0  # of the conversation in the file, from 1
    line: int = 0  # where it begins, from 1
    title: str = ""
    message_id: str = ""

    def __str__(self) -> str:
        words = [self.file_name]
        if self.number:
            title = f" {quote(self.title)}" if self.title else ""
            words.append(f"conversation {self.number}{title} (line {self.line})")
        if self.message_id:
            words.append(f"message {quote(self.message_id)}")
        return ", ".join(words)

    def wrong(self, what: str, pointer: str = "") -> Error:
        """The error for something that is not as it must be here."""
        at = f", at {quote(pointer, 400)}" if pointer else ""
        return Error(
            f"{self}{at}: {what}.",
            hint="Nothing was imported. Export the conversations again, or leave unreadable ones out (--skip-broken).",
            kind="bad-import",
        )


@dataclass(frozen=True, slots=True)
class Field:
    """A JSON value and the way to it."""

    value: Any
    place: Place
    parent: "Field | None" = None
    key: str | int = ""

    @property
    def pointer(self) -> str:
        """As in RFC 6901: /mapping/aa-bb/message."""
        if self.parent is None:
            return ""
        key = str(self.key)
        key = key if len(key) <= 60 else key[:59] + "…"
        return f"{self.parent.pointer}/{key.replace('~', '~0').replace('/', '~1')}"

    def expected(self, what: str) -> Error:
        return self.place.wrong(f"expected {what}, found {_in_words(self.value)}", self.pointer or "/")

    def wrong(self, what: str) -> Error:
        return self.place.wrong(what, self.pointer or "/")

    def get(self, key: str) -> "Field | None":
        """A member that is there and not null."""
        if not isinstance(self.value, dict):
            raise self.expected("an object")
        value = self.value.get(key)
        return None if value is None else Field(value, self.place, self, key)

    def need(self, key: str) -> "Field":
        """A member that must be there."""
        field = self.get(key)
        if field is None:
            found = "null" if key in self.value else "nothing"
            raise self.place.wrong(f"expected a member {quote(key)}, found {found}", self.pointer or "/")
        return field

    def members(self) -> "Iterator[tuple[str, Field]]":
        """Of an object, in the file's order."""
        if not isinstance(self.value, dict):
            raise self.expected("an object")
        for key, value in self.value.items():
            yield storable(key[:MAX_TEXT_CHARS]), Field(value, self.place, self, key)

    def elements(self) -> "list[Field]":
        """Of a list."""
        if not isinstance(self.value, list):
            raise self.expected("a list")
        return [Field(value, self.place, self, number) for number, value in enumerate(self.value)]

    def as_text(self) -> str:
        if not isinstance(self.value, str):
            raise self.expected("a text")
        if len(self.value) > MAX_TEXT_CHARS:
            raise self.wrong(f"this text is {len(self.value):,} characters long; {MAX_TEXT_CHARS:,} are kept")
        return storable(self.value)

    def text(self, key: str, default: str = "") -> str:
        """A member that is a text, or the default where it is missing or null."""
        field = self.get(key)
        return default if field is None else field.as_text()

    def identifier(self, key: str) -> str | None:
        """A member that names something: a text, or a number as some programs write it."""
        field = self.get(key)
        if field is None:
            return None
        if isinstance(field.value, int) and not isinstance(field.value, bool) and abs(field.value) < 1 << 63:
            return str(field.value)
        return field.as_text()

    def flag(self, key: str) -> bool:
        field = self.get(key)
        if field is None:
            return False
        if not isinstance(field.value, bool):
            raise field.expected("true or false")
        return field.value

    def number(self, key: str, default: float = 0.0) -> float:
        """A member that is a finite number of zero or more."""
        field = self.get(key)
        if field is None:
            return default
        value = _finite(field.value)
        if value is None or value < 0:
            raise field.expected("a number of zero or more")
        return value

    def count(self, key: str) -> int:
        field = self.get(key)
        if field is None:
            return 0
        if not isinstance(field.value, int) or isinstance(field.value, bool) or not 0 <= field.value < 1 << 53:
            raise field.expected("a whole number of zero or more")
        return field.value

    def time(self, key: str) -> float | None:
        """A moment as seconds since 1970: from seconds, milli-, micro- or nanoseconds, or an ISO date.

        A number that is no moment of this age is unknown, as programs write 0 or -1 for it; another type is an error.
        """
        field = self.get(key)
        if field is None or field.value == "":
            return None
        if isinstance(field.value, str):
            moment = _parse_date(field.value)
            if moment is None:
                raise field.expected("a time")
            return moment
        if isinstance(field.value, bool) or not isinstance(field.value, (int, float)):
            raise field.expected("a time")
        return _seconds(field.value)


def decoration(field: Field, *keys: str) -> Any:
    """A value some members deep, None where anything on the way is missing or of another type.

    For what only decorates a conversation: foreign programs change it silently, and no chat should be lost by that.
    """
    value = field.value
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text_decoration(field: Field, *keys: str) -> str:
    """A text some members deep, or ""."""
    value = decoration(field, *keys)
    return storable(value) if isinstance(value, str) and len(value) <= MAX_TEXT_CHARS else ""


def _seconds(number: int | float) -> float | None:
    value = _finite(number)
    if value is None or value <= 0:
        return None
    unit = next(per_second for below, per_second in _UNITS if value < below)
    seconds = value / unit
    return seconds if seconds <= _LATEST_S else None


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _parse_date(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds <= _LATEST_S else None


def _in_words(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {str(value)[:20]}" if _finite(value) is not None else "a number without an end"
    if isinstance(value, str):
        return f"the text {quote(value)}"
    return "a list" if isinstance(value, list) else "an object"
