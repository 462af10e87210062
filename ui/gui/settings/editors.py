"""The inputs of settings, one for each kind: a field, a number with limits, a list of choices, a switch, folders.

Each shows text and hands text back, as `rushlight settings set` takes it. Knows nothing of where it is stored.
"""

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QSpinBox,
    QWidget,
)

from rushlight.ui.desk.settings_desk import SettingRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button
from rushlight.ui.words import text

Save = Callable[[str], None]
_PAUSE_MS = 900  # of typing in a long text, after which it is stored


class Editor(Protocol):
    """An input of a setting; `widget` is what is put into the row, `focus` what is typed into."""

    widget: QWidget
    focus: QWidget

    def show_text(self, value: str) -> None:
        """The value as it is now, unless the user is just typing another."""


class LineEditor:
    """One line; stored when it is left or Enter is pressed."""

    def __init__(self, save: Save) -> None:
        self.field = QLineEdit()
        self.widget: QWidget = self.field
        self.focus: QWidget = self.field
        self._stored = ""
        self._save = save
        self.field.editingFinished.connect(self._done)

    def show_text(self, value: str) -> None:
        if not (self.field.hasFocus() and self.field.isModified()):
            self.field.setText(value)
        self._stored = value

    def _done(self) -> None:
        self.field.setModified(False)
        if self.field.text() != self._stored:
            self._stored = self.field.text()
            self._save(self.field.text())


class LongTextEditor(QObject):
    """Several lines; stored when typing pauses or the field is left."""

    def __init__(self, theme: Theme, save: Save) -> None:
        super().__init__()
        self._theme = theme
        self.field = QPlainTextEdit()
        self.field.setTabChangesFocus(True)
        self.widget: QWidget = self.field
        self.focus: QWidget = self.field
        self._stored = ""
        self._save = save
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._done)
        self.field.textChanged.connect(self._typed)
        self.field.installEventFilter(self)
        self._dress()
        theme.changed.connect(self._dress)

    def show_text(self, value: str) -> None:
        if self.field.toPlainText() == self._stored or not self.field.hasFocus():
            self._stored = value
            if self.field.toPlainText() != value:
                self.field.setPlainText(value)
                self._pause.stop()
        self._stored = value

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self._done()
        return super().eventFilter(watched, event)

    def _typed(self) -> None:
        self._pause.start()

    def _done(self) -> None:
        self._pause.stop()
        if self.field.toPlainText() != self._stored:
            self._stored = self.field.toPlainText()
            self._save(self._stored)

    def _dress(self) -> None:
        self.field.setFixedHeight(self._theme.px(96))


class _QuietSpin(QSpinBox):
    """Turns with the wheel only while it has the focus, so that scrolling the page changes nothing."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberEditor:
    """A whole number within limits; nothing else can be typed."""

    def __init__(self, limits: tuple[int, int], save: Save) -> None:
        self.field = _QuietSpin()
        self.field.setRange(*limits)
        self.field.setKeyboardTracking(False)
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.field.setGroupSeparatorShown(True)
        self.field.setStepType(QSpinBox.StepType.AdaptiveDecimalStepType if limits[1] > 1000 else
                               QSpinBox.StepType.DefaultStepType)  # fmt: skip
        self.field.lineEdit().setTextMargins(8, 0, 0, 0)  # the style sheet's padding does not reach it
        self.widget: QWidget = self.field
        self.focus: QWidget = self.field
        self._is_shown = False
        self._save = save
        self.field.valueChanged.connect(self._changed)

    def show_text(self, value: str) -> None:
        try:
            number = int(value)
        except ValueError:  # what was typed elsewhere, in the file; its row says what is wrong
            return
        self._is_shown = True
        try:
            self.field.setValue(number)
        finally:
            self._is_shown = False

    def _changed(self, value: int) -> None:
        if not self._is_shown:
            self._save(str(value))


class _QuietCombo(QComboBox):
    """Turns with the wheel only while it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class ChoiceEditor:
    """One of several; (value, words) pairs."""

    def __init__(self, choices: Sequence[tuple[str, str]], save: Save) -> None:
        self.field = _QuietCombo()
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.field.setMinimumContentsLength(12)
        self.widget: QWidget = self.field
        self.focus: QWidget = self.field
        self._save = save
        self._value = ""
        self.set_choices(choices)
        self.field.activated.connect(self._chosen)

    def set_choices(self, choices: Sequence[tuple[str, str]]) -> None:
        self.field.clear()
        for value, words in choices:
            self.field.addItem(words, value)
        self.show_text(self._value)

    def show_text(self, value: str) -> None:
        self._value = value
        at = self.field.findData(value)
        if at < 0 and value:  # a value that is no longer among them is shown, and can be left
            self.field.addItem(value, value)
            at = self.field.count() - 1
        self.field.setCurrentIndex(at)

    def _chosen(self, at: int) -> None:
        value = self.field.itemData(at)
        if value != self._value:
            self._value = str(value)
            self._save(self._value)


class FlagEditor:
    """On or off."""

    def __init__(self, words: str, save: Save) -> None:
        self.field = QCheckBox(words.replace("&", "&&"))
        self.widget: QWidget = self.field
        self.focus: QWidget = self.field
        self.field.clicked.connect(lambda checked: save("true" if checked else "false"))

    def show_text(self, value: str) -> None:
        self.field.setChecked(value == "true")


class FoldersEditor(LineEditor):
    """Folders in one line, with a button that adds one."""

    def __init__(self, save: Save) -> None:
        super().__init__(save)
        self.widget = QWidget()
        row = QHBoxLayout(self.widget)
        row.setContentsMargins(0, 0, 0, 0)
        self.add_button = button(text("Add a folder…"), self._ask)
        row.addWidget(self.field, 1)
        row.addWidget(self.add_button)

    def add(self, folder: str) -> None:
        """One more at the end."""
        known = [one for one in self.field.text().split(os.pathsep) if one.strip()]
        if folder and folder not in known:
            self.field.setText(os.pathsep.join([*known, folder]))
            self._done()

    def _ask(self) -> None:
        self.add(QFileDialog.getExistingDirectory(self.widget, text("Add a folder with models")))


def make_editor(row: SettingRow, theme: Theme, save: Save) -> Editor:
    """The input for that setting."""
    match row.kind:
        case "number":
            return NumberEditor(row.limits or (-(2**31), 2**31 - 1), save)
        case "flag":
            return FlagEditor(row.title, save)
        case "choice":
            return ChoiceEditor([(choice, choice) for choice in row.choices], save)
        case "model":
            return ChoiceEditor([("", text("The catalogue's default"))], save)
        case "long-text":
            return LongTextEditor(theme, save)
        case "folders":
            return FoldersEditor(save)
        case "text":
            return LineEditor(save)
