"""Looks at the values of every column: what they are, which are frequent, which texts there are. Runs in the worker.

Bounded in rows, values and time; a column that was not reached keeps what its declaration says. Of a long table the
beginning is looked at and some rows behind it: enough to know values, not to know that there are no others.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import apsw
import msgspec

from rushlight.assistant.sql.guard import Guard
from rushlight.assistant.sql.protocol import Profiled, Values
from rushlight.assistant.sql.schema_read import place_of, quoted, read_schema
from rushlight.assistant.sql.values import Column, Schema, Table

LOOKED_ROWS = 20_000  # of a table that are looked at
LAST_ROWS = 5_000  # and of what follows, where it is longer
_VALUES = 2_000  # distinct texts of a column that are kept for looking up
_ALL_VALUES = 60_000  # in all columns together
_VALUE_CHARS = 80
_SAMPLES = 12
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d")
# table, column, seconds -> the column with what it holds, its texts, whether those are all; None: not looked at
Look = Callable[[Table, Column, float], tuple[Column, list[str], bool] | None]


def profile(guard: Guard, seconds: float) -> Profiled:
    """The schema with what its columns hold, and the texts by which a question may name them."""
    guard.unlock()
    try:
        schema = read_schema(guard, seconds)
    finally:
        guard.lock(guard.tables)
    return gathered(schema, lambda table, column, share: _look(guard, table, column, share), seconds)


def gathered(schema: Schema, look: Look, seconds: float) -> Profiled:
    """What `look` tells of every column, as far as the time reaches."""
    end = time.monotonic() + seconds
    tables: list[Table] = []
    values: list[Values] = []
    left = _ALL_VALUES
    n_columns = sum(len(table.columns) for table in schema.tables)
    for table in schema.tables:
        columns: list[Column] = []
        for column in table.columns:
            share = (end - time.monotonic()) / max(1, min(n_columns, 20))
            n_columns -= 1
            found = look(table, column, share) if share > 0.002 else None
            if found is None:
                columns.append(column)
                continue
            looked, texts, complete = found
            columns.append(looked)
            if texts and left > 0:
                kept = tuple(texts[:left])
                left -= len(kept)
                complete = complete and len(kept) == len(texts)
                values.append(Values(table.source, table.name, column.name, kept, complete))
        tables.append(msgspec.structs.replace(table, columns=tuple(columns)))
    return Profiled(Schema(tuple(tables), schema.notes), tuple(values))


def _look(guard: Guard, table: Table, column: Column, seconds: float) -> tuple[Column, list[str], bool] | None:
    name, place = quoted(column.name), place_of(guard, table)
    guard.begin(max(0.01, seconds))
    try:
        rows = list(guard.db.execute(counting(name, f"{place} LIMIT {LOOKED_ROWS + 1}")))
    except (apsw.Error, UnicodeDecodeError, MemoryError):
        return None
    last: list[Any] = []
    if is_cut(rows):
        try:
            last = list(guard.db.execute(counting(name, f"{place} ORDER BY rowid DESC LIMIT {LAST_ROWS}")))
        except (apsw.Error, UnicodeDecodeError, MemoryError):
            pass  # a view has no rowid; or the time is over
    return looked_at(column, rows, last)


def counting(name: str, rows: str, cast: str = "") -> str:
    """A query of (value, in how many rows, in how many of them it is no NULL), the most frequent first. Values too
    long to be looked at count with the NULLs."""
    return (
        f"SELECT v, count(*) AS n, count(held) AS n_held FROM (SELECT CASE WHEN length({name}{cast}) <= 4000 "
        f"THEN {name} END AS v, CASE WHEN {name} IS NOT NULL THEN 1 END AS held FROM {rows}) s "
        f"GROUP BY v ORDER BY n DESC"
    )


def is_cut(rows: Sequence[Any]) -> bool:
    """Whether the table goes on behind the rows that were counted."""
    n_counted = sum(int(n) for _, n, _ in rows)
    return n_counted > LOOKED_ROWS


def looked_at(column: Column, rows: Sequence[Any], last: Sequence[Any] = ()) -> tuple[Column, list[str], bool]:
    """The column with what the answer to `counting` tells of it, and that for what lies behind; its texts; whether
    those are all."""
    counts: Counter[Any] = Counter()
    for value, n, _ in (*rows, *last):
        if value is not None:
            counts[value] += n
    n_too_long = sum(n_held for value, _, n_held in rows if value is None)
    plain = [value for value in counts if not isinstance(value, bytes)]
    holds = _holds(counts)
    numbers = [value for value in plain if isinstance(value, (int, float))]
    texts = [value for value in plain if isinstance(value, str) and 0 < len(value) <= _VALUE_CHARS]
    ordered: list[Any] = numbers if numbers else (texts if holds in ("date", "time") else [])
    looked = msgspec.structs.replace(
        column,
        samples=tuple(_shown(value) for value in plain[:_SAMPLES]),
        n_distinct=len(counts),
        holds=holds,
        low=min(ordered) if ordered else None,
        high=max(ordered) if ordered else None,
    )
    kept = texts[:_VALUES] if holds in ("text", "mixed") else []
    are_all = not is_cut(rows) and not n_too_long and len(kept) == len([v for v in plain if isinstance(v, str)])
    return looked, kept, are_all


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _VALUE_CHARS else text[: _VALUE_CHARS - 1] + "…"


def _holds(counts: "Counter[Any]") -> str:
    total = sum(counts.values())
    if not total:
        return "nothing"
    texts = {value: n for value, n in counts.items() if isinstance(value, str)}
    n_texts = sum(texts.values())
    n_numbers = sum(n for value, n in counts.items() if isinstance(value, (int, float)))
    if n_numbers == total:
        return "flag" if set(counts) <= {0, 1} else "number"
    if n_texts < total:
        return "mixed"
    if sum(n for value, n in texts.items() if _DATE.match(value)) >= 0.95 * total:
        return "date"
    if sum(n for value, n in texts.items() if _TIME.match(value)) >= 0.95 * total:
        return "time"
    return "text"
