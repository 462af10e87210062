"""What a chart shows of rows, as plain values for whoever draws: bars, series of points, counts of a histogram."""

import math
from collections.abc import Sequence

from msgspec import Struct

from rushlight.assistant.sql.charts import ChartSpec, is_number, position
from rushlight.assistant.sql.values import Cell, Result

BINS = 24


class Point(Struct, frozen=True):
    """A row as a place; `said` is its x as the row says it."""

    x: float
    y: float
    said: str


class Scale(Struct, frozen=True):
    """Numbers from `low` to `high` as places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / span if span > 0 else 0.5)


def bars_of(spec: ChartSpec, result: Result) -> list[tuple[str, float | None]]:
    """(name, number) of each row; None where the row holds no number."""
    return [
        (label_text(row[spec.x]), as_float(row[spec.y[0]]) if is_number(row[spec.y[0]]) else None)
        for row in result.rows
    ]


def series_of(spec: ChartSpec, result: Result) -> list[tuple[str, list[Point]]]:
    """(column, its points from left to right), for lines and points."""
    found = []
    for y in spec.y:
        points = [
            Point(place, as_float(row[y]), label_text(row[spec.x]))
            for row in result.rows
            if (place := position(row[spec.x])) is not None and is_number(row[y])
        ]
        found.append((result.columns[y], sorted(points, key=lambda one: one.x)))
    return found


def heights_of(spec: ChartSpec, points: Sequence[Point]) -> tuple[float, float]:
    """The least and the largest y of the axis; a line of positive numbers stands on nothing."""
    low, high = min(one.y for one in points), max(one.y for one in points)
    return (0.0 if spec.kind == "line" and 0 < low < high / 2 else low), high


def counts_of(spec: ChartSpec, result: Result) -> tuple[float, float, list[int]]:
    """(the least number, the largest, how many lie in each of the equal parts between them)."""
    values = [as_float(row[spec.x]) for row in result.rows if is_number(row[spec.x])]
    low, high = min(values), max(values)
    n_bins = min(BINS, max(4, math.ceil(math.sqrt(len(values))))) if high > low else 1
    counts = [0] * n_bins
    for value in values:  # halves, since the distance of two numbers may be none
        counts[min(n_bins - 1, int((value / 2 - low / 2) / (high / 2 - low / 2) * n_bins)) if high > low else 0] += 1
    return low, high, counts


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, some five of them."""
    span = high - low
    if not math.isfinite(span) or span <= abs(high) * 1e-9 or span < 1e-290:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next((factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6), 10)
    first = math.ceil(low / step)
    return [number * step for number in range(first, min(math.floor(high / step), first + 20) + 1)]


def as_float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, (int, float)) else 0.0


def number_text(value: float) -> str:
    """A number beside a chart."""
    size = abs(value)
    if 1e5 <= size < 1e12:
        return f"{value:,.0f}"
    return f"{value:,.6g}" if 1e-4 <= size < 1e5 or value == 0 else f"{value:.3g}"


def label_text(cell: Cell) -> str:
    """A cell as a name in a chart; a stranger's text, which whoever draws has to clean."""
    if cell is None:
        return "–"
    if isinstance(cell, bytes):
        return cell[:8].hex() + "…"
    return number_text(cell) if isinstance(cell, float) else str(cell)[:200]
