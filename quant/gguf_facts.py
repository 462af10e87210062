"""Typed questions to the metadata of a file that was just walked; a wrong answer is refused with its key and position.

Knows no key of its own: the rules ask it.
"""

from typing import Any, NoReturn

from rushlight.quant.gguf_reader import Contents, shown

_FIRST_KEY_POSITION = 24  # where the metadata begins, for keys that are missing


class Facts:
    """Typed reading of the metadata; a wrong type is refused with its key and position."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.metadata = contents.metadata

    def bad(self, key: str, expected: str, found: str) -> NoReturn:
        self.contents.bad(self.contents.positions[key], f"{expected} as {shown(key)}", found)

    def typed(self, key: str, type_name: str) -> Any:
        """The value, or None where the key is missing."""
        if key not in self.metadata:
            return None
        found = self.contents.value_types[key]
        if found != type_name:
            self.bad(key, f"a value of type {type_name}", found)
        return self.metadata[key]

    def whole(self, key: str, lowest: int, highest: int, *, required: bool = False) -> int | None:
        value = self.typed(key, "uint32")
        if value is None:
            if required:
                self.missing(key)
            return None
        if not lowest <= value <= highest:
            self.bad(key, f"a number from {lowest:,} to {highest:,}", f"{value:,}")
        return int(value)

    def name(self, key: str, *, required: bool = False) -> str:
        """A short identifier. C code ends it at a zero byte, so one inside would mean two different names."""
        value = self.typed(key, "string")
        if value is None:
            if required:
                self.missing(key)
            return ""
        if not value or not value.isprintable() or key in self.contents.broken_texts:
            self.bad(key, "a plain name", shown(value))
        return str(value)

    def missing(self, key: str) -> NoReturn:
        self.contents.bad(_FIRST_KEY_POSITION, f"the key {shown(key)}", "no such key")
