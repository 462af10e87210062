"""The left column of the SQL page: which files are open, their tables, and that nothing can be written through it."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QMenu, QVBoxLayout, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.sql_schema import narrowed
from rushlight.ui.desk.sql_values import RecentRow, SqlState, TableRow
from rushlight.ui.gui.chat.elided import ElidedButton
from rushlight.ui.gui.chat.own_escape import own_escape
from rushlight.ui.gui.sql.schema_tree import SchemaTree
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import label
from rushlight.ui.words import plural, text

_FEW = 8  # tables that need no search


class Opening(Protocol):
    """Whoever opens and closes files: `SqlDesk`."""

    def open(self, paths: Sequence[str]) -> None: ...
    def remove(self, name: str) -> None: ...
    def reload(self) -> None: ...


class SourceColumn(QFrame):
    """column.show_state(state). `ask_open` and `ask_add` ask for files."""

    def __init__(
        self,
        theme: Theme,
        desk: Opening,
        ask_open: Callable[[], None],
        ask_add: Callable[[], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self._desk = desk
        self._ask_open, self._ask_add = ask_open, ask_add
        self._state = SqlState()
        self._tables: tuple[TableRow, ...] = ()
        self.setProperty("role", "side")
        self.setAccessibleName(text("Open files and their tables"))
        self.chooser = ElidedButton(text("Open a database"))
        self.chooser.setProperty("role", "field")
        self.chooser.setSizePolicy(self.chooser.sizePolicy().horizontalPolicy().Ignored,
                                   self.chooser.sizePolicy().verticalPolicy())  # fmt: skip
        self.menu = QMenu(self.chooser)
        self.menu.setAccessibleName(text("Files"))
        self.chooser.clicked.connect(lambda _checked=False: self.open_menu())
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(text("Find a table or column"))
        self.filter.setAccessibleName(text("Find a table or column"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(lambda _words: self._narrow())
        self.filter.installEventFilter(self)
        own_escape(self.filter)
        self.filter.hide()
        self.count = label("", "small")
        self.tree = SchemaTree(theme)
        self.ask_server: Callable[[], None] = lambda: None
        self.nothing = label("", "muted", wrap=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.notes = label("", "small", wrap=True)
        self.promise = label(text("Read-only: enforced by SQLite, not by the prompt."), "small", wrap=True)
        self._column = QVBoxLayout(self)
        for widget in (self.chooser, self.filter, self.count):
            self._column.addWidget(widget)
        self._column.addWidget(self.tree, 1)
        self._column.addWidget(self.nothing, 1)
        self._column.addWidget(self.notes)
        self._column.addWidget(self.promise)
        theme.changed.connect(self._dress)
        self._dress()
        self.show_state(self._state)

    def show_state(self, state: SqlState) -> None:
        self._state = state
        self.promise.setText(
            text("Read-only: enforced by SQLite, not by the prompt.")
            if state.is_sqlite
            else text("Read-only: enforced by the database, not by the prompt.")
        )
        title = plain_line(state.title) if state.is_open else text("Open a database")
        self.chooser.set_words(f"{title} ▾")
        self.chooser.setAccessibleName(text("Files: {files}", files=title))
        self.chooser.setToolTip(plain_line(" + ".join(one.path for one in state.files)).replace("<", "‹"))
        notes = [f"{one.name}: {note}" for one in state.files for note in one.notes] + list(state.schema_notes)
        shown = "\n".join(plain_line(note)[:200] for note in notes[:3])
        if len(notes) > 3:
            shown += "\n" + plural("{count} more", "{count} more", len(notes) - 3)
        self.notes.setText(shown)
        self.notes.setVisible(bool(notes))
        self.notes.setToolTip(plain_line(" · ".join(notes))[:2000].replace("<", "‹"))
        if state.tables is not self._tables:
            self._tables = state.tables
            self.filter.setVisible(len(state.tables) > _FEW)
            if len(state.tables) <= _FEW:
                self.filter.clear()
            self._narrow()
        elif not state.tables:
            self._narrow()

    def open_menu(self) -> None:
        """What can be opened and closed, under the name of what is open."""
        self._fill_menu()
        self.menu.popup(self.chooser.mapToGlobal(QPoint(0, self.chooser.height())))

    def take_focus(self) -> None:
        """To the search, where there is one."""
        (self.filter if self.filter.isVisible() else self.tree).setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _narrow(self) -> None:
        words = self.filter.text()
        shown = narrowed(self._tables, words)
        self.tree.show_tables(shown, opened=bool(words.strip()) and len(shown) <= 20)
        self.tree.setVisible(bool(shown))
        self.nothing.setVisible(not shown)
        if not self._state.is_open:
            said = text("Nothing is open.")
        elif not self._tables:
            said = text("There are no tables in it.")
        else:
            said = text("No table and no column has that in its name.")
        self.nothing.setText(said)
        n, total = len(shown), len(self._tables)
        count = plural("{count} table", "{count} tables", total)
        self.count.setText(text("{n} of {tables}", n=n, tables=count) if n != total else count)
        self.count.setVisible(bool(self._tables))

    def _fill_menu(self) -> None:
        menu, state = self.menu, self._state
        menu.clear()
        menu.addAction(text("Open files…"), self._ask_open)
        menu.addAction(text("Open a PostgreSQL server…"), self.ask_server)
        if state.is_open:
            beside = menu.addAction(text("Add files beside…"), self._ask_add)
            beside.setEnabled(state.is_sqlite)
            menu.addAction(text("Read them again"), self._desk.reload)
            for one in state.files:
                menu.addAction(text("Close {file}", file=_menu_words(one.path)), partial(self._desk.remove, one.name))
        others = [one for one in state.recent if not one.is_open]
        if others:
            menu.addSeparator()
            for recent in others:
                action = menu.addAction(_menu_words(recent.title, whole=True), partial(self._open, recent))
                action.setToolTip(plain_line(" + ".join(recent.paths)).replace("<", "‹"))
        menu.setToolTipsVisible(True)

    def _open(self, recent: RecentRow) -> None:
        self._desk.open(recent.paths)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and watched is self.filter:
            if event.key() == Qt.Key.Key_Escape:
                self.filter.clear()
                return True
            if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.tree.setFocus(Qt.FocusReason.OtherFocusReason)
                return True
        return super().eventFilter(watched, event)

    def _dress(self) -> None:
        px = self._theme.px
        self._column.setContentsMargins(px(12), px(14), px(12), px(14))
        self._column.setSpacing(px(10))


def _menu_words(written: str, *, whole: bool = False) -> str:
    """A name in a menu: short, and an ampersand is an ampersand."""
    name = plain_line(written if whole else written.replace("\\", "/").rpartition("/")[2])
    return (name if len(name) <= 60 else name[:59] + "…").replace("&", "&&")
