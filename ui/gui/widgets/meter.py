"""A thin bar that says how full something is, in one or several parts."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from rushlight.ui.gui.theme import Theme


class Meter(QWidget):
    """meter.set_fraction(0.4), or meter.set_parts([(0.3, "flame"), (0.2, "good")]) with names of tokens."""

    def __init__(
        self, theme: Theme, name: str, *, width: int = 120, height: int = 6, parent: QWidget | None = None
    ) -> None:
        """`width` 0: as wide as there is room."""
        super().__init__(parent)
        self._theme = theme
        self._width, self._height = width, height
        self._parts: tuple[tuple[float, str], ...] = ()
        self.setAccessibleName(name)
        across = QSizePolicy.Policy.Fixed if width else QSizePolicy.Policy.Expanding
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._resized)

    def set_fraction(self, fraction: float, color: str = "flame") -> None:
        """So much of it, 0 to 1."""
        self.set_parts([(fraction, color)])

    def set_parts(self, parts: Sequence[tuple[float, str]]) -> None:
        """(fraction, name of a token) from the start on."""
        cut = tuple((min(1.0, max(0.0, fraction)), color) for fraction, color in parts)
        if cut != self._parts:
            self._parts = cut
            self.setAccessibleDescription(f"{round(100 * sum(fraction for fraction, _ in cut))} %")
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(self._theme.px(self._width or 120), self._theme.px(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect())
        shape = QPainterPath()
        shape.addRoundedRect(whole, whole.height() / 2, whole.height() / 2)
        painter.setClipPath(shape)
        painter.fillRect(whole, self._theme.color("line"))
        at = 0.0
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for fraction, color in self._parts:
            width = min(fraction, 1.0 - at) * whole.width()
            left = whole.width() * (1.0 - at) - width if is_mirrored else whole.width() * at
            painter.fillRect(QRectF(left, 0.0, width, whole.height()), QColor(self._theme.color(color)))
            at = min(1.0, at + fraction)
        painter.end()

    def _resized(self) -> None:
        self.updateGeometry()
        self.update()
