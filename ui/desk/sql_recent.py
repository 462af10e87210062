"""Which files an SQL page had open, the newest first: remembered for each face, shown as what can be opened again."""

from collections.abc import Sequence
from typing import Any

from rushlight.ui.desk.sql_values import RecentRow

_MOST = 12
_KEY, _OPEN = "sql_recent", "sql_open"


class Recent:
    """Sets of files that were open together."""

    def __init__(self, remembered: Any) -> None:
        self._remembered = remembered

    def open(self, paths: Sequence[str]) -> None:
        """These are open now."""
        self._keep([list(paths), *(one for one in self._sets() if one != list(paths))])
        self._remembered.set(_OPEN, True)

    def close(self) -> None:
        """Nothing is open: the next start opens nothing by itself."""
        self._remembered.set(_OPEN, False)

    def forget(self, paths: Sequence[str]) -> None:
        """They cannot be opened any more."""
        self._keep([one for one in self._sets() if one != list(paths)])

    def last(self) -> tuple[str, ...]:
        """What was open when the face ended."""
        sets = self._sets()
        return tuple(sets[0]) if sets and self._remembered.get(_OPEN, False) else ()

    def rows(self, paths: Sequence[str]) -> tuple[RecentRow, ...]:
        """All of them; `paths` are open now."""
        return tuple(RecentRow(tuple(one), title_of(one), one == list(paths)) for one in self._sets())

    def _sets(self) -> list[list[str]]:
        kept: Any = self._remembered.get(_KEY, [])
        return [
            [str(path) for path in one] for one in kept if isinstance(one, list) and one and all(map(_is_path, one))
        ][:_MOST]

    def _keep(self, sets: list[list[str]]) -> None:
        self._remembered.set(_KEY, sets[:_MOST])


def title_of(paths: Sequence[str]) -> str:
    """clinic.db + cities.csv"""
    return " + ".join(path.replace("\\", "/").rpartition("/")[2] for path in paths)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and bool(value)
