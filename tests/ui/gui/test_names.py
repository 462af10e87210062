"""Screen readers: whatever can take the focus on any page has a name, and every page and list says what it is."""

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QLabel, QMenuBar, QScrollArea, QWidget

from rushlight.ui.gui import pages as _registers_them  # noqa: F401
from rushlight.ui.gui.main_window import MainWindow
from rushlight.ui.gui.page import pages

PAGES = [info.id for info in pages()]


def focusable(root: QWidget) -> list[QWidget]:
    """What Tab or a click can reach now."""
    return [
        one
        for one in root.findChildren(QWidget)
        if one.isVisible()
        and one.isEnabled()
        and one.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not _is_inside_of_another(one)
    ]


def _is_inside_of_another(one: QWidget) -> bool:
    """Parts of a compound widget speak through it: the field of a spin box, the viewport of a list."""
    parent = one.parentWidget()
    if one.focusProxy() is not None or isinstance(one, QMenuBar):
        return True
    if isinstance(one, QScrollArea) and not one.accessibleName():
        return one.focusPolicy() == Qt.FocusPolicy.NoFocus
    return parent is not None and parent.focusProxy() is one and bool(parent.accessibleName())


def name_of(one: QWidget) -> str:
    interface = QAccessible.queryAccessibleInterface(one)
    return interface.text(QAccessible.Text.Name) if interface is not None else one.accessibleName()


@pytest.fixture
def ready(window: MainWindow, qtbot: Any) -> MainWindow:
    qtbot.waitUntil(lambda: not window.sidebar.desk.state.is_loading)
    return window


@pytest.mark.parametrize("page_id", PAGES)
def test_whatever_takes_the_focus_has_a_name(ready: MainWindow, page_id: str) -> None:
    ready.show_page(page_id)
    page = ready.page()
    assert page is not None and page.accessibleName()
    nameless = [
        f"{type(one).__name__} {one.objectName()} in {type(one.parentWidget()).__name__}"
        for one in focusable(ready)
        if not name_of(one).strip()
    ]
    assert nameless == []


@pytest.mark.parametrize("page_id", PAGES)
def test_no_label_reads_markup(ready: MainWindow, page_id: str) -> None:
    """Titles, names and answers may hold anything."""
    ready.show_page(page_id)
    for one in ready.findChildren(QLabel):
        if one.text():
            assert one.textFormat() in (Qt.TextFormat.PlainText, Qt.TextFormat.AutoText), one.text()
            assert one.textFormat() == Qt.TextFormat.PlainText or "<" not in one.text(), one.text()


def test_roles_are_those_of_what_they_are(ready: MainWindow) -> None:
    wanted = {
        ready.sidebar.new_button: QAccessible.Role.Button,
        ready.sidebar.list: QAccessible.Role.List,
        ready.sidebar.field: QAccessible.Role.EditableText,
    }
    for widget, role in wanted.items():
        interface = QAccessible.queryAccessibleInterface(widget)
        assert interface is not None and interface.role() == role
    for button in ready.rail.buttons.values():
        assert isinstance(button, QAbstractButton) and button.toolTip().startswith(button.accessibleName())


def test_rows_of_the_list_are_read_by_a_screen_reader(ready: MainWindow, store: Any, qtbot: Any) -> None:
    store.conversations.folders.create("Work")
    store.conversations.create("Lamps")
    side = ready.sidebar
    qtbot.waitUntil(lambda: len(side.list.conversations.rows) == 4)
    interface = QAccessible.queryAccessibleInterface(side.list)
    assert interface is not None
    said = [interface.child(at).text(QAccessible.Text.Name) for at in range(interface.childCount())]
    assert "Lamps" in said
    assert any(one.startswith("Folder Work, 0 chats, closed") for one in said)


def test_lists_have_no_nameless_viewport(ready: MainWindow) -> None:
    for one in ready.findChildren(QAbstractScrollArea):
        assert one.viewport().focusPolicy() == Qt.FocusPolicy.NoFocus or one.viewport().accessibleName() or name_of(one)
