"""What came of a question: its statement, what that does, the rows beside their chart, and what may have been meant.

Knows states of the desk; what is pressed goes to it.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QPlainTextEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.sql_values import Answer, OtherRow, SqlState
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.sql.chart_view import ChartView
from rushlight.ui.gui.sql.parameter_fields import ParameterFields
from rushlight.ui.gui.sql.result_grid import ResultGrid
from rushlight.ui.gui.sql.statement_field import StatementField
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, ErrorPanel, FlowLayout, IconButton, button, label
from rushlight.ui.words import text

_PAUSE_MS = 250  # of typing, after which the parameters are looked at
_BESIDE = 720  # unscaled pixels from which the chart stands beside the rows
_RUNS = ("asking", "running")  # what a statement comes of


class Answering(Protocol):
    """Whoever runs statements: `SqlDesk`."""

    def run(self, sql: str, *, question: str = "", more_time: bool = False, all_rows: bool = False) -> None: ...
    def choose_chart(self, kind: str) -> None: ...
    def look_at_parameters(self, sql: str) -> None: ...
    def give(self, name: str, value: str) -> None: ...


class StatementPart(QWidget):
    """The statement with what runs it and what it does."""

    def __init__(self, theme: Theme, desk: Answering, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._state = SqlState()
        self._begun_with: str | None = None  # what stood in the field when that began which runs
        self.question: Callable[[], str] = lambda: ""
        self.field = StatementField(theme)
        self.field.run_wanted.connect(self.run)
        self.field.textChanged.connect(self._typed)
        self.run_button = button(text("Run it"), self.run)
        self.back_button = button(text("As it was"), self._put_back, "link")
        self.said = label("", "small", wrap=True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons = QWidget()
        flow = FlowLayout(self._buttons, spacing=8)
        flow.addWidget(self.run_button)
        flow.addWidget(self.back_button)
        self.parameters = ParameterFields(theme, desk.give, self.run)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(lambda: desk.look_at_parameters(self.field.statement))
        self._column = QVBoxLayout(self)
        for widget in (self.field, self.parameters, self._buttons, self.said):
            self._column.addWidget(widget)
        theme.changed.connect(self._dress)
        self._dress()

    def show_state(self, state: SqlState) -> None:
        before, self._state = self._state, state
        runs, ran = state.busy in _RUNS, before.busy in _RUNS
        if runs and not ran:
            self._begun_with = self.field.toPlainText()
        shown = state.shown
        typed_since = self._begun_with is not None and self.field.toPlainText() != self._begun_with
        self.field.show_statement(shown.sql if shown is not None else "", keeps=shown is not None and typed_since)
        if not runs and not ran:  # the desk first says that it rests, and then what came of it
            self._begun_with = None
        self.parameters.show_parameters(state.parameters)
        self._look()

    def run(self) -> None:
        """As it stands; the first of a thread belongs to the question that stands above it."""
        if not self._state.busy:
            self._desk.run(self.field.statement, question=self.question())

    def _typed(self) -> None:
        self._timer.start()
        self._look()

    def _put_back(self) -> None:
        self.field.put_back()
        self.field.setFocus()

    def _look(self) -> None:
        shown = self._state.shown
        given = {one.name: one.value for one in self._state.parameters if one.value}
        refilled = shown is not None and bool(self._state.parameters) and given != dict(shown.given)
        changed = self.field.is_changed or refilled
        is_first = shown is None
        had_focus = self.back_button.hasFocus() or self.run_button.hasFocus()
        self._buttons.setVisible((changed or is_first) and bool(self.field.statement))
        self.run_button.setEnabled(self._state.is_open and not self._state.busy)
        self.back_button.setVisible(self.field.is_changed and not is_first)
        if had_focus and not self._buttons.isVisible():
            self.field.setFocus()
        parts = [] if shown is None or changed else [shown.explanation, shown.way]
        self.said.setText(plain_line("  ".join(part for part in parts if part)))
        self.said.setVisible(bool(self.said.text()))

    def _dress(self) -> None:
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(self._theme.px(8))


class RowsPart(QWidget):
    """Rows and chart, beside each other where there is room; the error in their place where there are none."""

    def __init__(self, theme: Theme, desk: Answering, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._shown: Answer | None = None
        self.problem = ErrorPanel(theme)
        self.problem.close_button.hide()
        self.sentence = label("", "strong", wrap=True)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.unclear = label("", "info", wrap=True)
        self.others = OthersPart(theme, desk)
        self.grid = ResultGrid(theme)
        self.grid.cell_opened.connect(self._open_cell)
        self.all_button = button(text("Show up to 10,000 rows"), self._all_rows, "link")
        self.cell = CellPart(theme, self.grid)
        self._rows = Card(theme)
        self._rows.setAccessibleName(text("Rows"))
        below: tuple[QWidget, ...] = (self.grid, self.all_button, self.cell)
        for widget in below:
            self._rows.body.addWidget(widget)
        self._rows.body.addStretch(1)
        self.chart = ChartView(theme)
        self.kinds = ChartKinds(theme, desk.choose_chart)
        self._picture = Card(theme)
        self._picture.setAccessibleName(text("Chart"))
        self._picture.body.addWidget(self.kinds)
        self._picture.body.addWidget(self.chart)
        self._picture.body.addStretch(1)
        self._pair = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._pair.addWidget(self._rows, 1)
        self._pair.addWidget(self._picture, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._column = QVBoxLayout(self)
        for widget in (self.problem, self.sentence, self.unclear, self.others):
            self._column.addWidget(widget)
        self._column.addLayout(self._pair)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_answer(None)

    def show_answer(self, shown: Answer | None) -> None:
        before, self._shown = self._shown, shown
        result = shown.result if shown is not None else None
        if shown is not before:
            self.cell.hide()
            if shown is not None and shown.sentence and (before is None or before.sentence != shown.sentence):
                announce(self, shown.sentence)
        if shown is not None and shown.problem:
            late = shown.problem_kind == "sql-timeout"
            actions = [(text("Give it a minute"), partial(self._desk.run, shown.sql, more_time=True))] if late else []
            self.problem.show_problem(shown.problem, shown.hint, actions)
        else:
            self.problem.hide()
        self.sentence.setText(plain_line(shown.sentence) if shown is not None else "")
        self.sentence.setVisible(result is not None)
        self.unclear.setText(plain("\n".join(map(plain_line, shown.unclear))) if shown is not None else "")
        self.unclear.setVisible(shown is not None and bool(shown.unclear))
        self.others.show_others(shown.others if shown is not None else ())
        has_rows = result is not None and bool(result.rows)
        self._rows.setVisible(has_rows)
        if has_rows and result is not None:
            self.grid.show_result(result)
            self.all_button.setVisible(result.more and len(result.rows) < 10_000)
        has_chart = has_rows and shown is not None and bool(shown.charts)
        self._picture.setVisible(has_chart)
        if shown is not None and has_chart:
            self.kinds.show_kinds(tuple(one.kind for one in shown.charts), shown.chart.kind if shown.chart else "")
            self.chart.setVisible(shown.chart is not None)
            self.chart.show_chart(shown.chart, result)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        is_beside = self.width() >= self._theme.px(_BESIDE)
        self._pair.setDirection(QBoxLayout.Direction.LeftToRight if is_beside else QBoxLayout.Direction.TopToBottom)

    def _all_rows(self) -> None:
        if self._shown is not None:
            self._desk.run(self._shown.sql, all_rows=True)

    def _open_cell(self, column: str, written: str) -> None:
        self.cell.open(column, written)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(px(12))
        self._pair.setSpacing(px(20))
        self._turn()


class ChartKinds(QWidget):
    """Which kind of chart: a chip for each that fits, and one for none."""

    def __init__(self, theme: Theme, on_kind: Callable[[str], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_kind = on_kind
        self._shown: tuple[tuple[str, ...], str] = ((), "")
        self._flow = FlowLayout(self)
        self.chips: dict[str, Chip] = {}
        self.setAccessibleName(text("Kind of chart"))

    def show_kinds(self, kinds: tuple[str, ...], current: str) -> None:
        if (kinds, current) == self._shown:
            return
        if kinds != self._shown[0]:
            for chip in self.chips.values():
                self._flow.removeWidget(chip)
                chip.hide()
                chip.deleteLater()
            names = {"bar": text("Bars"), "line": text("Line"), "scatter": text("Points"),
                     "histogram": text("Histogram"), "": text("None")}  # fmt: skip
            self.chips = {}
            for kind in (*kinds, ""):
                chip = Chip(self._theme, names[kind], name=text("Chart"), on_click=partial(self._on_kind, kind))
                self._flow.addWidget(chip)
                self.chips[kind] = chip
        self._shown = (kinds, current)
        for kind, chip in self.chips.items():
            chip.set_accent(kind == current)
            chip.setAccessibleDescription(text("It is shown.") if kind == current else "")


class OthersPart(QWidget):
    """Statements of other samples, whose rows were others; a press shows one in place of the answer."""

    def __init__(self, theme: Theme, desk: Answering, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._shown: tuple[OtherRow, ...] = ()
        self._flow = FlowLayout(self, spacing=theme.px(8))
        self._made: list[QWidget] = []
        self.hide()

    def show_others(self, others: tuple[OtherRow, ...]) -> None:
        self.setVisible(bool(others))
        if others == self._shown:
            return
        self._shown = others
        for widget in self._made:
            self._flow.removeWidget(widget)
            widget.hide()
            widget.deleteLater()
        self._made = [label(text("The samples did not agree:"), "small")]
        for one in others:
            chip = Chip(self._theme, one.words, on_click=partial(self._desk.run, one.sql))
            chip.setToolTip(plain_line(one.sql)[:500].replace("<", "‹"))
            chip.setAccessibleDescription(plain_line(one.sql)[:500])
            self._made.append(chip)
        for widget in self._made:
            self._flow.addWidget(widget)


class CellPart(QWidget):
    """One cell as a whole, below the rows; Esc closes it."""

    def __init__(self, theme: Theme, grid: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._grid = grid
        self.column = label("", "small")
        self.close_button: QPushButton | IconButton = IconButton(
            theme, "x", text("Close the cell"), size=14, on_click=self.close_cell
        )
        self.field = QPlainTextEdit()
        self.field.setReadOnly(True)
        self.field.setTabChangesFocus(True)
        self.field.installEventFilter(self)
        own_escape(self.field)
        head = QHBoxLayout()
        head.addWidget(self.column, 1)
        head.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(self.field)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def open(self, column: str, written: str) -> None:
        self.column.setText(plain_line(column)[:120])
        self.field.setAccessibleName(text("Cell of {column}", column=plain_line(column)[:120]))
        self.field.setPlainText(written)
        self.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)

    def close_cell(self) -> None:
        self.hide()
        self._grid.setFocus(Qt.FocusReason.OtherFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and event.type() == QEvent.Type.KeyPress and _is_escape(event):
            self.close_cell()
            return True
        return super().eventFilter(watched, event)

    def _dress(self) -> None:
        self.field.setFont(self._theme.font("code"))
        self.field.setFixedHeight(self._theme.px(120))


def _is_escape(event: QEvent) -> bool:
    return getattr(event, "key", lambda: None)() == Qt.Key.Key_Escape
