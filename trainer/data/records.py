"""A record of a data set: a row, the text in it, and where it was found. Knows no file format."""

from dataclasses import dataclass
from typing import Any

from rushlight import Error

_NAMES = ("text", "content", "messages", "prompt", "instruction", "question")
_TOGETHER = ("system", "prompt", "instruction", "input", "question", "completion", "response", "output", "answer",
             "chosen", "rejected")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `place` is what errors call it: "pets.jsonl, line 3"."""

    row: dict[str, Any]
    place: str

    def text(self, field: str = "") -> str:
        """What is looked at: the named field, or "text", "content", the messages, or prompt and answer together."""
        if field:
            if field not in self.row:
                known = ", ".join(sorted(map(str, self.row)))[:200]
                raise Error(f"{self.place} has no field {field[:80]!r}; it has: {known}.",
                            "Name another with --field.", kind="bad-data")  # fmt: skip
            return as_text(self.row[field])
        for name in _NAMES[:3]:
            if self.row.get(name):
                return as_text(self.row[name])
        found = [as_text(self.row[name]) for name in _TOGETHER if self.row.get(name) is not None]
        if found or any(name in self.row for name in _NAMES):
            return "\n".join(found)
        known = ", ".join(sorted(map(str, self.row)))[:200]
        raise Error(f"{self.place} has no text: its fields are {known or 'none'}.",
                    "Name the field of the text with --field.", kind="bad-data")  # fmt: skip


def as_text(value: Any) -> str:
    """A string, messages of a chat, or a list of such."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, dict):
        content = value.get("content", value.get("value", value.get("text")))
        return as_text(content) if content is not None else "\n".join(as_text(one) for one in value.values())
    if isinstance(value, list | tuple):
        return "\n".join(as_text(one) for one in value)
    return str(value)
