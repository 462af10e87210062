"""The curves of a training as a picture: losses, rewards, learning rate, length of the gradient. An SVG."""

import math
from collections.abc import Sequence
from typing import Any, Final

from rushlight import svg

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP = 760, 190, 78, 24, 44
_MOST_DOTS = 40  # of a line that also shows its points
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
    parts = [svg.words(_LEFT, 24, title, size=15, colour=svg.INK)]
    for number, (name, series) in enumerate(panels):
        parts += _panel(name, series, _TOP + number * _PANEL, last)
    return svg.whole(parts, _WIDTH, height, title)


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
    across = svg.Scale(0, last, _LEFT, _WIDTH - _RIGHT)
    up = svg.Scale(low, high, top + _PANEL - 46, top)
    parts = []
    for value in svg.ticks(low, high):
        y = up.at(value)
        parts += [svg.line(_LEFT, y, across.end, y), svg.words(_LEFT - 8, y + 4, f"{value:.3g}", anchor="end")]
    for step in sorted({round(one) for one in svg.ticks(0, last)}):
        parts.append(svg.words(across.at(step), up.start + 16, f"{step:,}", anchor="middle"))
    end = across.end
    for number, (label, points) in reversed(list(enumerate(series))):
        colour = svg.COLOURS[number % len(svg.COLOURS)]
        places = [(across.at(step), up.at(value)) for step, value in _thinned(points)]
        parts.append(svg.curve(places, colour))
        if len(places) <= _MOST_DOTS:  # a line through one point is none
            parts += [svg.circle(*place, 2.5, colour, f"{label} {value:.4g}")
                      for place, (_, value) in zip(places, points, strict=True)]  # fmt: skip
        parts.append(svg.words(end, top - 4, label, anchor="end", colour=colour))
        end -= 7 * len(label) + 14
    parts.append(svg.words(_LEFT, top - 4, name))
    return parts


def _thinned(points: _Points, most: int = 700) -> _Points:
    """Means of neighbours, so that a long training draws no more points than there are pixels."""
    width = math.ceil(len(points) / most)
    if width <= 1:
        return points
    groups = [points[i : i + width] for i in range(0, len(points), width)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
