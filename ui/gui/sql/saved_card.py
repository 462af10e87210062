"""One saved question: its name, what it gave now as chart or rows, whether that has changed, and what may be done."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_recent import title_of
from rushlight.ui.desk.sql_saved_values import SavedCard, SavedState
from rushlight.ui.gui.chat.elided import ElidedButton
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.sql.chart_view import ChartView
from rushlight.ui.gui.sql.result_grid import ResultGrid
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, IconButton, label
from rushlight.ui.words import text

_FEW_ROWS = 6  # of the grid beside a chart that is shown


class Arranging(Protocol):
    """Whoever keeps them: `SavedDesk`."""

    def rename(self, card_id: str, name: str) -> None: ...
    def remove(self, card_id: str) -> None: ...
    def put_on(self, card_id: str, dashboard: str) -> None: ...
    def take_off(self, card_id: str) -> None: ...
    def move(self, card_id: str, step: int) -> None: ...


class SavedQuestion(Card):
    """card.show_card(card, state); `on_open` hears that it is wanted in the page of questions."""

    def __init__(
        self, theme: Theme, desk: Arranging, on_open: Callable[[SavedCard], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, parent=parent)
        self._theme = theme
        self._desk = desk
        self._card = SavedCard("", "", "", "", ())
        self._state = SavedState()
        self.name = ElidedButton("", min_chars=8)
        self.name.setProperty("role", "name")
        self.name.clicked.connect(lambda _checked=False: on_open(self._card))
        self.field = QLineEdit()
        self.field.setMaxLength(80)
        self.field.returnPressed.connect(self._named)
        self.field.installEventFilter(self)
        own_escape(self.field)
        self.field.hide()
        self.changed = label(text("changed"), "chip-accent")
        self.more = IconButton(theme, "ellipsis", "", size=16, on_click=self._open_menu)
        self.menu = QMenu(self.more)
        head = QHBoxLayout()
        head.addWidget(self.name)
        head.addWidget(self.field, 1)
        head.addStretch(1)
        head.addWidget(self.changed)
        head.addWidget(self.more)
        self.files = label("", "small", wrap=True)
        self.sentence = label("", wrap=True)
        self.way = label("", "small", wrap=True)
        self.problem = label("", "bad", wrap=True)
        self.hint = label("", "small", wrap=True)
        self.chart = ChartView(theme, is_low=True)
        self.grid = ResultGrid(theme, rows_seen=_FEW_ROWS)
        self.grid.cell_opened.connect(lambda _column, _text: on_open(self._card))
        self.body.addLayout(head)
        for widget in (self.files, self.problem, self.hint, self.sentence, self.chart, self.grid, self.way):
            self.body.addWidget(widget)
        self.body.addStretch(1)

    def show_card(self, card: SavedCard, state: SavedState) -> None:
        self._card, self._state = card, state
        self.name.set_words(card.name)
        self.name.setAccessibleName(text("Open “{name}”", name=plain_line(card.name)))
        self.name.setToolTip(plain_line(card.question or card.sql)[:500].replace("<", "‹"))
        self.more.set_name(text("More about “{name}”", name=plain_line(card.name)))
        self.setAccessibleName(plain_line(card.name))
        given = ", ".join(f":{name} = {value}" for name, value in card.given)
        self.files.setText(plain_line(" · ".join(part for part in (title_of(card.files), given) if part)))
        self.changed.setVisible(card.is_changed)
        self.problem.setText(plain_line(card.problem))
        self.problem.setVisible(bool(card.problem))
        self.hint.setText(plain_line(card.hint))
        self.hint.setVisible(bool(card.problem) and bool(card.hint))
        waiting = text("Is being run…") if card.phase == "waiting" else ""
        said = waiting or (plain_line(card.sentence) if card.result is not None else text("Not run yet."))
        self.sentence.setText(said)
        self.sentence.setVisible(not card.problem or bool(waiting))
        has_rows = card.result is not None and bool(card.result.rows) and not card.problem
        self.chart.setVisible(has_rows and card.chart is not None)
        self.grid.setVisible(has_rows and card.chart is None)
        if has_rows and card.result is not None:
            self.chart.show_chart(card.chart, card.result)
            if card.chart is None:
                self.grid.show_result(card.result)
        self.way.setText(card.way)
        self.way.setVisible(bool(card.way) and has_rows)

    def _open_menu(self) -> None:
        menu, card, state = self.menu, self._card, self._state
        menu.clear()
        menu.setAccessibleName(self.more.accessibleName())
        menu.addAction(text("Rename"), self._rename)
        others = [one for one in state.dashboards if one != state.dashboard]
        for name in others[:20]:
            words = text("Put on {dashboard}", dashboard=plain_line(name)[:40]).replace("&", "&&")
            menu.addAction(words, partial(self._desk.put_on, card.id, name))
        if state.dashboard:
            menu.addAction(text("Earlier"), partial(self._desk.move, card.id, -1))
            menu.addAction(text("Later"), partial(self._desk.move, card.id, 1))
            menu.addAction(text("Take off this dashboard"), partial(self._desk.take_off, card.id))
        menu.addSeparator()
        menu.addAction(text("Forget it"), partial(self._desk.remove, card.id))
        menu.popup(self.more.mapToGlobal(QPoint(0, self.more.height())))

    def _rename(self) -> None:
        self.field.setText(plain_line(self._card.name))
        self.field.setAccessibleName(text("Name"))
        self.name.hide()
        self.field.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.selectAll()

    def _named(self) -> None:
        written = self.field.text().strip()
        self._end_rename()
        if written and written != self._card.name:
            self._desk.rename(self._card.id, written)

    def _end_rename(self) -> None:
        self.field.hide()
        self.name.show()
        self.name.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._end_rename()
            return True
        return super().eventFilter(watched, event)
