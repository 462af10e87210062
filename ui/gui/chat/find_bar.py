"""Find in the chat: a field, "3 of 12", forwards and backwards. Who looks is the message view.

Knows a text and two numbers.
"""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QWidget

from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text

Find = Callable[[str, int], tuple[int, int]]  # (text, step) -> (number of the shown one, how many); step 0: from here
_PAUSE_MS = 120


class FindBar(QFrame):
    """Hidden until `open_bar`."""

    closed = Signal()

    def __init__(self, theme: Theme, find: Find, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._find = find
        self.setProperty("role", "card")
        self.setAccessibleName(text("Find in the chat"))
        self.field = _Field(self)
        self.field.stepped.connect(self.step)
        self.field.left.connect(self.close_bar)
        self.count = label("", "muted")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(lambda: self._show(self._find(self.field.text(), 0)))
        self.field.textChanged.connect(lambda _text: self._timer.start())
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.field, 1)
        self._row.addWidget(self.count)
        for icon_name, name, slot in (
            ("chevron-up", text("Previous match"), partial(self.step, -1)),
            ("chevron-down", text("Next match"), partial(self.step, 1)),
            ("x", text("Close the search"), self.close_bar),
        ):
            self._row.addWidget(IconButton(theme, icon_name, name, size=16, on_click=slot))
        theme.changed.connect(self._space)
        self._space()
        self.hide()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    def open_bar(self) -> None:
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        if self.field.text():
            self._timer.start()

    def close_bar(self) -> None:
        if not self.is_open:
            return
        self._timer.stop()
        self.hide()
        self._find("", 0)  # nothing is marked any more
        self.closed.emit()

    def step(self, step: int) -> None:
        """The next or the one before, round the ends."""
        self._timer.stop()
        self._show(self._find(self.field.text(), step))

    def look_again(self) -> None:
        """The chat has changed."""
        if self.is_open and self.field.text():
            self._timer.start()

    def _show(self, found: tuple[int, int]) -> None:
        number, total = found
        if not self.field.text():
            self.count.setText("")
            return
        said = text("{number} of {total}", number=number, total=total) if total else text("not found")
        self.count.setText(said)
        announce(self.field, said)

    def _space(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(12), px(6), px(8), px(6))
        self._row.setSpacing(px(8))


class _Field(QLineEdit):
    """Enter and Shift+Enter step, Esc leaves."""

    stepped = Signal(int)
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setPlaceholderText(text("Find in the chat"))
        self.setAccessibleName(text("Find in the chat"))
        self.setClearButtonEnabled(True)
        self.setMinimumWidth(60)
        own_escape(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F3):
            self.stepped.emit(-1 if back else 1)
        elif event.key() == Qt.Key.Key_Down:
            self.stepped.emit(1)
        elif event.key() == Qt.Key.Key_Up:
            self.stepped.emit(-1)
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
