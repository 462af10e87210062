"""Saved questions: a query under a name, with its files and parameters, run again whenever it is wanted.

saved = SqlSaved(app.store)
saved.save(database, "visits", "SELECT COUNT(*) FROM visit WHERE strftime('%Y', day) = :year")
print(rerun(saved, app.paths, saved.find("visits"), {"year": "2024"}).result.rows)
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from rushlight import Error
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.text_rules import one_line, storable
from rushlight.assistant.paths import Paths, with_home
from rushlight.assistant.sql import charts, limits
from rushlight.assistant.sql.addresses import is_address
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.memory import MAX_SQL_CHARS, digest
from rushlight.assistant.sql.parameters import Parameter, bound, parameters_of
from rushlight.assistant.sql.values import Result
from rushlight.assistant.store.database import Store

CHARTS = ("auto", "none", *charts.KINDS)
MAX_NAME_CHARS = 80
MAX_SAVED = 2_000
_TRIAL = {"text": "", "number": "1", "date": "2000-01-01", "year": "2000"}  # for what has no default
_COLUMNS = (
    "id, name, question, sql, parameters, files, chart, created_at, updated_at, last_run_at, last_n_rows, last_sha256"
)


class Saved(Struct, frozen=True):
    """A query that was saved."""

    id: str
    name: str
    question: str  # "" where none was asked
    sql: str
    parameters: tuple[Parameter, ...]
    files: tuple[str, ...]  # the main one first
    chart: str  # one of CHARTS
    created_at: float
    updated_at: float
    last_run_at: float | None = None  # with its defaults, on its own files
    last_n_rows: int | None = None
    last_sha256: str = ""


class Rerun(Struct, frozen=True):
    """What a saved question gave now."""

    saved: Saved
    given: dict[str, str]
    result: Result | None
    error: Error | None = None
    is_changed: bool | None = None  # against the last time; None where there is nothing to compare with


class SqlSaved:
    """Every method that writes is one transaction and is on the disk when it returns."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def all(self) -> tuple[Saved, ...]:
        """By name."""
        return tuple(map(_read, self.store.rows(f"SELECT {_COLUMNS} FROM sql_saved ORDER BY name LIMIT {MAX_SAVED}")))

    def find(self, wanted: str) -> Saved:
        """The one of this name or id. An unknown one is an `Error` with the nearest name."""
        rows = self.store.rows(f"SELECT {_COLUMNS} FROM sql_saved WHERE name = ?1 OR id = ?1", (wanted.strip(),))
        if not rows:
            raise unknown_name("saved question", wanted, [one.name for one in self.all()], "saved")
        return _read(rows[0])

    def save(
        self,
        database: Database,
        name: str,
        sql: str,
        *,
        question: str = "",
        parameters: Sequence[Parameter] = (),
        chart: str = "auto",
        replace: bool = False,
        seconds: float = limits.STATEMENT_S,
    ) -> Saved:
        """Keep it, after it was run once; `replace` one of this name. A query that does not run in these seconds is an
        `Error`."""
        name = plain_name(name)
        sql = storable(sql, "The query").strip().rstrip("; \n\t")
        if not sql or len(sql) > MAX_SQL_CHARS:
            raise Error(f"A query to be saved has 1 to {MAX_SQL_CHARS:,} characters.", kind="bad-saved")
        if chart not in CHARTS:
            raise Error(f"{chart!r} is no kind of chart.", hint=f"Known are {', '.join(CHARTS)}.", kind="bad-chart")
        made = parameters_of(sql, database.known().schema, parameters)
        whole = all(one.default is not None for one in made)
        values = bound(made, {} if whole else {one.name: _TRIAL[one.kind] for one in made if one.default is None})
        result = database.run(sql, seconds=seconds, bindings=values)
        now = time.time()
        with self.store.writing():
            rows = self.store.rows("SELECT id, created_at FROM sql_saved WHERE name = ?", (name,))
            if rows and not replace:
                raise Error(
                    f"A question named {name} is saved already.",
                    hint="Choose another name, or replace it.",
                    kind="name-taken",
                )
            saved = Saved(
                str(rows[0][0]) if rows else new_id(),
                name,
                storable(question, "The question").strip(),
                sql,
                made,
                _files(database),
                chart,
                float(str(rows[0][1])) if rows else now,
                now,
                now if whole else None,
                len(result.rows) if whole else None,
                digest(result) if whole else "",
            )
            self._write(saved)
        return saved

    def rename(self, wanted: str, name: str) -> Saved:
        """The same under another name."""
        found, name = self.find(wanted), plain_name(name)
        with self.store.writing():
            if self.store.rows("SELECT 1 FROM sql_saved WHERE name = ? AND id <> ?", (name, found.id)):
                raise Error(
                    f"A question named {name} is saved already.", hint="Choose another name.", kind="name-taken"
                )
            self.store.execute(
                "UPDATE sql_saved SET name = ?, updated_at = ? WHERE id = ?", (name, time.time(), found.id)
            )
        return self.find(found.id)

    def remove(self, wanted: str) -> Saved:
        """Forget it, also on dashboards."""
        found = self.find(wanted)
        with self.store.writing():
            self.store.execute("DELETE FROM sql_saved WHERE id = ?", (found.id,))
        return found

    def ran(self, saved: Saved, result: Result) -> bool | None:
        """Write down what it gave with its defaults; whether that is something else than the last time."""
        sha256 = digest(result)
        with self.store.writing():
            self.store.execute(
                "UPDATE sql_saved SET last_run_at = ?, last_n_rows = ?, last_sha256 = ? WHERE id = ?",
                (time.time(), len(result.rows), sha256, saved.id),
            )
        return sha256 != saved.last_sha256 if saved.last_sha256 else None

    def _write(self, saved: Saved) -> None:
        self.store.execute(
            f"INSERT INTO sql_saved ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET name = excluded.name, question = excluded.question, sql = excluded.sql, "
            "parameters = excluded.parameters, files = excluded.files, chart = excluded.chart, "
            "updated_at = excluded.updated_at, last_run_at = excluded.last_run_at, "
            "last_n_rows = excluded.last_n_rows, last_sha256 = excluded.last_sha256",
            (
                saved.id,
                saved.name,
                saved.question,
                saved.sql,
                msgspec.json.encode(saved.parameters).decode(),
                json.dumps(saved.files),
                saved.chart,
                saved.created_at,
                saved.updated_at,
                saved.last_run_at,
                saved.last_n_rows,
                saved.last_sha256,
            ),
        )


