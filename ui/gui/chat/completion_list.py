"""The list that opens above the composer while `/`, `@` or `#` is typed. The keys stay in the composer.

Knows candidates; what choosing one does is the business of `completing`.
"""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLabel, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.chat.candidate_row import CandidateDelegate
from rushlight.ui.gui.chat.completion import Candidate
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import plural, text

_MAX_ROWS = 8
_MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -_MAX_ROWS, Qt.Key.Key_PageDown: _MAX_ROWS}
_TAKE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)


class CompletionList(QFrame):
    """Hidden while there is nothing to choose."""

    chosen = Signal(object)  # Candidate
    closed = Signal()  # by Escape
    resized = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._candidates: tuple[Candidate, ...] = ()
        self.setProperty("role", "card")
        self.setAccessibleName(text("Suggestions"))
        self.list = QListWidget(self)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setAccessibleName(text("Suggestions"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(CandidateDelegate(theme, self.list))
        self.list.itemClicked.connect(lambda _item: self._take())
        self.hint = QLabel(text("↑ ↓ to walk, Enter to take, Esc to close"), self)
        self.hint.setTextFormat(Qt.TextFormat.PlainText)
        self.hint.setProperty("role", "faint")
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(6, 6, 6, 6)
        self._column.setSpacing(4)
        self._column.addWidget(self.list)
        self._column.addWidget(self.hint)
        theme.changed.connect(self._fit)
        self.hide()

    @property
    def is_open(self) -> bool:
        return not self.isHidden()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """What is offered now, in the order of the rows."""
        return self._candidates

    def current(self) -> Candidate | None:
        """The marked one, if it can be chosen."""
        row = self.list.currentRow()
        found = self._candidates[row] if 0 <= row < len(self._candidates) else None
        return found if found is not None and found.kind != "note" else None

    def offer(self, candidates: Sequence[Candidate]) -> None:
        """Show these, the first marked; none closes the list."""
        if tuple(candidates) == self._candidates and self.is_open:
            return
        self._candidates = tuple(candidates)
        self.list.clear()
        for one in self._candidates:
            item = QListWidgetItem(one.title)
            item.setData(Qt.ItemDataRole.UserRole, one)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{one.title}, {one.detail}" if one.detail else one.title)
            if one.kind == "note":
                item.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(item)
        was_open = self.is_open
        self.setVisible(bool(self._candidates))
        if not self._candidates:
            return
        self.list.setCurrentRow(0 if self._candidates[0].kind != "note" else -1)
        self.hint.setVisible(any(one.kind != "note" for one in self._candidates))
        self._fit()
        if not was_open:
            announce(self, plural("{count} suggestion", "{count} suggestions", len(self._candidates)))

    def close_list(self) -> None:
        self.offer(())

    def take_key(self, event: QKeyEvent) -> bool:
        """Whether this key of the composer was for the list."""
        if not self.is_open:
            return False
        if event.key() == Qt.Key.Key_Escape:
            self.close_list()
            self.closed.emit()
            return True
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or self.current() is None:
            return False
        if event.key() in _MOVES:
            n = len(self._candidates)
            step = _MOVES[Qt.Key(event.key())]
            row = self.list.currentRow() + step
            self.list.setCurrentRow(row % n if abs(step) == 1 else min(max(row, 0), n - 1))
            found = self.current()
            announce(self, f"{found.title}, {found.detail}" if found else "")
            return True
        if event.key() in _TAKE:
            self._take()
            return True
        return False

    def _take(self) -> None:
        found = self.current()
        if found is not None:
            self.chosen.emit(found)

    def sizeHint(self) -> QSize:
        margins = self._column.contentsMargins()
        height = self.list.height() + margins.top() + margins.bottom()
        if not self.hint.isHidden():
            height += self.hint.sizeHint().height() + self._column.spacing()
        return QSize(self._theme.px(420), height)

    def _fit(self) -> None:
        rows = min(len(self._candidates), _MAX_ROWS)
        height = self.list.sizeHintForRow(0) if self._candidates else 0
        self.list.setFixedHeight(max(1, rows) * max(height, 1) + 2)
        self.updateGeometry()
        self.resized.emit()
