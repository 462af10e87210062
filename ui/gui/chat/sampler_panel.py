"""The panel at the right of the chat: how its answers are sampled, presets, and the system prompt.

Knows the options of `sampler_options`; what is set is said by signals and comes back as the state.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.gui.chat.option_row import OptionRow
from rushlight.ui.gui.chat.preset_row import PresetRow
from rushlight.ui.gui.chat.sampler_options import options
from rushlight.ui.gui.chat.system_panel import SystemEditor
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, label
from rushlight.ui.words import text

WIDTH = 320


class SamplerPanel(QFrame):
    """Hidden until it is shown. `option_set` has None where an option goes back to its default."""

    option_set = Signal(str, object)  # name, text or None
    system_set = Signal(object)  # text, or None for the setting's
    preset_used = Signal(str)
    preset_saved = Signal(str)
    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._state = ChatState()
        self._defaults: dict[str, float] = {}
        self.setProperty("role", "side-right")
        self.setAccessibleName(text("Sampler and system prompt"))
        self.close_button = IconButton(theme, "x", text("Close the panel"), size=16, on_click=self.close_panel)
        self._head = QHBoxLayout()
        self._head.addWidget(label(text("Answers of this chat"), "heading"), 1)
        self._head.addWidget(self.close_button)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self.presets = PresetRow(theme)
        self.presets.used.connect(self.preset_used)
        self.presets.saved.connect(self.preset_saved)
        self._column.addWidget(self.presets)
        self.rows: dict[str, OptionRow] = {}
        for option in options({}):
            row = OptionRow(theme, option)
            row.changed.connect(self.option_set)
            self.rows[option.name] = row
            self._column.addWidget(row)
        self.system = SystemEditor(theme)
        self.system.changed.connect(self.system_set)
        self._column.addWidget(self.system)
        self._column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._head)
        layout.addWidget(self._scroll, 1)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    def show_defaults(self, defaults: dict[str, float], system: str, presets: Sequence[str]) -> None:
        """What holds where the chat says nothing, and the presets there are."""
        self._defaults = defaults
        for option in options(defaults):
            self.rows[option.name].set_option(option)
        self.system.set_default(system)
        self.presets.show_presets(presets)
        self._show()

    def show_state(self, state: ChatState) -> None:
        if (state.options, state.system) == (self._state.options, self._state.system):
            self._state = state
            return
        self._state = state
        self._show()

    def _show(self) -> None:
        state = self._state
        given = dict(state.options)
        for name, row in self.rows.items():
            row.show_value(given.get(name))
        self.system.show_system(state.system)

    def open_panel(self, *, at_system: bool = False) -> None:
        """Show it with the focus in its first field, or in the system prompt."""
        self.show()
        wanted: QWidget = self.system.editor if at_system else self.rows["temperature"].editor
        wanted.setFocus(Qt.FocusReason.OtherFocusReason)
        QTimer.singleShot(0, wanted, lambda: self._scroll.ensureWidgetVisible(wanted))

    def close_panel(self) -> None:
        """What is being typed is kept first."""
        if not self.is_open:
            return
        self.finish()
        self.hide()
        self.closed.emit()

    def finish(self) -> None:
        """Say now what waits for a pause in typing."""
        self.system.finish()
        for row in self.rows.values():
            row.finish()

    def _dress(self) -> None:
        px = self._theme.px
        self._head.setContentsMargins(px(16), px(10), px(8), px(6))
        self._column.setContentsMargins(px(16), px(4), px(16), px(16))
        self._column.setSpacing(px(12))
