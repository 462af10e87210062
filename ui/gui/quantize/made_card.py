"""The smaller models that were made of the shown one: type, size, proof, what they lose; and what one may do."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.figures import size_text
from rushlight.ui.desk.quant_values import MadeRow, QuantState
from rushlight.ui.gui.models.row_table import RowTable, TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label, with_role
from rushlight.ui.words import text

_NAME_WIDTH = 176  # unscaled, at most; the whole name is in the tool tip
_ROLES = {"passed": "chip-good", "failed": "chip-bad", "partial": "chip", "": "chip"}


class Proving(Protocol):
    """Whoever does what the buttons say: `QuantDesk`."""

    def prove(self, path: str) -> None: ...
    def discard(self, job_id: str) -> None: ...
    def compare(self) -> None: ...


class _Buttons(QWidget):
    """Beside each other where there is room, below each other where not."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._flow = FlowLayout(self)

    def add(self, widget: QWidget) -> None:
        self._flow.addWidget(widget)

    def sizeHint(self) -> QSize:
        hints = [item.sizeHint() for at in range(self._flow.count())
                 if (item := self._flow.itemAt(at)) is not None and not item.isEmpty()]  # fmt: skip
        width = sum(hint.width() for hint in hints) + 8 * max(0, len(hints) - 1)
        return QSize(width, max((hint.height() for hint in hints), default=0))


class _Line:
    """The widgets of one model."""

    def __init__(
        self, theme: Theme, row: MadeRow, desk: Proving, on_model: Callable[[str], None], parent: QWidget
    ) -> None:
        self.row = row
        self._theme = theme
        self.name = button("", lambda: on_model(self.row.model_id), "name", parent=parent)
        self.type, self.size, self.quality = (label("", parent=parent) for _ in range(3))
        self.proof = label("", "chip", parent=parent)
        self._buttons = _Buttons(parent)
        self.see = button(text("See the proof"), self._toggle, parent=self._buttons)
        self.again = button(text("Prove again"), lambda: desk.prove(self.row.path), parent=self._buttons)
        self.discard = button(text("Discard it"), lambda: desk.discard(self.row.job_id), "danger", parent=self._buttons)
        for one in (self.see, self.again, self.discard):
            self._buttons.add(one)
        self.details = label("", "muted", wrap=True, parent=parent)
        self.details.hide()
        self.table_row = TableRow([self.name, self.type, self.size, self.proof, self.quality, self._buttons],
                                  self.details)  # fmt: skip
        self._is_open = False
        self.on_resized: Callable[[], None] = lambda: None
        self.show_row(row)

    def show_row(self, row: MadeRow) -> None:
        self.row = row
        self.name.setText(shortened(self._theme, row.label.rpartition("/")[2].partition("@")[0]).replace("&", "&&"))
        self.name.setToolTip(row.label.replace("<", "‹"))
        self.name.setEnabled(bool(row.model_id))
        self.name.setAccessibleName(text("Card of {model}", model=row.label))
        self.type.setText(row.type_name)
        self.size.setText(size_text(row.size_bytes))
        self.quality.setText(row.quality or text("not measured"))
        said = {"passed": text("proven"), "failed": text("proof failed"), "partial": text("proven in part")}
        self.proof.setText(said.get(row.proof, text("no proof")))
        with_role(self.proof, _ROLES[row.proof])
        self.details.setText(row.proof_text)
        self.see.setVisible(bool(row.proof_text))
        self.discard.setVisible(not row.model_id)
        for one in (self.see, self.again, self.discard):
            one.setAccessibleDescription(row.label)

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self.details.setVisible(self._is_open)
        self.see.setText(text("Hide the proof") if self._is_open else text("See the proof"))
        self.on_resized()


def shortened(theme: Theme, name: str) -> str:
    """The name as far as its column allows, cut in its middle."""
    metrics = QFontMetrics(theme.font("list", bold=True))
    return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, theme.px(_NAME_WIDTH))


class MadeCard(Card):
    """card.show_state(state); hidden while nothing was made."""

    def __init__(
        self, theme: Theme, desk: Proving, on_model: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Made of it"), parent=parent)
        self._theme = theme
        self._desk = desk
        self._on_model = on_model
        self._shown: tuple[MadeRow, ...] = ()
        self.lines: dict[str, _Line] = {}
        headers = (text("Model"), text("Type"), text("Size"), text("Proof"), text("What it loses"), "")
        self.table = RowTable(theme, headers)
        self.compare_button = button(text("Compare them"), lambda: desk.compare())
        self.compare_button.setToolTip(text("Quality over the text that is chosen above, size, speed and memory"))
        last = QWidget()
        FlowLayout(last).addWidget(self.compare_button)
        self.body.addWidget(self.table)
        self.body.addWidget(last)
        self.hide()
        theme.changed.connect(self._again)

    def _again(self) -> None:
        """Names are cut by the font's width."""
        for line in self.lines.values():
            line.show_row(line.row)
        self.table.lay_out()

    def show_state(self, state: QuantState) -> None:
        self.setVisible(bool(state.made))
        if state.made == self._shown:
            return
        self._shown = state.made
        lines = {}
        for row in state.made:
            line = self.lines.get(row.job_id)
            if line is None:
                line = _Line(self._theme, row, self._desk, self._on_model, self.table)
                line.on_resized = self.table.lay_out
            else:
                line.show_row(row)
            lines[row.job_id] = line
        self.lines = lines
        self.table.set_rows([line.table_row for line in lines.values()])
