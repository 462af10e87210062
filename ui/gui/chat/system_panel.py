"""The editor of a chat's system prompt: what the model is told before every answer.

Knows a text, or that there is none of the chat's own: then the setting's holds.
"""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text

_PAUSE_MS = 800


class SystemEditor(QWidget):
    """`changed` has the text, None for the setting's."""

    changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._system: str | None = None
        self._default = ""
        title = label(text("System prompt"))
        self.reset = IconButton(theme, "undo-2", text("Back to the default: system prompt"), size=14)
        self.reset.setToolTip(text("Back to the default"))
        self.reset.clicked.connect(lambda _checked=False: self._reset())
        self.editor = _Editor(self)
        title.setBuddy(self.editor)
        self.editor.textChanged.connect(self._on_text)
        self.editor.left.connect(self.finish)
        self.state = label("", "small", wrap=True)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._say)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.reset)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(head)
        self._column.addWidget(self.editor)
        self._column.addWidget(self.state)
        theme.changed.connect(self._dress)
        self._dress()
        self._show()

    def set_default(self, default: str) -> None:
        """The setting's, which holds where the chat has none of its own."""
        self._default = default
        self._show()

    def show_system(self, system: str | None) -> None:
        """As it is stored. What is being typed is not disturbed."""
        if self._timer.isActive():
            return
        self._system = system
        self._show()

    def finish(self) -> None:
        """Say now what was typed."""
        if self._timer.isActive():
            self._timer.stop()
            self._say()

    def _on_text(self) -> None:
        self._timer.start()

    def _say(self) -> None:
        written = self.editor.toPlainText()
        holds = self._default if self._system is None else self._system
        if written != holds:
            self._system = written
            self.changed.emit(written)
        self._mark()

    def _reset(self) -> None:
        self._timer.stop()
        self._system = None
        self._show()
        self.changed.emit(None)
        self.editor.setFocus()

    def _show(self) -> None:
        holds = self._default if self._system is None else self._system
        if holds != self.editor.toPlainText():
            self.editor.blockSignals(True)
            self.editor.setPlainText(holds)
            self.editor.blockSignals(False)
        self._mark()

    def _mark(self) -> None:
        is_default = self._system is None
        self.reset.setVisible(not is_default)
        if is_default:
            said = text("The default, from the settings. What you write here is for this chat.")
        elif self._system:
            said = text("Only for this chat.")
        else:
            said = text("This chat has no system prompt.")
        self.state.setText(said)
        self.editor.setAccessibleDescription(said)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setSpacing(px(4))
        self.editor.setFont(self._theme.font("list"))
        self.editor.setMinimumHeight(px(110))
        self.editor.setMaximumHeight(px(220))


class _Editor(QPlainTextEdit):
    """Going elsewhere keeps what was typed."""

    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setAccessibleName(text("System prompt"))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()
