"""The conversations at the side: listed, searched, opened, renamed, filed, thrown away, brought back, by keys too."""

import time
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLineEdit, QWidget

from rushlight.assistant.app import App
from rushlight.ui.desk.conversation_list import Row
from rushlight.ui.gui import page as page_module
from rushlight.ui.gui.conversations.model import MIME, ConversationModel, spoken
from rushlight.ui.gui.main_window import MainWindow
from rushlight.ui.gui.page import PageInfo
from rushlight.ui.gui.sidebar import Sidebar


class ChatStandIn(QWidget):
    def __init__(self, frame: Any) -> None:
        super().__init__()
        self.frame = frame
        self.opened: list[tuple[str | None, str | None]] = []

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        self.opened.append((conversation_id, message_id))
        self.frame.note_conversation(conversation_id, "")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ui.gui import pages as _real  # noqa: F401  (so that they do not register later)

    chat = PageInfo("chat", "Chat", "message-square", "top", 1, ChatStandIn, has_conversations=True)
    monkeypatch.setattr(page_module, "_pages", {"chat": chat})


@pytest.fixture
def side(window: MainWindow, qtbot: Any) -> Sidebar:
    qtbot.waitUntil(lambda: not window.sidebar.desk.state.is_loading)
    return window.sidebar


def titles(side: Sidebar) -> list[str]:
    return [row.title for row in side.list.conversations.rows if row.kind == "conversation"]


def opened(side: Sidebar) -> list[tuple[str | None, str | None]]:
    page = side._window.page()
    assert isinstance(page, ChatStandIn)
    return page.opened


def select(side: Sidebar, row_id: str, kind: str = "conversation") -> QModelIndex:
    index = side.list.conversations.find(row_id, kind)
    assert index.isValid()
    side.list.setCurrentIndex(index)
    side.list.setFocus()
    return index


def test_an_empty_list_says_what_it_is_for(side: Sidebar) -> None:
    assert side.empty.isVisible()
    assert "Only this machine has them" in side.empty.text()
    assert not side.list.isVisible()


def test_what_others_write_appears(side: Sidebar, store: App, qtbot: Any) -> None:
    made = store.conversations.create("Lamps")
    qtbot.waitUntil(lambda: titles(side) == ["Lamps"])
    assert side.list.isVisible()
    store.conversations.rename(made.id, "Candles")
    qtbot.waitUntil(lambda: titles(side) == ["Candles"])


def test_enter_and_click_open(side: Sidebar, store: App, qtbot: Any) -> None:
    one, two = store.conversations.create("One"), store.conversations.create("Two")
    qtbot.waitUntil(lambda: titles(side) == ["Two", "One"])
    select(side, one.id)
    qtbot.keyClick(side.list, Qt.Key.Key_Return)
    assert opened(side)[-1] == (one.id, None)
    assert side.list.conversations.opened == one.id
    place = side.list.visualRect(side.list.conversations.find(two.id)).center()
    qtbot.mouseClick(side.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened(side)[-1] == (two.id, None)


def test_next_and_previous_chat(side: Sidebar, store: App, qtbot: Any) -> None:
    one, two = store.conversations.create("One"), store.conversations.create("Two")
    qtbot.waitUntil(lambda: len(titles(side)) == 2)
    window = side._window
    window.run_action("chat.next")
    assert opened(side)[-1] == (two.id, None)
    window.run_action("chat.next")
    assert opened(side)[-1] == (one.id, None)
    window.run_action("chat.previous")
    assert opened(side)[-1] == (two.id, None)


def test_renaming_in_place(side: Sidebar, store: App, qtbot: Any) -> None:
    made = store.conversations.create("Lamps")
    qtbot.waitUntil(lambda: titles(side) == ["Lamps"])
    select(side, made.id)
    qtbot.keyClick(side.list, Qt.Key.Key_F2)
    editor = side.list.findChild(QLineEdit)
    assert editor is not None
    assert editor.accessibleName() == "New name"
    editor.setText("Better lamps")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: titles(side) == ["Better lamps"])
    assert store.conversations.get(made.id).title == "Better lamps"
    assert "another name" in side._line_words.text()


def test_a_row_keeps_its_editor_while_others_come(side: Sidebar, store: App, qtbot: Any) -> None:
    made = store.conversations.create("Lamps")
    qtbot.waitUntil(lambda: titles(side) == ["Lamps"])
    select(side, made.id)
    qtbot.keyClick(side.list, Qt.Key.Key_F2)
    editor = side.list.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Half a ti")
    store.conversations.create("Newer")
    store.conversations.configure(made.id, pinned=True)
    qtbot.waitUntil(lambda: [row.title for row in side.desk.state.rows if row.pinned] == ["Lamps"])
    assert editor.isVisible()
    assert editor.text() == "Half a ti"
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: titles(side) == ["Lamps", "Newer"])


