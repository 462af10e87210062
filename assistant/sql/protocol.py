"""What a front process and the worker that holds the databases say to each other. A closed set of plain values."""

from typing import Any

from msgspec import Struct

from rushlight.assistant.engine.frames import Codec
from rushlight.assistant.sql.values import Schema, Source

MAX_FRAME_BYTES = 32 * 1024 * 1024


class Open(Struct, frozen=True):
    """First message: these files, the first as main. Answered with `Opened`."""

    sources: tuple[Source, ...]
    seconds: float


class Opened(Struct, frozen=True):
    schema: Schema


class Run(Struct, frozen=True):
    """One statement. Answered with `Begun`, any number of `Rows`, and `Ended`."""

    sql: str
    seconds: float
    max_rows: int
    cell_bytes: int
    bindings: dict[str, Any] = {}  # parameter -> number, text or nothing


class Begun(Struct, frozen=True):
    columns: tuple[str, ...]


class Rows(Struct, frozen=True):
    rows: tuple[tuple[Any, ...], ...]  # of `Cell`; msgspec knows no union of text and bytes, so `database` checks


class Ended(Struct, frozen=True):
    more: bool
    n_cut: int
    seconds: float
    peak_bytes: int  # resident, of the worker since it began


class Profile(Struct, frozen=True):
    """Look at values: samples, ranges, distinct texts. Answered with `Profiled`."""

    seconds: float


class Values(Struct, frozen=True):
    """The distinct texts of one column, as far as they were looked at."""

    source: str
    table: str
    column: str
    values: tuple[str, ...]
    complete: bool


class Profiled(Struct, frozen=True):
    schema: Schema
    values: tuple[Values, ...]

    def holds_all_seen(self, held: Values) -> bool:
        """Whether its texts are all that were seen, so that they can be offered as a choice; a long table may hold
        others behind the rows that were looked at."""
        table = self.schema.table(f"{held.source}.{held.table}")
        column = table.column(held.column) if table is not None else None
        return held.complete or (column is not None and column.n_distinct == len(held.values))


class OpenCopy(Struct, frozen=True):
    """First message, in place of `Open`: a copy of a database, made to be tried on. Answered with `Opened`."""

    source: Source
    seconds: float


class Index(Struct, frozen=True):
    """One that might help."""

    table: str
    columns: tuple[str, ...]


class TryIndexes(Struct, frozen=True):
    """Time a statement on the copy, without and with each of these indexes. Answered with `TriedIndexes`."""

    sql: str
    indexes: tuple[Index, ...]
    seconds: float  # of each run


class TriedIndex(Struct, frozen=True):
    index: Index
    used: bool
    seconds: float | None  # of the statement with it; None: longer than it was given
    making_seconds: float
    size_bytes: int
    problem: str = ""  # why it could not be made


class TriedIndexes(Struct, frozen=True):
    before: float | None  # seconds without any; None: longer than it was given
    tried: tuple[TriedIndex, ...]


class Import(Struct, frozen=True):
    """Make an SQLite file out of another kind of file. Answered with `Imported`."""

    path: str
    kind: str
    target: str
    table: str  # the name of its table, or of the tables' common beginning


class Imported(Struct, frozen=True):
    notes: tuple[str, ...]


class Refused(Struct, frozen=True):
    """In place of an answer: an error for people."""

    message: str
    hint: str
    kind: str


CODEC = Codec(
    (
        Open,
        Opened,
        Run,
        Begun,
        Rows,
        Ended,
        Profile,
        Profiled,
        Import,
        Imported,
        Refused,
        OpenCopy,
        TryIndexes,
        TriedIndexes,
    ),
    MAX_FRAME_BYTES,
)
