"""Presets in the sampler panel: take one, or keep what holds now under a name.

Knows names only.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from rushlight.assistant.chat.presets import MAX_NAME_CHARS
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text


class PresetRow(QWidget):
    """`used` and `saved` have the preset's name."""

    used = Signal(str)
    saved = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.choice = QComboBox(self)
        self.choice.setAccessibleName(text("Use a preset"))
        self.choice.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choice.setMinimumContentsLength(6)
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.activated.connect(self._use)
        self.save_button = button(text("Save as…"), self._begin_saving)
        self.save_button.setAccessibleName(text("Save as a preset"))
        self.field = _NameField(self)
        self.field.returnPressed.connect(self._save)
        self.field.left.connect(self._end_saving)
        self.keep_button = button(text("Save"), self._save, "primary")
        self._first = QHBoxLayout()
        self._first.addWidget(self.choice, 1)
        self._first.addWidget(self.save_button)
        self._saving = QWidget(self)
        self._second = QHBoxLayout(self._saving)
        self._second.setContentsMargins(0, 0, 0, 0)
        self._second.addWidget(self.field, 1)
        self._second.addWidget(self.keep_button)
        self._saving.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(label(text("Presets"), "small"))
        self._column.addLayout(self._first)
        self._column.addWidget(self._saving)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_presets(())

    def show_presets(self, names: Sequence[str]) -> None:
        self.choice.clear()
        self.choice.addItem(text("Choose one…") if names else text("None yet"), "")
        for name in names:
            self.choice.addItem(plain_line(name), name)
        self.choice.setEnabled(bool(names))

    def _use(self, index: int) -> None:
        name = self.choice.itemData(index)
        if name:
            self.used.emit(name)
        self.choice.setCurrentIndex(0)  # what it set may be changed at once: no preset is "on"

    def _begin_saving(self) -> None:
        self._saving.show()
        self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.selectAll()

    def _save(self) -> None:
        name = self.field.text().strip()
        if name:
            self.saved.emit(name)
            self._end_saving()

    def _end_saving(self) -> None:
        self._saving.hide()
        self.save_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setSpacing(px(4))
        self._first.setSpacing(px(6))
        self._second.setSpacing(px(6))


class _NameField(QLineEdit):
    """Enter saves, Esc leaves."""

    left = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setMaxLength(MAX_NAME_CHARS)
        self.setPlaceholderText(text("Name of the preset"))
        self.setAccessibleName(text("Name of the preset"))
        own_escape(self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)
