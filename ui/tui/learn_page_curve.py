"""Curves in cells, eight dots a cell: a run's loss and what it loses on what is held out; or runs over one another.

Knows steps; no job.
"""

import math
from collections.abc import Sequence

from rushlight.ui.desk.learn_values import RunCurve, RunStep
from rushlight.ui.tui.row_list import RowLine
from rushlight.ui.words import text

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille cell: line by line, left and right
_BLANK = 0x2800
COLOURS = ("flame", "info", "good", "bad")  # of the runs, in the order in which they were chosen
_LABEL = 6  # cells at the left for the values


def curve_lines(steps: Sequence[RunStep], width: int, height: int) -> tuple[RowLine, ...]:
    """`height` lines of cells with values at the left, then the first and last step and which curve is which."""
    shown = [one for one in steps if math.isfinite(one.loss)]
    room = width - _LABEL - 2
    if not shown or room < 8:
        return (RowLine(((text("No step yet"), "muted"),)),)
    training = [(one.step, one.loss) for one in shown]
    held_out = [(one.step, one.held_out) for one in shown if one.held_out is not None and math.isfinite(one.held_out)]
    high = 1.05 * max(max(value for _, value in (*training, *held_out)), 1e-6)
    first, last = training[0][0], max(training[-1][0], training[0][0] + 1)
    grids = [(_drawn(points, first, last, high, room, height), color)
             for points, color in ((training, "flame"), (held_out, "good"))]  # fmt: skip
    lines = _area(grids, high, height)
    names = [("━ ", "flame"), (text("training"), "muted")]
    if held_out:
        names += [("  ━ ", "good"), (text("held-out"), "muted")]
    foot = text("step {first} to {last}", first=first, last=training[-1][0])
    lines.append(RowLine(((" " * (_LABEL + 1) + foot + "   ", "muted"), *names)))
    return tuple(lines)


def overlay_lines(curves: Sequence[RunCurve], width: int, height: int) -> tuple[RowLine, ...]:
    """The losses of several runs over one another, then a line for each that says which it is."""
    room = width - _LABEL - 2
    shown = [(one, [(step.step, step.loss) for step in one.steps if math.isfinite(step.loss)]) for one in curves]
    shown = [(one, points) for one, points in shown if points]
    if not shown or room < 8:
        return (RowLine(((text("No step yet"), "muted"),)),)
    high = 1.05 * max(max(value for _, points in shown for _, value in points), 1e-6)
    first = min(points[0][0] for _, points in shown)
    last = max(first + 1, max(points[-1][0] for _, points in shown))
    grids = [(_drawn(points, first, last, high, room, height), color)
             for (_, points), color in zip(shown, COLOURS, strict=False)]  # fmt: skip
    lines = _area(grids, high, height)
    lines.append(RowLine(((" " * (_LABEL + 1) + text("step {first} to {last}", first=first, last=last), "muted"),)))
    for (one, _), color in zip(shown, COLOURS, strict=False):
        lines.append(RowLine((("━ ", color), (one.title, "page"))))
    return tuple(lines)


def _area(grids: Sequence[tuple[list[list[int]], str]], high: float, height: int) -> list[RowLine]:
    """The cells of all curves, with values at the left."""
    lines = []
    for at in range(height):
        value = {0: high, height // 2: high * (1 - (height // 2) / height), height - 1: 0.0}.get(at)
        label = "" if value is None else f"{value:.2f}"
        pieces = _pieces([(grid[at], color) for grid, color in grids])
        lines.append(RowLine(((f"{label[:_LABEL].rjust(_LABEL)} ", "muted"), *pieces)))
    return lines


def curve_text(steps: Sequence[RunStep]) -> str:
    """What the curve says, for those who do not see it."""
    shown = [one for one in steps if math.isfinite(one.loss)]
    if not shown:
        return text("No step yet")
    return text("Step {first} to {last}: loss {before} to {after}", first=shown[0].step, last=shown[-1].step,
                before=f"{shown[0].loss:.3f}", after=f"{shown[-1].loss:.3f}")  # fmt: skip


def _drawn(
    points: Sequence[tuple[int, float]], first: int, last: int, high: float, width: int, height: int
) -> list[list[int]]:
    """The dots of each cell, a line through all points."""
    cells = [[0] * width for _ in range(height)]
    n_across, n_down = 2 * width - 1, 4 * height - 1
    before: tuple[int, int] | None = None
    for step, value in points:
        x = round((step - first) / (last - first) * n_across)
        y = round((1 - max(0.0, value) / high) * n_down)
        for dot_x, dot_y in _between(before or (x, y), (x, y)):
            cells[dot_y // 4][dot_x // 2] |= _DOTS[dot_y % 4][dot_x % 2]
        before = (x, y)
    return cells


def _between(one: tuple[int, int], other: tuple[int, int]) -> list[tuple[int, int]]:
    n = max(abs(other[0] - one[0]), abs(other[1] - one[1]), 1)
    return [
        (one[0] + round((other[0] - one[0]) * at / n), one[1] + round((other[1] - one[1]) * at / n))
        for at in range(n + 1)
    ]


def _pieces(rows: Sequence[tuple[Sequence[int], str]]) -> list[tuple[str, str]]:
    """Runs of cells of one colour; where several curves pass it is that of the last."""
    pieces: list[tuple[str, str]] = []
    for cells in zip(*(row for row, _ in rows), strict=True):
        dots, meaning = 0, "muted"
        for cell, (_, color) in zip(cells, rows, strict=True):
            dots, meaning = dots | cell, color if cell else meaning
        drawn = chr(_BLANK + dots) if dots else " "
        if pieces and pieces[-1][1] == meaning:
            pieces[-1] = (pieces[-1][0] + drawn, meaning)
        else:
            pieces.append((drawn, meaning))
    return pieces
