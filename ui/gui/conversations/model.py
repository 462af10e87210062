"""The rows of the conversation list as Qt's views want them. Changes come as few insertions and removals as possible,
so that the place, the current row and an open editor stay where they are.

Knows rows; knows neither the desk nor a widget.
"""

from collections.abc import Callable

from PySide6.QtCore import QAbstractListModel, QMimeData, QModelIndex, QObject, QPersistentModelIndex, Qt

from rushlight.ui.desk.conversation_list import Row
from rushlight.ui.words import plural, text

Index = QModelIndex | QPersistentModelIndex
MIME = "application/x-rushlight-conversation"


class ConversationModel(QAbstractListModel):
    """`on_rename(row, title)` and `on_drop(conversation id, folder id or None)` hear what the user did."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.on_rename: Callable[[Row, str], None] = lambda _row, _title: None
        self.on_drop: Callable[[str, str | None], None] = lambda _id, _folder: None
        self.is_trash = False
        self.opened: str | None = None  # the conversation that the page shows
        self._rows: tuple[Row, ...] = ()

    # --- rows ---------------------------------------------------------------------------------------------------
    @property
    def rows(self) -> tuple[Row, ...]:
        return self._rows

    def row_at(self, index: Index) -> Row | None:
        return self._rows[index.row()] if index.isValid() and index.row() < len(self._rows) else None

    def find(self, row_id: str | None, kind: str = "conversation") -> QModelIndex:
        """The first row of that id, or no index."""
        for at, row in enumerate(self._rows):
            if row.id == row_id and row.kind == kind:
                return self.index(at)
        return QModelIndex()

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        """Instead of the present ones: what is alike at the beginning and at the end stays."""
        old = self._rows
        least = min(len(old), len(rows))
        head = 0
        while head < least and _same(old[head], rows[head]):
            head += 1
        tail = 0
        while tail < least - head and _same(old[-1 - tail], rows[-1 - tail]):
            tail += 1
        gone, new = len(old) - head - tail, len(rows) - head - tail
        if gone:
            self.beginRemoveRows(QModelIndex(), head, head + gone - 1)
            self._rows = old[:head] + old[len(old) - tail :]
            self.endRemoveRows()
        if new:
            self.beginInsertRows(QModelIndex(), head, head + new - 1)
            self._rows = self._rows[:head] + rows[head : head + new] + self._rows[head:]
            self.endInsertRows()
        before, self._rows = self._rows, rows
        for at, (was, row) in enumerate(zip(before, rows, strict=True)):
            if was != row:
                self.dataChanged.emit(self.index(at), self.index(at))

    def set_opened(self, conversation_id: str | None) -> None:
        """Mark that one as shown."""
        for changed in {self.opened, conversation_id} - {None}:
            self.opened = conversation_id
            for at, row in enumerate(self._rows):
                if row.id == changed:
                    self.dataChanged.emit(self.index(at), self.index(at))
        self.opened = conversation_id

    # --- what Qt asks -------------------------------------------------------------------------------------------
    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.row_at(index)
        if row is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return spoken(row, is_opened=row.id == self.opened)
        if role == Qt.ItemDataRole.ToolTipRole and row.kind != "group":
            return row.title.replace("<", "‹")  # nothing in it is read as markup
        return None

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        row = self.row_at(index)
        title = str(value).strip()
        if row is None or role != Qt.ItemDataRole.EditRole or not title or title == row.title:
            return False
        self.on_rename(row, title)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.row_at(index)
        flag = Qt.ItemFlag
        if row is None:
            return flag.ItemIsDropEnabled
        if row.kind == "group":
            return flag.ItemIsDropEnabled  # dropped on a day: out of its folder
        found = flag.ItemIsEnabled | flag.ItemIsSelectable | flag.ItemNeverHasChildren
        if self.is_trash:
            return found
        if row.kind == "folder":
            return found | flag.ItemIsEditable | flag.ItemIsDropEnabled
        return found | flag.ItemIsEditable | flag.ItemIsDragEnabled | flag.ItemIsDropEnabled

    def mimeTypes(self) -> list[str]:
        return [MIME]

    def mimeData(self, indexes: list[QModelIndex]) -> QMimeData:  # type: ignore[override]
        found = QMimeData()
        rows = [row for row in map(self.row_at, indexes) if row is not None and row.kind == "conversation"]
        if rows:
            found.setData(MIME, rows[0].id.encode())
        return found

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def canDropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        return not self.is_trash and data.hasFormat(MIME)

    def dropMimeData(self, data: QMimeData, action: Qt.DropAction, row: int, column: int, parent: Index) -> bool:
        if not self.canDropMimeData(data, action, row, column, parent):
            return False
        target = self.row_at(parent) or (self._rows[row - 1] if 0 < row <= len(self._rows) else None)
        folder = None
        if target is not None:
            folder = target.id if target.kind == "folder" else target.folder_id
        conversation_id = bytes(data.data(MIME).data()).decode("ascii", "replace")
        self.on_drop(conversation_id, folder)
        return True


def spoken(row: Row, *, is_opened: bool = False) -> str:
    """What a screen reader says of the row."""
    if row.kind == "group":
        return text("{title}, heading", title=row.title)
    if row.kind == "folder":
        state = text("open") if row.is_open else text("closed")
        count = plural("{count} chat", "{count} chats", row.count)
        return text("Folder {title}, {count}, {state}", title=row.title, count=count, state=state)
    parts = [row.title]
    if row.pinned:
        parts.append(text("pinned"))
    if is_opened:
        parts.append(text("shown"))
    if row.snippet:
        parts.append(row.snippet)
    return ", ".join(parts)


def _same(one: Row, other: Row) -> bool:
    """The same line, whatever has changed in it."""
    return (one.kind, one.id, one.depth, one.message_id) == (other.kind, other.id, other.depth, other.message_id)
