"""The page of settings: what is changed is stored and said, what cannot be stays with its reason, all is found."""

import os
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings


def _stored(name: str) -> object:
    return read_settings(find_paths())[0].value(name)


@pytest.fixture
def page(frame: Any, qtbot: Any) -> Any:
    from rushlight.ui.gui.pages.settings import SettingsPage

    made = SettingsPage(frame)
    qtbot.addWidget(made)
    made.resize(900, 600)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: bool(made.cards) and bool(made.data.paths))
    return made


def test_a_number_is_stored_as_it_is_changed_and_reset(page: Any, qtbot: Any) -> None:
    card = page.cards["engine.context"]
    assert card.editor.field.minimum() == 0
    card.editor.field.setValue(4096)
    qtbot.waitUntil(lambda: card._saved.isVisible())
    assert _stored("engine.context") == 4096
    qtbot.waitUntil(lambda: card.reset.isVisible() and "settings.toml line" in card._source.text())
    card.reset.click()
    qtbot.waitUntil(lambda: _stored("engine.context") == 8192)
    qtbot.waitUntil(lambda: card.editor.field.value() == 8192 and not card.reset.isVisible())


def test_text_is_stored_when_the_field_is_left(page: Any, qtbot: Any) -> None:
    field = page.cards["chat.system_prompt"].editor.field
    field.setFocus()
    field.setPlainText("Answer in verse.")
    page.search.setFocus()
    qtbot.waitUntil(lambda: _stored("chat.system_prompt") == "Answer in verse.")


def test_a_bad_value_stays_with_its_reason_and_can_be_corrected(page: Any, qtbot: Any) -> None:
    page.full.setChecked(True)
    card = page.cards["download.endpoint"]
    card.editor.field.setText("ftp://hub.example")
    card.editor.field.editingFinished.emit()
    qtbot.waitUntil(lambda: card.problem.isVisible())
    assert card.editor.field.text() == "ftp://hub.example" and "https://" in card.problem.text()
    assert card.editor.field.property("invalid") is True
    assert "https://" in card.editor.field.accessibleDescription()
    assert _stored("download.endpoint") == "https://huggingface.co"
    card.editor.field.setText("https://hub.example")
    card.editor.field.editingFinished.emit()
    qtbot.waitUntil(lambda: _stored("download.endpoint") == "https://hub.example")
    qtbot.waitUntil(lambda: not card.problem.isVisible())


def test_a_choice_is_stored(page: Any, qtbot: Any) -> None:
    page.full.setChecked(True)
    field = page.cards["engine.kv_type"].editor.field
    field.setCurrentIndex(field.findData("q8_0"))
    field.activated.emit(field.currentIndex())
    qtbot.waitUntil(lambda: _stored("engine.kv_type") == "q8_0")


def test_a_folder_is_added_to_the_others(page: Any, qtbot: Any) -> None:
    editor = page.cards["models.search_folders"].editor
    editor.add("/models/one")
    qtbot.waitUntil(lambda: _stored("models.search_folders") == "/models/one")
    editor.add("/models/two")
    qtbot.waitUntil(lambda: _stored("models.search_folders") == os.pathsep.join(["/models/one", "/models/two"]))


def test_the_models_of_the_catalogue_can_be_chosen(frame: Any, one_model: Any, page: Any, qtbot: Any) -> None:
    field = page.cards["chat.model"].editor.field
    qtbot.waitUntil(lambda: field.findData(one_model.id) >= 0)
    field.setCurrentIndex(field.findData(one_model.id))
    field.activated.emit(field.currentIndex())
    qtbot.waitUntil(lambda: _stored("chat.model") == one_model.id)


def test_the_simple_view_is_short_and_the_search_looks_through_all(page: Any, qtbot: Any) -> None:
    assert page.simple.isChecked() and "jobs.at_once" not in page._names
    assert page._hidden.isVisible() and page.privacy.isVisible()
    qtbot.keyClicks(page.search, "jobs time")
    assert page._names == ("jobs.at_once",) and page.cards["jobs.at_once"].isVisible()
    assert not page.privacy.isVisible()
    page.search.setText("no such thing")
    assert page._nothing.isVisible()
    page.search.clear()
    assert not page._nothing.isVisible() and page.privacy.isVisible()
    page.full.setChecked(True)
    assert "jobs.at_once" in page._names and not page._hidden.isVisible()


