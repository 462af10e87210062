"""The history of runs: curves of several over one another; each is gone on with, or run again with a change."""

from dataclasses import replace
from functools import partial
from typing import Protocol

from PySide6.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_settings import said_text
from rushlight.ui.desk.learn_values import LearnState, RunRow
from rushlight.ui.desk.learn_words import run_text
from rushlight.ui.gui.learn.curve_view import CurveView
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import text


class Repeating(Protocol):
    """Whoever chooses runs and begins them again: `LearnDesk`."""

    def toggle_run(self, run_id: str) -> None: ...
    def again(self, run_id: str) -> None: ...
    def go_on(self, run_id: str) -> None: ...
    def show_adapter(self, name: str) -> None: ...


class HistoryPart(QWidget):
    """part.show_state(state) while the history is looked at."""

    def __init__(self, theme: Theme, desk: Repeating, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._shape: tuple[RunRow, ...] | None = None  # of the rows that were made, without what grows while they run
        self._words: list[tuple[QCheckBox, QLabel]] = []
        self.boxes: dict[str, QCheckBox] = {}
        self.curves = Card(theme, text("Loss by step"))
        self.hint = label("", "muted", wrap=True)
        self.view = CurveView(theme)
        self.curves.body.addWidget(self.hint)
        self.curves.body.addWidget(self.view)
        self.runs = Card(theme, text("Runs"))
        self.none = label(text("Nothing was taught yet."), "muted", wrap=True)
        self._box = QWidget()
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self.runs.body.addWidget(self.none)
        self.runs.body.addWidget(self._box)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.px(16))
        column.addWidget(self.curves)
        column.addWidget(self.runs)

    def show_state(self, state: LearnState) -> None:
        is_shown = state.choice.kind == "runs"
        self.setVisible(is_shown)
        if not is_shown:
            return
        self.curves.setVisible(bool(state.runs))
        has_dashes = any(step.held_out is not None for one in state.curves for step in one.steps)
        dashes = text("Lines are what was learned, dashes what was held out.") if has_dashes else ""
        self.hint.setText(text("Choose two to four runs below.") if len(state.curves) < 2 else dashes)
        self.hint.setVisible(bool(self.hint.text()))
        self.view.setVisible(bool(state.curves))
        self.view.show_runs(state.curves)
        self.none.setVisible(not state.runs)
        shape = tuple(replace(one, n_steps=0, loss=None, held_out=None) for one in state.runs)
        if shape != self._shape:
            self._shape = shape
            self._fill(state.runs)
        for one, (box, words) in zip(state.runs, self._words, strict=True):
            words.setText(run_text(one))
            box.setAccessibleDescription(words.text())

    def _fill(self, runs: tuple[RunRow, ...]) -> None:
        """The rows; made anew with every step that a run takes they would lose the focus and clicks."""
        focused = next((run_id for run_id, box in self.boxes.items() if box.hasFocus()), "")
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.boxes, self._words = {}, []
        for one in runs:
            box = QCheckBox(one.title.replace("&", "&&"))
            box.setChecked(one.is_chosen)
            box.clicked.connect(lambda _checked=False, run_id=one.id: self._desk.toggle_run(run_id))
            self.boxes[one.id] = box
            self._rows.addWidget(box)
            words = label("", "small", wrap=True)
            self._words.append((box, words))
            self._rows.addWidget(words)
            settings = {} if one.wish is None else dict(one.wish.settings)
            if settings:
                self._rows.addWidget(label(said_text(settings), "small", wrap=True))
            orders = QWidget()
            flow = FlowLayout(orders, spacing=self._theme.px(8))
            if one.wish is not None:
                flow.addWidget(button(text("Again with a change…"), partial(self._desk.again, one.id)))
            if one.may_go_on:
                flow.addWidget(button(text("Go on"), partial(self._desk.go_on, one.id)))
            if one.adapter:
                flow.addWidget(button(text("See the proof"), partial(self._desk.show_adapter, one.adapter)))
            self._rows.addWidget(orders)
        if focused in self.boxes:
            self.boxes[focused].setFocus()
