"""Whether a query finds what the right one finds: rows against rows, whatever names and order of columns it chose.

`SCORER` is the scorer `sql-execution` of evaluation suites (entry point "rushlight.scorers"): the head of a suite names
the `databases`, an item's reference has the right `sql`, and `ordered` where the question asks for an order.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import permutations
from typing import Any

from rushlight import Error
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.values import Cell, Result
from rushlight.assistant.sql.writing import cut_query

_DIGITS = 2  # sums of floats differ in their last digits, and rounding may be a part of either query
_MAX_PERMUTED = 5  # columns
_MAX_ROWS = 10_000


def same_rows(right: Sequence[Sequence[Cell]], found: Sequence[Sequence[Cell]], *, ordered: bool) -> bool:
    """Equal as lists where the question asks for an order, else as bags of rows."""
    if len(right) != len(found):
        return False
    if not right:
        return True
    width = len(right[0])
    if any(len(row) != width for row in found):
        return False
    wanted = [tuple(map(_plain, row)) for row in right]
    given = [tuple(map(_plain, row)) for row in found]
    orders = permutations(range(width)) if width <= _MAX_PERMUTED else iter([tuple(range(width))])
    for order in orders:
        turned = [tuple(row[i] for i in order) for row in given]
        if turned == wanted or (not ordered and Counter(turned) == Counter(wanted)):
            return True
    return False


def is_right(database: Database, gold: str, found: str, *, ordered: bool) -> bool:
    """Execution accuracy of one query: it runs, and gives the rows of the gold query."""
    return gives(database, database.run(gold, max_rows=_MAX_ROWS), found, ordered=ordered)


def gives(database: Database, right: Result, found: str, *, ordered: bool) -> bool:
    """The same where the rows of the gold query are known."""
    try:
        given = database.run(found, max_rows=_MAX_ROWS)
    except Error:
        return False
    return not given.more and same_rows(right.rows, given.rows, ordered=ordered)


class SqlExecution:
    """Scores answers by running them: 1 for the rows of the right query, else 0. A fence and prose are left out."""

    @contextmanager
    def opened(self, head: Mapping[str, Any]) -> Iterator[Callable[[Any, str], float]]:
        """The databases of the head, open together in a worker of their own, until the suite is done."""
        from rushlight.assistant.paths import find_paths

        files = head.get("databases")
        if not isinstance(files, list) or not files or not all(isinstance(one, str) for one in files):
            raise Error(
                "A suite that is scored by sql-execution names its databases in its head.",
                hint='Such as: {"suite": "clinic", "databases": ["/data/clinic.db"]}',
                kind="bad-suite",
            )
        with open_database(files, find_paths()) as database:
            rows: dict[str, Result] = {}

            def score(reference: Any, answer: str) -> float:
                gold = reference.get("sql") if isinstance(reference, Mapping) else reference
                if not isinstance(gold, str) or not gold.strip():
                    raise Error(
                        "An item that is scored by sql-execution has the right query as its reference.",
                        hint='Such as: "reference": {"sql": "SELECT count(*) FROM doctor"}',
                        kind="bad-suite",
                    )
                if gold not in rows:
                    rows[gold] = database.run(gold, max_rows=_MAX_ROWS)
                ordered = isinstance(reference, Mapping) and bool(reference.get("ordered"))
                return float(gives(database, rows[gold], cut_query(answer), ordered=ordered))

            yield score


SCORER = SqlExecution()


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return round(cell, _DIGITS) + 0.0
    return float(cell) if isinstance(cell, int) else cell
