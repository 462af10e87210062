"""System prompts and options under a name, to be put on a conversation."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rushlight import Error
from rushlight.assistant.ask_options import parse_options
from rushlight.assistant.chat.text_rules import one_line, storable
from rushlight.assistant.store.database import Store

MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Preset:
    """`system` None: the preset says nothing about it. `options` by the names and values of `ask -o`."""

    name: str
    system: str | None
    options: dict[str, str]
    created_at: float
    updated_at: float


class Presets:
    """Every method that writes is one transaction and is on the disk when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def list(self) -> tuple[Preset, ...]:
        """All of them, by name."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            "SELECT name, system, options, created_at, updated_at FROM presets ORDER BY name"
        )
        return tuple(
            Preset(name, system, json.loads(options), created_at, updated_at)
            for name, system, options, created_at, updated_at in rows
        )

    def get(self, name: str) -> Preset:
        """The preset of that name; an unknown one is an `Error` with the nearest name."""
        wanted = one_line(name, MAX_NAME_CHARS)
        presets = {one.name: one for one in self.list()}
        if wanted not in presets:
            import difflib

            near = difflib.get_close_matches(wanted, list(presets), n=1)
            raise Error(
                f"There is no preset named {wanted!r}." + (f" Did you mean {near[0]}?" if near else ""),
                kind="preset-not-found",
            )
        return presets[wanted]

    def save(self, name: str, *, system: str | None = None, options: Mapping[str, str] | None = None) -> Preset:
        """Make it, or replace the one of that name. Options that no model takes are an `Error`."""
        name = one_line(name, MAX_NAME_CHARS)
        if not name:
            raise Error("A preset needs a name.", kind="bad-preset")
        given = {key: str(value) for key, value in (options or {}).items()}
        parse_options(given.items())
        with self._store.writing():
            self._store.execute(
                "INSERT INTO presets (name, system, options, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?4) "
                "ON CONFLICT (name) DO UPDATE SET system = ?2, options = ?3, updated_at = ?4",
                (
                    name,
                    None if system is None else storable(system, "The system prompt"),
                    json.dumps({storable(key): storable(value) for key, value in given.items()}, ensure_ascii=False),
                    time.time(),
                ),
            )
            return self.get(name)

    def delete(self, name: str) -> None:
        """Remove it; conversations that took it keep what they took."""
        with self._store.writing():
            self._store.execute("DELETE FROM presets WHERE name = ?", (self.get(name).name,))
