"""A card in the chat page that opens for a while: a title, a way to close it, and what it is about.

Knows the theme; knows nothing of a chat. Nothing of it is modal: the rest of the page stays in use.
"""

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text


class Panel(QFrame):
    """Hidden until it is shown. `closed` is emitted when the user has put it away."""

    closed = Signal()
    came_or_went = Signal()

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.title = label(title, "heading")
        self.close_button = IconButton(
            theme, "x", text("Close: {title}", title=title), size=16, on_click=self.close_panel
        )
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self.title, 1)
        head.addWidget(self.close_button)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(0, 0, 0, 0)
        self._column = QVBoxLayout(self)
        self._column.addLayout(head)
        self._column.addLayout(self.body, 1)
        theme.changed.connect(self._space)
        self._space()
        self.hide()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    def close_panel(self) -> None:
        """Put it away. The focus is given back by whoever listens to `closed`."""
        if self.is_open:
            self.hide()
            self.closed.emit()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.came_or_went.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.came_or_went.emit()

    def _space(self) -> None:
        px = self.theme.px
        self._column.setContentsMargins(px(16), px(10), px(12), px(14))
        self._column.setSpacing(px(8))
        self.body.setSpacing(px(8))
