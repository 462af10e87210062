"""A comparison as a picture: divergence against size, circles as large as the speed, beside the line of llama.cpp's own
quantizer where it was measured.

Knows points and their labels. Labels are names of files, so of strangers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rushlight import svg

_WIDTH, _HEIGHT = 760, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 150, 46, 56
_LEAST: Final = 1e-9  # of a divergence: its logarithm is drawn
_OURS, _THEIRS = svg.COLOURS[:2]
_LABEL: Final = 44


@dataclass(frozen=True, slots=True)
class Point:
    """One file: its size, its mean divergence in nats, and tokens a second where they were measured."""

    label: str
    size_bytes: float
    divergence: float
    speed: float | None = None
    by_llama: bool = False  # by llama.cpp's own quantizer


def draw(points: Sequence[Point], reference: str) -> str:
    """The whole SVG. Down and left is better: fewer bytes, less lost."""
    found = [point for point in points if math.isfinite(point.divergence) and point.size_bytes > 0]
    sizes = [point.size_bytes for point in found] or [1.0]
    losses = [max(point.divergence, _LEAST) for point in found] or [1.0]
    across = svg.Scale(0.94 * min(sizes), 1.06 * max(sizes), _LEFT, _WIDTH - _RIGHT)
    low, high = math.floor(math.log10(min(losses))), math.ceil(math.log10(max(losses)))
    up = svg.Scale(low, max(high, low + 1), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        svg.words(_LEFT, 24, f"Divergence from {reference}", size=15, colour=svg.INK),
        svg.words(_WIDTH - _RIGHT, _HEIGHT - 14, "size of the file", anchor="end"),
        svg.words(_LEFT, _TOP - 8, "mean KL divergence, nats"),
    ]
    for exponent in range(low, max(high, low + 1) + 1):
        y = up.at(exponent)
        parts += [
            svg.line(_LEFT, y, _WIDTH - _RIGHT, y),
            svg.words(_LEFT - 8, y + 4, f"{10.0**exponent:g}", anchor="end"),
        ]
    for size in svg.ticks(across.low, across.high):
        x = across.at(size)
        parts += [
            svg.line(x, _TOP, x, _HEIGHT - _BOTTOM),
            svg.words(x, _HEIGHT - _BOTTOM + 18, _size(size), anchor="middle"),
        ]

    def place(point: Point) -> tuple[float, float]:
        return across.at(point.size_bytes), up.at(math.log10(max(point.divergence, _LEAST)))

    rivals = sorted((point for point in found if point.by_llama), key=lambda one: one.size_bytes)
    if rivals:
        parts.append(svg.curve([place(point) for point in rivals], _THEIRS, dashed=True))
        parts.append(
            svg.words(_WIDTH - _RIGHT, _TOP - 8, "- - llama.cpp at the same size", anchor="end", colour=_THEIRS)
        )
    fastest = max((point.speed for point in found if point.speed), default=0.0)
    taken: list[float] = []
    for point in sorted(found, key=lambda one: one.divergence):
        x, y = place(point)
        if point.by_llama:
            parts.append(svg.circle(x, y, 5, _THEIRS, f"{point.label} by llama.cpp", hollow=True))
            continue
        radius = 5.0 if not point.speed or not fastest else 4 + 8 * math.sqrt(point.speed / fastest)
        said = point.label if point.speed is None else f"{point.label}, {point.speed:.0f} tokens/s"
        label_y = _free(y + 4, taken)
        taken.append(label_y)
        parts.append(svg.circle(x, y, radius, _OURS, said))
        parts.append(svg.words(x + radius + 5, label_y, said, colour=svg.INK, limit=_LABEL))
    if fastest:
        parts.append(svg.words(_LEFT, _HEIGHT - 14, "larger circle: more tokens a second"))
    return svg.whole(parts, _WIDTH, _HEIGHT, f"Divergence from {reference} against size", font_size=13)


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
