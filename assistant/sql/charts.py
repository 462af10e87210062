"""Which chart shows rows best, by rules from their shape: a spec that is checked before anything is drawn of it.

One column of numbers is a histogram; a time with numbers a line; a name with numbers bars; two numbers points.
Nothing here is chosen by a model, and a spec that came from elsewhere has to pass `check` as well.
"""

import math
import re
from collections.abc import Sequence

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.sql.values import Cell, Result

KINDS = ("bar", "line", "scatter", "histogram")
MAX_BARS = 40
MAX_POINTS = 5_000
MAX_SERIES = 4
_TIME = re.compile(
    r"\d{4}(-\d\d?(-\d\d?([ T]\d\d:\d\d(:\d\d)?.*)?)?)?\Z|\d{4}-?W\d\d?\Z|\d{4}[ -]?Q[1-4]\Z",
    re.IGNORECASE | re.ASCII,
)
_YEAR = re.compile(r"year|jahr", re.IGNORECASE)
_ID = re.compile(r"(^|_)(id|nr|no|key|number)$", re.IGNORECASE)


class ChartSpec(Struct, frozen=True):
    """What is drawn of which columns, by their places in the result."""

    kind: str  # one of KINDS
    x: int
    y: tuple[int, ...] = ()  # none for a histogram


def choose_chart(result: Result) -> ChartSpec | None:
    """The chart for these rows; None where rows say more than a picture would."""
    found = charts_for(result)
    return found[0] if found else None


def charts_for(result: Result) -> tuple[ChartSpec, ...]:
    """The chart for these rows, then those of other kinds that fit them as well; none where rows say more."""
    if len(result.rows) < 2 or not result.columns:
        return ()
    shapes = [_shape(name, [row[i] for row in result.rows]) for i, name in enumerate(result.columns)]
    numbers = [i for i, shape in enumerate(shapes) if shape == "number" and not _ID.search(result.columns[i])]
    times = [i for i, shape in enumerate(shapes) if shape == "time"]
    names = [i for i, shape in enumerate(shapes) if shape == "text"]
    wished: list[ChartSpec] = []
    if times and numbers:
        values = [i for i in numbers if i != times[0]][:MAX_SERIES]
        distinct = len({row[times[0]] for row in result.rows}) == len(result.rows)
        line, points = ChartSpec("line", times[0], tuple(values)), ChartSpec("scatter", times[0], tuple(values[:1]))
        wished += [line, points] if distinct else [points]
        wished.append(ChartSpec("bar", times[0], tuple(values[:1])))
    elif names and numbers and len(result.rows) <= MAX_BARS:
        wished.append(ChartSpec("bar", names[0], (numbers[0],)))
    elif len(numbers) >= 2 and not names:
        wished.append(ChartSpec("scatter", numbers[0], (numbers[1],)))
    elif not (len(numbers) == 1 and not times and len(result.rows) >= 5):
        return ()
    if len(numbers) >= 2 and not times:
        wished.append(ChartSpec("scatter", numbers[0], (numbers[1],)))
    if numbers and len(result.rows) >= 5:
        wished.append(ChartSpec("histogram", numbers[0]))
    fitting: dict[str, ChartSpec] = {}
    for spec in wished:
        try:
            check(spec, result)
        except Error:
            continue
        fitting.setdefault(spec.kind, spec)
    return tuple(fitting.values())


def check(spec: ChartSpec, result: Result) -> None:
    """Raises `Error` where the spec does not fit the rows: its kind, its columns, what they hold, how many."""
    n = len(result.columns)
    if spec.kind not in KINDS:
        raise _bad(f"{spec.kind[:40]!r} is no kind of chart; there are {', '.join(KINDS)}")
    if any(not 0 <= i < n for i in (spec.x, *spec.y)) or len(set(spec.y)) != len(spec.y) or spec.x in spec.y:
        raise _bad(f"it names columns that are not there, or one twice; there are {n}")
    if (spec.kind == "histogram") != (not spec.y) or len(spec.y) > (MAX_SERIES if spec.kind == "line" else 1):
        raise _bad(f"a {spec.kind} has another number of columns")
    for i in spec.y or (spec.x,):
        if not any(is_number(row[i]) for row in result.rows):
            raise _bad(f"{result.columns[i][:40]} holds no number")
    if spec.kind in ("line", "scatter") and not any(position(row[spec.x]) is not None for row in result.rows):
        raise _bad(f"{result.columns[spec.x][:40]} holds neither numbers nor times")
    most = MAX_BARS if spec.kind == "bar" else MAX_POINTS
    if spec.kind != "histogram" and len(result.rows) > most:
        raise _bad(f"a {spec.kind} shows {most:,} rows at most, and there are {len(result.rows):,}")


def is_number(cell: Cell) -> bool:
    return isinstance(cell, (int, float)) and math.isfinite(cell) and abs(cell) < 1e300


def position(cell: Cell) -> float | None:
    """Where a number or a time stands on an axis; times in days. None for what has no place."""
    if isinstance(cell, (int, float)):
        return float(cell) if is_number(cell) else None
    if not isinstance(cell, str) or not _TIME.match(cell):
        return None
    part = [int(one) for one in re.findall(r"\d+", cell)[:6]]
    if re.search("[wW]", cell):
        return part[0] * 365.25 + part[1] * 7
    if re.search("[qQ]", cell):
        return part[0] * 365.25 + (part[1] - 1) * 91.3
    year, month, day, hour, minute, second = (*part, *(0, 1, 1, 0, 0, 0)[len(part) :])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return year * 365.25 + (month - 1) * 30.4375 + day + (hour + minute / 60 + second / 3600) / 24


def _shape(name: str, cells: Sequence[Cell]) -> str:
    """number, time, text, or nothing of these."""
    held = [cell for cell in cells if cell is not None]
    if not held or any(isinstance(cell, bytes) for cell in held):
        return ""
    if all(isinstance(cell, str) for cell in held):
        times = sum(position(cell) is not None for cell in held)
        return "time" if times == len(held) else "text"
    if all(is_number(cell) for cell in held):
        years = all(isinstance(cell, int) and 1000 <= cell <= 3000 for cell in held)
        return "time" if years and _YEAR.search(name) else "number"
    return ""


def _bad(why: str) -> Error:
    return Error(f"No chart can be made: {why}.", hint="Without a chart the rows are shown.", kind="bad-chart")
