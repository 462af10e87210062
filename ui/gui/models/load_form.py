"""How one model is loaded: a field for each option, empty where the settings hold."""

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.assistant.models.load_defaults import parse
from rushlight.ui.desk.model_loading import LoadOption, load_options
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import label
from rushlight.ui.words import text


@dataclass
class _Row:
    """The widgets of one option."""

    option: LoadOption
    widget: QLineEdit | QComboBox
    choice: ChoiceEditor | None
    problem: QLabel
    stored: str = field(default="")


class LoadForm(QWidget):
    """`on_change(option, value)` hears what was changed; "" takes it back."""

    def __init__(self, theme: Theme, on_change: Callable[[str, str], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_change = on_change
        self.rows: dict[str, _Row] = {}
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        for option in load_options():
            self._add(option)
        self._dress()
        theme.changed.connect(self._dress)

    def show_values(self, load: tuple[tuple[str, str], ...]) -> None:
        """(option, value) of those that the user has set."""
        found = dict(load)
        for name, row in self.rows.items():
            row.stored = found.get(name, "")
            if row.choice is not None:
                row.choice.show_text(row.stored)
            elif isinstance(row.widget, QLineEdit) and not (row.widget.hasFocus() and row.widget.isModified()):
                row.widget.setText(row.stored)
                row.widget.setModified(False)

    def _add(self, option: LoadOption) -> None:
        box = QWidget(self)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        problem = label("", "bad", wrap=True, parent=box)
        problem.hide()
        choice: ChoiceEditor | None = None
        widget: QLineEdit | QComboBox
        if option.choices:
            choices = [("", text("as the settings have it")), *((one, one) for one in option.choices)]
            choice = ChoiceEditor(choices, lambda value: self._on_change(option.name, value))
            widget = choice.field
        else:
            widget = QLineEdit(box)
            widget.setPlaceholderText(text("as the settings have it"))
            widget.editingFinished.connect(lambda: self._done(option.name))
        widget.setAccessibleName(option.title)
        widget.setAccessibleDescription(option.expects)
        widget.setToolTip(option.expects)
        column.addWidget(widget)
        column.addWidget(problem)
        self._form.addRow(label(option.title, "small"), box)
        self.rows[option.name] = _Row(option, widget, choice, problem)

    def _done(self, name: str) -> None:
        row = self.rows[name]
        assert isinstance(row.widget, QLineEdit)
        entered = row.widget.text().strip()
        row.problem.hide()
        if entered == row.stored:
            return
        if entered:
            try:
                parse(name, entered)
            except Error as err:
                row.problem.setText(err.message)
                row.problem.show()
                announce(row.widget, err.message)
                return
        row.stored = entered
        row.widget.setModified(False)
        self._on_change(name, entered)

    def _dress(self) -> None:
        for row in self.rows.values():
            row.widget.setMaximumWidth(self._theme.px(260))
