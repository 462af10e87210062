"""Tables with their columns as a tree: name at the left, what it is at the right. Thousands of rows cost nothing.

Knows rows of a schema; asks nobody.
"""

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import QFrame, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_schema import count_text
from rushlight.ui.desk.sql_values import TableRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import plural, text

Index = QModelIndex | QPersistentModelIndex
_NOTE, _IS_TABLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_FEW = 8  # tables, of which the first is shown with its columns
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class _Model(QAbstractItemModel):
    """Two levels; the inner number of a column's index is the place of its table and one more."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: tuple[TableRow, ...] = ()

    def show_tables(self, tables: tuple[TableRow, ...]) -> None:
        self.beginResetModel()
        self.tables = tables
        self.endResetModel()

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        if column or not 0 <= row < self.rowCount(parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        above = index.internalId() if index.isValid() else 0
        return self.createIndex(above - 1, 0, 0) if above else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self.tables)
        return 0 if parent.internalId() else len(self.tables[parent.row()].columns)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        above = index.internalId()
        if role == _IS_TABLE:
            return not above
        if above:
            column = self.tables[above - 1].columns[index.row()]
            name, note, detail = column.name, column.note, column.detail
        else:
            table = self.tables[index.row()]
            name, note, detail = table.name, count_text(table), table.comment
        if role == Qt.ItemDataRole.DisplayRole:
            return plain_line(name)
        if role == _NOTE:
            return plain_line(note)
        if role == Qt.ItemDataRole.ToolTipRole:
            tip = f"{name} · {detail}" if detail else name
            return plain_line(tip).replace("<", "‹")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._spoken(index, name, note)
        return None

    def _spoken(self, index: Index, name: str, note: str) -> str:
        if index.internalId():
            return plain_line(f"{name}, {note}")
        table = self.tables[index.row()]
        rows = "" if table.n_rows is None else plural("{count} row", "{count} rows", table.n_rows)
        columns = plural("{count} column", "{count} columns", len(table.columns))
        return ", ".join(part for part in (plain_line(name), text("view") if table.is_view else rows, columns) if part)


class _Line(QStyledItemDelegate):
    """A name, and beside it in small letters what it is."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        is_table = bool(index.data(_IS_TABLE))
        return QSize(self._theme.px(80), self._theme.px(36 if is_table else 30))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, px = self._theme, self._theme.px
        is_table = bool(index.data(_IS_TABLE))
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        rect: QRect = option.rect
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if selected:
            painter.setPen(theme.color("accent" if focused else "line"))
            painter.setBrush(theme.color("surface"))
            painter.drawRoundedRect(rect.toRectF().adjusted(1, 1, -1, -1), px(8), px(8))
        inside = rect.adjusted(px(8), 0, -px(8), 0)
        note = str(index.data(_NOTE) or "")
        painter.setFont(theme.font("small"))
        width = min(painter.fontMetrics().horizontalAdvance(note) + px(2), inside.width() * 3 // 5)
        side = Qt.AlignmentFlag.AlignRight if option.direction == Qt.LayoutDirection.LeftToRight else (
            Qt.AlignmentFlag.AlignLeft
        )  # fmt: skip
        painter.setPen(theme.color("muted" if is_table or selected else "faint"))
        cut = painter.fontMetrics().elidedText(note, Qt.TextElideMode.ElideRight, width)
        painter.drawText(inside, int(side | Qt.AlignmentFlag.AlignVCenter), cut)
        painter.setFont(theme.font("text" if is_table else "code"))
        painter.setPen(theme.color("ink"))
        room = inside.adjusted(0, 0, -width - px(8), 0)
        if side == Qt.AlignmentFlag.AlignLeft:
            room = inside.adjusted(width + px(8), 0, 0, 0)
        name = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, room.width())
        start = Qt.AlignmentFlag.AlignRight if side == Qt.AlignmentFlag.AlignLeft else Qt.AlignmentFlag.AlignLeft
        painter.drawText(room, int(start | Qt.AlignmentFlag.AlignVCenter), name)
        painter.restore()


class SchemaTree(QTreeView):
    """`named` hears what Enter or a double click chose, as a statement writes it: a table, or table.column."""

    named = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._model = _Model()
        self.setModel(self._model)
        self.setItemDelegate(_Line(theme, self))
        self.setAccessibleName(text("Tables and columns"))
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRootIsDecorated(False)
        self.setExpandsOnDoubleClick(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QTreeView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(False)
        self.clicked.connect(self._press)
        self.doubleClicked.connect(self._name)
        theme.changed.connect(self._dress)
        self._dress()

    def show_tables(self, tables: tuple[TableRow, ...], *, opened: bool = False) -> None:
        """These; `opened`: with their columns, as after a search that found some."""
        if tables == self._model.tables:
            return
        before = {table.name for at, table in enumerate(self._model.tables)
                  if self.isExpanded(self._model.index(at, 0))}  # fmt: skip
        current, is_new = self.current_name(), not self._model.tables
        self._model.show_tables(tables)
        for at, table in enumerate(tables):
            index = self._model.index(at, 0)
            if opened or table.name in before or (is_new and not at and len(tables) <= _FEW):
                self.setExpanded(index, True)
            if table.name == current:
                self.setCurrentIndex(index)
        if tables and not self.currentIndex().isValid():
            self.setCurrentIndex(self._model.index(0, 0))

    def current_name(self) -> str:
        """The table that is marked, or the one whose column is."""
        index = self.currentIndex()
        if not index.isValid():
            return ""
        above = index.internalId()
        return self._model.tables[above - 1 if above else index.row()].name

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and self.currentIndex().isValid():
            self._name(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def _press(self, index: QModelIndex) -> None:
        if not index.internalId():
            self.setExpanded(index, not self.isExpanded(index))

    def _name(self, index: QModelIndex) -> None:
        above = index.internalId()
        if above:
            table = self._model.tables[above - 1]
            self.named.emit(f"{table.place}.{table.columns[index.row()].place}")
        else:
            self.named.emit(self._model.tables[index.row()].place)

    def _dress(self) -> None:
        self.setIndentation(self._theme.px(14))
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, self._theme.color("side"))
        self.setPalette(palette)
        self.scheduleDelayedItemsLayout()
