"""A comparison as a picture: divergence against size, circles as large as the speed. SVG, written by hand.

Knows points and their labels. Labels are names of files, so of strangers: they are escaped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_WIDTH, _HEIGHT = 760, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 150, 46, 56
_LEAST: Final = 1e-9  # of a divergence: its logarithm is drawn
_INK, _QUIET, _GRID, _POINT = "#2b2a28", "#6d6a65", "#dedad2", "#b4561f"


@dataclass(frozen=True, slots=True)
class Point:
    """One file: its size, its mean divergence in nats, and tokens a second where they were measured."""

    label: str
    size_bytes: float
    divergence: float
    speed: float | None = None


def draw(points: Sequence[Point], reference: str) -> str:
    """The whole SVG. Down and left is better: fewer bytes, less lost."""
    found = [point for point in points if math.isfinite(point.divergence) and point.size_bytes > 0]
    sizes = [point.size_bytes for point in found] or [1.0]
    losses = [max(point.divergence, _LEAST) for point in found] or [1.0]
    across = _Scale(0.94 * min(sizes), 1.06 * max(sizes), _LEFT, _WIDTH - _RIGHT)
    low, high = math.floor(math.log10(min(losses))), math.ceil(math.log10(max(losses)))
    up = _Scale(low, max(high, low + 1), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="13" role="img">',
        f"<title>{_safe(f'Divergence from {reference} against size')}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, f"Divergence from {reference}", size=15, colour=_INK),
        _text(_WIDTH - _RIGHT, _HEIGHT - 14, "size of the file", anchor="end"),
        _text(_LEFT, _TOP - 8, "mean KL divergence, nats"),
    ]
    for exponent in range(low, max(high, low + 1) + 1):
        y = up.at(exponent)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y))
        parts.append(_text(_LEFT - 8, y + 4, _power(exponent), anchor="end"))
    for size in _ticks(across.low, across.high):
        x = across.at(size)
        parts.append(_line(x, _TOP, x, _HEIGHT - _BOTTOM))
        parts.append(_text(x, _HEIGHT - _BOTTOM + 18, _size(size), anchor="middle"))
    fastest = max((point.speed for point in found if point.speed), default=0.0)
    taken: list[float] = []
    for point in sorted(found, key=lambda one: one.divergence):
        x, y = across.at(point.size_bytes), up.at(math.log10(max(point.divergence, _LEAST)))
        radius = 5.0 if not point.speed or not fastest else 4 + 8 * math.sqrt(point.speed / fastest)
        said = point.label if point.speed is None else f"{point.label}, {point.speed:.0f} tokens/s"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_POINT}" fill-opacity="0.75">'
            f"<title>{_safe(said)}</title></circle>"
        )
        label_y = _free(y + 4, taken)
        taken.append(label_y)
        parts.append(_text(x + radius + 5, label_y, _cut(said), colour=_INK))
    if fastest:
        parts.append(_text(_LEFT, _HEIGHT - 14, "larger circle: more tokens a second"))
    return "\n".join([*parts, "</svg>\n"])


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


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, some five of them."""
    step = 10 ** math.floor(math.log10(max((high - low) / 4, 1e-9)))
    step *= next((factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6), 10)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step) + 1)]


def _free(y: float, taken: Sequence[float]) -> float:
    """A height where a label covers no other."""
    while any(abs(y - other) < 14 for other in taken):
        y += 14
    return y


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:g} TB"


def _power(exponent: int) -> str:
    return f"{10.0**exponent:g}"


def _cut(label: str, limit: int = 44) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"


def _safe(label: str) -> str:
    """Text that XML can hold: markup escaped, control characters away."""
    return escape("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in label))


def _text(x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", colour: str = _QUIET) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{_safe(said)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{_GRID}"/>'
