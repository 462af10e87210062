"""Everything without a mouse: Tab reaches whatever can have the focus, menus open by Alt, keys do what they say."""

from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QTextEdit, QWidget

from rushlight.ui.desk.actions import actions
from rushlight.ui.gui import pages as _registers_them  # noqa: F401
from rushlight.ui.gui.main_window import MainWindow
from rushlight.ui.gui.page import pages

PAGES = [info.id for info in pages()]


@pytest.fixture
def ready(window: MainWindow, qtbot: Any) -> MainWindow:
    qtbot.waitUntil(lambda: not window.sidebar.desk.state.is_loading)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def press_tab(back: bool = False) -> None:
    """At whatever has the focus now; a text field that keeps Tab for itself is left by Ctrl+Tab's way, focusNext."""
    widget = QApplication.focusWidget()
    assert widget is not None
    key, modifiers = (
        (Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
        if back
        else (Qt.Key.Key_Tab, Qt.KeyboardModifier.NoModifier)
    )
    QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyPress, key, modifiers))


def reachable(window: MainWindow) -> set[QWidget]:
    """Those that a full walk by Tab visits."""
    seen: set[QWidget] = set()
    for _ in range(400):
        press_tab()
        now = QApplication.focusWidget()
        if now is None or now in seen:
            break
        seen.add(now)
    return seen


def wanted(window: MainWindow) -> list[QWidget]:
    found = []
    for one in window.findChildren(QWidget):
        policy = one.focusPolicy()
        if not (one.isVisible() and one.isEnabled() and policy & Qt.FocusPolicy.TabFocus and one.focusProxy() is None):
            continue
        found.append(one)
    return found


@pytest.mark.parametrize("page_id", PAGES)
def test_tab_reaches_everything_and_goes_round(ready: MainWindow, page_id: str, qtbot: Any) -> None:
    ready.show_page(page_id)
    qtbot.wait(50)
    next(iter(ready.rail.buttons.values())).setFocus()
    seen = reachable(ready)
    missed = [f"{type(one).__name__} “{one.accessibleName()}”" for one in wanted(ready) if one not in seen]
    assert missed == []


def test_tab_leaves_text_fields(ready: MainWindow) -> None:
    ready.show_page("chat")
    for kind in (QPlainTextEdit, QTextEdit):
        for field in ready.findChildren(kind):
            assert field.tabChangesFocus() or field.isReadOnly(), field.accessibleName()


def test_keys_of_the_window(ready: MainWindow, qtbot: Any) -> None:
    def press(keys: str) -> None:
        combination = QKeySequence(keys)[0]
        focus = QApplication.focusWidget() or ready
        qtbot.keyClick(focus, combination.key(), combination.keyboardModifiers())

    press("Ctrl+2")
    assert ready.page_id == "models"
    press("Ctrl+3")
    assert ready.page_id == "jobs"
    press("Ctrl+,")
    assert ready.page_id == "settings"
    press("Ctrl+1")
    assert ready.page_id == "chat"
    press("Ctrl+B")
    assert not ready.sidebar.isVisible()
    press("Ctrl+Shift+S")
    assert ready.sidebar.isVisible()
    press("Ctrl++")
    assert ready.theme.scale == 1.1
    press("Ctrl+=")
    assert ready.theme.scale == 1.25
    press("Ctrl+-")
    press("Ctrl+0")
    assert ready.theme.scale == 1.0
    assert ready.remembered.get("text_scale", 0.0) == 1.0
    press("Ctrl+Shift+T")
    assert ready.theme.choice == "dark"
    assert ready.remembered.get("theme", "") == "dark"
    press("Ctrl+Shift+F")
    assert ready.sidebar.field.hasFocus()
    press("Esc")
    assert not ready.sidebar.field.isVisible()


def test_the_palette_and_the_list_of_keys_open_and_close(ready: MainWindow, qtbot: Any) -> None:
    before = QApplication.focusWidget()
    for action_id, card in (("app.palette", "palette_card"), ("app.shortcuts", "shortcut_card")):
        ready.run_action(action_id)
        shown = getattr(ready, card)
        assert shown.isVisible()
        focus = QApplication.focusWidget()
        assert focus is not None and shown.isAncestorOf(focus)
        qtbot.keyClick(focus, Qt.Key.Key_Escape)
        assert not shown.isVisible()
        assert QApplication.focusWidget() is before


def test_every_action_has_a_way_without_a_mouse(ready: MainWindow) -> None:
    """In a menu with a letter of its own; and no letter is a window's key as well."""
    letters = [action.text()[action.text().index("&") + 1].casefold() for action in ready.menuBar().actions()]
    assert len(set(letters)) == len(letters)
    keys = {key.casefold() for one in actions() for key in one.window_keys}
    assert not {f"alt+{letter}" for letter in letters} & keys


def test_no_key_is_ambiguous(ready: MainWindow) -> None:
    for page_id in PAGES:
        ready.show_page(page_id)
        seen: dict[str, str] = {}
        for action_id, action in ready.shortcuts.actions.items():
            for key in action.shortcuts():
                if action.isEnabled():
                    name = key.toString()
                    assert name not in seen, f"{name}: {seen[name]} and {action_id}"
                    seen[name] = action_id


def test_up_and_down_walk_over_the_rail(ready: MainWindow, qtbot: Any) -> None:
    first, second = list(ready.rail.buttons.values())[:2]
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Down)
    assert second.hasFocus()
    qtbot.keyClick(second, Qt.Key.Key_Up)
    assert first.hasFocus()
    qtbot.keyClick(first, Qt.Key.Key_Space)
    assert ready.page_id == next(iter(ready.rail.buttons))


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("page_id", PAGES)
def test_a_small_window_holds_every_page(ready: MainWindow, page_id: str, scale: float, qtbot: Any) -> None:
    ready.theme.set_scale(scale)
    ready.show_page(page_id)
    ready.resize(900, 600)
    qtbot.wait(20)
    assert (ready.width(), ready.height()) == (900, 600)
    ready.theme.set_scale(1.0)
