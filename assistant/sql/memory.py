"""What the user accepted: questions with the query that was right, kept in the store and found again for the next one.

    memory = SqlMemory(app.store)
    memory.accept(database, "How many doctors are there?", "SELECT COUNT(*) FROM doctor")

A pair belongs to a schema, so it also holds for another file of the same tables; where the tables have changed, it is
still used as long as those it names are there. A query is run before it is kept and whenever it is used again.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.chat.text_rules import storable
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.alike import Alike, by_words, same_question, without_values
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.explain import tables_of
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.values import Result, Schema
from rushlight.assistant.store.database import Store

SOURCES = ("accepted", "corrected", "imported")
MAX_QUESTION_CHARS = 2_000
MAX_SQL_CHARS = 20_000
_MOST = 4  # examples before a question
_LEAST_ALIKE = 0.12
_ID = 18  # digits
_LOOKED_AT = 2_000  # pairs of one database, the newest
_COLUMNS = "id, question, sql, database, schema_sha256, result_sha256, n_rows, source, created_at"
_TEXT = re.compile(r"'((?:[^']|'')*)'")


class Kept(Struct, frozen=True):
    """One pair, with what its query gave when it was kept."""

    id: str
    question: str
    sql: str
    database: str  # the name of the main file
    schema_sha256: str
    result_sha256: str
    n_rows: int
    source: str  # one of SOURCES
    created_at: float


class SqlMemory:
    """Every method that writes is one transaction and is on the disk when it returns."""

    def __init__(self, store: Store, alike: Alike = by_words) -> None:
        self._store = store
        self._alike = alike

    def pairs(self, database: Database) -> tuple[Kept, ...]:
        """The pairs that hold for this database, the newest first."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            f"SELECT {_COLUMNS} FROM sql_examples WHERE schema_sha256 = ?1 OR database = ?2 "
            f"ORDER BY number DESC LIMIT {_LOOKED_AT}",
            (schema_hash(database), database.sources[0].name),
        )
        return tuple(Kept(*row) for row in rows)

    def accept(
        self,
        database: Database,
        question: str,
        sql: str,
        source: str = "accepted",
        *,
        seconds: float = limits.STATEMENT_S,
    ) -> Kept:
        """Keep the pair; the same question's older query gives way. A query that does not run in these seconds is an
        `Error`."""
        question, sql = storable(question, "The question").strip(), storable(sql, "The query").strip().rstrip(";")
        _bounded(question, sql)
        result = database.run(sql, seconds=seconds)
        same, schema = same_question(question), schema_hash(database)
        kept = Kept(
            self._id_of(schema, same, sql),
            question,
            sql,
            database.sources[0].name,
            schema,
            digest(result),
            len(result.rows),
            source,
            time.time(),
        )
        with self._store.writing():
            self._store.execute("DELETE FROM sql_examples WHERE schema_sha256 = ? AND same = ?", (schema, same))
            self._store.execute(
                f"INSERT INTO sql_examples ({_COLUMNS}, same) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kept.id,
                    question,
                    sql,
                    kept.database,
                    schema,
                    kept.result_sha256,
                    kept.n_rows,
                    source,
                    kept.created_at,
                    same,
                ),
            )
        return kept

    def _id_of(self, schema: str, same: str, sql: str) -> str:
        """The same pair is the same source of whatever was taught from it, also where it comes again."""
        rows: Sequence[Sequence[Any]] = self._store.rows(
            "SELECT id FROM sql_examples WHERE schema_sha256 = ? AND same = ? AND sql = ?", (schema, same, sql)
        )
        return str(rows[0][0]) if rows else hashlib.sha256("\0".join((schema, same, sql)).encode()).hexdigest()[:_ID]

    def remove(self, database: Database, ids: Iterable[str]) -> int:
        """Forget these pairs, named by their ids or the beginnings of them. An unknown one is an `Error`."""
        known = [one.id for one in self.pairs(database)]
        chosen: list[str] = []
        for wanted in ids:
            found = [one for one in known if wanted and one.startswith(wanted)]
            if len(found) != 1:
                raise Error(
                    f"There is no example {wanted!r} of {database.name}."
                    if not found
                    else f"{len(found)} examples begin with {wanted!r}.",
                    hint="`rushlight sql examples list FILE` shows them.",
                    kind="no-example",
                )
            chosen += found
        with self._store.writing():
            for one in chosen:
                self._store.execute("DELETE FROM sql_examples WHERE id = ?", (one,))
        return len(set(chosen))

    def same(self, database: Database, question: str) -> Kept | None:
        """The pair that asks the same in other words, the newest of them."""
        asked = same_question(question)
        fitting = (one for one in self.usable(database) if same_question(one.question) == asked)
        return next(fitting, None) if asked else None

    def alike(self, database: Database, question: str, values: Sequence[str] = ()) -> tuple[Example, ...]:
        """The pairs most like this question, the likest last, so next to it. `values` are those that it names."""
        usable = self.usable(database)
        if not usable:
            return ()
        others = [without_values(one.question, texts_of(one.sql)) for one in usable]
        scores = self._alike(without_values(question, values), others)
        best = sorted(range(len(usable)), key=lambda i: scores[i], reverse=True)[:_MOST]
        return tuple(Example(usable[i].question, usable[i].sql) for i in reversed(best) if scores[i] >= _LEAST_ALIKE)

    def asked(self, database: Database, question: str, sql: str) -> None:
        """Remember the last answer, so that it can be accepted afterwards."""
        if len(question) <= MAX_QUESTION_CHARS and len(sql) <= MAX_SQL_CHARS:
            with self._store.writing():
                self._store.execute(
                    "INSERT INTO sql_asked (schema_sha256, question, sql, asked_at) VALUES (?1, ?2, ?3, ?4) "
                    "ON CONFLICT (schema_sha256) DO UPDATE SET question = ?2, sql = ?3, asked_at = ?4",
                    (schema_hash(database), storable(question), storable(sql), time.time()),
                )

    def last(self, database: Database) -> Example:
        """The last question asked of this database, with the query that answered it."""
        rows = self._store.rows("SELECT question, sql FROM sql_asked WHERE schema_sha256 = ?", (schema_hash(database),))
        if not rows:
            raise Error(
                f"Nothing has been asked of {database.name} yet.",
                hint='rushlight sql ask FILE "How many ... are there?"',
                kind="nothing-asked",
            )
        return Example(str(rows[0][0]), str(rows[0][1]))

    def usable(self, database: Database) -> list[Kept]:
        """The pairs whose tables and columns are all there."""
        schema = schema_hash(database)
        return [
            one for one in self.pairs(database) if one.schema_sha256 == schema or _is_there(one.sql, database.schema)
        ]


