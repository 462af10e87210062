"""What was sent while a reply is being written: rows above the composer, each of which can be taken back.

Knows `Queued` values only.
"""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_view import Queued
from rushlight.ui.gui.chat.elided import ElidedLabel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import plural, text

_SHOWN_CHARS = 200


class QueueRows(QFrame):
    """Hidden while nothing waits."""

    taken_back = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: tuple[Queued, ...] = ()
        self.setAccessibleName(text("Waiting messages"))
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.hide()

    def show_queue(self, queue: Sequence[Queued]) -> None:
        if tuple(queue) == self._shown:
            return
        self._shown = tuple(queue)
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        if self._shown:
            waiting = plural("{count} message waits for the reply", "{count} messages wait for the reply", len(queue))
            self._layout.addWidget(label(waiting, "small"))
        for number, one in enumerate(self._shown):
            self._layout.addWidget(self._row(number, one))
        self.setVisible(bool(self._shown))

    def _row(self, number: int, one: Queued) -> QWidget:
        row = QFrame(self)
        row.setProperty("role", "card")
        written = plain_line(one.text)[:_SHOWN_CHARS]
        files = ", ".join(plain_line(file.name) for file in one.attachments)
        shown = ElidedLabel(" · ".join(part for part in (written, files) if part), row)
        back = IconButton(
            self._theme,
            "undo-2",
            text("Take back message {number}: {words}", number=number + 1, words=written[:60]),
            size=16,
            on_click=lambda: self.taken_back.emit(number),
            parent=row,
        )
        back.setToolTip(text("Take it back into the field"))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(self._theme.px(12), self._theme.px(2), self._theme.px(6), self._theme.px(2))
        layout.addWidget(shown, 1)
        layout.addWidget(back)
        return row
