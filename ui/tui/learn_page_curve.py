"""Curves of a run in cells: eight dots a cell, its loss and what it loses on examples that it does not learn.

Knows steps; no run.
"""

import math
from collections.abc import Sequence

from rushlight.ui.desk.learn_values import RunStep
from rushlight.ui.tui.row_list import RowLine
from rushlight.ui.words import text

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a Braille cell: line by line, left and right
_BLANK = 0x2800
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
    grids = [_drawn(points, first, last, high, room, height) for points in (training, held_out)]
    lines = []
    for at in range(height):
        value = {0: high, height // 2: high * (1 - (height // 2) / height), height - 1: 0.0}.get(at)
        label = "" if value is None else f"{value:.2f}"
        lines.append(RowLine(((f"{label[:_LABEL].rjust(_LABEL)} ", "muted"), *_pieces(grids[0][at], grids[1][at]))))
    names = [("━ ", "flame"), (text("training"), "muted")]
    if held_out:
        names += [("  ━ ", "good"), (text("held-out"), "muted")]
    foot = text("step {first} to {last}", first=first, last=training[-1][0])
    lines.append(RowLine(((" " * (_LABEL + 1) + foot + "   ", "muted"), *names)))
    return tuple(lines)


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


def _pieces(training: Sequence[int], held_out: Sequence[int]) -> list[tuple[str, str]]:
    """Runs of cells of one colour; where both curves pass it is that of the held-out one."""
    pieces: list[tuple[str, str]] = []
    for one, other in zip(training, held_out, strict=True):
        meaning = "good" if other else "flame" if one else "muted"
        cell = chr(_BLANK + (one | other)) if one | other else " "
        if pieces and pieces[-1][1] == meaning:
            pieces[-1] = (pieces[-1][0] + cell, meaning)
        else:
            pieces.append((cell, meaning))
    return pieces
