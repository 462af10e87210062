"""Curves of a run, drawn: its loss and what it loses on examples that it does not learn. Knows steps; no run."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from rushlight.ui.desk.learn_values import RunStep
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text


class CurveView(QWidget):
    """view.show_steps(steps); what it shows is also its description for screen readers."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._steps: tuple[RunStep, ...] = ()
        self.setAccessibleName(text("Loss by step"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._changed)

    def show_steps(self, steps: Sequence[RunStep]) -> None:
        shown = tuple(one for one in steps if math.isfinite(one.loss))
        if shown == self._steps:
            return
        self._steps = shown
        if shown:
            self.setAccessibleDescription(
                text("Step {first} to {last}: loss {before} to {after}", first=shown[0].step, last=shown[-1].step,
                     before=f"{shown[0].loss:.3f}", after=f"{shown[-1].loss:.3f}")
            )  # fmt: skip
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(520), self._theme.px(200))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(180), self._theme.px(200))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.font("small"))
        if self._steps:
            self._paint(painter)
        else:
            painter.setPen(self._theme.color("muted"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text("No step yet"))
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        px, color = self._theme.px, self._theme.color
        line = painter.fontMetrics().height()
        held_out = [(one.step, one.held_out) for one in self._steps if one.held_out is not None]
        values = [one.loss for one in self._steps] + [value for _, value in held_out]
        low, high = 0.0, 1.05 * max(max(values), 1e-6)
        first, last = self._steps[0].step, max(self._steps[-1].step, self._steps[0].step + 1)
        area = QRectF(px(46), line + px(6), self.width() - px(54), self.height() - 2 * line - px(14))

        def place(step: float, value: float) -> QPointF:
            across = (step - first) / (last - first)
            return QPointF(area.left() + across * area.width(), area.bottom() - area.height() * (value - low) / high)

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
        self._line(painter, [place(one.step, one.loss) for one in self._steps], "flame")
        self._line(painter, [place(step, value) for step, value in held_out], "good")
        right = area.right()
        for said, name, is_shown in ((text("held-out"), "good", bool(held_out)), (text("training"), "flame", True)):
            if is_shown:
                width = painter.fontMetrics().horizontalAdvance(f"— {said}")
                painter.setPen(color(name))
                painter.drawText(QPointF(right - width, line - px(2)), f"— {said}")
                right -= width + px(14)

    def _line(self, painter: QPainter, places: list[QPointF], name: str) -> None:
        color = self._theme.color(name)
        painter.setPen(QPen(color, self._theme.px(2)))
        if len(places) > 1:
            painter.drawPolyline(QPolygonF(places))
        elif places:
            painter.drawEllipse(places[0], self._theme.px(3), self._theme.px(3))

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()
