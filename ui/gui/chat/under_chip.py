"""What opens under a chip of the head and lies over the page: put away by Esc or by a press beside it.

Knows the theme; what is inside belongs to those who are made of it.
"""

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QVBoxLayout, QWidget

from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme


class UnderChip(QFrame):
    """Fill `column`. Widgets given to `take_keys` leave it by Esc."""

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget, *, width: int, name: str) -> None:
        super().__init__(parent)
        self.theme = theme
        self._width = width
        self._chip: QWidget | None = None
        self._keyed: list[QWidget] = []
        self.setProperty("role", "raised")
        self.setAccessibleName(name)
        self.column = QVBoxLayout(self)
        self.hide()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    @property
    def chip(self) -> QWidget | None:
        """Under which it was opened."""
        return self._chip

    def take_keys(self, *widgets: QWidget) -> None:
        """Esc in one of these puts it away."""
        for widget in widgets:
            widget.installEventFilter(self)
            own_escape(widget)
            self._keyed.append(widget)

    def appear(self, chip: QWidget) -> None:
        """Show it below `chip`."""
        self._chip = chip
        self.show()
        self.raise_()
        application = QApplication.instance()
        if application is not None:
            application.installEventFilter(self)

    def place(self, chip: QWidget) -> None:
        """Below the chip, inside the page."""
        page = self.parentWidget()
        if page is None:
            return
        px = self.theme.px
        width = min(px(self._width), page.width() - 2 * px(8))
        below = chip.mapTo(page, QPoint(0, chip.height() + px(4)))
        left = below.x()
        if page.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            left += chip.width() - width
        left = max(px(8), min(left, page.width() - width - px(8)))
        self.setFixedWidth(width)
        self.column.invalidate()
        self.column.activate()
        height = min(self.wanted_height(width), page.height() - below.y() - px(8))
        self.setGeometry(left, below.y(), width, max(height, px(80)))

    def wanted_height(self, width: int) -> int:
        """What all of it takes at that width."""
        column = self.column
        return column.totalHeightForWidth(width) if column.hasHeightForWidth() else column.totalSizeHint().height()

    def close_picker(self) -> None:
        if not self.is_open:
            return
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        self.hide()
        self.closed.emit()

    def key_pressed(self, event: QKeyEvent) -> bool:
        """A key in one of the widgets that were given to `take_keys`; whether it was used up."""
        if event.key() == Qt.Key.Key_Escape:
            self.close_picker()
            return True
        return False

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and watched in self._keyed:
            return self.key_pressed(event)
        if (
            event.type() == QEvent.Type.MouseButtonPress
            and isinstance(watched, QWidget)
            and watched is not self
            and not self.isAncestorOf(watched)
        ):
            self.close_picker()
        return False
