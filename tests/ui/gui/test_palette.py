"""The palette and the list of shortcuts: everything is found by typing, done by Enter, and left by Escape."""

import time
from typing import Any

import pytest

from rushlight.assistant.app import App


@pytest.fixture
def host(qtbot: Any, frame: Any) -> Any:
    """A window with a field that has the focus before anything opens."""
    from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

    made = QWidget()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.field = QLineEdit()
    QVBoxLayout(made).addWidget(made.field)
    with qtbot.waitExposed(made):
        made.show()
    made.field.setFocus()
    qtbot.waitUntil(made.field.hasFocus)
    return made


@pytest.fixture
def palette(frame: Any, host: Any) -> Any:
    from rushlight.ui.gui.palette import Palette

    return Palette(frame, host)


@pytest.fixture
def shortcuts(frame: Any, host: Any) -> Any:
    from rushlight.ui.gui.shortcut_list import ShortcutList

    return ShortcutList(frame, host)


def _titles(card: Any) -> list[str]:
    return [line.title for line in card.model.lines() if not line.is_heading]


def test_it_opens_at_once_with_actions_and_their_keys(palette: Any, qtbot: Any) -> None:
    begin_s = time.perf_counter()
    palette.open()
    palette.repaint()
    took_s = time.perf_counter() - begin_s
    assert palette.field.hasFocus() and "New chat" in _titles(palette)
    assert ("Ctrl+N",) in [line.keys for line in palette.model.lines()]
    assert took_s < 0.1


def test_an_action_is_found_and_done_and_the_focus_goes_back(palette: Any, host: Any, frame: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    palette.open()
    qtbot.keyClicks(palette.field, "larger text")
    qtbot.waitUntil(lambda: palette.current() is not None and palette.current().id == "view.larger")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert frame.ran == ["view.larger"] and not palette.isVisible() and host.field.hasFocus()


def test_kinds_stand_under_headings_and_lead_to_their_places(
    palette: Any, frame: Any, store: App, one_model: Any, qtbot: Any
) -> None:
    from PySide6.QtCore import Qt

    first = store.conversations.create(title="Contexts of letters")
    palette.open("context")
    qtbot.waitUntil(lambda: "Contexts of letters" in _titles(palette))
    headings = [line.title for line in palette.model.lines() if line.is_heading]
    assert "Chats" in headings and "Settings" in headings
    _take(palette, qtbot, "Contexts of letters")
    assert frame.opened == [(first.id, None)]
    palette.open("engine.context")
    qtbot.waitUntil(lambda: any(line.kind == "setting" for line in palette.model.lines()))
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    palette.open(one_model.id)
    qtbot.waitUntil(lambda: palette.current() is not None and palette.current().kind == "model")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert frame.shown_pages == ["settings", "models"]


def _take(palette: Any, qtbot: Any, title: str) -> None:
    from PySide6.QtCore import Qt

    while palette.current().title != title:
        before = palette.current()
        qtbot.keyClick(palette.field, Qt.Key.Key_Down)
        assert palette.current() != before, f"{title} was not reached"
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)


