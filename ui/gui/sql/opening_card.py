"""Files on their way: what is being opened, what was open before, and what to do with files that were dropped."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_recent import title_of
from rushlight.ui.desk.sql_values import RecentRow, SqlState
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, FlowLayout, button, label
from rushlight.ui.words import text


class Opening(Protocol):
    """Whoever opens files: `SqlDesk`."""

    def open(self, paths: Sequence[str]) -> None: ...
    def add(self, paths: Sequence[str]) -> None: ...
    def stop(self) -> None: ...


class OpeningCard(QWidget):
    """card.show_state(state); `offer` asks what to do with dropped files. Hidden while there is nothing to say."""

    def __init__(self, theme: Theme, desk: Opening, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._dropped: list[str] = []
        self._recent: tuple[RecentRow, ...] = ()
        self._busy = Card(theme, role="notice")
        self.words = label("", wrap=True)
        self.stop_button = button(text("Stop"), desk.stop)
        self._busy.body.addWidget(self.words)
        self._add_buttons(self._busy, self.stop_button)
        self._drop = Card(theme, role="notice")
        self.question = label("", "strong", wrap=True)
        self.open_button = button(text("Open in its place"), partial(self._take, beside=False), "primary")
        self.add_button = button(text("Add beside"), partial(self._take, beside=True))
        self.leave_button = button(text("Leave it"), self._leave)
        self._drop.body.addWidget(self.question)
        self._add_buttons(self._drop, self.open_button, self.add_button, self.leave_button)
        self._server = Card(theme, text("Open a PostgreSQL server"), role="notice")
        self.address = QLineEdit()
        self.address.setAccessibleName(text("Address of the server"))
        self.address.setPlaceholderText("postgresql://reader@localhost/shop")
        self.address.returnPressed.connect(self._open_server)
        self.address.installEventFilter(self)
        own_escape(self.address)
        said = text("By a role that can only read. Its password comes from PGPASSWORD or ~/.pgpass, not from here.")
        self.connect_button = button(text("Open it"), self._open_server, "primary")
        self.close_button = button(text("Cancel"), self._close_server)
        self._server.body.addWidget(self.address)
        self._server.body.addWidget(label(said, "small", wrap=True))
        self._add_buttons(self._server, self.connect_button, self.close_button)
        self._before = Card(theme, text("Open again"))
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        self.chips: list[Chip] = []
        self._before.body.addWidget(self._chips)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for card in (self._busy, self._drop, self._server, self._before):
            column.addWidget(card)
            card.hide()

    def offer(self, files: Sequence[str]) -> None:
        """Files were dropped while others are open."""
        self._dropped = list(files)
        self.question.setText(text("Open {files}?", files=plain_line(title_of(self._dropped))[:200]))
        self._drop.show()
        self.show()
        self.open_button.setFocus()

    def ask_address(self) -> None:
        """Which server?"""
        self._server.show()
        self.show()
        self.address.setFocus(Qt.FocusReason.OtherFocusReason)

    def show_state(self, state: SqlState) -> None:
        is_opening = state.busy == "opening"
        had_focus = self.stop_button.hasFocus()
        self._busy.setVisible(is_opening)
        self.words.setText(state.progress)
        if is_opening:
            self._drop.hide()
            self._server.hide()
        recent = () if state.is_open or is_opening else state.recent
        self._show_recent(recent)
        self._before.setVisible(bool(recent))
        self._look()
        page = self.parentWidget()
        if had_focus and not is_opening and page is not None:
            page.setFocus()

    def _show_recent(self, recent: tuple[RecentRow, ...]) -> None:
        if recent == self._recent:
            return
        self._recent = recent
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for one in recent:
            chip = Chip(self._theme, plain_line(one.title), icon_name="database", name=text("Open again"),
                        on_click=partial(self._desk.open, one.paths))  # fmt: skip
            chip.setToolTip(plain_line(" + ".join(one.paths)).replace("<", "‹"))
            self._flow.addWidget(chip)
            self.chips.append(chip)

    def _take(self, *, beside: bool) -> None:
        files, self._dropped = self._dropped, []
        self._drop.hide()
        (self._desk.add if beside else self._desk.open)(files)

    def _open_server(self) -> None:
        address = self.address.text().strip()
        if address:
            self._desk.open([address if "://" in address else f"postgresql://{address}"])

    def _look(self) -> None:
        """Shown while one of its cards is."""
        self.setVisible(not all(card.isHidden() for card in (self._busy, self._drop, self._server, self._before)))

    def _close_server(self) -> None:
        self._server.hide()
        self._look()
        page = self.parentWidget()
        if page is not None:
            page.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._close_server()
            return True
        return super().eventFilter(watched, event)

    def _leave(self) -> None:
        self._dropped = []
        self._drop.hide()
        self._look()

    def _add_buttons(self, card: Card, *buttons: QWidget) -> None:
        line = QWidget()
        flow = FlowLayout(line, spacing=10)
        for one in buttons:
            flow.addWidget(one)
        card.body.addWidget(line)
