"""Pictures as SVG, written by hand: text, lines, scales and ticks in the colours that all pictures share.

What is written into one may be a stranger's (names of files, columns, models): it is cut, escaped and one line.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

INK: Final = "#2b2a28"
QUIET: Final = "#6d6a65"
GRID: Final = "#dedad2"
COLOURS: Final = ("#b4561f", "#2f6f8f", "#6a8532", "#7a4b8f")  # of what is drawn, the first one first


@dataclass(frozen=True, slots=True)
class Scale:
    """Numbers from `low` to `high` as places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        span = self.high - self.low
        return self.start + (self.end - self.start) * ((value - self.low) / span if span > 0 else 0.5)


def whole(parts: Sequence[str], width: int, height: int, title: str, *, font_size: int = 12) -> str:
    """The file: a white picture with a title for screen readers."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="{font_size}" role="img">',
        f"<title>{safe(title, 300)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    )
    return "\n".join([*head, *parts, "</svg>\n"])


def words(
    x: float, y: float, said: str, *, size: int = 12, anchor: str = "start", colour: str = QUIET, limit: int = 200
) -> str:
    """Text beginning, ending ("end") or standing ("middle") at x."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
        f"{safe(said, limit)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A line of the grid."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GRID}"/>'


def curve(points: Sequence[tuple[float, float]], colour: str, *, width: float = 1.6, dashed: bool = False) -> str:
    """A line through points."""
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'


def circle(x: float, y: float, radius: float, colour: str, said: str, *, hollow: bool = False) -> str:
    """A point that says what it is when it is pointed at."""
    fill = f'fill="none" stroke="{colour}" stroke-width="1.6"' if hollow else f'fill="{colour}" fill-opacity="0.75"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" {fill}><title>{safe(said)}</title></circle>'


def box(x: float, y: float, width: float, height: float, colour: str, said: str = "") -> str:
    """A bar, which may say what it is."""
    title = f"<title>{safe(said)}</title>" if said else ""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}">{title}</rect>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers between the two, some five of them."""
    span = high - low
    if not math.isfinite(span) or span <= abs(high) * 1e-9 or span < 1e-290:
        return [low]
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next((factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6), 10)
    first = math.ceil(low / step)
    return [number * step for number in range(first, min(math.floor(high / step), first + 20) + 1)]


def safe(said: str, limit: int = 200) -> str:
    """Text that XML can hold, on one line: markup escaped, what is invisible or turns writing replaced, cut at
    `limit`."""
    plain = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in said[:2_000])
    return escape(plain if len(plain) <= limit else plain[: limit - 1] + "…")
