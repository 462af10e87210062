"""Room for what stands between the messages and the composer: as high as its content, scrolled where that is too high.

Knows heights only.
"""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

_LEAST = 48


class Tray(QScrollArea):
    """`add` puts a widget below the others; hidden ones take no room."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._inside = QWidget()
        self.column = QVBoxLayout(self._inside)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.setWidget(self._inside)
        self._inside.installEventFilter(self)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def add(self, widget: QWidget) -> None:
        self.column.addWidget(widget)

    def sizeHint(self) -> QSize:
        return QSize(self.column.sizeHint().width(), self._content_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(_LEAST, self._content_height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._inside and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()  # wrapped text is higher where it is narrower

    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self._inside.isAncestorOf(now):
            self.ensureWidgetVisible(now)

    def _content_height(self) -> int:
        shown = [item.widget() for item in (self.column.itemAt(i) for i in range(self.column.count())) if item]
        if all(widget is None or widget.isHidden() for widget in shown):
            return 0
        width = self.viewport().width()
        if self.column.hasHeightForWidth():
            return self.column.totalHeightForWidth(width)
        return self.column.totalSizeHint().height()
