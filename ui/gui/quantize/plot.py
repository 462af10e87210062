"""Quality against size, drawn: down and left is better. Circles as large as the speed, and beside ours the line of
llama.cpp's own quantizer where it was measured. Knows points; no model."""

import itertools
import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from rushlight.ui.desk.figures import size_text
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_LEAST = 1e-6  # of a divergence: its logarithm is drawn


@dataclass(frozen=True, slots=True)
class PlotPoint:
    """One file."""

    label: str
    size_bytes: int
    divergence: float
    speed: float | None = None
    by_llama: bool = False  # by llama.cpp's own quantizer


class QualityPlot(QWidget):
    """plot.show_points(points); what it shows is also its description for screen readers."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._points: tuple[PlotPoint, ...] = ()
        self.setAccessibleName(text("Quality against size"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._changed)

    def show_points(self, points: tuple[PlotPoint, ...]) -> None:
        if points == self._points:
            return
        self._points = tuple(one for one in points if math.isfinite(one.divergence) and one.size_bytes > 0)
        self.setAccessibleDescription(
            "; ".join(f"{one.label}: {size_text(one.size_bytes)}, {one.divergence:.4f}" for one in self._points)
        )
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(560), self._theme.px(260))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(200), self._theme.px(260))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.font("small"))
        if self._points:
            self._paint(painter)
        painter.end()

    def _paint(self, painter: QPainter) -> None:
        px, color = self._theme.px, self._theme.color
        line = painter.fontMetrics().height()
        area = QRectF(px(70), line + px(8), self.width() - px(70) - px(140), self.height() - 3 * line - px(16))
        if area.width() < px(60):
            area.setWidth(self.width() - px(70) - px(12))
        losses = [math.log10(max(one.divergence, _LEAST)) for one in self._points]
        low, high = math.floor(min(losses)), max(math.ceil(max(losses)), math.floor(min(losses)) + 1)
        sizes = [one.size_bytes for one in self._points]
        least, most = 0.92 * min(sizes), 1.08 * max(sizes)
        painter.setPen(QPen(color("line"), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(area.topLeft(), area.bottomLeft())
        for power in range(low, high + 1):
            y = area.bottom() - area.height() * (power - low) / (high - low)
            painter.setPen(QPen(color("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(color("muted"))
            words = QRectF(0, y - line / 2, area.left() - px(8), line)
            painter.drawText(words, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{10.0**power:g}")
        painter.setPen(color("muted"))
        painter.drawText(QPointF(px(4), line), text("loss in nats"))
        fastest = max((one.speed or 0.0 for one in self._points), default=0.0)
        places: list[tuple[PlotPoint, QPointF, float]] = []
        for one, loss in zip(self._points, losses, strict=True):
            x = area.left() + area.width() * (one.size_bytes - least) / max(1.0, most - least)
            y = area.bottom() - area.height() * (loss - low) / (high - low)
            radius = px(5) if not one.speed or not fastest else px(4) + px(6) * math.sqrt(one.speed / fastest)
            places.append((one, QPointF(x, y), radius))
        painter.setPen(QPen(color("flame"), px(2)))
        everything = sorted(places, key=lambda place: place[0].size_bytes)
        ordered = [place for place in everything if not place[0].by_llama]
        for start, to in itertools.pairwise(_best(ordered)):
            painter.drawLine(start, to)
        self._paint_rivals(painter, [point for one, point, _ in everything if one.by_llama], area)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("flame"))
        taken = [QRectF(point.x() - px(5), point.y() - px(5), px(10), px(10)) for one, point, _ in everything
                 if one.by_llama]  # fmt: skip
        for _, point, radius in ordered:
            painter.drawEllipse(point, radius, radius)
            taken.append(QRectF(point.x() - radius, point.y() - radius, 2 * radius, 2 * radius))
        painter.setPen(color("ink"))
        for one, point, radius in ordered:
            label = painter.fontMetrics().elidedText(one.label, Qt.TextElideMode.ElideMiddle, px(190))
            needed = QSize(painter.fontMetrics().horizontalAdvance(label) + px(4), line)
            place = _free(point, radius + px(4), needed, taken, float(self.width()))
            taken.append(place)
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, label)
        painter.setPen(color("muted"))
        for size in (min(sizes), max(sizes)):
            x = area.left() + area.width() * (size - least) / max(1.0, most - least)
            below = QRectF(x - px(60), area.bottom() + px(4), px(120), line)
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, size_text(size))
        if fastest:
            painter.drawText(QPointF(area.left(), self.height() - px(4)), text("larger circle: more tokens a second"))

    def _paint_rivals(self, painter: QPainter, points: list[QPointF], area: QRectF) -> None:
        """llama.cpp's own: hollow circles on a broken line."""
        if not points:
            return
        px, color = self._theme.px, self._theme.color
        pen = QPen(color("muted"), px(2), Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for start, to in itertools.pairwise(points):
            painter.drawLine(start, to)
        painter.setPen(QPen(color("muted"), px(2)))
        for point in points:
            painter.drawEllipse(point, px(5), px(5))
        painter.setPen(color("muted"))
        said = text("- - llama.cpp at the same size")
        width = painter.fontMetrics().horizontalAdvance(said)
        painter.drawText(QPointF(max(area.left() + px(60), area.right() - width), painter.fontMetrics().height()), said)

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()


def _free(point: QPointF, away: float, size: QSize, taken: list[QRectF], width: float) -> QRectF:
    """Where a label beside the point covers no circle and no other label: right above, right below, left, or above."""
    right, left = point.x() + away, point.x() - away - size.width()
    over, under = point.y() - away - size.height(), point.y() + away
    beside = point.y() - size.height() / 2
    corners = ((right, over), (right, under), (left, over), (left, under), (right, beside))
    places = [QRectF(x, y, size.width(), size.height()) for x, y in corners]
    inside = [place for place in places if place.left() >= 0 and place.right() <= width and place.top() >= 0]
    return next((place for place in inside if not any(place.intersects(other) for other in taken)), places[0])


def _best(ordered: list[tuple[PlotPoint, QPointF, float]]) -> list[QPointF]:
    """Where those stand that lose less than every smaller one."""
    found: list[QPointF] = []
    least = math.inf
    for one, point, _ in ordered:
        if one.divergence < least:
            least = one.divergence
            found.append(point)
    return found
