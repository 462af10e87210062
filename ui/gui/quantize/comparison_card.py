"""How the smaller models compare with the one they were made of: a table, and a plot of quality against size."""

from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.quant_values import ComparedRow, QuantState
from rushlight.ui.gui.models.row_table import RowTable, TableRow
from rushlight.ui.gui.quantize.made_card import shortened
from rushlight.ui.gui.quantize.plot import PlotPoint, QualityPlot
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, label
from rushlight.ui.words import text


class ComparisonCard(Card):
    """card.show_state(state); hidden while there is none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("How they compare"), parent=parent)
        self._theme = theme
        self._shown: tuple[ComparedRow, ...] = ()
        self.over = label("", "small", wrap=True)
        self.plot = QualityPlot(theme)
        self.table = RowTable(theme, (*(words for words, _ in figures(ComparedRow("", 0, True))),))
        for widget in (self.over, self.plot, self.table):
            self.body.addWidget(widget)
        self.hide()

    def show_state(self, state: QuantState) -> None:
        self.setVisible(bool(state.compared))
        self.over.setText(state.compared_text)
        if state.compared == self._shown:
            return
        self._shown = state.compared
        rows = []
        for one in state.compared:
            cells: list[QWidget] = []
            for words, value in figures(one):
                said = shortened(self._theme, value) if not cells else value
                cell = label(said, "strong" if not cells else "", parent=self.table)
                cell.setToolTip(value.replace("<", "‹") if said != value else "")
                cell.setAccessibleName(f"{words}: {value}" if value else "")
                cells.append(cell)
            rows.append(TableRow(cells))
        self.table.set_rows(rows)
        self.plot.show_points(
            tuple(
                PlotPoint(one.label, one.size_bytes, one.divergence, one.decode, by_llama=one.by_llama)
                for one in state.compared
                if one.divergence is not None
            )
        )


def figures(one: ComparedRow) -> tuple[tuple[str, str], ...]:
    """(what it is, its value) of each column."""

    def shown(value: float | None, form: str) -> str:
        return "–" if value is None else form.format(value)

    return (
        (text("Model"), one.label),
        (text("Size"), size_text(one.size_bytes)),
        (text("Perplexity"), shown(one.perplexity, "{:.2f}")),
        (text("Mean loss"), text("the measure") if one.is_reference else shown(one.divergence, "{:.4f}")),
        (text("99 %"), shown(one.divergence_99, "{:.4f}")),
        (text("Same first choice"), shown(one.agreement, "{:.1%}")),
        (text("Loading"), shown(one.load_s, "{:.2f} s")),
        (text("Prompt"), shown(one.prefill, "{:,.0f} tok/s")),
        (text("Writing"), shown(one.decode, "{:.1f} tok/s")),
        (text("Memory"), "–" if one.memory_bytes is None else size_text(one.memory_bytes)),
    )
