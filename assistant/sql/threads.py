"""Questions that follow one another, each with its query and the beginning of its rows, kept in the store.

threads = SqlThreads(app.store)
thread = threads.add(database, None, answer)  # a new one
answer = ask_database(app, database, "only 2024", thread=thread)
thread = threads.add(database, thread, answer)
"""

import json
import time
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.chat.ids import new_id
from rushlight.assistant.chat.text_rules import one_line, storable
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.memory import digest, schema_hash
from rushlight.assistant.sql.values import Cell
from rushlight.assistant.store.database import Store

MAX_TURNS = 200  # of one thread
KEPT_ROWS = 20  # of each answer; running its query again gives all
_CELL_CHARS = 200
_LISTED = 200
_COLUMNS = "number, id, database, title, updated_at"


class Turn(Struct, frozen=True):
    """One question with what came of it."""

    question: str
    whole: str  # with the questions that it follows
    sql: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]  # the first ones, cells as cut texts
    n_rows: int
    more: bool
    result_sha256: str
    asked_at: float


class Thread(Struct, frozen=True):
    """Turns about one database, the oldest first."""

    id: str
    database: str  # the name of the main file
    title: str  # the first question
    updated_at: float
    turns: tuple[Turn, ...] = ()

    def before(self) -> tuple[tuple[str, str, str], ...]:
        """(question, whole question, query) of each turn, as `following.before` takes them."""
        return tuple((turn.question, turn.whole, turn.sql) for turn in self.turns)


class SqlThreads:
    """Every method that writes is one transaction and is on the disk when it returns."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, database: Database, thread: Thread | None, answer: SqlAnswer) -> Thread:
        """The thread with this answer as its last turn; None begins a new one. Only what has rows is kept."""
        if answer.result is None:
            raise Error("Only a question that was answered can be followed.", kind="no-answer")
        turn = _turn(answer)
        with self._store.writing():
            number = self._number(thread.id) if thread is not None else None
            if number is None:  # a new one, or one that was removed meanwhile
                number = self._begun(database, turn)
            ((last,),) = self._store.rows(
                "SELECT coalesce(max(position), 0) FROM sql_turns WHERE thread = ?", (number,)
            )
            position = int(str(last)) + 1
            self._store.execute(
                "INSERT INTO sql_turns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    position,
                    turn.question,
                    turn.whole,
                    turn.sql,
                    json.dumps(turn.columns),
                    json.dumps(turn.rows),
                    turn.n_rows,
                    int(turn.more),
                    turn.result_sha256,
                    turn.asked_at,
                ),
            )
            self._store.execute(
                "DELETE FROM sql_turns WHERE thread = ? AND position <= ?", (number, position - MAX_TURNS)
            )
            self._store.execute("UPDATE sql_threads SET updated_at = ? WHERE number = ?", (turn.asked_at, number))
            return self._read(self._store.rows(f"SELECT {_COLUMNS} FROM sql_threads WHERE number = ?", (number,))[0])

    def of(self, database: Database) -> tuple[Thread, ...]:
        """The threads about this database or another one of its name or tables, the newest first, without turns."""
        rows: list[Any] = self._store.rows(
            f"SELECT {_COLUMNS} FROM sql_threads WHERE schema_sha256 = ? OR database = ? "
            f"ORDER BY updated_at DESC, number DESC LIMIT {_LISTED}",
            (schema_hash(database), database.sources[0].name),
        )
        return tuple(Thread(*row[1:]) for row in rows)

    def last(self, database: Database) -> Thread | None:
        """The thread that was asked in last."""
        found = self.of(database)
        return self.find(database, found[0].id) if found else None

    def find(self, database: Database, wanted: str) -> Thread:
        """The thread of this id or beginning of one. An unknown one is an `Error`."""
        (chosen,) = self._chosen(database, [wanted])
        rows = self._store.rows(f"SELECT {_COLUMNS} FROM sql_threads WHERE id = ?", (chosen,))
        if not rows:
            raise _unknown(database, wanted, 0)
        return self._read(rows[0])

    def remove(self, database: Database, ids: Iterable[str]) -> int:
        """Forget these threads, named by their ids or the beginnings of them."""
        chosen = self._chosen(database, ids)
        with self._store.writing():
            for one in chosen:
                self._store.execute("DELETE FROM sql_threads WHERE id = ?", (one,))
        return len(chosen)

    def _chosen(self, database: Database, ids: Iterable[str]) -> list[str]:
        known = [one.id for one in self.of(database)]
        chosen: list[str] = []
        for wanted in ids:
            found = [one for one in known if wanted and one.startswith(wanted)]
            if len(found) != 1:
                raise _unknown(database, wanted, len(found))
            chosen += found
        return list(dict.fromkeys(chosen))

    def _begun(self, database: Database, turn: Turn) -> int:
        self._store.execute(
            "INSERT INTO sql_threads (id, database, schema_sha256, title, created_at, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (
                new_id(),
                database.sources[0].name,
                schema_hash(database),
                one_line(turn.question),
                turn.asked_at,
                turn.asked_at,
            ),
        )
        ((number,),) = self._store.rows("SELECT max(number) FROM sql_threads")
        return int(str(number))

    def _number(self, thread_id: str) -> int | None:
        rows = self._store.rows("SELECT number FROM sql_threads WHERE id = ?", (thread_id,))
        return int(str(rows[0][0])) if rows else None

    def _read(self, row: Any) -> Thread:
        number, thread_id, database, title, updated_at = row
        turns: list[Any] = self._store.rows(
            "SELECT question, whole, sql, columns, rows, n_rows, more, result_sha256, asked_at FROM sql_turns "
            "WHERE thread = ? ORDER BY position",
            (number,),
        )
        return Thread(
            thread_id,
            database,
            title,
            updated_at,
            tuple(
                Turn(question, whole, sql, _names(columns), _cells(rows), n_rows, bool(more), sha256, asked_at)
                for question, whole, sql, columns, rows, n_rows, more, sha256, asked_at in turns
            ),
        )


def _turn(answer: SqlAnswer) -> Turn:
    result = answer.result
    assert result is not None
    return Turn(
        storable(answer.question, "The question"),
        storable(answer.whole or answer.question, "The question"),
        storable(answer.sql, "The query"),
        tuple(storable(name[:_CELL_CHARS]) for name in result.columns),
        tuple(tuple(map(_kept, row)) for row in result.rows[:KEPT_ROWS]),
        len(result.rows),
        result.more,
        digest(result),
        time.time(),
    )


def _kept(cell: Cell) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, bytes):
        return cell[: _CELL_CHARS // 2].hex()
    shown = f"{cell:.12g}" if isinstance(cell, float) else str(cell)
    return storable(shown if len(shown) <= _CELL_CHARS else shown[: _CELL_CHARS - 1] + "…")


def _names(kept: str) -> tuple[str, ...]:
    return tuple(str(name) for name in json.loads(kept))


def _cells(kept: str) -> tuple[tuple[str | None, ...], ...]:
    return tuple(tuple(None if cell is None else str(cell) for cell in row) for row in json.loads(kept))


def _unknown(database: Database, wanted: str, n: int) -> Error:
    return Error(
        f"There is no thread {wanted!r} about {database.name}." if not n else f"{n} threads begin with {wanted!r}.",
        hint="`rushlight sql threads list FILE` shows them.",
        kind="no-thread",
    )
