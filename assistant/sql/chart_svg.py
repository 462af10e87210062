"""Charts as SVG, written by hand: bars, lines, points, histograms. Labels are strangers' text: cleaned and escaped."""

from html import escape

from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.chart_data import (
    Point,
    Scale,
    bars_of,
    counts_of,
    heights_of,
    number_text,
    series_of,
    ticks,
)
from rushlight.assistant.sql.charts import ChartSpec, check
from rushlight.assistant.sql.values import Result

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 30, 52, 56
_BAR_LEFT, _BAR_STEP = 210, 24
_INK, _QUIET, _GRID = "#2b2a28", "#6d6a65", "#dedad2"
_COLOURS = ("#b4561f", "#2f6f8f", "#6a8532", "#7a4b8f")
_LABEL, _TITLE = 26, 90


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
    rows = bars_of(spec, result)
    values = [value for _, value in rows if value is not None]
    across = Scale(min(0.0, *values), max(0.0, *values), _BAR_LEFT, _WIDTH - 90)
    height = _TOP + _BAR_STEP * len(rows) + 34
    zero = across.at(0.0)
    parts = [
        _text(_BAR_LEFT - 10, _TOP - 6, result.columns[spec.x], anchor="end"),
        _text(_BAR_LEFT, _TOP - 6, result.columns[spec.y[0]]),
        _line(zero, _TOP, zero, height - 30),
    ]
    for i, (name, value) in enumerate(rows):
        y = _TOP + _BAR_STEP * i + 4
        parts.append(_text(_BAR_LEFT - 10, y + 12, name, anchor="end", colour=_INK))
        if value is not None:
            x = across.at(value)
            parts.append(
                f'<rect x="{min(x, zero):.1f}" y="{y}" width="{max(abs(x - zero), 0.5):.1f}" height="16" '
                f'fill="{_COLOURS[0]}"><title>{safe(f"{name}: {number_text(value)}")}</title></rect>'
            )
            parts.append(_text(max(x, zero) + 6, y + 12, number_text(value)))
    return height, parts


def _points(spec: ChartSpec, result: Result) -> list[str]:
    """Lines and points: x has a place by its value, times as well."""
    series = series_of(spec, result)
    found = [point for _, points in series for point in points]
    if not found:
        return [_text(_LEFT, _HEIGHT / 2, "–")]
    across = Scale(min(p.x for p in found), max(p.x for p in found), _LEFT, _WIDTH - _RIGHT)
    up = Scale(*heights_of(spec, found), _HEIGHT - _BOTTOM, _TOP + 10)
    parts = [*_rows_of_grid(up), *_ends(across, found, result.columns[spec.x])]
    for number, (name, points) in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        if spec.kind == "line":
            path = " ".join(f"{across.at(one.x):.1f},{up.at(one.y):.1f}" for one in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{across.at(one.x):.1f}" cy="{up.at(one.y):.1f}" r="3" fill="{colour}" fill-opacity="0.75">'
            f"<title>{safe(f'{one.said}: {number_text(one.y)}')}</title></circle>"
            for one in points
        ]
        parts.append(_text(_LEFT + 160 * number, _TOP - 8, name, colour=colour))
    return parts


def _histogram(spec: ChartSpec, result: Result) -> list[str]:
    low, high, counts = counts_of(spec, result)
    across = Scale(0, len(counts), _LEFT, _WIDTH - _RIGHT)
    up = Scale(0.0, max(counts), _HEIGHT - _BOTTOM, _TOP + 10)
    parts = _rows_of_grid(up)
    for i, count in enumerate(counts):
        x, y = across.at(i) + 1, up.at(count)
        width, height = across.at(i + 1) - across.at(i) - 2, _HEIGHT - _BOTTOM - y
        parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{_COLOURS[0]}"/>')
    y = _HEIGHT - _BOTTOM + 18
    return [
        *parts,
        _text(_LEFT, y, number_text(low)),
        _text(_WIDTH - _RIGHT, y, number_text(high), anchor="end"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, result.columns[spec.x], anchor="middle"),
    ]


def _rows_of_grid(up: Scale) -> list[str]:
    parts = []
    for value in ticks(up.low, up.high):
        y = up.at(value)
        parts += [_line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 8, y + 4, number_text(value), anchor="end")]
    return parts


def _ends(across: Scale, found: list[Point], name: str) -> list[str]:
    """The first and the last x under the axis, as the rows say them."""
    first, last = min(found, key=lambda p: p.x).said, max(found, key=lambda p: p.x).said
    y = _HEIGHT - _BOTTOM + 18
    return [
        _text(across.start, y, first),
        _text(across.end, y, last, anchor="end"),
        _text((across.start + across.end) / 2, _HEIGHT - 14, name, anchor="middle"),
    ]


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
