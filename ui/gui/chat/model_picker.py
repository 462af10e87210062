"""Which model answers: a list under the model's chip, with what fits and what is loaded. Typing narrows it.

Knows rows of models; what is chosen is said by a signal.
"""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.model_values import ModelRow, ModelsState
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.candidate_row import CandidateDelegate
from rushlight.ui.gui.chat.completion import Candidate
from rushlight.ui.gui.chat.under_chip import UnderChip
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button, label
from rushlight.ui.words import text

_WIDTH, _MAX_ROWS = 420, 9
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -_MAX_ROWS, Qt.Key.Key_PageDown: _MAX_ROWS}


class ModelPicker(UnderChip):
    """The view of a `ModelsDesk`: `show_models` gets its state."""

    chosen = Signal(str)  # model id
    manage = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent, width=_WIDTH, name=text("Choose the model"))
        self._rows: tuple[ModelRow, ...] = ()
        self._current = ""
        self.field = QLineEdit(self)
        self.field.setPlaceholderText(text("Type to narrow the list"))
        self.field.setAccessibleName(text("Narrow the list of models"))
        self.field.textChanged.connect(lambda _text: self._fill())
        self.list = QListWidget(self)
        self.list.setAccessibleName(text("Models"))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(CandidateDelegate(theme, self.list))
        self.list.itemClicked.connect(lambda _item: self._take())
        self.take_keys(self.field, self.list)
        self.nothing = label("", "muted", wrap=True)
        self.manage_button = button(text("All models…"), self._manage, "link")
        for widget in (self.field, self.list, self.nothing):
            self.column.addWidget(widget)
        self.column.addWidget(self.manage_button, 0, Qt.AlignmentFlag.AlignLeft)
        theme.changed.connect(self._dress)
        self._dress()

    def open_under(self, chip: QWidget, model_id: str) -> None:
        """Show it below `chip`; `model_id` is what answers now."""
        self._current = model_id
        self.field.clear()
        self.appear(chip)
        self._fill()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def show_models(self, state: ModelsState) -> None:
        """What there is, as the models desk knows it."""
        rows = tuple(row for row in state.rows if row.purpose == "chat")
        if rows != self._rows:
            self._rows = rows
            if self.is_open:
                self._fill()

    def current(self) -> str:
        """The id that Enter would take."""
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole).value) if item is not None else ""

    # --- inside -------------------------------------------------------------------------------------------------
    def _fill(self) -> None:
        wanted = self.field.text().casefold().split()
        shown = [row for row in self._rows if all(word in f"{row.id} {row.label}".casefold() for word in wanted)]
        before = self.current() or self._current
        self.list.clear()
        for row in shown:
            one = Candidate("model", row.id, _title(row, row.id == self._current), _detail(row))
            item = QListWidgetItem(one.title)
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{one.title}, {one.detail}")
            tip = row.problem or row.fit_detail
            item.setToolTip(plain_line(f"{row.id} · {tip}" if tip else row.id).replace("<", "‹"))
            self.list.addItem(item)
            if row.id == before:
                self.list.setCurrentItem(item)
        if self.list.currentRow() < 0 and shown:
            self.list.setCurrentRow(0)
        self.list.setVisible(bool(shown))
        self.nothing.setVisible(not shown)
        self.nothing.setText(
            text("No model has that in its name.") if self._rows else text("There is no model yet. Import one first.")
        )
        self._fit(len(shown))
        if self.chip is not None:
            self.place(self.chip)

    def _fit(self, count: int) -> None:
        height = self.list.sizeHintForRow(0) if count else 0
        self.list.setFixedHeight(max(1, min(count, _MAX_ROWS) * height + 2))

    def _take(self) -> None:
        found = self.current()
        if found:
            self.close_picker()
            self.chosen.emit(found)

    def _manage(self) -> None:
        self.close_picker()
        self.manage.emit()

    def key_pressed(self, event: QKeyEvent) -> bool:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take()
            return True
        if event.key() in _MOVES and self.list.count():
            row = self.list.currentRow() + _MOVES[Qt.Key(event.key())]
            self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
            item = self.list.currentItem()
            announce(self.field, str(item.data(Qt.ItemDataRole.AccessibleTextRole)) if item else "")
            return True
        return super().key_pressed(event)

    def _dress(self) -> None:
        px = self.theme.px
        self.column.setContentsMargins(px(10), px(10), px(10), px(10))
        self.column.setSpacing(px(6))
        self._fit(self.list.count())


def _title(row: ModelRow, is_current: bool) -> str:
    return f"✓ {row.label}" if is_current else row.label


def _detail(row: ModelRow) -> str:
    if row.problem:
        return text("cannot be used")
    if row.is_loading:
        return text("is being loaded")
    return row.fit_text
