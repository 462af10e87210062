"""How fast a model is here: a row for each number of threads and form of the context, as it is measured."""

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from rushlight.ui.desk.background import Background
from rushlight.ui.desk.bench_desk import BenchDesk, BenchRow, BenchState
from rushlight.ui.desk.figures import speed_text
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.models.row_table import RowTable, TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, ErrorPanel, IconButton, Meter, button, label
from rushlight.ui.words import text


class BenchCard(Card):
    """card.measure(model_id, label); hidden until then."""

    def __init__(
        self, theme: Theme, background: Background, on_close: Callable[[], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, " ", parent=parent)
        self._theme = theme
        self._on_close = on_close
        self._shown: tuple[BenchRow, ...] = ()
        self.desk = BenchDesk(background, self.show_state)
        self.stop_button = button(text("Stop"), self.desk.stop)
        self.close_button = IconButton(theme, "x", text("Close"), size=16, on_click=self.close_card)
        self.body.removeWidget(self.title)
        head = QHBoxLayout()
        head.addWidget(self.title, 1)
        head.addWidget(self.stop_button)
        head.addWidget(self.close_button)
        self.body.addLayout(head)
        self.meter = Meter(theme, text("How far measuring is"), width=0, height=6)
        self.problem = ErrorPanel(theme)
        self.problem.close_button.hide()
        headers = (text("Threads"), text("Context as"), text("Runs on"), text("Reads"), text("Writes"), "")
        self.table = RowTable(theme, headers)
        note = text("Each is loaded, asked twice, and unloaded. Other busy programs make the figures lower.")
        for widget in (label(note, "small", wrap=True), self.meter, self.problem, self.table):
            self.body.addWidget(widget)
        self.hide()

    def measure(self, model_id: str, name: str) -> None:
        """Begin; what was measured before goes."""
        self.set_title(text("How fast {model} is here", model=name))
        self.show()
        self.desk.start(model_id, name)
        self.stop_button.setFocus()

    def show_state(self, state: BenchState) -> None:
        self.stop_button.setVisible(state.is_running)
        self.meter.setVisible(state.is_running)
        self.meter.set_parts([(state.fraction or 0.0, "flame")])
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
        else:
            self.problem.hide()
        if state.rows != self._shown:
            self._shown = state.rows
            self.table.set_rows([self._row(one) for one in state.rows])
        if not state.is_running and state.rows:
            best = next((one for one in state.rows if one.is_best), None)
            if best is not None:
                announce(self, text("Fastest: {count} threads, {speed}", count=best.n_threads,
                                    speed=speed_text(best.writes)))  # fmt: skip

    def close_card(self) -> None:
        self.desk.close()
        self.hide()
        self._on_close()

    def _row(self, one: BenchRow) -> TableRow:
        words = (str(one.n_threads), one.kv_type, one.where, speed_text(one.reads), speed_text(one.writes))
        cells: list[QWidget] = [label(said, parent=self.table) for said in words]
        cells.append(label(text("fastest") if one.is_best else "", "chip-good" if one.is_best else "",
                           parent=self.table))  # fmt: skip
        problem = label(one.problem, "bad", wrap=True, parent=self.table) if one.problem else None
        return TableRow(cells, problem)
