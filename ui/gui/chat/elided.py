"""Labels and buttons of one line whose end is left out where there is no room, with the whole text as their tip.

Knows text only, and paints it as plain text.
"""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QPushButton, QSizePolicy, QStyle, QStyleOptionButton, QStylePainter, QWidget

from rushlight.assistant.safety.plain import plain_line

_MIN_CHARS = 4


class ElidedLabel(QLabel):
    """A label that may be narrower than its text."""

    def __init__(self, written: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.set_text(written)

    def set_text(self, written: str) -> None:
        self.setText(plain_line(written))
        self.setAccessibleName(self.text())
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * _MIN_CHARS, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        is_cut = self.fontMetrics().horizontalAdvance(self.text()) > self.width()
        # Qt reads a tip as markup where it looks like some.
        self.setToolTip(self.text().replace("<", "‹") if is_cut else "")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        painter.drawText(self.contentsRect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeading), shown)


class ElidedButton(QPushButton):
    """A button that may be narrower than its words."""

    def __init__(self, written: str = "", parent: QWidget | None = None, *, min_chars: int = 6) -> None:
        super().__init__(parent)
        self._written = ""
        self._min_chars = min_chars
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set_words(written)

    @property
    def words(self) -> str:
        return self._written

    def set_words(self, written: str) -> None:
        written = plain_line(written)
        if written == self._written:
            return
        self._written = written
        self.setText(self._written.replace("&", "&&"))
        self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        whole = self.sizeHint()
        text_width = self.fontMetrics().horizontalAdvance(self._written)
        short = self.fontMetrics().averageCharWidth() * self._min_chars
        return QSize(whole.width() - max(0, text_width - short), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        shown = self._written
        missing = self.sizeHint().width() - self.width()
        if missing > 0:
            room = self.fontMetrics().horizontalAdvance(shown) - missing
            shown = self.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideRight, max(0, room))
        option.text = shown.replace("&", "&&")
        QStylePainter(self).drawControl(QStyle.ControlElement.CE_PushButton, option)
