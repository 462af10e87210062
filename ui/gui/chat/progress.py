"""Lines between the messages and the composer: what is going on before an answer comes, and what is worth knowing.

Knows the state of a chat.
"""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QWidget

from rushlight.assistant.safety.plain import plain
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, button, label
from rushlight.ui.words import text

_DELAY_MS = 250  # what is done sooner needs no line


class ProgressLine(QFrame):
    """What is being done, how far it is, and Cancel. Shown when it takes a moment."""

    cancelled = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAccessibleName(text("Progress"))
        self.what = label("", "small")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(text("Progress"))
        self.cancel = button(text("Cancel"), self.cancelled.emit, "ghost")
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.what)
        self._row.addWidget(self.bar, 1)
        self._row.addWidget(self.cancel)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self._appear)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_state(self, state: ChatState) -> None:
        said = _what(state)
        if not said:
            self._timer.stop()
            self.hide()
            return
        fraction = state.progress_fraction
        percent = f" {round(100 * fraction)} %" if fraction is not None else ""
        self.what.setText(f"{said}{percent}")
        self.bar.setRange(0, 0 if fraction is None else 1000)
        if fraction is not None:
            self.bar.setValue(round(1000 * min(1.0, max(0.0, fraction))))
        self.bar.setAccessibleDescription(self.what.text())
        self.bar.setVisible(state.activity != "busy")
        self.cancel.setVisible(state.activity in ("loading", "reading"))
        if self.isHidden() and not self._timer.isActive():
            self._timer.start()

    def _appear(self) -> None:
        self.show()
        announce(self, self.what.text())

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(4), 0, 0, 0)
        self._row.setSpacing(px(12))


def _what(state: ChatState) -> str:
    if state.activity == "busy":
        return text("Another window or program writes an answer into this chat.")
    if state.activity == "loading":
        return text("Loading the model")
    if state.activity == "reading":
        return text("Reading the chat")
    if state.blind.stage == "answering":
        return text("Both answer. You see them at the same moment, without names.")
    return ""


class NoticeLine(QFrame):
    """Something to know that stops nothing; it stays until it is closed or out of date."""

    dismissed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setProperty("role", "notice")
        self.setAccessibleName(text("Notice"))
        self.words = label("", "muted", wrap=True)
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(IconButton(theme, "x", text("Close the notice"), size=14, on_click=self.dismissed.emit))
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def show_notice(self, notice: str) -> None:
        said = plain(notice)[:2000]
        if said == self.words.text() and self.isHidden() != bool(said):
            return
        self.words.setText(said)
        self.setAccessibleDescription(said)
        self.setVisible(bool(said))
        announce(self, said)

    def _dress(self) -> None:
        px = self._theme.px
        self._row.setContentsMargins(px(14), px(6), px(6), px(6))
