"""Handing an adapter out: as what, in which type, where to; and how the exports stand that were begun."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from rushlight.ui.desk.learn_values import ExportRow, LearnState
from rushlight.ui.desk.learn_words import export_text, forms
from rushlight.ui.gui.settings.editors import ChoiceEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, FlowLayout, Meter, button, label, with_role
from rushlight.ui.words import text
from rushlight.ui.work.teach_export import TYPES


class Exporting(Protocol):
    """Whoever begins exports: `LearnDesk`."""

    def export(self, name: str, form: Any, target: Path, type_name: str = "", *, replace_it: bool = False) -> None: ...
    def cancel(self, job_id: str) -> None: ...


class ExportCard(Card):
    """card.show_state(state) while an adapter is looked at."""

    def __init__(self, theme: Theme, desk: Exporting, parent: QWidget | None = None) -> None:
        super().__init__(theme, text("Use it elsewhere"), parent=parent)
        self._theme = theme
        self._desk = desk
        self._name = ""
        self._shape: tuple[tuple[str, bool, str], ...] = ()  # of the rows that were made
        self._lines: list[tuple[QLabel, Meter | None]] = []
        self.cancel_buttons: dict[str, QPushButton] = {}
        self.ask_target: Callable[[str, bool], str] = self._ask_target
        self._form, self._type = "adapter", "Q8_0"
        self.form = ChoiceEditor(forms(), self._choose_form)
        self.form.show_text(self._form)
        self.form.field.setAccessibleName(text("What is written"))
        self.type = ChoiceEditor([(one, one) for one in TYPES], self._choose_type)
        self.type.show_text(self._type)
        self.type.field.setAccessibleName(text("Type of the model"))
        self.export_button = button(text("Export…"), self._export)
        line = QWidget()
        flow = FlowLayout(line, spacing=theme.px(10))
        flow.addWidget(self.type.field)
        flow.addWidget(self.export_button)
        self.hint = label("", "small", wrap=True)
        self._box = QWidget()
        self._rows = QVBoxLayout(self._box)
        self._rows.setContentsMargins(0, 0, 0, 0)
        for widget in (self.form.field, self.hint, line, self._box):
            self.body.addWidget(widget)
        theme.changed.connect(self._dress_export)
        self._dress_export()
        self._choose_form(self._form)

    def show_state(self, state: LearnState) -> None:
        if state.adapter is None:
            return
        self._name = state.adapter.name
        shape = tuple((one.job_id, one.is_over, one.hint) for one in state.exports)
        if shape != self._shape:
            self._shape = shape
            self._fill(state.exports)
        for one, (said, meter) in zip(state.exports, self._lines, strict=True):
            said.setText(export_text(one))
            with_role(said, _role(one))
            if meter is not None:
                meter.set_fraction(one.fraction or 0.0)

    def _fill(self, exports: tuple[ExportRow, ...]) -> None:
        """The rows without what changes while one is written: made anew they would lose the focus and clicks."""
        focused = next((job_id for job_id, made in self.cancel_buttons.items() if made.hasFocus()), "")
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._lines, self.cancel_buttons = [], {}
        for one in exports:
            said = label("", _role(one), wrap=True)
            meter: Meter | None = None
            self._rows.addWidget(said)
            if one.hint:
                self._rows.addWidget(label(one.hint, "small", wrap=True))
            if not one.is_over:
                meter = Meter(self._theme, text("Progress"), width=0)
                line = QWidget()
                flow = FlowLayout(line)
                self.cancel_buttons[one.job_id] = button(text("Cancel"), partial(self._desk.cancel, one.job_id))
                flow.addWidget(self.cancel_buttons[one.job_id])
                self._rows.addWidget(meter)
                self._rows.addWidget(line)
            self._lines.append((said, meter))
        if focused in self.cancel_buttons:
            self.cancel_buttons[focused].setFocus()

    def _choose_form(self, form: str) -> None:
        self._form = form
        self.type.field.setVisible(form == "gguf")
        words = {
            "adapter": text("Some megabytes; it works with the model that it was taught to, and with no other."),
            "gguf": text("One file for any program that reads GGUF. Weights are added up in 16 bits, then quantized."),
            "folder": text("16-bit weights, settings and tokenizer, as transformers and other programs read them."),
            "peft": text("As the library peft loads it onto the model that it was taught to."),
        }
        self.hint.setText(words[form])

    def _choose_type(self, type_name: str) -> None:
        self._type = type_name

    def _export(self) -> None:
        is_file = self._form in ("adapter", "gguf")
        ends = {"adapter": ".gguf", "gguf": f"-{self._type}.gguf", "folder": "-merged", "peft": "-peft"}
        name = self.ask_target(f"{self._name}{ends[self._form]}", is_file)
        if name:
            # The dialog has asked whether a file of that name is to be replaced.
            self._desk.export(self._name, self._form, Path(name), self._type, replace_it=is_file)

    def _ask_target(self, name: str, is_file: bool) -> str:
        """A file; or a folder that is to be made, for dialogs name it like a file."""
        proposed = str(Path.home() / name)
        if is_file:
            return QFileDialog.getSaveFileName(self, text("Export to"), proposed, text("GGUF files") + " (*.gguf)")[0]
        options = QFileDialog.Option.DontConfirmOverwrite
        return QFileDialog.getSaveFileName(self, text("Export to a new folder"), proposed, options=options)[0]

    def _dress_export(self) -> None:
        self.form.field.setMaximumWidth(self._theme.px(480))


def _role(one: ExportRow) -> str:
    """How it stands, as a colour."""
    return "bad" if one.state == "failed" or one.proof == "failed" else "good" if one.is_over else "muted"
