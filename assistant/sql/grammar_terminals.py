"""The numbers and dates that a query may hold, as terminals of the grammar of its question: those that it names.

Knows the numbers that were read in a question, and its cues; no tables.
"""

import re
from collections.abc import Iterable

from rushlight.assistant.sql.cues import Cues
from rushlight.assistant.sql.linking import Linked

_MONTH_DAY = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_YEARS_ENDS = "(01-01|12-31)"
_ANY_YEAR = "(19|20)[0-9]{2}"
_FEW_COUNTS = ("1", "3", "5", "10")  # of rows, where the question names no number


def terminals(linked: Linked, numbers: tuple[str, ...] | None, cues: Cues) -> list[str]:
    """Numbers and dates: those that the question names, so that none is made up; all kinds where it was not read. Who
    was taught knows when a limit is 1 though the question names other numbers."""
    named, count, year = linked.numbers, "[1-9][0-9]{0,2}", _ANY_YEAR
    number = r"[0-9]{1,9}(\.[0-9]{1,4})?" if numbers is None else _either(numbers)
    if named is not None:
        counts = [one for one in named if one.isdigit() and 0 < int(one) < 1_000]
        count = _either([*counts, *(("1",) if linked.one_way else ())] if counts else _FEW_COUNTS)
        years = [one for one in named if re.fullmatch(_ANY_YEAR, one)]
        year = _either([*years, *(str(int(one) + 1) for one in years)]) if years else _ANY_YEAR
    month = "(0[1-9]|1[0-2])" if cues.months is None else _either(f"{one:02}" for one in cues.months)
    part = f"(-{month})?" if cues.months != () else ""
    return [
        *([f"NUMBER: /{number}/"] if numbers != () else []),
        *([f"ROWNUMBER: /{_either(linked.row_numbers)}/"] if linked.row_numbers else []),
        f"COUNT: /{count}/",
        f"YEAR: /'{year}'/",
        *([f"MONTH: /'{month}'/"] if cues.months != () else []),
        "CLOCK: /'([01][0-9]|2[0-3]):(00|15|30|45)'/",
        "WEEKDAY: /'[0-6]'/",
        f"DATE: /'{year}-{_MONTH_DAY if cues.days else _YEARS_ENDS}'/",
        f"DATEPART: /'{year}{part}-%'/",
        r"PATTERN: /'%?[^'%\\\x00-\x1f\x7f-\x9f]{1,30}%?'/",
    ]


def _either(numbers: Iterable[str]) -> str:
    return "(" + "|".join(one.replace(".", r"\.") for one in dict.fromkeys(numbers)) + ")"
