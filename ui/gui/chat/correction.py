"""Correcting a reply: its text in an editor above the composer, saved as feedback and never as what the model said.

Knows one text; what is done with it is the page's.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QWidget

from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.chat.panel import Panel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text


class CorrectionPanel(Panel):
    """`open_for` a turn; `saved` says how the reply should have been."""

    saved = Signal(str, str)  # turn id, text

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Correct this reply"), parent)
        self.turn_id = ""
        self._before = ""
        self._unsaved: dict[str, str] = {}  # words by turn, for when the panel was put away by something else
        meaning = label(
            text(
                "Write the reply as it should have been. It is kept beside the original as an example to learn from; "
                "the chat itself goes on with the original."
            ),
            "muted",
            wrap=True,
        )
        self.editor = _Editor(self)
        self.editor.saved.connect(self.save)
        self.editor.left.connect(self.cancel)
        self.save_button = button(text("Save correction"), self.save, "primary")
        self.save_button.setToolTip(text("Ctrl+Enter"))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(text("Cancel"), self.cancel, "ghost"))
        row.addWidget(self.save_button)
        self.body.addWidget(meaning)
        self.body.addWidget(self.editor, 1)
        self.body.addLayout(row)
        self.editor.textChanged.connect(self._look)
        theme.changed.connect(self._size)
        self._size()

    def open_for(self, turn_id: str, reply: str) -> None:
        """Begin with `reply`, or with what was typed for this turn and neither saved nor cancelled."""
        if not self.is_open or self.turn_id != turn_id:
            self.turn_id, self._before = turn_id, reply
            self.editor.setPlainText(self._unsaved.get(turn_id, reply))
        self._look()
        self.show()
        self.editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def save(self) -> None:
        written = self.editor.toPlainText()
        if not self.save_button.isEnabled():
            return
        self.saved.emit(self.turn_id, written)
        self.cancel()

    def cancel(self) -> None:
        """What was typed is not wanted, or was saved."""
        self._unsaved.pop(self.turn_id, None)
        self.close_panel()

    def _look(self) -> None:
        written = self.editor.toPlainText()
        if self.is_open and written != self._before:
            self._unsaved[self.turn_id] = written
        elif self.is_open:
            self._unsaved.pop(self.turn_id, None)
        self.save_button.setEnabled(bool(written.strip()) and written != self._before)

    def _size(self) -> None:
        self.editor.setFont(self.theme.font("text"))
        self.editor.setMinimumHeight(self.editor.fontMetrics().lineSpacing() * 4)
        self.editor.setMaximumHeight(self.editor.fontMetrics().lineSpacing() * 14)


class _Editor(QPlainTextEdit):
    """Ctrl+Enter saves, Esc leaves."""

    saved = Signal()
    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTabChangesFocus(True)
        self.setAccessibleName(text("The reply as it should have been"))
        own_escape(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        ):
            self.saved.emit()
        else:
            super().keyPressEvent(event)
