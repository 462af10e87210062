"""What an open database shows before anything was asked: its tables, to look into one with a press."""

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_values import SqlState, TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, FlowLayout, label
from rushlight.ui.words import text

_SHOWN = 8  # tables, those with the most rows


class StartPart(Card):
    """card.show_state(state); hidden as soon as something was asked."""

    def __init__(self, theme: Theme, on_table: Callable[[str], None], parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Look into a table"), parent=parent)
        self._theme = theme
        self._on_table = on_table
        self._shown: tuple[TableRow, ...] = ()
        self.chips: list[Chip] = []
        self._chips = QWidget()
        self._flow = FlowLayout(self._chips)
        said = text("Or ask above; the query that is written stands below the question, and you may change it.")
        self.body.addWidget(label(said, "small", wrap=True))
        self.body.addWidget(self._chips)
        self.hide()

    def show_state(self, state: SqlState) -> None:
        self.setVisible(bool(state.tables) and not state.thread and state.busy in ("", "opening"))
        if state.tables is self._shown:
            return
        self._shown = state.tables
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        largest = sorted(state.tables, key=lambda one: -(one.n_rows or 0))[:_SHOWN]
        self.chips = []
        for one in (table for table in state.tables if table in largest):
            chip = Chip(self._theme, plain_line(one.name), name=text("First rows of"),
                        on_click=partial(self._on_table, one.place))  # fmt: skip
            self._flow.addWidget(chip)
            self.chips.append(chip)
