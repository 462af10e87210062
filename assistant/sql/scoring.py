"""Whether a query finds what the right one finds: rows against rows, whatever names and order of columns it chose."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

from rushlight import Error
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.values import Cell

_DIGITS = 2  # sums of floats differ in their last digits, and rounding may be a part of either query
_MAX_PERMUTED = 5  # columns


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
    right = database.run(gold, max_rows=10_000)
    try:
        given = database.run(found, max_rows=10_000)
    except Error:
        return False
    return not given.more and same_rows(right.rows, given.rows, ordered=ordered)


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return round(cell, _DIGITS) + 0.0
    return float(cell) if isinstance(cell, int) else cell
