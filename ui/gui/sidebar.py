"""The side column of the chat page: a new chat, the search, the conversations, and what can be taken back.

Knows `ConversationList` and the window it stands in; draws what the one says and asks the other to open things.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCursor, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.conversation_list import ConversationList, ListState, Row
from rushlight.ui.gui.conversations.view import ConversationView
from rushlight.ui.gui.icons import icon
from rushlight.ui.gui.widgets import IconButton, button, label
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.main_window import MainWindow

_SEARCH_AFTER_MS = 120
_UNDO_FOR_MS = 20000


class _View:
    """A widget has a `show` of its own, hence this. What is still on its way when the window closes ends here."""

    def __init__(self, sidebar: "Sidebar") -> None:
        self.sidebar: Sidebar | None = sidebar

    def show(self, state: ListState) -> None:
        if self.sidebar is not None:
            self.sidebar.show_state(state)


class Sidebar(QFrame):
    """One per window. `start` begins to read, `leave` ends it."""

    def __init__(self, window: "MainWindow") -> None:
        super().__init__()
        self._window = window
        self._theme = window.theme
        self._held: ListState | None = None  # what came while a name was being typed
        self._wanted_folder: str | None = None  # a new one, to be named as soon as its row is there
        self.setProperty("role", "side-list")
        self.setAccessibleName(text("Chats"))
        self._view = _View(self)
        self.desk = ConversationList(window.background, self._view, window.remembered)
        self.desk.on_gone = self._gone
        self.desk.on_job = lambda _job: window.tell(
            text("The conversations are being taken in."),
            action=text("Show the jobs"),
            on_action=lambda: window.show_page("jobs"),
        )
        self._make_widgets()
        self._connect()
        self._dress()
        self._theme.changed.connect(self._dress)

    def _make_widgets(self) -> None:
        self.new_button = button(text("New chat"), lambda: self._window.run_action("chat.new"), "primary")
        self.palette_button = QPushButton()
        self.palette_button.setProperty("role", "field")
        self.palette_button.setAccessibleName(text("Search everything"))
        self.palette_button.clicked.connect(lambda _checked=False: self._window.run_action("app.palette"))
        self._palette_words = label(text("Search everything"), "muted")
        self._palette_key = label("Ctrl K", "key")
        inside = QHBoxLayout(self.palette_button)
        inside.addStretch(1)
        inside.addWidget(self._palette_key, 0, Qt.AlignmentFlag.AlignVCenter)
        for one in (self._palette_words, self._palette_key):
            one.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside.insertWidget(0, self._palette_words)
        self._palette_inside = inside

        self.field = QLineEdit()
        self.field.setPlaceholderText(text("Search the chats"))
        self.field.setAccessibleName(text("Search the chats"))
        self.field.setClearButtonEnabled(True)
        self.field.hide()

        self.trash_row = QWidget()
        row = QHBoxLayout(self.trash_row)
        row.setContentsMargins(0, 0, 0, 0)
        self.back_button = IconButton(self._theme, "chevron-left", text("Back to the chats"), size=16)
        self.empty_button = button(text("Empty"), self._ask_to_empty, "link")
        self.empty_button.setAccessibleName(text("Empty the trash"))
        row.addWidget(self.back_button)
        row.addWidget(label(text("Trash"), "heading"), 1)
        row.addWidget(self.empty_button)
        self.trash_row.hide()

        self.list = ConversationView(self._theme)
        self.empty = label("", "muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.hide()

        self.line = QFrame()  # what was done, or a question; with one button
        self.line.setProperty("role", "notice")
        self._line_words = label("", "small", wrap=True)
        self._line_button = button("", self._line_does, "link")
        self._line_close = IconButton(self._theme, "x", text("Dismiss"), size=14)
        self._line_row = QHBoxLayout(self.line)
        self._line_row.addWidget(self._line_words, 1)
        self._line_row.addWidget(self._line_button)
        self._line_row.addWidget(self._line_close)
        self.line.hide()
        self._line_do: Callable[[], None] = lambda: None

        self.trash_button = IconButton(self._theme, "trash-2", text("Show the trash"), size=16, checkable=True)
        self._footer = QHBoxLayout()
        self._footer.addWidget(label(text("Nothing leaves this machine."), "small"), 1)
        self._footer.addWidget(self.trash_button)

        self._head = QVBoxLayout()
        for widget in (self.new_button, self.palette_button, self.field, self.trash_row):
            self._head.addWidget(widget)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(self._head)
        self._column.addWidget(self.list, 1)
        self._column.addWidget(self.empty, 1)
        self._foot = QVBoxLayout()
        self._foot.addWidget(self.line)
        self._foot.addLayout(self._footer)
        self._column.addLayout(self._foot)

    def _connect(self) -> None:
        desk, wishes = self.desk, self.list.wishes
        wishes.open = lambda row: self._window.open_conversation(row.id, row.message_id)
        wishes.open_in_window = lambda row: _ignore(self._window.application.new_window(row.id))
        wishes.toggle_folder = lambda row: desk.toggle_folder(row.id)
        wishes.delete = lambda row: (desk.delete_folder if row.kind == "folder" else desk.delete)(row.id)
        wishes.pin = lambda row: desk.pin(row.id, not row.pinned)
        wishes.restore = lambda row: desk.restore(row.id)
        wishes.purge = self._ask_to_purge
        wishes.new_folder = lambda row: self.new_folder(row.id if row is not None else None)
        wishes.move = lambda row, folder: desk.move(row.id, folder)
        wishes.more = desk.more
        wishes.leave_up = self._leave
        wishes.renamed = lambda: None if self._held is None else self.show_state(self._held)
        self.list.conversations.on_rename = self._rename
        self.list.conversations.on_drop = desk.move
        self._search_timer = QTimer(self)
        self._search_timer.setSingleShot(True)
        self._search_timer.setInterval(_SEARCH_AFTER_MS)
        self._search_timer.timeout.connect(lambda: desk.search(self.field.text()))
        self.field.textEdited.connect(lambda _words: self._search_timer.start())
        self.field.textChanged.connect(lambda words: None if words else desk.search(""))
        self.field.installEventFilter(self)
        self.back_button.clicked.connect(lambda _checked=False: desk.show_trash(False))
        self.trash_button.clicked.connect(lambda _checked=False: self.toggle_trash())
        self._line_close.clicked.connect(lambda _checked=False: self._dismiss_line())
        self._undo_timer = QTimer(self)
        self._undo_timer.setSingleShot(True)
        self._undo_timer.setInterval(_UNDO_FOR_MS)
        self._undo_timer.timeout.connect(self._dismiss_line)

    # --- what the window asks -----------------------------------------------------------------------------------
    def start(self) -> None:
        self.desk.refresh()

    def leave(self) -> None:
        self._search_timer.stop()
        self._undo_timer.stop()
        self._view.sidebar = None
        self.desk.close()

    def show_opened(self, conversation_id: str | None) -> None:
        """The page shows that one."""
        self.list.conversations.set_opened(conversation_id)
        if conversation_id is not None and not self.list.hasFocus():
            index = self.list.conversations.find(conversation_id)
            if index.isValid():
                self.list.setCurrentIndex(index)
                self.list.scrollTo(index)

    def open_neighbour(self, step: int) -> None:
        """The next chat of the list, or the one before."""
        found = self.desk.neighbour(self._window.conversation_id, step)
        if found is not None:
            self._window.open_conversation(found)

    def search(self) -> None:
        """The field for the chats, with the focus in it."""
        self._window.show_page("chat")
        self._window.show_side()
        self.field.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    def toggle_trash(self) -> None:
        self._window.show_page("chat")
        self._window.show_side()
        self.desk.show_trash(not self.desk.state.is_trash)

    def new_folder(self, parent: str | None = None) -> None:
        """Made at once under a free name, which is then edited in its place."""
        self._window.show_page("chat")
        self._window.show_side()
        self.desk.show_trash(False)
        self.desk.create_folder("", parent, self._want_name)

    def undo(self) -> None:
        """Take back what the line names."""
        self.desk.undo()

    def pin_opened(self) -> None:
        row = self._opened_row()
        if row is not None:
            self.desk.pin(row.id, not row.pinned)

    def delete_opened(self) -> None:
        row = self._opened_row()
        if row is not None:
            self.desk.delete(row.id)

    def move_opened(self) -> None:
        """A menu of the folders, at the row or at the mouse."""
        row = self._opened_row()
        if row is None:
            return
        menu = self.list.move_menu(row, self)
        menu.addAction(text("New folder"), self.new_folder)
        menu.aboutToHide.connect(menu.deleteLater)
        index = self.list.conversations.find(row.id)
        is_seen = self.list.isVisible() and index.isValid()
        place = self.list.viewport().mapToGlobal(self.list.visualRect(index).center()) if is_seen else QCursor.pos()
        menu.popup(place)

    # --- what the desk says -------------------------------------------------------------------------------------
    def show_state(self, state: ListState) -> None:
        """The list is this now. While a name is being typed it waits: the row might be another one."""
        if self.list.is_renaming():
            self._held = state
            return
        self._held = None
        model = self.list.conversations
        model.is_trash = state.is_trash
        self.list.folders = state.folders
        model.set_rows(state.rows)
        is_empty = not state.rows and not state.is_loading
        self.list.setVisible(not is_empty)
        self.empty.setVisible(is_empty)
        self.empty.setText(_nothing_there(state) if is_empty else "")
        self.trash_row.setVisible(state.is_trash)
        self.empty_button.setEnabled(bool(state.rows))
        self.trash_button.setChecked(state.is_trash)
        if state.undo:
            self._say(state.undo, text("Undo"), self.desk.undo)
            self._undo_timer.start()
        elif self._undo_timer.isActive():
            self._undo_timer.stop()
            self.line.hide()
        if self._wanted_folder is not None:
            index = model.find(self._wanted_folder, "folder")
            if index.isValid():
                self._wanted_folder = None
                self.list.rename(index)

    # --- inside -------------------------------------------------------------------------------------------------
    def _opened_row(self) -> Row | None:
        """The row of the shown chat; made up where its page of the list was not read yet."""
        opened = self._window.conversation_id
        if opened is None:
            self._window.tell(text("A new chat is in the list once something was said in it."))
            return None
        found = self.list.conversations.row_at(self.list.conversations.find(opened))
        return found or Row("conversation", opened, "")

    def _rename(self, row: Row, title: str) -> None:
        (self.desk.rename_folder if row.kind == "folder" else self.desk.rename)(row.id, title)

    def _want_name(self, folder_id: str) -> None:
        self._wanted_folder = folder_id
        self.show_state(self.desk.state)

    def _gone(self, conversation_id: str) -> None:
        for window in self._window.application.windows:
            if window.conversation_id == conversation_id:
                window.open_conversation(None)

    def _ask_to_purge(self, row: Row) -> None:
        question = text("Remove “{title}” for ever?", title=row.title)
        self._say(question, text("Remove"), lambda: self.desk.purge(row.id))

    def _ask_to_empty(self) -> None:
        self._say(text("Remove all that is in the trash for ever?"), text("Remove all"), self.desk.empty_trash)

    def _say(self, words: str, action: str, do: Callable[[], None]) -> None:
        self._line_words.setText(words)
        self._line_button.setText(action)
        self._line_button.setAccessibleName(f"{action}: {words}")
        self._line_do = do
        self.line.show()

    def _line_does(self) -> None:
        do, self._line_do = self._line_do, lambda: None
        self.line.hide()
        self._undo_timer.stop()
        do()

    def _dismiss_line(self) -> None:
        self.line.hide()
        self._undo_timer.stop()
        self.desk.dismiss_undo()

    def _leave(self) -> None:
        """Escape: out of the search, out of the trash, then back to the page."""
        if self.field.isVisible():
            self.field.clear()
            self.field.hide()
            self.desk.search("")
            self.list.setFocus()
        elif self.desk.state.is_trash:
            self.desk.show_trash(False)
        elif self._window.can_run("app.focus-input"):
            self._window.run_action("app.focus-input")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent):
            is_override = event.type() == QEvent.Type.ShortcutOverride
            if event.key() == Qt.Key.Key_Escape and event.type() in (
                QEvent.Type.KeyPress,
                QEvent.Type.ShortcutOverride,
            ):
                event.accept()
                if not is_override:
                    self._leave()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
                self.list.setFocus()
                if not self.list.currentIndex().isValid():
                    self.list.setCurrentIndex(self.list.conversations.index(0))
                return True
        return super().eventFilter(watched, event)

    def _dress(self) -> None:
        px, tokens = self._theme.px, self._theme.tokens
        self._head.setContentsMargins(px(12), px(14), px(12), px(4))
        self._head.setSpacing(px(10))
        self._foot.setContentsMargins(px(12), px(6), px(12), px(10))
        self._foot.setSpacing(px(8))
        self._footer.setContentsMargins(px(8), 0, 0, 0)
        self._line_row.setContentsMargins(px(10), px(4), px(4), px(4))
        self._line_row.setSpacing(px(4))
        self.empty.setContentsMargins(px(20), px(16), px(20), px(16))
        self._palette_words.setFont(self._theme.font("list"))
        side = px(14)
        self.palette_button.setIcon(icon("search", tokens.muted, side))
        self.palette_button.setMinimumHeight(px(34))
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        near, far = (9, 32) if is_mirrored else (32, 9)  # Qt mirrors what is inside, but not the margins
        self._palette_inside.setContentsMargins(px(near), 0, px(far), 0)


def _nothing_there(state: ListState) -> str:
    if state.query:
        return text("Nothing was found for “{query}”.", query=plain_line(state.query))
    if state.is_trash:
        return text("The trash is empty. What you throw away lies here until you empty it.")
    return text("Your chats will be listed here, the newest first. Only this machine has them.")


def _ignore(_value: object) -> None:
    """For what answers more than is wanted."""
