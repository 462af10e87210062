"""One option of the sampler: its name, its number, whether that is the default, and the way back to it.

Knows one `Option`.
"""

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QGridLayout, QSizePolicy, QWidget

from rushlight.ui.gui.chat.sampler_options import Option
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text

_PAUSE_MS = 400  # while arrows are held or digits typed, nothing is stored


class OptionRow(QWidget):
    """`changed` has the option's name and its text, None for the default."""

    changed = Signal(str, object)

    def __init__(self, theme: Theme, option: Option, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._option = option
        self._given: str | None = None
        self.name = label(option.title)
        self.state = label("", "small")
        self.meaning = label(option.meaning, "small", wrap=True)
        self.editor = _Number(self)
        self.editor.setAccessibleName(option.title)
        self.name.setBuddy(self.editor)
        self.reset = IconButton(
            theme, "undo-2", text("Back to the default: {option}", option=option.title), size=14, on_click=self._reset
        )
        self.reset.setToolTip(text("Back to the default"))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._say)
        self.editor.valueChanged.connect(lambda _value: self._timer.start())
        self.editor.editingFinished.connect(self.finish)
        self._grid = QGridLayout(self)
        self._grid.addWidget(self.name, 0, 0)
        self._grid.addWidget(self.editor, 0, 1)
        self._grid.addWidget(self.reset, 0, 2)
        self._grid.addWidget(self.meaning, 1, 0, 1, 3)
        self._grid.addWidget(self.state, 2, 0, 1, 3)
        self._grid.setColumnStretch(0, 1)
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        theme.changed.connect(self._dress)
        self._dress()
        self.set_option(option)
        self.editor.setReadOnly(True)  # until it is known what the default is
        self.editor.clear()
        self.state.setText("")

    def set_option(self, option: Option) -> None:
        """Another default, as of another model."""
        self._option = option
        self.editor.blockSignals(True)
        self.editor.setDecimals(option.decimals)
        self.editor.setRange(option.least, option.most)
        self.editor.setSingleStep(option.step)
        self.editor.setSpecialValueText(option.off)
        self.editor.setGroupSeparatorShown(option.name in ("context", "max_tokens"))
        self.editor.blockSignals(False)
        self.editor.setReadOnly(False)
        self.show_value(self._given)

    def show_value(self, given: str | None) -> None:
        """As it is stored; None is the default. What is being typed is not disturbed."""
        self._given = given
        is_default = given is None
        self.reset.setVisible(not is_default)
        default = self._shown(self._option.default)
        self.state.setText(text("default") if is_default else text("default: {value}", value=default))
        self.editor.setAccessibleDescription(f"{self._option.meaning} {self.state.text()}")
        if self._timer.isActive():
            return
        self.editor.blockSignals(True)
        self.editor.setValue(self._option.value(given))
        self.editor.blockSignals(False)

    def finish(self) -> None:
        """Say now what was typed."""
        if self._timer.isActive():
            self._timer.stop()
            self._say()

    def _say(self) -> None:
        written = self._option.written(self.editor.value())
        if written != (self._given if self._given is not None else self._option.written(self._option.default)):
            self.changed.emit(self._option.name, written)

    def _reset(self) -> None:
        self._timer.stop()
        self.editor.setFocus()
        self.changed.emit(self._option.name, None)

    def _shown(self, value: float) -> str:
        if self._option.off and value <= self._option.least:
            return self._option.off
        return f"{round(value):,}" if self._option.decimals == 0 else self._option.written(value)

    def _dress(self) -> None:
        px = self._theme.px
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(px(6))
        self._grid.setVerticalSpacing(px(2))
        self.editor.setFixedWidth(px(140))
        self.editor.lineEdit().setTextMargins(px(4), 0, px(4), 0)


class _Number(QDoubleSpinBox):
    """Whole numbers too: those of a context do not fit into Qt's own. The wheel scrolls the panel unless focused."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setKeyboardTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
