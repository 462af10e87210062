"""Charts as SVG, written by hand: bars, lines, points, histograms. Labels are strangers' text: cleaned and escaped."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.charts import ChartSpec, check, is_number, position
from rushlight.assistant.sql.values import Cell, Result

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 30, 52, 56
_BAR_LEFT, _BAR_STEP = 210, 24
_INK, _QUIET, _GRID = "#2b2a28", "#6d6a65", "#dedad2"
_COLOURS = ("#b4561f", "#2f6f8f", "#6a8532", "#7a4b8f")
_LABEL, _TITLE = 26, 90
_BINS = 24


@dataclass(frozen=True, slots=True)
class _Scale:
    """Numbers from `low` to `high` as places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / span if span > 0 else 0.5)


def draw_chart(spec: ChartSpec, result: Result, title: str = "") -> str:
    """The whole SVG. A spec that does not fit the rows is an `Error`."""
    check(spec, result)
    if spec.kind == "bar":
        height, parts = _bars(spec, result)
    else:
        height, parts = _HEIGHT, _histogram(spec, result) if spec.kind == "histogram" else _points(spec, result)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{safe(title, 300)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(20, 26, title, size=15, colour=_INK, limit=_TITLE),
    ]
    return "\n".join([*head, *parts, "</svg>\n"])


def _bars(spec: ChartSpec, result: Result) -> tuple[int, list[str]]:
    """Bars that lie: names have room then."""
    rows = [(row[spec.x], row[spec.y[0]]) for row in result.rows]
    values = [_float(value) for _, value in rows if is_number(value)]
    across = _Scale(min(0.0, *values), max(0.0, *values), _BAR_LEFT, _WIDTH - 90)
    height = _TOP + _BAR_STEP * len(rows) + 34
    zero = across.at(0.0)
    parts = [
        _text(_BAR_LEFT - 10, _TOP - 6, result.columns[spec.x], anchor="end"),
        _text(_BAR_LEFT, _TOP - 6, result.columns[spec.y[0]]),
        _line(zero, _TOP, zero, height - 30),
    ]
    for i, (name, value) in enumerate(rows):
        y = _TOP + _BAR_STEP * i + 4
        parts.append(_text(_BAR_LEFT - 10, y + 12, _label(name), anchor="end", colour=_INK))
        if is_number(value):
            x = across.at(_float(value))
            parts.append(
                f'<rect x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 0.5):.1f}" height="16" '
                f'fill="{_COLOURS[0]}"><title>{safe(f"{_label(name)}: {_number(_float(value))}")}</title></rect>'
            )
            parts.append(_text(max(x, zero) + 6, y + 12, _number(_float(value))))
    return height, parts


def _points(spec: ChartSpec, result: Result) -> list[str]:
    """Lines and points: x has a place by its value, times as well."""
    series = [_places(result, spec.x, i) for i in spec.y]
    found = [point for points in series for point in points]
    if not found:
        return [_text(_LEFT, _HEIGHT / 2, "–")]
    across = _Scale(min(p[0] for p in found), max(p[0] for p in found), _LEFT, _WIDTH - _RIGHT)
    low, high = min(p[1] for p in found), max(p[1] for p in found)
    if spec.kind == "line" and 0 < low < high / 2:
        low = 0.0
    up = _Scale(low, high, _HEIGHT - _BOTTOM, _TOP + 10)
    parts = [*_rows_of_grid(up), *_ends(across, found, result.columns[spec.x])]
    for number, points in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        if spec.kind == "line":
            path = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y, _ in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}" fill-opacity="0.75">'
            f"<title>{safe(f'{_label(shown)}: {_number(y)}')}</title></circle>"
            for x, y, shown in points
        ]
        parts.append(_text(_LEFT + 160 * number, _TOP - 8, result.columns[spec.y[number]], colour=colour))
    return parts


def _places(result: Result, x: int, y: int) -> list[tuple[float, float, Cell]]:
    """(place of x, y, x as the row says it), from left to right."""
    found = [
        (place, _float(row[y]), row[x])
        for row in result.rows
        if (place := position(row[x])) is not None and is_number(row[y])
    ]
    return sorted(found, key=lambda one: one[0])


def _histogram(spec: ChartSpec, result: Result) -> list[str]:
    values = [_float(row[spec.x]) for row in result.rows if is_number(row[spec.x])]
    low, high = min(values), max(values)
    n_bins = min(_BINS, max(4, math.ceil(math.sqrt(len(values))))) if high > low else 1
    counts = [0] * n_bins
    for value in values:
        counts[min(n_bins - 1, int((value / 2 - low / 2) / (high / 2 - low / 2) * n_bins)) if high > low else 0] += 1
    across = _Scale(0, n_bins, _LEFT, _WIDTH - _RIGHT)
    up = _Scale(0.0, max(counts), _HEIGHT - _BOTTOM, _TOP + 10)
    parts = _rows_of_grid(up)
    for i, count in enumerate(counts):
        x, y = across.at(i) + 1, up.at(count)
        width, height = across.at(i + 1) - across.at(i) - 2, _HEIGHT - _BOTTOM - y
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{_COLOURS[0]}"/>')
    y = _HEIGHT - _BOTTOM + 18
    return [
        *parts,
        _text(_LEFT, y, _number(low)),
        _text(_WIDTH - _RIGHT, y, _number(high), anchor="end"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, result.columns[spec.x], anchor="middle"),
    ]


def _rows_of_grid(up: _Scale) -> list[str]:
    parts = []
    for value in _ticks(up.low, up.high):
        y = up.at(value)
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 8, y + 4, _number(value), anchor="end")]
    return parts


def _ends(across: _Scale, found: Sequence[tuple[float, float, Cell]], name: str) -> list[str]:
    """The first and the last x under the axis, as the rows say them."""
    first, last = min(found, key=lambda p: p[0])[2], max(found, key=lambda p: p[0])[2]
    y = _HEIGHT - _BOTTOM + 18
    return [
        _text(across.start, y, _label(first)),
        _text(across.end, y, _label(last), anchor="end"),
        _text((across.start + across.end) / 2, _HEIGHT - 14, name, anchor="middle"),
    ]


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, some five of them."""
    span = high - low
    if not math.isfinite(span) or span <= abs(high) * 1e-9 or span < 1e-290:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next((factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6), 10)
    first = math.ceil(low / step)
    return [number * step for number in range(first, min(math.floor(high / step), first + 20) + 1)]


def _float(cell: Cell) -> float:
    return float(cell) if isinstance(cell, (int, float)) else 0.0


def _number(value: float) -> str:
    return f"{value:,.6g}" if 1e-4 <= abs(value) < 1e12 or value == 0 else f"{value:.3g}"


def _label(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, bytes):
        return cell[:8].hex() + "…"
    return _number(cell) if isinstance(cell, float) else str(cell)[:200]


def safe(text: str, limit: int = _LABEL) -> str:
    """Text that XML can hold: one line, markup escaped, control characters and turned writing away, bounded."""
    plain = plain_line(text[:2_000])
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in plain)
    return escape(line if len(line) <= limit else line[: limit - 1] + "…")


def _text(
    x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", colour: str = _QUIET, limit: int = _LABEL
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
        f"{safe(said, limit)}</text>"
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_GRID}"/>'