def test_a_setting_is_brought_into_sight_from_elsewhere(page: Any, frame: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.pages.showing import show_item

    page.search.setText("proxy")
    show_item(frame, "settings", "jobs.at_once")
    assert frame.shown_pages == ["settings"]
    qtbot.waitUntil(lambda: page.cards["jobs.at_once"].editor.focus.hasFocus())
    assert page.search.text() == "" and not page.cards["jobs.at_once"].visibleRegion().isEmpty()


def test_the_environment_is_named_where_it_wins(frame: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ui.gui.pages.settings import SettingsPage

    monkeypatch.setenv("RUSHLIGHT_ENGINE_CONTEXT", "1024")
    page = SettingsPage(frame)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: "engine.context" in page.cards)
    card = page.cards["engine.context"]
    assert card.editor.field.value() == 1024
    assert "RUSHLIGHT_ENGINE_CONTEXT" in card._source.text() and card._hint.isVisible()


def test_what_is_wrong_with_the_file_is_said(frame: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.pages.settings import SettingsPage

    paths = find_paths()
    paths.settings.parent.mkdir(parents=True, exist_ok=True)
    paths.settings.write_text("[engine]\ncontex = 5\n")
    page = SettingsPage(frame)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(page.problem.isVisible)
    assert "contex" in page.problem.message.text()


def test_theme_and_text_size_hold_at_once_and_are_remembered(page: Any, frame: Any) -> None:
    for editor, value in ((page.appearance.theme_choice, "dark"), (page.appearance.size_choice, "1.5")):
        editor.field.setCurrentIndex(editor.field.findData(value))
        editor.field.activated.emit(editor.field.currentIndex())
    assert frame.theme.is_dark and frame.theme.scale == 1.5
    assert frame.remembered.get("theme", "") == "dark" and frame.remembered.get("text_scale", 1.0) == 1.5
    frame.theme.set_scale(1.25)  # by its key
    assert page.appearance.size_choice.field.currentData() == "1.25"


def test_the_data_folder_is_opened_and_its_path_copied(page: Any, frame: Any, store: App) -> None:
    from PySide6.QtGui import QGuiApplication

    store.conversations.create()  # makes the folder
    opened: list[object] = []
    page.data.open_folder = lambda path: opened.append(path) or True
    page.data._open(find_paths().data)
    page.data._copy(find_paths().data)
    assert opened == [find_paths().data]
    assert QGuiApplication.clipboard().text() == str(find_paths().data)
    assert frame.told[-1][1] == "good"


def test_the_privacy_card_names_what_a_download_would_reach(page: Any) -> None:
    assert "https://huggingface.co" in page.privacy._download.text()


def test_everything_that_takes_the_focus_has_a_name(page: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QWidget

    page.full.setChecked(True)
    nameless = [
        widget
        for widget in page.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName()
    ]
    assert nameless == []


def test_scrolling_the_page_changes_no_number(page: Any, qtbot: Any) -> None:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    field = page.cards["engine.context"].editor.field
    page.search.setFocus()
    turned = QWheelEvent(
        QPointF(5, 5), field.mapToGlobal(QPointF(5, 5)), QPoint(0, 0), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(field, turned)
    assert field.value() == 8192


def test_what_enter_does_and_the_language_are_remembered(page: Any, frame: Any) -> None:
    page.keyboard.enter_sends.field.click()
    assert frame.remembered.get("enter_sends", True) is False
    language = page.appearance.language_choice
    language.field.setCurrentIndex(language.field.findData("en"))
    language.field.activated.emit(language.field.currentIndex())
    assert frame.remembered.get("language", "") == "en" and page.appearance._note.isVisible()


def test_at_200_percent_in_a_small_window_nothing_lies_beside_the_page(page: Any, frame: Any, qtbot: Any) -> None:
    page.full.setChecked(True)
    frame.theme.set_scale(2.0)
    try:
        page.resize(772, 540)  # what is left of 900 beside the rail
        column = page._column
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
        assert page.width() <= 772
    finally:
        frame.theme.set_scale(1.0)