def test_delete_goes_to_the_trash_and_comes_back(side: Sidebar, store: App, qtbot: Any) -> None:
    made = store.conversations.create("Lamps")
    qtbot.waitUntil(lambda: titles(side) == ["Lamps"])
    side._window.open_conversation(made.id)
    select(side, made.id)
    qtbot.keyClick(side.list, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: titles(side) == [] and side.line.isVisible())
    assert "is in the trash" in side._line_words.text()
    assert opened(side)[-1] == (None, None)  # the page does not show what was thrown away
    qtbot.mouseClick(side._line_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: titles(side) == ["Lamps"])
    assert not side.line.isVisible()


def test_the_trash(side: Sidebar, store: App, qtbot: Any) -> None:
    one, two = store.conversations.create("One"), store.conversations.create("Two")
    store.conversations.delete(one.id)
    store.conversations.delete(two.id)
    side._window.run_action("conversations.trash")
    qtbot.waitUntil(lambda: set(titles(side)) == {"One", "Two"})
    assert side.trash_row.isVisible()
    select(side, one.id)
    qtbot.keyClick(side.list, Qt.Key.Key_Delete)  # asks first
    assert "for ever?" in side._line_words.text()
    assert store.conversations.get(one.id)
    qtbot.mouseClick(side._line_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: titles(side) == ["Two"])
    row = side.list.conversations.rows[0]
    side.list.wishes.restore(row)
    qtbot.waitUntil(lambda: titles(side) == [])
    assert "The trash is empty" in side.empty.text()
    qtbot.mouseClick(side.back_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: titles(side) == ["Two"])
    assert not side.trash_row.isVisible()


def test_folders_open_and_take_in(side: Sidebar, store: App, qtbot: Any) -> None:
    folder = store.conversations.folders.create("Work")
    made = store.conversations.create("Lamps")
    model = side.list.conversations
    qtbot.waitUntil(lambda: model.find(folder.id, "folder").isValid() and model.find(made.id).isValid())
    data = QMimeData()
    data.setData(MIME, made.id.encode())
    target = model.find(folder.id, "folder")
    assert model.dropMimeData(data, Qt.DropAction.MoveAction, -1, -1, target)
    qtbot.waitUntil(lambda: store.conversations.get(made.id).folder_id == folder.id)
    qtbot.waitUntil(lambda: not model.find(made.id).isValid())  # the folder is closed
    select(side, folder.id, "folder")
    qtbot.keyClick(side.list, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: model.find(made.id).isValid())
    row = model.row_at(model.find(made.id))
    assert row is not None and row.depth == 1
    select(side, made.id)
    qtbot.keyClick(side.list, Qt.Key.Key_Left)
    current = side.list.current_row()
    assert current is not None and current.id == folder.id
    qtbot.keyClick(side.list, Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: not model.find(made.id).isValid())


def test_a_new_folder_is_named_at_once(side: Sidebar, store: App, qtbot: Any) -> None:
    side._window.run_action("folder.new")
    qtbot.waitUntil(lambda: side.list.findChild(QLineEdit) is not None)
    editor = side.list.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Work")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: [one.name for one in store.conversations.folders.list()] == ["Work"])


def test_menus_name_what_can_be_done(side: Sidebar, store: App, qtbot: Any) -> None:
    folder = store.conversations.folders.create("R&D")
    made = store.conversations.create("Lamps")
    model = side.list.conversations
    qtbot.waitUntil(lambda: model.find(folder.id, "folder").isValid() and model.find(made.id).isValid())
    row = model.row_at(model.find(made.id))
    assert row is not None
    menu = side.list.menu(row, model.find(made.id))
    words = [action.text() for action in menu.actions() if action.text()]
    assert words == ["Open", "Open in a new window", "Rename", "Pin", "Move to", "Move to the trash"]
    moves = side.list.move_menu(row, side)
    assert [action.text() for action in moves.actions() if action.text()] == ["No folder", "R&&D"]
    moves.actions()[-1].trigger()
    qtbot.waitUntil(lambda: store.conversations.get(made.id).folder_id == folder.id)
    next(action for action in menu.actions() if action.text() == "Pin").trigger()
    qtbot.waitUntil(lambda: store.conversations.get(made.id).pinned)


