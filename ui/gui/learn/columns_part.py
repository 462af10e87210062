"""Columns of files of examples: what each holds, what it is taken for, to be mapped by hand; what is wrong, by line."""

from functools import partial
from typing import Protocol

from PySide6.QtWidgets import QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.learn_values import ColumnRow, FilesRow, LearnState
from rushlight.ui.desk.learn_words import fields, look_text
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import FlowLayout, label, with_role
from rushlight.ui.words import plural, text

_MOST_TOLD = 8


class Mapping(Protocol):
    """Whoever keeps what columns are taken for: `LearnDesk`."""

    def map_column(self, column: str, field: str) -> None: ...


class ColumnsPart(QWidget):
    """part.show_state(state) while something new is taught."""

    def __init__(self, theme: Theme, desk: Mapping, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._names: tuple[str, ...] = ()
        self.editors: dict[str, ChoiceEditor] = {}
        self._shown: FilesRow | None = None
        self.found = label("", "strong", wrap=True)
        self.problems = label("", "bad", wrap=True)
        self.first = label("", "small", wrap=True)
        self._box = QWidget()
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.found, self.problems, self._box, self.first):
            column.addWidget(widget)

    def show_state(self, state: LearnState) -> None:
        look = state.look if state.wish.kind == "imported" and not state.wish.lesson else None
        self.setVisible(look is not None)
        if look is None or look == self._shown:
            return
        self._shown = look
        self.found.setText(look_text(look))
        with_role(self.found, "strong" if not look.n_wrong else "bad")
        told = list(look.problems[:_MOST_TOLD])
        if look.n_wrong > len(told):
            told.append(plural("{count} more", "{count} more", look.n_wrong - len(told)))
        self.problems.setText("\n".join(told))
        self.problems.setVisible(bool(told))
        first = [f"{plain_line(one.asked)[:160]} → {plain_line(one.answer)[:160]}" for one in look.first]
        self.first.setText("\n".join(first))
        self.first.setVisible(bool(first))
        if tuple(one.name for one in look.columns) != self._names:
            self._fill(look.columns)
        for one in look.columns:
            self.editors[one.name].show_text(one.field)

    def _fill(self, columns: tuple[ColumnRow, ...]) -> None:
        self._names = tuple(one.name for one in columns)
        self.editors = {}
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        names = {one.name: label(plain_line(one.name)[:40], "strong") for one in columns}
        wide = max((one.sizeHint().width() for one in names.values()), default=0)
        for one in columns:
            line = QWidget()
            flow = FlowLayout(line, spacing=self._theme.px(10))
            editor = ChoiceEditor(fields(), partial(self._desk.map_column, one.name))
            editor.field.setMinimumWidth(self._theme.px(260))
            editor.field.setAccessibleName(text("What {column} is", column=plain_line(one.name)))
            names[one.name].setMinimumWidth(wide)
            flow.addWidget(names[one.name])
            flow.addWidget(editor.field)
            samples = label(" · ".join(one.samples) or text("empty"), "small", wrap=True)
            self._rows.addWidget(line)
            self._rows.addWidget(samples)
            self.editors[one.name] = editor
