"""The rows of an answer as a picture in the colours of the theme: bars, lines, points, a histogram.

Knows a spec that was checked against its rows. Labels are strangers' text: cleaned, cut, painted as letters.
"""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.chart_data import (
    Point,
    Scale,
    bars_of,
    counts_of,
    heights_of,
    number_text,
    series_of,
    ticks,
)
from rushlight.assistant.sql.charts import ChartSpec, check
from rushlight.assistant.sql.values import Result
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_BAR_STEP, _BAR_HEIGHT = 36, 22
_LOW_STEP, _LOW_HEIGHT = 24, 15  # where several charts stand beside each other
_HEIGHT = 260
_SERIES = ("flame", "info", "good", "bad")
_MOST_SPOKEN = 12
_START, _END, _MIDDLE = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
_CENTER = Qt.AlignmentFlag.AlignHCenter


class ChartView(QWidget):
    """chart.show_chart(spec, result); what it shows is also said to screen readers and by tool tips."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, is_low: bool = False) -> None:
        super().__init__(parent)
        self._theme = theme
        self._step, self._thick = (_LOW_STEP, _LOW_HEIGHT) if is_low else (_BAR_STEP, _BAR_HEIGHT)
        self._spec: ChartSpec | None = None
        self._result = Result((), ())
        self._tips: list[tuple[QRectF, str]] = []
        self.setMouseTracking(True)
        self.setAccessibleName(text("Chart"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._changed)

    def show_chart(self, spec: ChartSpec | None, result: Result | None) -> None:
        """None: nothing is drawn."""
        if spec is self._spec and result is self._result:
            return
        self._spec, self._result = None, result or Result((), ())
        if spec is not None:
            try:
                check(spec, self._result)
            except Error:
                spec = None
            self._spec = spec
        self.setAccessibleDescription(self._spoken())
        self._changed()

    def sizeHint(self) -> QSize:
        px = self._theme.px
        if self._spec is not None and self._spec.kind == "bar":
            return QSize(px(360), px(self._step) * len(self._result.rows) + px(12))
        return QSize(px(360), px(_HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(160), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        self._tips = []
        if self._spec is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._theme.font("small"))
        if self._spec.kind == "bar":
            self._bars(painter, self._spec)
        elif self._spec.kind == "histogram":
            self._histogram(painter, self._spec)
        else:
            self._points(painter, self._spec)
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = event.position()
        found = next((said for rect, said in reversed(self._tips) if rect.contains(place)), "")
        QToolTip.showText(event.globalPosition().toPoint(), found.replace("<", "‹"), self)

    # --- kinds --------------------------------------------------------------------------------------------------
    def _bars(self, painter: QPainter, spec: ChartSpec) -> None:
        px, metrics = self._theme.px, painter.fontMetrics()
        rows = [(_clean(name), value) for name, value in bars_of(spec, self._result)]
        values = [value for _, value in rows if value is not None]
        names = min(max(metrics.horizontalAdvance(name) for name, _ in rows) + px(14), self.width() * 2 // 5)
        beside = max(metrics.horizontalAdvance(number_text(value)) for value in values) + px(8)
        across = Scale(min(0.0, *values), max(0.0, *values), names, max(names + 1, self.width() - beside))
        zero, step = across.at(0.0), px(self._step)
        for number, (name, value) in enumerate(rows):
            line = QRectF(0, number * step + px(6), self.width(), px(self._thick))
            self._words(painter, QRectF(0, line.y(), names - px(10), line.height()), name, _START, "muted")
            if value is None:
                continue
            end = across.at(value)
            bar = QRectF(min(zero, end), line.y(), max(1.0, abs(end - zero)), line.height())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.color("flame"))
            painter.drawRoundedRect(bar, px(4), px(4))
            place = QRectF(max(zero, end) + px(6), line.y(), beside, line.height())
            self._words(painter, place, number_text(value), _START, "faint")
            self._tips.append((line, f"{name}: {number_text(value)}"))

    def _points(self, painter: QPainter, spec: ChartSpec) -> None:
        px = self._theme.px
        series = series_of(spec, self._result)
        found = [point for _, points in series for point in points]
        if not found:
            return
        low, high = heights_of(spec, found)
        area = self._area(painter, low, high, has_names=len(series) > 1)
        across = Scale(min(p.x for p in found), max(p.x for p in found), area.left(), area.right())
        up = Scale(low, high, area.bottom(), area.top())
        self._grid(painter, area, up)
        first, last = min(found, key=lambda p: p.x).said, max(found, key=lambda p: p.x).said
        self._ends(painter, area, _clean(first), _clean(last), _clean(self._result.columns[spec.x]))
        left = area.left()
        for number, (name, points) in enumerate(series):
            color = self._theme.color(_SERIES[number % len(_SERIES)])
            places = [QPointF(across.at(one.x), up.at(one.y)) for one in points]
            if spec.kind == "line":
                painter.setPen(QPen(color, px(2)))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawPolyline(QPolygonF(places))
            self._dots(painter, points, places, color, small=len(found) > 60)
            if len(series) > 1:
                painter.setPen(color)
                width = min(painter.fontMetrics().horizontalAdvance(_clean(name)) + px(16), area.width() / len(series))
                self._words(painter, QRectF(left, 0, width - px(6), px(20)), _clean(name), _START, "", color)
                left += width

    def _dots(
        self, painter: QPainter, points: Sequence[Point], places: Sequence[QPointF], color: QColor, *, small: bool
    ) -> None:
        radius = self._theme.px(2 if small else 4)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        for one, place in zip(points, places, strict=True):
            painter.drawEllipse(place, radius, radius)
            near = 2.0 * radius
            self._tips.append((QRectF(place.x() - near, place.y() - near, 2 * near, 2 * near),
                               f"{_clean(one.said)}: {number_text(one.y)}"))  # fmt: skip

    def _histogram(self, painter: QPainter, spec: ChartSpec) -> None:
        low, high, counts = counts_of(spec, self._result)
        area = self._area(painter, 0.0, max(counts))
        across, up = Scale(0, len(counts), area.left(), area.right()), Scale(0, max(counts), area.bottom(), area.top())
        self._grid(painter, area, up)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.color("flame"))
        step = (high / 2 - low / 2) / len(counts) * 2
        for at, count in enumerate(counts):
            bar = QRectF(across.at(at) + 1, up.at(count), across.at(at + 1) - across.at(at) - 2,
                         area.bottom() - up.at(count))  # fmt: skip
            painter.drawRect(bar)
            said = f"{number_text(low + at * step)} … {number_text(low + (at + 1) * step)}: {count:,}"
            self._tips.append((bar, said))
        name = _clean(self._result.columns[spec.x])
        self._ends(painter, area, number_text(low), number_text(high), name)

    # --- parts --------------------------------------------------------------------------------------------------
    def _area(self, painter: QPainter, low: float, high: float, *, has_names: bool = False) -> QRectF:
        """Where the points are, with room for numbers at the left and words below."""
        px, metrics = self._theme.px, painter.fontMetrics()
        left = max(metrics.horizontalAdvance(number_text(one)) for one in (*ticks(low, high), 0.0)) + px(12)
        top = px(24) if has_names else px(10)
        below = 2 * metrics.height() + px(12)
        return QRectF(left, top, max(10, self.width() - left - px(8)), max(10, self.height() - top - below))

    def _grid(self, painter: QPainter, area: QRectF, up: Scale) -> None:
        px, height = self._theme.px, painter.fontMetrics().height()
        for value in ticks(up.low, up.high):
            y = up.at(value)
            painter.setPen(QPen(self._theme.color("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            place = QRectF(0, y - height / 2, area.left() - px(8), height)
            self._words(painter, place, number_text(value), _END, "muted")

    def _ends(self, painter: QPainter, area: QRectF, first: str, last: str, name: str) -> None:
        px, height = self._theme.px, painter.fontMetrics().height()
        y = area.bottom() + px(4)
        half = area.width() / 2 - px(4)
        self._words(painter, QRectF(area.left(), y, half, height), first, _START, "muted")
        self._words(painter, QRectF(area.right() - half, y, half, height), last, _END, "muted")
        self._words(painter, QRectF(area.left(), y + height, area.width(), height), name, _CENTER, "faint")

    def _words(
        self, painter: QPainter, place: QRectF, said: str, side: Qt.AlignmentFlag, color: str, own: QColor | None = None
    ) -> None:
        painter.setPen(own if own is not None else self._theme.color(color))
        cut = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place, int(side | _MIDDLE), cut)

    def _spoken(self) -> str:
        spec = self._spec
        if spec is None:
            return ""
        if spec.kind == "bar":
            parts = [f"{_clean(name)}: {'–' if value is None else number_text(value)}"
                     for name, value in bars_of(spec, self._result)[:_MOST_SPOKEN]]  # fmt: skip
        elif spec.kind == "histogram":
            low, high, counts = counts_of(spec, self._result)
            parts = [f"{number_text(low)} … {number_text(high)}", ", ".join(map(str, counts))]
        else:
            parts = []
            for name, points in series_of(spec, self._result):
                shown = ", ".join(f"{_clean(one.said)}: {number_text(one.y)}" for one in points[:_MOST_SPOKEN])
                parts.append(f"{_clean(name)}: {shown}")
        return "; ".join(parts)

    def _changed(self) -> None:
        self.updateGeometry()
        self.update()


def _clean(said: str) -> str:
    return plain_line(said)[:120]
