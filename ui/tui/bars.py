"""Amounts drawn with block characters: meters and memory bars. Knows widths and shares only."""

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉"


def meter(share: float, width: int) -> str:
    """A bar of `width` cells, filled to `share` (0 to 1) in eighths of a cell."""
    filled = round(max(0.0, min(1.0, share)) * width * 8)
    whole, rest = divmod(filled, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width, "░" if width < 30 else " ")[:width]


def parts(shares: Sequence[float], width: int) -> list[int]:
    """How many cells each share of a bar takes; what is there at all takes one, and together they fill it."""
    total = sum(shares)
    if total <= 0 or width <= 0:
        return [0] * len(shares)
    cells = [max(1, round(one / total * width)) if one > 0 else 0 for one in shares]
    while sum(cells) != width:
        widest = max(range(len(cells)), key=lambda at: cells[at])
        step = 1 if sum(cells) < width else -1
        if cells[widest] + step < 0:
            break
        cells[widest] += step
    return cells
