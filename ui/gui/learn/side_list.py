"""The left column of the page of learning: what is promoted, candidates, teachings under way, lessons.

Knows states of the desk; what is chosen goes to it.
"""

from typing import Protocol

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from rushlight.ui.desk.learn_values import Choice, LearnState
from rushlight.ui.desk.learn_words import listed
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import button
from rushlight.ui.words import text

_CHOICE, _NOTE = int(Qt.ItemDataRole.UserRole), int(Qt.ItemDataRole.UserRole) + 1


class Choosing(Protocol):
    """Whoever looks something up: `LearnDesk`."""

    def choose(self, choice: Choice) -> None: ...


class SideList(QFrame):
    """side.show_state(state)"""

    def __init__(self, theme: Theme, desk: Choosing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._shown: tuple[tuple[str, str, Choice | None], ...] = ()
        self._is_filling = False
        self.setProperty("role", "side")
        self.setAccessibleName(text("What was learned"))
        self.new_button = button(text("Teach something new"), lambda: desk.choose(Choice()), "primary")
        self.list = _Rows()
        self.list.setProperty("role", "bare")
        self.list.setAccessibleName(text("Adapters, teachings and lessons"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setItemDelegate(_Line(theme, self.list))
        self.list.currentItemChanged.connect(self._chosen)
        self._column = QVBoxLayout(self)
        self._column.addWidget(self.new_button)
        self._column.addWidget(self.list, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def show_state(self, state: LearnState) -> None:
        rows = _rows(state)
        if rows != self._shown:
            self._shown = rows
            self._fill()
        self._mark(state.choice)

    def _fill(self) -> None:
        self._is_filling = True
        place = self.list.verticalScrollBar().value()
        self.list.clear()
        for words, note, choice in self._shown:
            item = QListWidgetItem(words)
            if choice is None:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setFont(self._theme.font("small"))
            else:
                item.setData(_CHOICE, choice)
                item.setData(_NOTE, note)
                said = f"{words}: {note}" if note else words
                item.setToolTip(said.replace("<", "‹"))
                item.setData(int(Qt.ItemDataRole.AccessibleTextRole), said)
            item.setSizeHint(QSize(0, self._theme.px(30 if choice is None else 34)))
            self.list.addItem(item)
        self.list.verticalScrollBar().setValue(place)
        self._is_filling = False

    def _mark(self, choice: Choice) -> None:
        self._is_filling = True
        found = next((at for at, (_, _, one) in enumerate(self._shown) if one == choice), -1)
        if found != self.list.currentRow():
            self.list.setCurrentRow(found)
        self._is_filling = False

    def _chosen(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        choice = None if item is None or self._is_filling else item.data(_CHOICE)
        if isinstance(choice, Choice):
            self._desk.choose(choice)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(px(12), px(14), px(12), px(12))
        self._column.setSpacing(px(12))
        self._fill()


class _Line(QStyledItemDelegate):
    """The name, and at the end of the line what is noted of it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        note = str(index.data(_NOTE) or "")
        own = QStyleOptionViewItem(option)
        self.initStyleOption(own, index)
        style = own.widget.style()
        name, own.text = own.text, ""
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, own, painter, own.widget)
        px = self._theme.px
        room = own.rect.adjusted(px(12), 0, -px(10), 0)
        painter.save()
        font = self._theme.font("small")
        width = min(QFontMetrics(font).horizontalAdvance(note) + px(4), room.width() // 2) if note else 0
        if note:
            painter.setFont(font)
            painter.setPen(self._theme.color("muted"))
            said = QFontMetrics(font).elidedText(note, Qt.TextElideMode.ElideRight, width)
            painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), said)
            room.setRight(room.right() - width - px(8))
        is_choice = isinstance(index.data(_CHOICE), Choice)
        painter.setFont(own.font)
        painter.setPen(self._theme.color("ink" if is_choice else "muted"))
        said = QFontMetrics(own.font).elidedText(name, Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), said)
        painter.restore()


class _Rows(QListWidget):
    """A list whose Tab leads on to what is beside it."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            event.ignore()
        else:
            super().keyPressEvent(event)


def _rows(state: LearnState) -> tuple[tuple[str, str, Choice | None], ...]:
    """(words, note, what it shows); headings show nothing."""
    rows: list[tuple[str, str, Choice | None]] = []
    for heading, entries in listed(state):
        rows += [(heading.upper(), "", None), *entries]
    return tuple(rows)