def rerun(
    kept: SqlSaved,
    paths: Paths,
    saved: Saved,
    given: Mapping[str, str] | None = None,
    *,
    database: Database | None = None,
    seconds: float = limits.STATEMENT_S,
    max_rows: int = 1_000,
) -> Rerun:
    """Run it now; `database`: over this one in place of its own files. What goes wrong is in the answer."""
    values = dict(given or {})
    try:
        bindings = bound(saved.parameters, values)
        if database is not None:
            result = database.run(saved.sql, seconds=seconds, max_rows=max_rows, bindings=bindings)
        else:
            with open_database(saved.files, paths) as own:
                result = own.run(saved.sql, seconds=seconds, max_rows=max_rows, bindings=bindings)
    except Error as err:
        return Rerun(saved, values, None, err)
    is_own = not values and (database is None or _files(database) == saved.files)
    return Rerun(saved, values, result, is_changed=kept.ran(saved, result) if is_own else None)


def _files(database: Database) -> tuple[str, ...]:
    """Where they are: whole paths, and the addresses of servers as they are."""
    places = (source.path for source in database.sources)
    return tuple(one if is_address(one) else str(with_home(one).absolute()) for one in places)


def plain_name(name: str) -> str:
    name = one_line(name, MAX_NAME_CHARS)
    if not name:
        raise Error("A saved question needs a name.", hint="Such as: visits per month", kind="bad-saved")
    return name


def _read(row: Any) -> Saved:
    saved_id, name, question, sql, parameters, files, *rest = row
    return Saved(
        saved_id,
        name,
        question,
        sql,
        msgspec.json.decode(parameters, type=tuple[Parameter, ...]),
        msgspec.json.decode(files, type=tuple[str, ...]),
        *rest,
    )


def unknown_name(what: str, wanted: str, names: Sequence[str], noun: str) -> Error:
    import difflib

    near = difflib.get_close_matches(wanted, names, n=1)
    return Error(
        f"There is no {what} {wanted[:80]!r}.",
        hint=f"Did you mean {near[0]!r}?" if near else f"`rushlight sql {noun} list` shows them.",
        kind="no-saved",
    )