def schema_hash(database: Database) -> str:
    """What a database is, whatever its rows: tables and columns, and the names of files beside the first."""
    main = database.sources[0].name
    lines = sorted(
        repr(
            (
                "" if table.source == main else table.source,
                table.name,
                [(column.name, column.type.lower()) for column in table.columns],
            )
        )
        for table in database.schema.tables
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8", "replace")).hexdigest()


def digest(result: Result) -> str:
    """What a query gave, whatever the order of its rows."""
    rows = sorted(repr(row) for row in result.rows)
    return hashlib.sha256("\n".join([repr(result.columns), *rows]).encode("utf-8", "replace")).hexdigest()


def texts_of(sql: str) -> list[str]:
    """The texts that a query compares with."""
    return [text.replace("''", "'").strip("%") for text in _TEXT.findall(sql)]


def _is_there(sql: str, schema: Schema) -> bool:
    try:
        tables, columns = tables_of(sql)
    except Error:
        return False
    found = [schema.table(name) for name in tables]
    names = {column.name.lower() for table in schema.tables for column in table.columns} | {"rowid"}
    made = set(re.findall(r"\bas\s+[\"`\[]?(\w+)", sql.lower()))
    return all(found) and all(name.lower() in names | made for _, name in columns)


def _bounded(question: str, sql: str) -> None:
    for what, text, most in (("question", question, MAX_QUESTION_CHARS), ("query", sql, MAX_SQL_CHARS)):
        if not text or len(text) > most:
            raise Error(
                f"A {what} to be kept has 1 to {most:,} characters; this one has {len(text):,}.", kind="bad-example"
            )
