"""The sampler defaults of one model: a field for each, empty where the file's own or none holds.

Knows names and bounds of the fields; what is wrong is said beside the field, and nothing wrong is handed on.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.assistant.models.sampling_defaults import BOUNDS, parse
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label
from rushlight.ui.words import text

# Shown for every model; others appear when they are set or asked for.
COMMON = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "seed")


@dataclass
class _Field:
    field: QLineEdit
    source: QLabel
    problem: QLabel
    stored: str = ""


class SamplerForm(QWidget):
    """form.show_values(card.sampling); `on_change` gets name and text, "" to take the user's value back."""

    def __init__(self, theme: Theme, on_change: Callable[[str, str], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_change = on_change
        self.fields: dict[str, _Field] = {}
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.more = ChoiceEditor([], self._add_named)
        self.more.field.setAccessibleName(text("Another sampler field"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)
        last = QWidget()
        flow = FlowLayout(last, spacing=theme.px(8))
        flow.addWidget(label(text("Another field"), "small"))
        flow.addWidget(self.more.field)
        column.addWidget(last)
        for name in COMMON:
            self._add(name)
        self._offer()

    def show_values(self, sampling: tuple[tuple[str, str, str], ...]) -> None:
        """(field, value, "file" or "user") of those that are set."""
        found = {name: (value, source) for name, value, source in sampling}
        for name in found:
            if name in BOUNDS:
                self._add(name)
        for name, field in self.fields.items():
            value, source = found.get(name, ("", ""))
            is_ours = source == "user"
            field.stored = value if is_ours else ""
            if not field.field.hasFocus() or not field.field.isModified():
                field.field.setText(field.stored)
                field.field.setModified(False)
            field.field.setPlaceholderText(value if source == "file" else text("not set"))
            field.source.setText({"file": text("from the file"), "user": text("yours")}.get(source, ""))
        self._offer()

    def _add(self, name: str) -> None:
        if name in self.fields:
            return
        whole, least, most = BOUNDS[name]
        box = QWidget(self)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        line = QWidget(box)
        row = FlowLayout(line, spacing=self._theme.px(8))
        made = _Field(QLineEdit(box), label("", "small", parent=box), label("", "bad", wrap=True, parent=box))
        made.problem.hide()
        made.field.setAccessibleName(name)
        limits = text("{least} to {most}", least=f"{least:g}", most=f"{most:g}")
        kind = text("a whole number") if whole else text("a number")
        made.field.setAccessibleDescription(f"{kind}, {limits}")
        made.field.setToolTip(f"{kind}, {limits}")
        made.field.setMaximumWidth(self._theme.px(160))
        made.field.editingFinished.connect(lambda: self._done(name))
        row.addWidget(made.field)
        row.addWidget(made.source)
        column.addWidget(line)
        column.addWidget(made.problem)
        self._form.addRow(label(name, "small"), box)
        self.fields[name] = made

    def _add_named(self, name: str) -> None:
        if name in BOUNDS:
            self._add(name)
            self._offer()
            self.fields[name].field.setFocus()

    def _offer(self) -> None:
        """Those that are not shown yet."""
        rest = [(name, name) for name in BOUNDS if name not in self.fields]
        self.more.set_choices([("", text("choose…")), *rest])
        self.more.show_text("")

    def _done(self, name: str) -> None:
        field = self.fields[name]
        entered = field.field.text().strip().replace(",", ".")
        if entered == field.stored:
            field.problem.hide()
            return
        if entered:
            try:
                parse(name, entered)
            except Error as err:
                field.problem.setText(err.message)
                field.problem.show()
                announce(field.field, err.message)
                return
        field.problem.hide()
        field.stored = entered
        field.field.setModified(False)
        self._on_change(name, entered)
