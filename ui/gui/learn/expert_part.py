"""Every setting of a teaching's training, each with what it does and costs; and what all of it would take."""

from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from PySide6.QtWidgets import QCheckBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_forecast import Forecast, lower_rows, memory_rows, summary, time_rows
from rushlight.ui.desk.learn_settings import parameters, problem_of, usual_text
from rushlight.ui.desk.learn_values import LearnState
from rushlight.ui.gui.learn.pieces_view import PiecesView
from rushlight.ui.gui.settings.editors import ChoiceEditor, LineEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, button, label
from rushlight.ui.words import text

Input: TypeAlias = LineEditor | ChoiceEditor
_WIDEST_FIELD: Final = 520  # pixels: what a narrow window leaves at the largest size of text


class Setting(Protocol):
    """Whoever keeps settings and works out what they cost: `LearnDesk`."""

    def want(self, **changed: Any) -> None: ...
    def set(self, key: str, value: str) -> None: ...
    def plan(self) -> None: ...


class ExpertPart(QWidget):
    """part.show_state(state). The settings are made when they are first wanted."""

    def __init__(self, theme: Theme, desk: Setting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self.inputs: dict[str, Input] = {}
        self.problems: dict[str, QLabel] = {}
        self._titles: list[QLabel] = []
        self._kind = ""
        self.wanted = QCheckBox(text("Every setting").replace("&", "&&"))
        self.wanted.clicked.connect(lambda checked=False: desk.want(is_expert=checked))
        self._box = QWidget()
        self._column = QVBoxLayout(self._box)
        self._column.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.wanted)
        column.addWidget(self._box)
        theme.changed.connect(self._dress)

    def show_state(self, state: LearnState) -> None:
        wish = state.wish
        self.wanted.setChecked(wish.is_expert)
        self._box.setVisible(wish.is_expert)
        if not wish.is_expert:
            return
        if not self.inputs:
            self._fill()
        if wish.kind != self._kind:
            self._kind = wish.kind
            for one in parameters():
                self._show_usual(one.key, one.choices, usual_text(wish.kind, one.key))
        told = dict(wish.settings)
        for key, made in self.inputs.items():
            made.show_text(told.get(key, ""))
            problem = self.problems[key]
            said = problem_of(state.setting_problems, key)
            problem.setText(said)
            problem.setVisible(bool(said))

    def _fill(self) -> None:
        group = ""
        for one in parameters():
            if one.group != group:
                group = one.group
                self._column.addWidget(label(group, "strong"))
            if one.choices:
                made: Input = ChoiceEditor([("", ""), *one.choices], partial(self._desk.set, one.key))
            else:
                made = LineEditor(partial(self._desk.set, one.key))
            made.field.setAccessibleName(one.title)
            made.field.setAccessibleDescription(one.hint)
            title = label(one.title)
            self._titles.append(title)
            line = QWidget()
            flow = FlowLayout(line, spacing=self._theme.px(12))
            flow.addWidget(title)
            flow.addWidget(made.field)
            problem = label("", "bad", wrap=True)
            cell = QWidget()
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, self._theme.px(6))
            column.setSpacing(0)
            for widget in (line, problem, label(one.hint, "small", wrap=True)):
                column.addWidget(widget)
            self._column.addWidget(cell)
            self.inputs[one.key], self.problems[one.key] = made, problem
        self._dress()

    def _dress(self) -> None:
        """Titles as wide as the widest, so that fields stand below each other."""
        for title in self._titles:
            title.setMinimumWidth(0)
        wide = max((title.sizeHint().width() for title in self._titles), default=0)
        for title in self._titles:
            title.setMinimumWidth(wide)
        for made in self.inputs.values():
            made.field.setFixedWidth(min(self._theme.px(290), _WIDEST_FIELD))

    def _show_usual(self, key: str, choices: tuple[tuple[str, str], ...], usual: str) -> None:
        """What holds where nothing is told."""
        made = self.inputs[key]
        if isinstance(made, ChoiceEditor):
            words = text("as usual: {value}", value=dict(choices).get(usual, usual))
            made.set_choices([("", words), *choices])
        else:
            words = text("as usual: {value}", value=usual) if usual else text("follows from the time")
            made.field.setPlaceholderText(words)


class ForecastPart(QWidget):
    """part.show_state(state): what the wish would take, where it was worked out."""

    def __init__(self, theme: Theme, desk: Setting, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown: Forecast | None = None
        self.plan_button = button(text("Plan memory and time"), desk.plan)
        self.doing = label("", "muted")
        line = QWidget()
        flow = FlowLayout(line, spacing=theme.px(10))
        flow.addWidget(self.plan_button)
        flow.addWidget(self.doing)
        self.summary = label("", "strong", wrap=True)
        self._box = QWidget()
        self._form = QFormLayout(self._box)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setHorizontalSpacing(theme.px(16))
        self.read_as = label(
            text("The first examples as the model reads them: what is coloured is learned, the rest is only read."),
            "small", wrap=True,
        )  # fmt: skip
        self.examples = PiecesView(theme)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (line, self.summary, self._box, self.read_as, self.examples):
            column.addWidget(widget)

    def show_state(self, state: LearnState) -> None:
        found = state.forecast
        self.plan_button.setEnabled(state.can_start and not state.planning)
        self.doing.setText(state.planning)
        self.summary.setVisible(found is not None)
        self._box.setVisible(found is not None)
        self.read_as.setVisible(found is not None and bool(found.examples))
        self.examples.show_pieces(() if found is None else found.examples)
        if found is None or found == self._shown:
            return
        self._shown = found
        self.summary.setText(summary(found))
        while self._form.rowCount():
            self._form.removeRow(0)
        parts = [(text("Memory"), memory_rows(found)), (text("Time"), time_rows(found))]
        if found.lower:
            parts.append((text("Smaller with"), lower_rows(found)))
        for heading, rows in parts:
            self._form.addRow(label(heading, "strong"))
            for name, amount in rows:
                self._form.addRow(label(name, "muted"), label(amount))
