"""The last requests to the server as a table: time, path, model, answer, how long it took, tokens."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from rushlight.ui.desk.server_values import RequestRow
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_COLORS = {"good": "good", "bad": "bad", "running": "accent", "muted": "muted"}
_STATUS = 3
_RIGHT = (4, 5)
_Index = QModelIndex | QPersistentModelIndex


class _Requests(QAbstractTableModel):
    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._rows: tuple[RequestRow, ...] = ()
        self._headers = (
            text("Time"), text("Path"), text("Model"), text("Answer"), text("Took"), text("Tokens"), text("Note"),
        )  # fmt: skip

    def show_rows(self, rows: tuple[RequestRow, ...]) -> None:
        """The newest first. New ones are put in, so that what is selected and seen stays."""
        if rows == self._rows:
            return
        known = self._rows[0].number if self._rows else -1
        n_new = next((at for at, one in enumerate(rows) if one.number <= known), len(rows))
        is_other = not self._rows or not rows or n_new == len(rows)
        if is_other:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
            return
        if n_new:
            self.beginInsertRows(QModelIndex(), 0, n_new - 1)
            self._rows = (*rows[:n_new], *self._rows)
            self.endInsertRows()
        if len(self._rows) > len(rows):
            self.beginRemoveRows(QModelIndex(), len(rows), len(self._rows) - 1)
            self._rows = self._rows[: len(rows)]
            self.endRemoveRows()
        self._rows = rows
        if rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self._headers) - 1))

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        one = self._rows[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return (one.time, one.path, one.model, one.status, one.duration, one.tokens, one.detail)[column]
        if role == Qt.ItemDataRole.ForegroundRole:
            if column == _STATUS:
                return self._theme.color(_COLORS[one.meaning])
            return self._theme.color("muted") if column in (0, 6) else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole and column in (1, 2, 6):
            return (one.path, one.model, one.detail)[(1, 2, 6).index(column)].replace("<", "‹")
        return None


def _alignment(column: int) -> Qt.AlignmentFlag:
    across = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return across | Qt.AlignmentFlag.AlignVCenter


class RequestsTable(QTableView):
    """table.show_rows(state.requests)"""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._requests = _Requests(theme)
        self.setModel(self._requests)
        self.setAccessibleName(text("The last requests"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.show_rows: Callable[[tuple[RequestRow, ...]], None] = self._requests.show_rows
        self._dress()
        theme.changed.connect(self._dress)

    def _dress(self) -> None:
        px = self._theme.px
        for column, width in enumerate((86, 210, 250, 96, 96, 120)):
            self.setColumnWidth(column, px(width))
        self.verticalHeader().setDefaultSectionSize(px(34))
        self.setMinimumHeight(px(180))
        self.setFixedHeight(px(340))
