"""A store that cannot be opened: every page says so or works without it, none waits for ever."""

from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.conversation_list import ConversationList
from rushlight.ui.desk.finder import Finder
from rushlight.ui.desk.jobs_desk import JobsDesk
from rushlight.ui.desk.models_desk import ModelsDesk
from rushlight.ui.desk.settings_desk import SettingsDesk


class View:
    def show(self, state: object) -> None:
        """Whatever it is."""


@pytest.fixture
def errors(background: Background, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> list[Error]:
    (own_home / "rushlight.db").write_bytes(b"no database at all, by any means" * 100)
    found: list[Error] = []
    monkeypatch.setattr(background, "on_error", found.append)
    return found


@pytest.mark.parametrize("kind", [ConversationList, JobsDesk, ModelsDesk])
def test_a_page_says_so(kind: Any, background: Background, errors: list[Error], pump: Any) -> None:
    desk = kind(background, View())
    desk.refresh()
    pump(lambda: errors and not desk.state.is_loading)
    assert "rushlight.db" in errors[0].message and errors[0].kind != "bug"
    desk.close()


def test_the_settings_work_without_it(background: Background, errors: list[Error], pump: Any) -> None:
    desk = SettingsDesk(background, View())
    desk.refresh()
    pump(lambda: not desk.state.is_loading)
    desk.set("engine.context", "4096")
    pump(lambda: [row.value for row in desk.state.rows if row.name == "engine.context"] == [4096])
    assert errors == []


def test_the_finder_answers_with_nothing(background: Background, errors: list[Error], pump: Any) -> None:
    finder = Finder(background)
    answers: list[Any] = []
    finder.prepare()
    finder.find("new", answers.append)
    pump(lambda: answers and errors)
    assert answers == [[]]
