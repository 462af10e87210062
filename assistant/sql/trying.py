"""A query is written, run, and written anew where it did not do: by its problem, then by agreement of samples."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.sql.answer import Alternative, Try
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.values import Result

Write = Callable[[tuple[Message, ...], int | None], str]  # the conversation, a seed to sample with -> a query
Ask = Callable[[Sequence[tuple[str, str]]], tuple[Message, ...]]  # queries that failed, with why -> the conversation

MAX_SAMPLES = 9
_TRIES = 2
_SAMPLES = 3
_REFUSALS = {"sql-timeout", "sql-memory", "sql-error", "sql-too-big", "sql-refused"}


class Written(Struct, frozen=True):
    """The query that is left, its rows, and every one that was tried."""

    sql: str
    result: Result | None
    tries: tuple[Try, ...]
    error: Error | None = None
    agreement: float = 1.0
    alternatives: tuple[Alternative, ...] = ()


def write_and_run(
    database: Database, write: Write, ask: Ask, *, correct: bool, samples: int, seconds: float, tells: bool = True,
    again: int = 0,
) -> Written:  # fmt: skip
    """The model's query and its rows. `samples`: ask so many times beside, and take the rows on which most agree.
    `tells`: the model is told once what was wrong. `again`, where nothing is corrected otherwise: up to so many samples
    where a query failed or found nothing, until one finds something."""
    tries: list[Try] = []
    results: list[tuple[str, Result]] = []
    failed: list[tuple[str, str]] = []
    error: Error | None = None
    for _ in range(_TRIES if correct and tells else 1):
        sql = write(ask(failed), None)
        made, result, error = run_query(database, sql, seconds)
        tries.append(made)
        if result is not None:
            results.append((sql, result))
        if not made.problem:
            if samples:
                found = _votes(database, write, ask(()), tries, samples, seconds, results[-1])
                return _most(found, samples + 1, tries)
            return Written(sql, result, tuple(tries))
        if failed and failed[-1][0] == sql:
            break
        failed.append((sql, made.problem))
    if correct or samples:
        n = samples or _SAMPLES
        found = _votes(database, write, ask(()), tries, n, seconds, None)
        if found:
            return _most(found, n, tries)
    for number in range(0 if correct or samples else again):
        sql = write(ask(()), number + 1)
        made, result, _ = run_query(database, sql, seconds)
        tries.append(made)
        if not made.problem:
            return Written(sql, result, tuple(tries))
    if results:  # nothing was found, which may be the truth
        return Written(*results[0], tuple(tries))
    return Written(tries[-1].sql if correct or samples else tries[0].sql, None, tuple(tries), error)


def run_likeliest(database: Database, queries: Sequence[str], seconds: float) -> Written:
    """Of queries in their order, the best first: the first one that finds something; else the first that runs."""
    tries: list[Try] = []
    found: tuple[str, Result] | None = None
    first_error: Error | None = None
    for sql in queries:
        made, result, error = run_query(database, sql, seconds)
        tries.append(made)
        first_error = first_error or error
        if result is not None and not made.problem:
            return Written(sql, result, tuple(tries))
        if result is not None and found is None:
            found = sql, result
    if found is not None:  # nothing was found, which may be the truth
        return Written(*found, tuple(tries))
    return Written(tries[0].sql, None, tuple(tries), first_error)


def run_query(database: Database, sql: str, seconds: float) -> tuple[Try, Result | None, Error | None]:
    """Run it; what a query may do wrong is told in the `Try`, everything else is raised."""
    try:
        result = database.run(sql, seconds=seconds)
    except Error as err:
        if err.kind not in _REFUSALS:
            raise
        return Try(sql, err.message, err.kind), None, err
    if not result.rows:
        return Try(sql, "It finds no rows.", "empty"), result, None
    if all(cell is None for row in result.rows for cell in row):
        return Try(sql, "It finds nothing but empty cells.", "nothing"), result, None
    return Try(sql), result, None


def _votes(
    database: Database,
    write: Write,
    messages: tuple[Message, ...],
    tries: list[Try],
    n: int,
    seconds: float,
    first: tuple[str, Result] | None,
) -> list[list[tuple[str, Result]]]:
    """Queries that found something, those with the same rows together; `first` has a vote, too."""
    by_rows: dict[str, list[tuple[str, Result]]] = {}
    seen: dict[str, tuple[Try, Result | None]] = {}
    if first is not None:
        by_rows[_mark(first[1])] = [first]
        seen[first[0]] = (Try(first[0]), first[1])
    for number in range(n):
        sql = write(messages, number + 1)
        if sql not in seen:
            made, result, _ = run_query(database, sql, seconds)
            seen[sql] = (made, result)
        made, result = seen[sql]
        tries.append(made)
        if result is not None and not made.problem:
            by_rows.setdefault(_mark(result), []).append((sql, result))
    return sorted(by_rows.values(), key=len, reverse=True)


def _mark(result: Result) -> str:
    return repr(sorted(map(repr, result.rows)))


def _most(found: list[list[tuple[str, Result]]], n_asked: int, tries: list[Try]) -> Written:
    """The query whose rows most samples gave; of equally many the first that was written."""
    sql, result = found[0][0]
    alternatives = tuple(Alternative(one[0][0], len(one), len(one[0][1].rows)) for one in found)
    return Written(
        sql,
        result,
        tuple(tries),
        agreement=len(found[0]) / n_asked,
        alternatives=alternatives if len(found) > 1 else (),
    )
