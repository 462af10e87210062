"""Builds the ten databases of the SQL suite: the same rows on every machine, made from a seed by plain arithmetic."""

import importlib.util
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import apsw

FOLDER = Path(__file__).parent
NAMES = ("bakery", "clinic", "energy", "ferry", "football", "hotel", "library", "museum", "school", "workshop")
Rows = dict[str, list[tuple[Any, ...]]]
T = TypeVar("T")

_FIRST_NAMES = (
    "Ada Arno Bela Berit Carla Cem Dana Dirk Elif Emil Fenna Finn Greta Gustav Hanna Hugo Ida Ivo Jana Jonas Kira "
    "Klaus Lea Levi Mara Milan Nele Nils Olga Oskar Paula Piet Rana Rolf Selma Sven Tilda Timo Uma Viktor"
)
_LAST_NAMES = (
    "Adler Berg Castro Dahl Engel Falk Graf Hansen Ibsen Jansen Keller Lund Maier Nowak Olsen Peters Quist Rossi "
    "Santos Thoma Ulrich Vogel Weber Yilmaz Zander"
)


class Dice:
    """A linear congruential generator (Knuth's MMIX numbers): the standard library's may change with its version."""

    def __init__(self, seed: int) -> None:
        self._state = seed * 2654435761 + 97

    def below(self, n: int) -> int:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self._state >> 24) % n

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        at = self.below(sum(weight for _, weight in choices))
        for value, weight in choices:
            at -= weight
            if at < 0:
                return value
        raise AssertionError

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def money(self, low: int, high: int) -> float:
        return self.between(low * 100, high * 100) / 100

    def day(self, first: str, last: str) -> str:
        start = date.fromisoformat(first)
        return (start + timedelta(days=self.below((date.fromisoformat(last) - start).days + 1))).isoformat()

    def people(self, n: int) -> list[str]:
        """So many different names."""
        all_names = [f"{first} {last}" for last in _LAST_NAMES.split() for first in _FIRST_NAMES.split()]
        return [all_names.pop(self.below(len(all_names))) for _ in range(n)]


def later(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def later_minutes(moment: str, minutes: int) -> str:
    return (datetime.fromisoformat(moment) + timedelta(minutes=minutes)).isoformat(sep=" ", timespec="minutes")


def schema(name: str) -> ModuleType:
    """The module of one schema: `SEED`, `DDL` and `rows(dice)`."""
    spec = importlib.util.spec_from_file_location(f"sql_suite_{name}", FOLDER / "schemas" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name: str, path: Path, *, backwards: bool = False) -> Path:
    """One database at `path`; `backwards` inserts the rows of each table last first, which must change no answer."""
    module = schema(name)
    db = apsw.Connection(str(path))
    try:
        db.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        db.execute(module.DDL)
        with db:
            for table, rows in module.rows(Dice(module.SEED)).items():
                _insert(db, table, rows[::-1] if backwards else rows)
    finally:
        db.close()
    return path


def _insert(db: apsw.Connection, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    for row in rows:
        db.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(row))})', row)
