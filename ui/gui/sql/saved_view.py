"""Saved questions and dashboards: which one, the parameters of all its cards, and the cards beside each other."""

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.sql_saved_desk import SavedDesk
from rushlight.ui.desk.sql_saved_values import SavedCard, SavedState
from rushlight.ui.gui.pages.parts import PageColumn, View
from rushlight.ui.gui.sql.parameter_fields import ParameterFields
from rushlight.ui.gui.sql.saved_card import SavedQuestion
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Chip, EmptyState, ErrorPanel, FlowLayout, button
from rushlight.ui.words import text

_BESIDE = 860  # unscaled pixels from which two cards stand beside each other


class SavedView(QWidget):
    """view.desk is its desk. `on_open` hears which question is wanted in the page of questions."""

    def __init__(
        self,
        theme: Theme,
        background: Background,
        remembered: Any,
        on_open: Callable[[SavedCard], None],
        tell: Callable[[str], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_open = on_open
        self._tell = tell
        self._shown: tuple[tuple[str, ...], str] = ((), "")
        self.chips: list[Chip] = []
        self.cards: dict[str, SavedQuestion] = {}
        self._order: tuple[str, ...] = ()
        self._n_columns = 1
        self.desk = SavedDesk(background, remembered, View(self.show_state))
        self._column = PageColumn(theme, text("Saved questions"))
        self.problem = ErrorPanel(theme, on_dismiss=self.desk.dismiss)
        self.empty = EmptyState(
            theme,
            text("No saved questions yet"),
            text("Save a question to run it again whenever its data has changed. Several together make a dashboard."),
            icon_name="bookmark",
        )
        self._dashboards = QWidget()
        self._flow = FlowLayout(self._dashboards)
        self._dashboards.setAccessibleName(text("Dashboards"))
        self.parameters = ParameterFields(theme, self.desk.give, self.desk.run)
        self.run_button = button(text("Run all"), self.desk.run, "primary")
        self.stop_button = button(f"■ {text('Stop')}", self.desk.stop)
        self.stop_button.setAccessibleName(text("Stop"))
        self.remove_button = button(text("Remove this dashboard"), self.desk.remove_dashboard, "link")
        self._orders = QWidget()
        orders = FlowLayout(self._orders, spacing=10)
        for one in (self.run_button, self.stop_button, self.remove_button):
            orders.addWidget(one)
        self._grid_box = QWidget()
        self._grid = QGridLayout(self._grid_box)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignTop)
        for widget in (self.problem, self._dashboards, self.empty, self.parameters, self._orders, self._grid_box):
            self._column.body.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._column)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self.desk.state)

    def show_state(self, state: SavedState) -> None:
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
        else:
            self.problem.hide()
        self._show_dashboards(state)
        self.empty.setVisible(not state.cards and not state.is_loading)
        self.parameters.show_parameters(state.parameters)
        had_focus = self.run_button.hasFocus() or self.stop_button.hasFocus()
        self._orders.setVisible(bool(state.cards))
        self.run_button.setVisible(not state.is_running)
        self.stop_button.setVisible(state.is_running)
        if had_focus:
            (self.stop_button if state.is_running else self.run_button).setFocus()
        self.remove_button.setVisible(bool(state.dashboard))
        self._show_cards(state)
        if state.notice:
            self._tell(state.notice)
            self.desk.dismiss()

    def take_focus(self) -> None:
        """Where one goes on from here."""
        first = self.run_button if self.desk.state.cards else (self.chips[0] if self.chips else self)
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_dashboards(self, state: SavedState) -> None:
        wanted = (state.dashboards, state.dashboard)
        self._dashboards.setVisible(bool(state.dashboards))
        if wanted == self._shown and self.chips:
            return
        self._shown = wanted
        had_focus = any(chip.hasFocus() for chip in self.chips)
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = []
        for name in ("", *state.dashboards):
            is_current = name == state.dashboard
            chip = Chip(self._theme, plain_line(name) or text("All that is saved"), accent=is_current,
                        on_click=partial(self.desk.choose, name))  # fmt: skip
            chip.setAccessibleDescription(text("It is shown.") if is_current else "")
            self._flow.addWidget(chip)
            self.chips.append(chip)
            if had_focus and is_current:
                chip.setFocus()

    def _show_cards(self, state: SavedState) -> None:
        wanted = {card.id for card in state.cards}
        for card_id in [one for one in self.cards if one not in wanted]:
            gone = self.cards.pop(card_id)
            self._grid.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for card in state.cards:
            if card.id not in self.cards:
                self.cards[card.id] = SavedQuestion(self._theme, self.desk, self._on_open)
            self.cards[card.id].show_card(card, state)
        order = tuple(dict.fromkeys(card.id for card in state.cards))
        if order != self._order:
            self._order = order
            self._place()

    def _place(self) -> None:
        for widget in self.cards.values():
            self._grid.removeWidget(widget)
        for at, card_id in enumerate(self._order):
            self._grid.addWidget(self.cards[card_id], at // self._n_columns, at % self._n_columns)
            self.cards[card_id].show()
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < self._n_columns else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        n_columns = 2 if self.width() >= self._theme.px(_BESIDE) else 1
        if n_columns != self._n_columns:
            self._n_columns = n_columns
            self._place()

    def _dress(self) -> None:
        self._grid.setSpacing(self._theme.px(16))