def test_search_shows_passages_and_opens_at_the_message(side: Sidebar, store: App, qtbot: Any) -> None:
    made = store.conversations.create("Heating")
    message = store.conversations.append(made.id, None, "user", "Who repairs the boiler in flat 3?")
    store.conversations.create("Other")
    qtbot.waitUntil(lambda: len(titles(side)) == 2)
    side._window.run_action("app.search")
    assert side.field.isVisible()
    qtbot.keyClicks(side.field, "boiler")
    qtbot.waitUntil(lambda: titles(side) == ["Heating"])
    row = side.list.conversations.rows[0]
    assert "boiler" in row.snippet
    qtbot.keyClick(side.field, Qt.Key.Key_Down)
    qtbot.keyClick(side.list, Qt.Key.Key_Return)
    assert opened(side)[-1] == (made.id, message.id)
    qtbot.keyClick(side.field, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(titles(side)) == 2)
    assert not side.field.isVisible()
    side.search()
    qtbot.keyClicks(side.field, "zzzz")
    qtbot.waitUntil(lambda: "Nothing was found for" in side.empty.text())


def test_hostile_titles_are_drawn_as_they_are(side: Sidebar, store: App, qtbot: Any) -> None:
    for title in ("<img src=http://x/y.png>", "\x1b[31mred\x1b[0m", "‮evil", "&Open <b>bold</b>", "א" * 300, "𝔘" * 90):
        store.conversations.create(title)
    qtbot.waitUntil(lambda: len(titles(side)) == 6)
    assert not any("\x1b" in title for title in titles(side))
    model = side.list.conversations
    for at, row in enumerate(model.rows):
        if row.kind == "conversation":
            shown = model.data(model.index(at), Qt.ItemDataRole.ToolTipRole)
            assert isinstance(shown, str) and "<" not in shown
    assert not side.grab().isNull()


def test_matches_outside_the_basic_plane_are_marked_where_they_are(side: Sidebar) -> None:
    snippet = "𝔘𝔘 boiler"
    rows = (Row("conversation", "a", "T", snippet=snippet, ranges=((3, 9),), message_id="m"),)
    side.list.conversations.set_rows(rows)
    side.list.setVisible(True)
    assert isinstance(side.list.grab().toImage(), QImage)


def test_changes_are_few_moves_of_rows(qapp: Any) -> None:
    model = ConversationModel()
    rows = tuple(Row("conversation", str(n), f"Chat {n}") for n in range(100))
    model.set_rows(rows)
    seen: list[tuple[str, int, int]] = []
    model.rowsInserted.connect(lambda _parent, first, last: seen.append(("in", first, last)))
    model.rowsRemoved.connect(lambda _parent, first, last: seen.append(("out", first, last)))
    model.dataChanged.connect(lambda first, _last: seen.append(("changed", first.row(), first.row())))
    model.set_rows((Row("conversation", "new", "New"), *rows))
    assert seen == [("in", 0, 0)]
    seen.clear()
    model.set_rows((Row("conversation", "new", "Other title"), *rows[:50], *rows[51:]))
    assert seen == [("out", 51, 51), ("changed", 0, 0)]
    assert [row.id for row in model.rows] == ["new", *(str(n) for n in range(100) if n != 50)]


def test_rows_are_spoken() -> None:
    assert spoken(Row("folder", "f", "Work", count=1, is_open=False)) == "Folder Work, 1 chat, closed"
    assert spoken(Row("conversation", "c", "Lamps", pinned=True), is_opened=True) == "Lamps, pinned, shown"
    assert spoken(Row("group", "today", "Today")) == "Today, heading"


def test_ten_thousand_conversations_do_not_hold_the_window_up(side: Sidebar, store: App, qtbot: Any) -> None:
    with store.conversations.together():
        for number in range(10_000):
            store.conversations.create(f"Conversation {number}")
    qtbot.waitUntil(lambda: len(titles(side)) == 100, timeout=20_000)
    begin_s = time.perf_counter()
    for _ in range(20):
        side.list.verticalScrollBar().setValue(side.list.verticalScrollBar().maximum())
        side.list.viewport().repaint()
    assert time.perf_counter() - begin_s < 1.0
    qtbot.waitUntil(lambda: len(titles(side)) >= 200, timeout=20_000)
    rows = tuple(Row("conversation", str(n), f"Chat {n}") for n in range(10_000))
    begin_s = time.perf_counter()
    side.list.conversations.set_rows(rows)
    side.list.scrollToBottom()
    side.list.viewport().repaint()
    assert time.perf_counter() - begin_s < 1.0
