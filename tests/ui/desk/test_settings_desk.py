"""The settings page: where values come from, what is wrong with them, and nothing that was typed is lost."""

from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.settings import SETTINGS
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.settings_desk import SIMPLE, SettingRow, SettingsDesk, SettingsState, section_title


class View:
    def __init__(self) -> None:
        self.states: list[SettingsState] = []

    def show(self, state: SettingsState) -> None:
        self.states.append(state)


@pytest.fixture
def view() -> View:
    return View()


@pytest.fixture
def desk(background: Background, view: View, pump: Any) -> SettingsDesk:
    made = SettingsDesk(background, view)
    made.refresh()
    pump(lambda: not made.state.is_loading)
    return made


def row(desk: SettingsDesk, name: str) -> SettingRow:
    found = desk.row(name)
    assert found is not None, name
    return found


def test_the_simple_view_is_a_short_list_and_all_are_all(desk: SettingsDesk) -> None:
    assert [one.name for one in desk.state.rows] == list(SIMPLE)
    assert desk.state.n_hidden == len(SETTINGS) - len(SIMPLE)
    desk.show_all(True)
    assert [one.name for one in desk.state.rows] == list(SETTINGS) and desk.state.n_hidden == 0
    for one in desk.state.rows:
        assert one.title and one.text and section_title(one.section) and one.is_simple == (one.name in SIMPLE)
        assert one.value == one.default == SETTINGS[one.name].default and one.source == "default"
    kinds = {one.name: one.kind for one in desk.state.rows}
    assert kinds["engine.kv_type"] == "choice" and kinds["engine.context"] == "number"
    assert kinds["chat.system_prompt"] == "long-text" and kinds["chat.model"] == "model"
    assert row(desk, "engine.context").limits == (0, 16_777_216)
    assert row(desk, "engine.kv_type").choices == ("f16", "q8_0", "q4_0")


def test_every_setting_has_a_title_of_its_own(desk: SettingsDesk) -> None:
    desk.show_all(True)
    titles = [(one.section, one.title) for one in desk.state.rows]
    assert len(titles) == len(set(titles))


def test_search_looks_among_all(desk: SettingsDesk) -> None:
    desk.search("layers graphics CARD")
    assert [one.name for one in desk.state.rows] == ["engine.gpu_layers"]
    desk.search("nothing of the kind")
    assert desk.state.rows == ()
    desk.search("")
    assert [one.name for one in desk.state.rows] == list(SIMPLE)


def test_a_value_is_written_and_taken_back(desk: SettingsDesk, pump: Any, own_home: Path) -> None:
    changed: list[str] = []
    desk.on_changed = changed.append
    desk.set("engine.context", "4096")
    pump(lambda: row(desk, "engine.context").value == 4096)
    one = row(desk, "engine.context")
    assert (one.source, one.source_text, one.value_text) == ("file", "settings.toml line 2", "4096") and one.is_changed
    assert "context = 4096" in (own_home / "settings.toml").read_text()
    desk.set("engine.context", "4096")  # nothing new, nothing written
    desk.reset("engine.context")
    pump(lambda: row(desk, "engine.context").source == "default")
    assert row(desk, "engine.context").value == 8192 and changed == ["engine.context", "engine.context"]


def test_what_cannot_be_stays_in_its_row_with_the_reason(desk: SettingsDesk, pump: Any, own_home: Path) -> None:
    desk.set("engine.context", "lots")
    pump(lambda: row(desk, "engine.context").problem)
    one = row(desk, "engine.context")
    assert one.problem == "engine.context must be a whole number from 0 to 16777216, not 'lots'."
    assert one.hint and one.value_text == "lots" and one.value == 8192 and one.is_changed
    assert not (own_home / "settings.toml").exists()
    desk.refresh()
    desk.set("engine.gpu_layers", "-2")
    pump(lambda: row(desk, "engine.gpu_layers").problem)
    assert row(desk, "engine.context").value_text == "lots"
    desk.set("engine.context", "2048")
    pump(lambda: row(desk, "engine.context").value == 2048)
    assert row(desk, "engine.context").problem == ""
    desk.discard("engine.gpu_layers")
    assert row(desk, "engine.gpu_layers").value_text == "-1" and not row(desk, "engine.gpu_layers").problem


def test_a_broken_file_is_shown_where_it_is_broken(desk: SettingsDesk, pump: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text('[engine]\nqueue = "many"\ncontex = 3\n')
    desk.refresh()
    pump(lambda: desk.state.problems)
    assert "there is no setting named 'engine.contex'" in desk.state.problems[0] and len(desk.state.problems) == 1
    assert "engine.queue must be" in row(desk, "engine.queue").problem  # though it is not of the simple view
    desk.set("engine.queue", "4")
    pump(lambda: not row(desk, "engine.queue").problem if desk.row("engine.queue") else True)
    assert "queue = 4" in (own_home / "settings.toml").read_text()


def test_a_file_that_is_no_toml_is_told_and_left_as_it_is(desk: SettingsDesk, pump: Any, own_home: Path) -> None:
    (own_home / "settings.toml").write_text("[engine\n")
    desk.refresh()
    pump(lambda: desk.state.problems)
    desk.set("engine.context", "4096")
    pump(lambda: row(desk, "engine.context").problem)
    assert row(desk, "engine.context").value_text == "4096"
    assert (own_home / "settings.toml").read_text() == "[engine\n"


def test_the_environment_wins_and_that_is_said(desk: SettingsDesk, pump: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHLIGHT_ENGINE_CONTEXT", "1024")
    desk.refresh()
    pump(lambda: row(desk, "engine.context").source == "environment")
    one = row(desk, "engine.context")
    assert (one.value, one.source_text) == (1024, "RUSHLIGHT_ENGINE_CONTEXT") and "wins over" in one.hint
    desk.set("engine.context", "4096")
    desk.set("engine.keep_alive_s", "60")
    pump(lambda: row(desk, "engine.keep_alive_s").value == 60)
    assert row(desk, "engine.context").value == 1024


def test_nothing_is_shown_twice(desk: SettingsDesk, view: View, pump: Any, background: Background) -> None:
    count = len(view.states)
    desk.refresh()
    done: list[int] = []
    background.read(lambda _app: 1, done.append)
    pump(lambda: done)
    desk.search("")
    assert len(view.states) == count
