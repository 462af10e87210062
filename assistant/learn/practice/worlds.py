"""The worlds that practice databases are drawn from, as worlds.txt lists them. Knows no names of columns as SQL has
them, no rows and no questions."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).with_name("worlds.txt")
SIZES: Final = ("few", "some", "many")
HOLDS: Final = (
    "people", "places", "titles", "labels", "code", "group", "whole", "real", "money", "year", "date", "moment", "flag",
    "note",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Thing:
    """A column: its words and what it holds."""

    words: tuple[str, ...]
    holds: str  # one of HOLDS
    values: tuple[str, ...] = ()  # of labels and groups
    low: float = 0.0
    high: float = 0.0
    start: str = ""  # of codes
    may_miss: bool = False


@dataclass(frozen=True, slots=True)
class Belongs:
    """A key: the table that it names and what that is to the row."""

    table: str
    role: str  # "" = what the table is called
    may_miss: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of a world."""

    name: str
    size: str  # one of SIZES
    belongs: tuple[Belongs, ...]
    things: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class World:
    name: str
    kinds: tuple[Kind, ...]

    def kind(self, name: str) -> Kind:
        return next(one for one in self.kinds if one.name == name)


@cache
def worlds() -> tuple[World, ...]:
    """All of them, in the order of the file."""
    found: list[World] = []
    kinds: list[Kind] = []
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("world "):
            kinds = []
            found.append(World(line.removeprefix("world ").strip(), ()))
        elif line.strip() and not line.startswith("#"):
            kinds.append(_kind(line))
            found[-1] = World(found[-1].name, tuple(kinds))
    return tuple(found)


def _kind(line: str) -> Kind:
    head, _, columns = line.partition(":")
    named, _, owners = head.partition(">")
    name, size = named.split()
    belongs = tuple(_belongs(one.strip()) for one in owners.split(",") if one.strip())
    return Kind(name, size, belongs, tuple(_thing(one.strip()) for one in columns.split(";") if one.strip()))


def _belongs(said: str) -> Belongs:
    table, _, role = said.partition(" as ")
    return Belongs(table.strip().removesuffix("?"), role.strip(), table.strip().endswith("?"))


def _thing(said: str) -> Thing:
    said, may_miss = said.removesuffix("?").strip(), said.endswith("?")
    name, holds, *rest = said.split(" ", 2)
    words, more = tuple(name.split("_")), rest[0] if rest else ""
    if holds not in HOLDS:
        raise ValueError(f"{_FILE.name}: {name} holds {holds!r}, which is none of {', '.join(HOLDS)}")
    if holds in ("group", "labels"):
        return Thing(words, holds, tuple(more.split("|")), may_miss=may_miss)
    if holds == "code":
        return Thing(words, holds, start=more, may_miss=may_miss)
    if not more:
        return Thing(words, holds, may_miss=may_miss)
    low, high = _range(more)
    return Thing(words, holds, low=low, high=high, may_miss=may_miss)


def _range(said: str) -> tuple[float, float]:
    """12-40, or -60-180."""
    at = said.index("-", 1)
    return float(said[:at]), float(said[at + 1 :])
