"""Fields for the `:names` of statements: a text, a number, a date, a year, or one of what a column holds."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_values import ParameterRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label
from rushlight.ui.words import text


class ParameterFields(QWidget):
    """fields.show_parameters(rows). `on_value` hears (name, value) as it is typed, `on_enter` of Enter."""

    def __init__(
        self,
        theme: Theme,
        on_value: Callable[[str, str], None],
        on_enter: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._on_value = on_value
        self._on_enter = on_enter
        self._shown: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
        self._flow = FlowLayout(self, spacing=theme.px(12))
        self._boxes: list[QWidget] = []
        self.fields: dict[str, QLineEdit] = {}
        self.setAccessibleName(text("Parameters"))
        self.hide()

    def show_parameters(self, rows: tuple[ParameterRow, ...]) -> None:
        """These, with their values; a field in which somebody writes keeps what is written."""
        self.setVisible(bool(rows))
        wanted = tuple((one.name, one.kind, one.choices) for one in rows)
        if wanted != self._shown:
            self._shown = wanted
            self._make(rows)
        for one in rows:
            field = self.fields[one.name]
            if field.text() != one.value and not field.hasFocus():
                field.setText(one.value)

    def _make(self, rows: tuple[ParameterRow, ...]) -> None:
        for box in self._boxes:
            self._flow.removeWidget(box)
            box.hide()
            box.deleteLater()
        self._boxes, self.fields = [], {}
        kinds = {"text": text("text"), "number": text("number"), "date": text("date, as 2024-12-31"),
                 "year": text("year")}  # fmt: skip
        for one in rows:
            box = QWidget()
            row = QHBoxLayout(box)
            row.setContentsMargins(0, 0, 0, 0)
            name = label(f":{one.name}", "small")
            name.setFont(self._theme.font("code"))
            field, widget = self._field(one)
            field.setPlaceholderText(kinds.get(one.kind, one.kind))
            field.setAccessibleName(text("Parameter {name}, {kind}", name=one.name, kind=kinds.get(one.kind, one.kind)))
            widget.setAccessibleName(field.accessibleName())
            field.setMinimumWidth(self._theme.px(140))
            field.textChanged.connect(partial(self._on_value, one.name))
            field.returnPressed.connect(self._on_enter)
            row.addWidget(name)
            row.addWidget(widget)
            self._flow.addWidget(box)
            self._boxes.append(box)
            self.fields[one.name] = field

    def _field(self, one: ParameterRow) -> tuple[QLineEdit, QWidget]:
        """One to type in; where a column holds few texts, with a list of them."""
        if not one.choices:
            made = QLineEdit()
            return made, made
        box = QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        for choice in one.choices:
            box.addItem(plain_line(choice))
        box.setCurrentIndex(-1)
        field = box.lineEdit()
        assert field is not None
        box.setMinimumWidth(self._theme.px(160))
        return field, box