def test_arrows_step_over_headings_and_hold_at_the_ends(palette: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    palette.open("text")
    qtbot.waitUntil(lambda: len(palette.model.entries()) > 2 and palette.current() is not None)
    first = palette.current()
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.current() == first
    for _ in range(60):
        qtbot.keyClick(palette.field, Qt.Key.Key_Down)
        assert not palette.current().is_heading
    assert palette.list.currentIndex().row() == palette.model.entries()[-1]


def test_enter_waits_for_what_was_typed_last(palette: Any, frame: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    palette.open()
    qtbot.keyClicks(palette.field, "smaller text")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: frame.ran == ["view.smaller"])


def test_nothing_found_says_so(palette: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    palette.open("zzqqxxyy")
    qtbot.waitUntil(lambda: palette.empty.isVisible())
    assert "zzqqxxyy" in palette.empty.text() and not palette.list.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()


def test_escape_and_a_click_beside_it_close_it(palette: Any, host: Any, qtbot: Any) -> None:
    from PySide6.QtCore import QPoint, Qt

    palette.open()
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible() and host.field.hasFocus()
    palette.open()
    qtbot.mouseClick(palette, Qt.MouseButton.LeftButton, pos=QPoint(3, 590))
    assert not palette.isVisible()


def test_it_goes_when_the_focus_is_taken_elsewhere(palette: Any, host: Any) -> None:
    palette.open()
    host.field.setFocus()
    assert not palette.isVisible() and host.field.hasFocus()


def test_tab_stays_inside_and_letters_in_the_list_go_to_the_field(palette: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    palette.open()
    qtbot.keyClick(palette.field, Qt.Key.Key_Tab)
    assert palette.list.hasFocus()
    palette.field.clear()
    qtbot.keyClick(palette.list, Qt.Key.Key_Q)
    assert palette.field.hasFocus() and palette.field.text() == "q"


def test_screen_readers_hear_title_detail_and_key(palette: Any, store: App, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    store.conversations.create(title="<b>bold</b>\x1b[31m red")
    palette.open("bold")
    qtbot.waitUntil(lambda: any("bold" in title for title in _titles(palette)))
    row = palette.model.entries()[0]
    spoken = palette.model.data(palette.model.index(row), Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("<b>bold</b> red")
    assert palette.list.accessibleDescription() == "1 result"
    assert palette.field.accessibleName() and palette.accessibleName()


def test_it_stays_within_a_small_window_at_200_percent(palette: Any, frame: Any, host: Any, qtbot: Any) -> None:
    frame.theme.set_scale(2.0)
    palette.open("e")
    qtbot.waitUntil(lambda: len(palette.model.entries()) > 5)
    card = palette.card.geometry()
    assert host.rect().contains(card) and card.width() > 800
    frame.theme.set_scale(1.0)


def test_every_shortcut_is_listed_and_found_by_word_or_key(shortcuts: Any, frame: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    from rushlight.ui.desk.actions import actions

    shortcuts.open()
    assert len(_titles(shortcuts)) == sum(bool(one.window_keys) for one in actions())
    qtbot.keyClicks(shortcuts.field, "ctrl+n")
    assert "New chat" in _titles(shortcuts)
    shortcuts.field.setText("")
    qtbot.keyClicks(shortcuts.field, "side column")
    assert _titles(shortcuts) == ["Show or hide the side column"]
    qtbot.keyClick(shortcuts.field, Qt.Key.Key_Return)
    assert frame.ran == ["view.sidebar"]


def test_in_the_window_it_opens_by_its_key_and_escape_belongs_to_it(window: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    window.show_page("jobs")
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.palette_card is not None and window.palette_card.isVisible())
    palette = window.palette_card
    qtbot.waitUntil(palette.field.hasFocus)
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(palette.isVisible)
    qtbot.keyClicks(palette.field, "engine.batch")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)

    def batch_has_focus() -> bool:
        from rushlight.ui.gui.pages.settings import SettingsPage

        page = window.findChild(SettingsPage)
        return page is not None and "engine.batch" in page.cards and page.cards["engine.batch"].editor.focus.hasFocus()

    qtbot.waitUntil(batch_has_focus, timeout=10_000)
    assert not palette.isVisible()


def test_in_the_window_a_model_found_opens_its_card(window: Any, one_model: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    from rushlight.ui.gui.pages.models import ModelsPage

    window.run_action("app.palette")
    qtbot.keyClicks(window.palette_card.field, one_model.id)
    qtbot.keyClick(window.palette_card.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.findChild(ModelsPage) is not None)
    qtbot.waitUntil(lambda: window.findChild(ModelsPage).panel.isVisible(), timeout=20_000)
    assert window.findChild(ModelsPage).panel.model_id == one_model.id
