"""Which adapter answers in this chat, and how strongly: a list and a slider under the adapter's chip.

Knows the state of a chat; what is chosen is said by signals and comes back as the state.
"""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QListWidget, QListWidgetItem, QSlider, QWidget

from rushlight.ui.desk.chat_adapters import MOST_PERCENT, choices
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.gui.chat.candidate_row import CandidateDelegate
from rushlight.ui.gui.chat.completion import Candidate
from rushlight.ui.gui.chat.under_chip import UnderChip
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import IconButton, button, label
from rushlight.ui.words import text

_WIDTH, _MAX_ROWS = 380, 7
_PAUSE_MS = 300  # while the slider is moved nothing is stored


class AdapterPicker(UnderChip):
    """`chosen` has the key of a choice, `strength_set` percent."""

    chosen = Signal(str)
    strength_set = Signal(int)
    compare_wanted = Signal()
    manage = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent, width=_WIDTH, name=text("The adapter of this chat"))
        self._state = ChatState()
        self._is_moved = False  # the slider, and that was not said yet
        self.heading = label(text("The adapter of this chat"), "heading")
        self.list = QListWidget(self)
        self.list.setAccessibleName(text("Adapters"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(CandidateDelegate(theme, self.list))
        self.list.itemClicked.connect(lambda _item: self._take())
        self.name = label(text("Strength"))
        self.percent = label("", "muted")
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setRange(0, MOST_PERCENT)
        self.slider.setSingleStep(5)
        self.slider.setPageStep(25)
        self.slider.setAccessibleName(text("Strength of the adapter in percent"))
        self.slider.valueChanged.connect(self._moved)
        self.name.setBuddy(self.slider)
        self.reset = IconButton(theme, "undo-2", text("Back to 100 %"), size=14, on_click=self._reset)
        self.meaning = label(
            text("100 % is as it was trained, 0 % leaves it out. Kept with this chat, from the next answer on."),
            "small",
            wrap=True,
        )
        self.compare_button = button(text("Compare blind…"), self._compare, "link")
        self.manage_button = button(text("All adapters…"), self._manage, "link")
        self.take_keys(self.list, self.slider, self.reset, self.compare_button, self.manage_button)
        self._head = QHBoxLayout()
        self._head.addWidget(self.name)
        self._head.addStretch(1)
        self._head.addWidget(self.percent)
        self._head.addWidget(self.reset)
        self._foot = QHBoxLayout()
        self._foot.addWidget(self.compare_button)
        self._foot.addStretch(1)
        self._foot.addWidget(self.manage_button)
        self.column.addWidget(self.heading)
        self.column.addWidget(self.list)
        self.column.addLayout(self._head)
        self.column.addWidget(self.slider)
        self.column.addWidget(self.meaning)
        self.column.addLayout(self._foot)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.finish)
        self.closed.connect(self.finish)
        theme.changed.connect(self._dress)
        self._dress()

    def open_under(self, chip: QWidget, state: ChatState) -> None:
        """Show it below `chip`."""
        self._state = state
        self.appear(chip)
        self._show()
        self.list.setFocus(Qt.FocusReason.PopupFocusReason)

    def show_state(self, state: ChatState) -> None:
        """As the chat has it now."""
        before, self._state = self._state, state
        shown = (state.adapters, state.adapter, state.adapter_percent)
        if self.is_open and shown != (before.adapters, before.adapter, before.adapter_percent):
            self._show()

    def place(self, chip: QWidget) -> None:
        """In a low window what the numbers mean gives way, then the heading."""
        for one in (self.meaning, self.heading):
            one.show()
        super().place(chip)
        for one in (self.meaning, self.heading):
            if self.wanted_height(self.width()) > self.height():
                one.hide()
                super().place(chip)

    def finish(self) -> None:
        """Say now what waits for the slider to rest."""
        self._pause.stop()
        if self._is_moved:
            self._is_moved = False
            self.strength_set.emit(self.slider.value())

    # --- inside -------------------------------------------------------------------------------------------------
    def _show(self) -> None:
        row, found = self.list.currentRow(), choices(self._state)
        self.list.clear()
        for at, one in enumerate(found):
            shown = Candidate("model", one.key, f"✓ {one.title}" if one.is_current else one.title, one.detail)
            item = QListWidgetItem(shown.title)
            item.setData(Qt.ItemDataRole.UserRole, shown)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{shown.title}, {shown.detail}")
            self.list.addItem(item)
            if row < 0 and one.is_current:
                row = at
        self.list.setCurrentRow(min(max(row, 0), len(found) - 1))
        self._fit()
        if not self._is_moved:
            self.slider.blockSignals(True)
            self.slider.setValue(self._state.adapter_percent)
            self.slider.blockSignals(False)
        self.slider.setEnabled(bool(self._state.adapter) or not self._state.adapter_percent)
        self._say_percent()
        if self.chip is not None:
            self.place(self.chip)

    def _moved(self, _value: int) -> None:
        self._is_moved = True
        self._say_percent()
        self._pause.start()

    def _say_percent(self) -> None:
        self.percent.setText(text("{percent} %", percent=self.slider.value()))
        self.reset.setEnabled(self.slider.isEnabled() and self.slider.value() != 100)

    def _reset(self) -> None:
        self.slider.setValue(100)
        self.finish()
        self.slider.setFocus(Qt.FocusReason.OtherFocusReason)

    def _take(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.finish()
            self.chosen.emit(str(item.data(Qt.ItemDataRole.UserRole).value))

    def _compare(self) -> None:
        self.close_picker()
        self.compare_wanted.emit()

    def _manage(self) -> None:
        self.close_picker()
        self.manage.emit()

    def _fit(self) -> None:
        count = self.list.count()
        height = self.list.sizeHintForRow(0) if count else 0
        self.list.setFixedHeight(max(1, min(count, _MAX_ROWS) * height + 2))

    def key_pressed(self, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.list.hasFocus():
            self._take()
            return True
        return super().key_pressed(event)

    def _dress(self) -> None:
        px = self.theme.px
        self.column.setContentsMargins(px(12), px(10), px(12), px(10))
        self.column.setSpacing(px(6))
        self._head.setSpacing(px(6))
        self.slider.setMinimumHeight(px(20))
        self._fit()
