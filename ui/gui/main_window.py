"""One window: the rail, the side column, the shown page, the line at the bottom. What a page sees as its `Frame`.

Knows how pages are made, shown and left, and what of the window is remembered; knows no page by its content.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QMoveEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.remembered import Remembered, WindowMemory
from rushlight.ui.gui import window_actions
from rushlight.ui.gui.page import ConversationPage, Leaving, PageInfo, pages
from rushlight.ui.gui.rail import Rail
from rushlight.ui.gui.shortcuts import Shortcuts
from rushlight.ui.gui.sidebar import Sidebar
from rushlight.ui.gui.status_line import StatusLine
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import ErrorPanel
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.application import Application
    from rushlight.ui.gui.palette import Palette
    from rushlight.ui.gui.shortcut_list import ShortcutList

_SIDE_WIDTH, _SIDE_LEAST, _SIDE_MOST = 264, 200, 520
_NARROW_WIDTH = 1000  # below it the side column gives way
_SAVE_AFTER_MS = 300
CHAT = "chat"


class MainWindow(QMainWindow):
    """Made by `Application.open_window`. `memory` is what this window remembers for itself."""

    def __init__(self, application: "Application", memory: WindowMemory) -> None:
        super().__init__()
        self.application = application
        self.memory = memory
        self.conversation_id: str | None = None
        self._conversation_title = ""
        self._infos: dict[str, PageInfo] = {info.id: info for info in pages()}
        self._made: dict[str, QWidget] = {}
        self._page_id = ""
        self._is_narrow_side_shown = False
        self._is_left = False
        self.palette_card: Palette | None = None
        self.shortcut_card: ShortcutList | None = None
        self.setWindowTitle("Rushlight")
        self.setMinimumSize(640, 480)
        self.resize(1360, 860)

        self.rail = Rail(self.theme, tuple(self._infos.values()))
        self.rail.on_page = self.show_page
        self.sidebar = Sidebar(self)
        self.stack = QStackedWidget()
        self.status_line = StatusLine(self.theme)
        column = QWidget()
        inner = QVBoxLayout(column)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.stack, 1)
        inner.addWidget(self.status_line)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.setHandleWidth(1)  # Qt makes the place to grab it wider than that
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(column)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.splitterMoved.connect(self._side_was_moved)
        self.whole = QWidget()
        row = QHBoxLayout(self.whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(self.splitter, 1)
        self.setCentralWidget(self.whole)

        self._save_timer = QTimer(self)
        self._save_timer.setSingleShot(True)
        self._save_timer.setInterval(_SAVE_AFTER_MS)
        self._save_timer.timeout.connect(self.save)
        self.shortcuts = Shortcuts(self, self._is_in_sight)
        window_actions.bind(self)
        self.theme.changed.connect(self._dress)
        self._dress()
        self._restore_geometry()

    # --- what a page may ask ------------------------------------------------------------------------------------
    @property
    def background(self) -> Background:
        return self.application.background

    @property
    def remembered(self) -> Remembered:
        return self.application.remembered

    @property
    def theme(self) -> Theme:
        return self.application.theme

    def show_page(self, page_id: str) -> None:
        info = self._infos.get(page_id)
        if info is None:
            self.tell(text("There is no such page."), "bad")
            return
        page = self._page(info)
        self._page_id = page_id
        self.stack.setCurrentWidget(page)
        self.rail.show_current(page_id)
        self._place_side()
        self.shortcuts.refresh()
        self._show_title()
        if info.place != "hidden" or info.under:
            self.memory.set("page", page_id)

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """The chat page tells by `note_conversation` when it is there."""
        if CHAT not in self._infos:
            return
        self._is_narrow_side_shown = False
        self._page(self._infos[CHAT], opened=(conversation_id, message_id))
        self.show_page(CHAT)

    def note_conversation(self, conversation_id: str | None, title: str = "") -> None:
        self.conversation_id = conversation_id
        self.sidebar.show_opened(conversation_id)
        self._conversation_title = plain_line(title)
        self._show_title()
        self.memory.set("conversation", conversation_id or "")
        self.shortcuts.refresh()

    def run_action(self, action_id: str) -> None:
        """What another page does is done there, that page shown first; but nothing is done to a chat that is hidden."""
        if self.shortcuts.run(action_id):
            return
        scope = action(action_id).scope
        if scope in self._infos and scope not in (CHAT, self._page_id):
            self.show_page(scope)
        if not self.shortcuts.run(action_id):
            self.tell(text("“{action}” is not possible here.", action=self.shortcuts.title(action_id)))

    def bind(self, action_id: str, slot: Callable[[], None], widget: QWidget) -> None:
        self.shortcuts.bind(action_id, slot, widget)

    def can_run(self, action_id: str) -> bool:
        return self.shortcuts.can_run(action_id)

    def tell(
        self, text: str, kind: str = "info", *, action: str = "", on_action: Callable[[], None] | None = None
    ) -> None:
        self.status_line.tell(text, kind, action, on_action)

    def side(self) -> QWidget | None:
        return self.sidebar if self._has_side() else None

    # --- what the application asks ------------------------------------------------------------------------------
    @property
    def page_id(self) -> str:
        """The shown page."""
        return self._page_id

    def page(self) -> QWidget | None:
        """The shown page's widget."""
        return self._made.get(self._page_id)

    def start(self, conversation_id: str | None = None) -> None:
        """Show what was shown when it was closed, or that conversation."""
        wanted = self.memory.get("page", CHAT)
        if conversation_id is None:
            conversation_id = self.memory.get("conversation", "") or None
        else:
            wanted = CHAT
        info = self._infos.get(wanted)
        if wanted != CHAT and info is not None and (info.place != "hidden" or info.under):
            self.show_page(wanted)
        elif CHAT in self._infos:
            self.open_conversation(conversation_id)
        elif self._infos:
            self.show_page(next(iter(self._infos)))
        self.sidebar.start()
        if self.can_run("app.focus-input"):
            self.run_action("app.focus-input")

    def bring_forward(self) -> None:
        """Before all other windows, as far as the system lets a program do that."""
        if self.isMinimized():
            self.showNormal()
        self.show()
        self.raise_()
        self.activateWindow()

    def toggle_side(self) -> None:
        """Show or hide the side column; in a narrow window only for the moment."""
        if not self._infos[self._page_id].has_conversations:
            return
        if self._is_narrow():
            self._is_narrow_side_shown = not self._is_narrow_side_shown
        else:
            self.remembered.set("sidebar_shown", not self.remembered.get("sidebar_shown", True))
        self._place_side()

    def show_side(self) -> None:
        if not self._has_side():
            self.toggle_side()

    def show_error(self, err: Error) -> None:
        """What nobody else showed."""
        self.tell(f"{err.message} {err.hint or ''}".strip(), "bad")

    def open_window(self) -> None:
        """Another one with a new chat."""
        self.application.new_window()

    def save(self) -> None:
        """Everything that is remembered, on the disk when this returns."""
        self._save_timer.stop()
        self.memory.set("geometry", b64encode(bytes(self.saveGeometry().data())).decode("ascii"))

    def leave(self) -> None:
        """Put away what pages hold. Twice is fine."""
        if self._is_left:
            return
        self._is_left = True
        self.save()
        for page in self._made.values():
            if isinstance(page, Leaving):
                page.leave()
        self.sidebar.leave()

    # --- pages --------------------------------------------------------------------------------------------------
    def _page(self, info: PageInfo, opened: tuple[str | None, str | None] | None = None) -> QWidget:
        """The page, made if it is not there yet. A page that fails shows why in its own place."""
        page = self._made.get(info.id)
        is_new = page is None
        if page is None:
            try:
                page = info.make(self)
            except Error as err:
                page = self._broken(err)
            except Exception as err:  # a bug in one page must not take the others away
                page = self._broken(self.application.report_bug(err))
            self._made[info.id] = page
            page.setAccessibleName(page.accessibleName() or info.title)
            self.stack.addWidget(page)
        if isinstance(page, ConversationPage):
            if opened is not None:
                page.open_conversation(*opened)
            elif is_new:
                page.open_conversation(self.memory.get("conversation", "") or None)
        return page

    def _broken(self, err: Error) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        panel = ErrorPanel(self.theme)
        panel.close_button.hide()
        column.addWidget(panel)
        column.addStretch(1)
        panel.show_error(err)
        return page

    def _is_in_sight(self, widget: QWidget) -> bool:
        shown = self._made.get(self._page_id)
        return widget is self or widget is shown or (shown is not None and shown.isAncestorOf(widget))

    # --- sizes --------------------------------------------------------------------------------------------------
    def _is_narrow(self) -> bool:
        return self.width() < min(self.theme.px(_NARROW_WIDTH), 1700)

    def _has_side(self) -> bool:
        info = self._infos.get(self._page_id)
        if info is None or not info.has_conversations:
            return False
        return self._is_narrow_side_shown if self._is_narrow() else self.remembered.get("sidebar_shown", True)

    def _place_side(self) -> None:
        is_shown = self._has_side()
        if self.sidebar.isVisibleTo(self.splitter) != is_shown:
            if not is_shown and self.sidebar.isAncestorOf(self.focusWidget() or self):
                self.stack.setFocus()
            self.sidebar.setVisible(is_shown)
            self._size_side()

    def _size_side(self) -> None:
        px = self.theme.px
        self.sidebar.setMinimumWidth(min(px(_SIDE_LEAST), self.width() // 2))
        self.sidebar.setMaximumWidth(px(_SIDE_MOST))
        width = px(self.remembered.get("sidebar_width", _SIDE_WIDTH))
        self.splitter.setSizes([width, max(1, self.splitter.width() - width)])

    def _side_was_moved(self, position: int, _index: int) -> None:
        width = self.sidebar.width()
        if width > 0 and self.sidebar.isVisible():
            self.remembered.set("sidebar_width", max(_SIDE_LEAST, round(width / self.theme.scale)))

    def _dress(self) -> None:
        self._size_side()
        self._place_side()

    def _restore_geometry(self) -> None:
        kept = self.memory.get("geometry", "")
        try:
            raw = b64decode(kept, validate=True)
        except ValueError:
            return
        if raw:
            self.restoreGeometry(QByteArray(raw))

    def _show_title(self) -> None:
        title = self._infos[self._page_id].title if self._page_id else ""
        if self._page_id == CHAT:
            title = self._conversation_title
        self.setWindowTitle(f"{title} – Rushlight" if title else "Rushlight")

    # --- events -------------------------------------------------------------------------------------------------
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if not self._is_narrow():
            self._is_narrow_side_shown = False
        self._place_side()
        self._save_timer.start()

    def moveEvent(self, event: QMoveEvent) -> None:
        super().moveEvent(event)
        self._save_timer.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self._save_timer.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.leave()
        super().closeEvent(event)
        self.application.window_closed(self)
