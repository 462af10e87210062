"""The list itself: keys, mouse, context menus, drag and drop. What the user wants goes to its callbacks.

Knows rows and menus; knows neither the store nor the page.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QEvent, QModelIndex, QPoint, Qt, QTimer
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QAbstractItemView, QFrame, QListView, QMenu, QWidget

from rushlight.ui.desk.conversation_list import Row
from rushlight.ui.gui.conversations.delegate import ConversationDelegate
from rushlight.ui.gui.conversations.model import ConversationModel
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import text

_OWN_KEYS = (Qt.Key.Key_F2, Qt.Key.Key_Delete)


def _nothing(_row: Row) -> None:
    """Until somebody listens."""


@dataclass
class Wishes:
    """What the user wants of a row."""

    open: Callable[[Row], None] = _nothing
    open_in_window: Callable[[Row], None] = _nothing
    toggle_folder: Callable[[Row], None] = _nothing
    delete: Callable[[Row], None] = _nothing
    pin: Callable[[Row], None] = _nothing
    restore: Callable[[Row], None] = _nothing
    purge: Callable[[Row], None] = _nothing
    new_folder: Callable[[Row | None], None] = lambda _row: None
    move: Callable[[Row, str | None], None] = lambda _row, _folder: None
    more: Callable[[], None] = lambda: None
    renamed: Callable[[], None] = lambda: None  # the editor of a name is closed, with or without a new one
    leave_up: Callable[[], None] = lambda: None  # Escape


class ConversationView(QListView):
    """`folders` are those of the menu "Move to": (id, path)."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wishes = Wishes()
        self.folders: tuple[tuple[str, str], ...] = ()
        self.conversations = ConversationModel(self)
        self.setModel(self.conversations)
        delegate = ConversationDelegate(theme, self)
        delegate.closeEditor.connect(self._editor_closed)
        self.setItemDelegate(delegate)
        self.setAccessibleName(text("Chats"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setDropIndicatorShown(True)
        self.setAutoScroll(True)
        self.setTabKeyNavigation(False)
        self.verticalScrollBar().valueChanged.connect(self._near_the_end)
        theme.changed.connect(self.scheduleDelayedItemsLayout)

    def current_row(self) -> Row | None:
        return self.conversations.row_at(self.currentIndex())

    def rename(self, index: QModelIndex) -> None:
        """Edit the title in its place."""
        self.setCurrentIndex(index)
        self.scrollTo(index)
        self.setFocus()
        self.edit(index)

    def is_renaming(self) -> bool:
        return self.state() == QAbstractItemView.State.EditingState

    def _editor_closed(self) -> None:
        QTimer.singleShot(0, self, lambda: self.wishes.renamed())

    # --- events -------------------------------------------------------------------------------------------------
    def event(self, event: QEvent) -> bool:
        """F2 and Delete mean the marked row here, not the shown chat."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and event.key() in _OWN_KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, key = self.current_row(), event.key()
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        opening = Qt.Key.Key_Left if is_mirrored else Qt.Key.Key_Right
        closing = Qt.Key.Key_Right if is_mirrored else Qt.Key.Key_Left
        if row is None or not plain:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._activate(row)
        elif key == Qt.Key.Key_Delete:
            (self.wishes.purge if self.conversations.is_trash else self.wishes.delete)(row)
        elif row.kind == "folder" and key == (closing if row.is_open else opening):
            self.wishes.toggle_folder(row)
        elif key == closing and row.folder_id is not None:
            index = self.conversations.find(row.folder_id, "folder")
            if index.isValid():
                self.setCurrentIndex(index)
        elif key == Qt.Key.Key_Escape:
            self.wishes.leave_up()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        row = self.conversations.row_at(self.indexAt(event.position().toPoint()))
        if row is None or self.state() == QAbstractItemView.State.DraggingState:
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._activate(row)
        elif event.button() == Qt.MouseButton.MiddleButton and row.kind == "conversation":
            self.wishes.open_in_window(row)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        row = self.conversations.row_at(index)
        menu = self.menu(row, index)
        place = self.visualRect(index).center() if by_key and index.isValid() else event.pos()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.viewport().mapToGlobal(QPoint(place)))

    def _activate(self, row: Row) -> None:
        if row.kind == "folder":
            self.wishes.toggle_folder(row)
        elif row.kind == "conversation" and not self.conversations.is_trash:
            self.wishes.open(row)

    def _near_the_end(self, value: int) -> None:
        if value >= self.verticalScrollBar().maximum() - self.viewport().height():
            self.wishes.more()

    # --- menus --------------------------------------------------------------------------------------------------
    def menu(self, row: Row | None, index: QModelIndex) -> QMenu:
        """What can be done with the row."""
        menu, wishes = QMenu(self), self.wishes
        if row is None or row.kind == "group":
            menu.addAction(text("New folder"), lambda: wishes.new_folder(None))
        elif row.kind == "folder":
            menu.addAction(text("Close") if row.is_open else text("Open"), lambda: wishes.toggle_folder(row))
            menu.addAction(text("Rename"), lambda: self.rename(index))
            menu.addAction(text("New folder inside"), lambda: wishes.new_folder(row))
            menu.addSeparator()
            menu.addAction(text("Remove the folder, keep its chats"), lambda: wishes.delete(row))
        elif self.conversations.is_trash:
            menu.addAction(text("Bring back"), lambda: wishes.restore(row))
            menu.addAction(text("Remove for ever"), lambda: wishes.purge(row))
        else:
            menu.addAction(text("Open"), lambda: wishes.open(row))
            menu.addAction(text("Open in a new window"), lambda: wishes.open_in_window(row))
            menu.addAction(text("Rename"), lambda: self.rename(index))
            menu.addAction(text("Unpin") if row.pinned else text("Pin"), lambda: wishes.pin(row))
            menu.addMenu(self.move_menu(row, menu))
            menu.addSeparator()
            menu.addAction(text("Move to the trash"), lambda: wishes.delete(row))
        return menu

    def move_menu(self, row: Row, parent: QWidget) -> QMenu:
        """The folders a conversation can go to."""
        menu = QMenu(text("Move to"), parent)
        outside = menu.addAction(text("No folder"), lambda: self.wishes.move(row, None))
        outside.setEnabled(row.folder_id is not None)
        menu.addSeparator()
        for folder_id, path in self.folders:
            one = menu.addAction(path.replace("&", "&&"), partial(self.wishes.move, row, folder_id))
            one.setEnabled(folder_id != row.folder_id)
        return menu
