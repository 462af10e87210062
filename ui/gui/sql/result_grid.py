"""The rows of an answer as a table: only what is seen is drawn. Cells are strangers' text, shown as plain letters.

A press on a head sorts; Ctrl+C copies what is marked, as no spreadsheet runs it; Enter shows a cell as a whole.
"""

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableView, QWidget

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.assistant.sql.export import harmless
from rushlight.assistant.sql.values import Cell, Result
from rushlight.ui.desk.sql_words import cell_text
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import plural, text

Index = QModelIndex | QPersistentModelIndex
_ROWS_SEEN = 12  # at most without scrolling in the table itself
_LOOKED_AT = 60  # rows by which the widths of columns are found
_LEAST, _MOST = 72, 340  # width of a column, unscaled
_COPIED = 20_000  # cells at most
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class GridModel(QAbstractTableModel):
    """Rows in the order they came, or sorted by one column; what is empty stands last."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.result = Result((), ())
        self._order: list[int] = []
        self._numbers: list[bool] = []  # which columns hold numbers

    def show_result(self, result: Result) -> None:
        self.beginResetModel()
        self.result = result
        self._order = list(range(len(result.rows)))
        self._numbers = [
            any(row[i] is not None for row in result.rows)
            and all(row[i] is None or isinstance(row[i], (int, float)) for row in result.rows)
            for i in range(len(result.columns))
        ]
        self.endResetModel()

    def cell(self, index: Index) -> Cell:
        return self.result.rows[self._order[index.row()]][index.column()]

    def is_number(self, column: int) -> bool:
        return self._numbers[column]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.result.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return plain_line(cell_text(self.cell(index)))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(index.column())
        if role == Qt.ItemDataRole.ForegroundRole and (cell := self.cell(index)) is not None:
            return QColor(self._theme.tokens.muted if isinstance(cell, bytes) else self._theme.tokens.ink)
        if role == Qt.ItemDataRole.ForegroundRole:
            return QColor(self._theme.tokens.faint)
        return None

    def headerData(self, section: int, side: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if side != Qt.Orientation.Horizontal:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return plain_line(self.result.columns[section])[:200]
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_line(self.result.columns[section])[:500].replace("<", "‹")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self._side(section)
        return None

    def _side(self, column: int) -> int:
        """Numbers at the right, below each other; alone they stand where one looks first."""
        at_end = self._numbers[column] and len(self._numbers) > 1
        side = Qt.AlignmentFlag.AlignTrailing if at_end else Qt.AlignmentFlag.AlignLeading
        return int(side | Qt.AlignmentFlag.AlignVCenter)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By that column; -1: as they came."""
        self.layoutAboutToBeChanged.emit()
        rows, places = self.result.rows, range(len(self.result.rows))
        if 0 <= column < len(self.result.columns):
            there = [at for at in places if rows[at][column] is not None]
            there.sort(key=lambda at: _sort_key(rows[at][column]), reverse=order == Qt.SortOrder.DescendingOrder)
            self._order = there + [at for at in places if rows[at][column] is None]
        else:
            self._order = list(places)
        self.layoutChanged.emit()


class ResultGrid(QTableView):
    """grid.show_result(result). `cell_opened` hears the whole text of a cell."""

    cell_opened = Signal(str, str)  # column, text

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, rows_seen: int = _ROWS_SEEN) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows_seen = rows_seen
        self._widths: list[int] = []
        self.rows = GridModel(theme)
        self.setModel(self.rows)
        self.setAccessibleName(text("Rows"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(True)
        head.setSortIndicatorClearable(True)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.sortIndicatorChanged.connect(self.rows.sort)
        self.doubleClicked.connect(self._open)
        theme.changed.connect(self._dress)
        self._dress()

    def show_result(self, result: Result) -> None:
        if result is self.rows.result:
            return
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.rows.show_result(result)
        n_rows = plural("{count} row", "{count} rows", len(result.rows))
        n_columns = plural("{count} column", "{count} columns", len(result.columns))
        self.setAccessibleDescription(f"{n_rows}, {n_columns}")
        self._size_columns()
        self._size_height()
        if result.rows and result.columns:
            self.setCurrentIndex(self.rows.index(0, 0))
            self.clearSelection()
        self.scrollToTop()

    def copied(self) -> str:
        """What is marked, with tabs between cells; nothing that a spreadsheet would run."""
        chosen = sorted((one.row(), one.column()) for one in self.selectedIndexes())[:_COPIED]
        if not chosen and self.currentIndex().isValid():
            chosen = [(self.currentIndex().row(), self.currentIndex().column())]
        lines: dict[int, list[str]] = {}
        for row, column in chosen:
            lines.setdefault(row, []).append(_copied(self.rows.cell(self.rows.index(row, column))))
        return "\n".join("\t".join(cells) for cells in lines.values())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.copied())
            event.accept()
            return
        if event.key() in _ENTER and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._open(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.px(120), self.height())

    def _open(self, index: QModelIndex) -> None:
        if index.isValid():
            self.cell_opened.emit(self.rows.result.columns[index.column()], whole_text(self.rows.cell(index)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._spread()

    def _size_columns(self) -> None:
        """By the first rows."""
        px = self._theme.px
        cells = QFontMetrics(self._theme.font("list"))
        heads = QFontMetrics(self._theme.font("small"))
        self._widths = []
        for column, name in enumerate(self.rows.result.columns):
            width = heads.horizontalAdvance(plain_line(name)[:60]) + px(36)
            for row in self.rows.result.rows[:_LOOKED_AT]:
                width = max(width, cells.horizontalAdvance(plain_line(cell_text(row[column]))[:80]) + px(28))
            self._widths.append(max(px(_LEAST), min(width, px(_MOST))))
        self._spread()

    def _spread(self) -> None:
        """The room that is left is shared among the columns; what a user made wider or narrower stays until then."""
        room = self.viewport().width() - sum(self._widths)
        more = max(0, room) // max(1, len(self._widths))
        for column, width in enumerate(self._widths):
            self.setColumnWidth(column, width + more)

    def _size_height(self) -> None:
        rows = min(max(1, len(self.rows.result.rows)), self._rows_seen)
        height = self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(height + bar + 2)

    def _dress(self) -> None:
        self.setFont(self._theme.font("list"))
        self.horizontalHeader().setFont(self._theme.font("small"))
        line, px = self._theme.tokens.line, self._theme.px
        self.setStyleSheet(
            f"QTableView::item {{ border: none; border-bottom: 1px solid {line}; padding: 0 {px(9)}px; }}"
        )
        self.verticalHeader().setDefaultSectionSize(self._theme.px(33))
        self._size_columns()
        self._size_height()


def whole_text(cell: Cell) -> str:
    """All of a cell, lines included."""
    if isinstance(cell, bytes):
        return cell.hex(" ")
    return "NULL" if cell is None else plain(str(cell))


def _copied(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bytes):
        return cell.hex()
    return harmless(plain_line(cell)) if isinstance(cell, str) else str(cell)


def _sort_key(cell: Cell) -> tuple[int, Any]:
    """As SQLite sorts: numbers, texts, bytes."""
    if isinstance(cell, (int, float)):
        return (0, -math.inf if cell != cell else cell)
    return (1, cell) if isinstance(cell, str) else (2, cell)
