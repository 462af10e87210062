"""Charts as SVG: bars, lines, points, histograms. Labels are strangers' text: cleaned and escaped."""

from rushlight import svg
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
_LABEL, _TITLE = 26, 90


def draw_chart(spec: ChartSpec, result: Result, title: str = "") -> str:
    """The whole SVG. A spec that does not fit the rows is an `Error`."""
    check(spec, result)
    if spec.kind == "bar":
        height, parts = _bars(spec, result)
    else:
        height, parts = _HEIGHT, _histogram(spec, result) if spec.kind == "histogram" else _points(spec, result)
    heading = _text(20, 26, title, size=15, colour=svg.INK, limit=_TITLE)
    return svg.whole([heading, *parts], _WIDTH, height, plain_line(title[:2_000]))


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
        svg.line(zero, _TOP, zero, height - 30),
    ]
    for i, (name, value) in enumerate(rows):
        y = _TOP + _BAR_STEP * i + 4
        parts.append(_text(_BAR_LEFT - 10, y + 12, name, anchor="end", colour=svg.INK))
        if value is not None:
            x = across.at(value)
            said = plain_line(f"{name}: {number_text(value)}")
            parts.append(svg.box(min(x, zero), y, max(abs(x - zero), 0.5), 16, svg.COLOURS[0], said))
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
        colour = svg.COLOURS[number % len(svg.COLOURS)]
        if spec.kind == "line":
            parts.append(svg.curve([(across.at(one.x), up.at(one.y)) for one in points], colour, width=2))
        parts += [
            svg.circle(
                across.at(one.x), up.at(one.y), 3, colour, plain_line(f"{one.said[:2_000]}: {number_text(one.y)}")
            )
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
        parts.append(svg.box(x, y, width, height, svg.COLOURS[0]))
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
        parts += [svg.line(_LEFT, y, _WIDTH - _RIGHT, y), _text(_LEFT - 8, y + 4, number_text(value), anchor="end")]
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


def _text(
    x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", colour: str = svg.QUIET,
    limit: int = _LABEL,
) -> str:  # fmt: skip
    """A stranger's words: what a terminal would obey goes as a whole."""
    return svg.words(x, y, plain_line(said[:2_000]), size=size, anchor=anchor, colour=colour, limit=limit)
