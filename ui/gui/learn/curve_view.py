"""Curves, drawn: what a run loses on what it learns and on what is held out; or several runs over one another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from rushlight.ui.desk.learn_values import RunCurve, RunStep
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

COLOURS: Final = ("flame", "info", "good", "bad")  # of the runs, in the order in which they were chosen


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: (step, value) points. Without a name it stands in no legend."""

    name: str
    points: tuple[tuple[int, float], ...]
    color: str
    is_dashed: bool = False


class CurveView(QWidget):
    """view.show_steps(steps), or view.show_runs(curves); what it shows is also its description for screen readers."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: object = None
        self._lines: tuple[Line, ...] = ()
        self._is_stacked = False  # the legend has a line for each curve
        self.setAccessibleName(text("Loss by step"))
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)
        theme.changed.connect(self._changed)

    def show_steps(self, steps: Sequence[RunStep]) -> None:
        """Of one run."""
        shown = tuple(one for one in steps if math.isfinite(one.loss))
        if shown == self._shown:
            return
        self._shown, self._is_stacked = shown, False
        self._lines = (Line(text("training"), _training(shown), "flame"),
                       Line(text("held-out"), _held_out(shown), "good"))  # fmt: skip
        self.setAccessibleDescription(said_text(shown))
        self._changed()

    def show_runs(self, curves: Sequence[RunCurve]) -> None:
        """Of several, over one another; held-out losses are dashed."""
        if tuple(curves) == self._shown:
            return
        self._shown, self._is_stacked = tuple(curves), True
        lines: list[Line] = []
        for one, color in zip(curves, COLOURS, strict=False):
            lines.append(Line(one.title, _training(one.steps), color))
            lines.append(Line("", _held_out(one.steps), color, is_dashed=True))
        self._lines = tuple(lines)
        self.setAccessibleDescription("; ".join(f"{one.title}: {said_text(one.steps)}" for one in curves))
        self._changed()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(520), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(180), self._height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.font("small"))
        if any(one.points for one in self._lines):
            self._paint(painter)
        else:
            painter.setPen(self._theme.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text("No step yet"))
        painter.end()

    # --- inside -------------------------------------------------------------------------------------------------
    def _named(self) -> list[Line]:
        return [one for one in self._lines if one.name and one.points]

    def _height(self) -> int:
        line = QFontMetrics(self._theme.font("small")).height()
        return self._theme.px(200) + (max(0, len(self._named()) - 1) * line if self._is_stacked else 0)

    def _paint(self, painter: QPainter) -> None:
        px, color = self._theme.px, self._theme.color
        line = painter.fontMetrics().height()
        top = (len(self._named()) if self._is_stacked else 1) * line + px(6)
        points = [point for one in self._lines for point in one.points]
        high = 1.05 * max(max(value for _, value in points), 1e-6)
        first = min(step for step, _ in points)
        last = max(first + 1, max(step for step, _ in points))
        most = painter.fontMetrics().horizontalAdvance(f"{high:.2f}") + px(8)
        area = QRectF(most, top, self.width() - most - px(8), self.height() - top - line - px(8))

        def place(step: float, value: float) -> QPointF:
            across = (step - first) / (last - first)
            return QPointF(area.left() + across * area.width(), area.bottom() - area.height() * value / high)

        for part in range(5):
            value = high * part / 4
            height = place(first, value).y()
            painter.setPen(QPen(color("line"), 1))
            painter.drawLine(QPointF(area.left(), height), QPointF(area.right(), height))
            painter.setPen(color("muted"))
            words = QRectF(0, height - line / 2, area.left() - px(6), line)
            painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.2f}")
        below = QRectF(area.left(), area.bottom() + px(4), area.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, str(first))
        painter.drawText(below, Qt.AlignmentFlag.AlignRight, str(last))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for one in self._lines:
            self._line(painter, [place(step, value) for step, value in one.points], one)
        self._legend(painter, area.right(), line)

    def _legend(self, painter: QPainter, right: float, line: int) -> None:
        metrics, px = painter.fontMetrics(), self._theme.px
        for at, one in enumerate(self._named() if self._is_stacked else reversed(self._named())):
            said = metrics.elidedText(f"— {one.name}", Qt.TextElideMode.ElideMiddle, int(right))
            width = metrics.horizontalAdvance(said)
            painter.setPen(self._theme.color(one.color))
            if self._is_stacked:
                painter.drawText(QPointF(right - width, (at + 1) * line - px(2)), said)
            else:
                painter.drawText(QPointF(right - width, line - px(2)), said)
                right -= width + px(14)

    def _line(self, painter: QPainter, places: list[QPointF], one: Line) -> None:
        pen = QPen(self._theme.color(one.color), self._theme.px(2))
        if one.is_dashed:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        if len(places) > 1:
            painter.drawPolyline(QPolygonF(places))
        elif places:
            painter.drawEllipse(places[0], self._theme.px(3), self._theme.px(3))

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()


def said_text(steps: Sequence[RunStep]) -> str:
    """What a curve says, for those who do not see it."""
    if not steps:
        return text("No step yet")
    return text("Step {first} to {last}: loss {before} to {after}", first=steps[0].step, last=steps[-1].step,
                before=f"{steps[0].loss:.3f}", after=f"{steps[-1].loss:.3f}")  # fmt: skip


def _training(steps: Sequence[RunStep]) -> tuple[tuple[int, float], ...]:
    return tuple((one.step, one.loss) for one in steps if math.isfinite(one.loss))


def _held_out(steps: Sequence[RunStep]) -> tuple[tuple[int, float], ...]:
    return tuple((one.step, one.held_out) for one in steps if one.held_out is not None and math.isfinite(one.held_out))
