"""What the databases of a user hold and answer, as plain values. Knows no process and no SQLite."""

from typing import Any

from msgspec import Struct

Cell = None | int | float | str | bytes


class Source(Struct, frozen=True):
    """A file that was opened: under which name its tables stand, and which SQLite file is read for it."""

    name: str  # as in name.table
    path: str  # what the user named
    database: str  # the SQLite file that is read: the same, or one made from it
    kind: str  # sqlite, csv, parquet, excel, duckdb or postgresql
    sha256: str
    notes: tuple[str, ...] = ()  # what was changed on the way in


class Column(Struct, frozen=True):
    name: str
    type: str  # as declared
    key: int = 0  # its place in the primary key, from 1
    not_null: bool = False
    comment: str = ""
    samples: tuple[str, ...] = ()  # frequent values, as SQL would write them without quotes
    n_distinct: int | None = None  # among the rows that were looked at
    holds: str = ""  # what its values are: text, number, date, time, flag, mixed or nothing
    low: int | float | str | None = None
    high: int | float | str | None = None


class Key(Struct, frozen=True):
    """Columns that name a row of another table."""

    columns: tuple[str, ...]
    table: str
    to_columns: tuple[str, ...]
    declared: bool = True  # false: found by names and values


class Table(Struct, frozen=True):
    source: str  # the name of its `Source`
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...] = ()
    comment: str = ""
    n_rows: int | None = None  # None: too many to count in the time given
    is_view: bool = False

    def column(self, name: str) -> Column | None:
        return next((one for one in self.columns if one.name.lower() == name.lower()), None)


class Schema(Struct, frozen=True):
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()  # tables that could not be read, and why

    def table(self, name: str) -> Table | None:
        wanted = name.lower()
        for one in self.tables:
            if wanted in (one.name.lower(), f"{one.source}.{one.name}".lower()):
                return one
        return None


class Result(Struct, frozen=True):
    """The rows of one statement."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    more: bool = False  # there were more rows than were asked for
    n_cut: int = 0  # cells that were too long to be given whole
    seconds: float = 0.0
    plan: tuple[str, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        """Rows as objects; columns of the same name get a number."""
        names = unique_names(self.columns)
        return [dict(zip(names, map(json_cell, row), strict=True)) for row in self.rows]


def unique_names(columns: tuple[str, ...]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, n = column, 2
        while name in names:
            name, n = f"{column}_{n}", n + 1
        names.append(name)
    return names


def json_cell(cell: Cell) -> Any:
    """JSON has neither bytes nor infinity."""
    if isinstance(cell, bytes):
        return {"bytes": len(cell), "hex": cell[:64].hex()}
    if isinstance(cell, float) and (cell != cell or cell in (float("inf"), float("-inf"))):
        return str(cell)
    return cell
