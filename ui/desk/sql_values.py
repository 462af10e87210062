"""What an SQL page shows: files, tables, the questions of a thread with their rows, advice, examples. Plain values.

Knows no store, no process and no widget. Names and cells are strangers' text, which each face cleans where it draws.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rushlight.assistant.sql.charts import ChartSpec
from rushlight.assistant.sql.values import Result

Busy: TypeAlias = Literal["", "opening", "asking", "running", "advising", "exporting", "keeping", "saving"]


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file that is open."""

    name: str  # as in name.table
    path: str
    kind: str  # sqlite, csv, parquet or excel
    notes: tuple[str, ...] = ()  # what was changed on the way in


@dataclass(frozen=True, slots=True)
class RecentRow:
    """Files that were open together."""

    paths: tuple[str, ...]
    title: str  # clinic.db + cities.csv
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class ColumnRow:
    name: str
    note: str  # key, → doctor, date, real
    place: str  # as a statement writes it
    detail: str = ""  # its comment and some of its values


@dataclass(frozen=True, slots=True)
class TableRow:
    name: str  # with the file's name where there are several files
    n_rows: int | None
    is_view: bool
    columns: tuple[ColumnRow, ...]
    place: str  # as a statement writes it
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """Something of the question that may mean several things."""

    said: str
    choices: tuple[str, ...]  # table.column, or table
    chosen: str | None = None  # "" = any of them


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A `:name` of a statement, to be filled in."""

    name: str
    kind: str  # text, number, date, year
    value: str = ""
    choices: tuple[str, ...] = ()  # what its column holds, where that is little


@dataclass(frozen=True, slots=True)
class OtherRow:
    """A statement that other samples gave, with other rows."""

    sql: str
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with its statement, and what came of it."""

    question: str
    sql: str
    whole: str = ""  # the question with those that it follows; "" = the question alone
    result: Result | None = None
    explanation: str = ""
    sentence: str = ""
    way: str = ""  # how it came about
    unclear: tuple[str, ...] = ()  # what else may have been meant, in sentences
    choices: tuple[ChoiceRow, ...] = ()  # to be answered before a statement is written; then there is none yet
    others: tuple[OtherRow, ...] = ()
    charts: tuple[ChartSpec, ...] = ()  # that fit the rows, the best first
    chart: ChartSpec | None = None
    problem: str = ""  # in place of rows
    hint: str = ""
    problem_kind: str = ""
    kept_id: str = ""  # the example that was made of it, or that answered it
    given: tuple[tuple[str, str], ...] = ()  # parameters, as the user wrote them
    is_own: bool = False  # the statement was written or changed by the user
    is_stored: bool = False  # of an earlier thread: its rows are not read yet


@dataclass(frozen=True, slots=True)
class AdviceRow:
    """How a statement could be faster. `phase`: scans (something is read as a whole), tried, or nothing."""

    phase: Literal["", "scans", "tried"] = ""
    words: str = ""
    statement: str = ""  # that makes the index, where one helps
    lines: tuple[str, ...] = ()  # the plan, and what was tried


@dataclass(frozen=True, slots=True)
class ExampleRow:
    id: str
    question: str
    sql: str
    source: str  # accepted, corrected, imported


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """Questions that followed one another earlier."""

    id: str
    title: str
    updated_at: float


@dataclass(frozen=True, slots=True)
class SqlState:
    """All of the page."""

    files: tuple[FileRow, ...] = ()
    recent: tuple[RecentRow, ...] = ()
    tables: tuple[TableRow, ...] = ()
    schema_notes: tuple[str, ...] = ()
    model: str = ""  # id; "" = the catalogue's default
    adapter: str = ""  # that was promoted for these files, and answers
    busy: Busy = ""
    is_stopping: bool = False
    progress: str = ""
    fraction: float | None = None
    thread: tuple[Answer, ...] = ()  # the oldest first
    threads: tuple[ThreadRow, ...] = ()  # earlier ones, the newest first
    at: int = -1  # the place in the thread that is shown; -1: nothing
    parameters: tuple[ParameterRow, ...] = ()  # of the statement in the field
    advice: AdviceRow = AdviceRow()
    examples: tuple[ExampleRow, ...] = ()
    problem: str = ""  # of opening, keeping, exporting
    hint: str = ""
    problem_kind: str = ""
    notice: str = ""  # something that was done

    @property
    def shown(self) -> Answer | None:
        return self.thread[self.at] if 0 <= self.at < len(self.thread) else None

    @property
    def is_open(self) -> bool:
        return bool(self.files)

    @property
    def is_sqlite(self) -> bool:
        """Whether SQLite reads it, which also reads tables of other files."""
        return all(one.kind not in ("duckdb", "postgresql") for one in self.files)

    @property
    def is_empty(self) -> bool:
        """Open, and there is nothing in it."""
        return self.is_open and not self.tables

    @property
    def title(self) -> str:
        return " + ".join(one.path.replace("\\", "/").rpartition("/")[2] for one in self.files)
