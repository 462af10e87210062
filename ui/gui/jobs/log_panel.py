"""The log of one job, at the bottom of the page. It follows the job, unless the reader has scrolled up."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text

_LINES = 5000


class LogPanel(QFrame):
    """panel.open(job_id, title), then show_log(...) whenever there is more."""

    def __init__(self, theme: Theme, on_close: Callable[[], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_close = on_close
        self.job_id = ""
        self._log = ""
        self.setProperty("role", "card")
        self._title = label("", "heading", wrap=True)
        self.close_button = IconButton(theme, "x", text("Close the log"), size=16, on_click=self.close_log)
        self.words = QPlainTextEdit()
        self.words.setReadOnly(True)
        self.words.setMaximumBlockCount(_LINES)
        self.words.setUndoRedoEnabled(False)
        self.words.setTabChangesFocus(True)
        self.words.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.words.setPlaceholderText(text("Nothing was written down yet."))
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self.close_button)
        self._layout = QVBoxLayout(self)
        self._layout.addLayout(head)
        self._layout.addWidget(self.words, 1)
        self._dress()
        theme.changed.connect(self._dress)
        self.hide()

    def open(self, job_id: str, title: str) -> None:
        if job_id != self.job_id:
            self._log = ""
            self.words.clear()
        self.job_id = job_id
        name = text("Log of {job}", job=title)
        self._title.setText(name)
        self.setAccessibleName(name)
        self.words.setAccessibleName(name)
        self.show()

    def show_log(self, log: str) -> None:
        """All of it; what is new is put at the end, so that a selection stays."""
        if log == self._log:
            return
        bar = self.words.verticalScrollBar()
        is_at_end = bar.value() >= bar.maximum() - 2
        if self._log and log.startswith(self._log):
            cursor = QTextCursor(self.words.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(log[len(self._log) :])
        else:
            self.words.setPlainText(log)
            is_at_end = True
        self._log = log
        if is_at_end:
            bar.setValue(bar.maximum())

    def close_log(self) -> None:
        if self.isHidden():
            return
        self.hide()
        self.job_id = ""
        self._on_close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_log()
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        edge = self._theme.px(12)
        self._layout.setContentsMargins(edge, edge, edge, edge)
        self.words.setFont(self._theme.font("code"))
