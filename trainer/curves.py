"""The curves of a training as a picture: losses, rewards, learning rate, length of the gradient. SVG, by hand."""

import math
from collections.abc import Sequence
from html import escape
from typing import Any, Final

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP = 760, 190, 78, 24, 44
_INK, _QUIET, _GRID = "#2b2a28", "#6d6a65", "#dedad2"
_COLOURS: Final = ("#b4561f", "#2f6f8f")
_PANELS: Final = (
    ("loss", ("loss", "held_out")),
    ("reward", ("reward_chosen", "reward_rejected")),
    ("margin of rewards", ("margin", "held_out_margin")),
    ("share of answers told apart", ("accuracy", "held_out_accuracy")),
    ("distance from the untrained model", ("kl",)),
    ("learning rate", ("rate",)),
    ("gradient", ("gradient",)),
)


def draw(metrics: Sequence[dict[str, Any]], title: str) -> str:
    """The whole SVG: one panel under the other, all over the steps."""
    panels = [(name, series) for name, keys in _PANELS if (series := _series(metrics, keys))]
    height = _TOP + _PANEL * max(1, len(panels)) + 10
    last = max((step for _, series in panels for _, points in series for step, _ in points), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12" role="img">',
        f"<title>{_safe(title)}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, size=15, colour=_INK),
    ]
    for number, (name, series) in enumerate(panels):
        parts += _panel(name, series, _TOP + number * _PANEL, last)
    return "\n".join([*parts, "</svg>\n"])


_Points = list[tuple[int, float]]


def _series(metrics: Sequence[dict[str, Any]], keys: Sequence[str]) -> list[tuple[str, _Points]]:
    found = []
    for key in keys:
        points = [(int(one["step"]), float(one[key])) for one in metrics
                  if "step" in one and isinstance(one.get(key), int | float) and math.isfinite(one[key])]  # fmt: skip
        if points:
            found.append((key.replace("_", " "), points))
    return found


def _panel(name: str, series: Sequence[tuple[str, _Points]], top: float, last: int) -> list[str]:
    values = [value for _, points in series for _, value in points]
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1.0
    bottom, right = top + _PANEL - 46, _WIDTH - _RIGHT
    parts = []
    for part in range(5):
        value = low + (high - low) * part / 4
        y = bottom - (bottom - top) * part / 4
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="{_GRID}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{value:.3g}", anchor="end"))
    for part in range(5):
        x = _LEFT + (right - _LEFT) * part / 4
        parts.append(_text(x, bottom + 16, f"{round(last * part / 4):,}", anchor="middle"))
    for number, (label, points) in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        drawn = " ".join(
            f"{_LEFT + (right - _LEFT) * step / last:.1f},{bottom - (bottom - top) * (value - low) / (high - low):.1f}"
            for step, value in _thinned(points)
        )
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(_text(right - 130 * (len(series) - 1 - number), top - 4, label, anchor="end", colour=colour))
    parts.append(_text(_LEFT, top - 4, name))
    return parts


def _thinned(points: _Points, most: int = 700) -> _Points:
    """Means of neighbours, so that a long training draws no more points than there are pixels."""
    width = math.ceil(len(points) / most)
    if width <= 1:
        return points
    groups = [points[i : i + width] for i in range(0, len(points), width)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _text(x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", colour: str = _QUIET) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{_safe(said)}</text>'
    )


def _safe(label: str) -> str:
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in label))
