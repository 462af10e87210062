"""The page of the server: what it shows of one that runs, what its buttons do, what it says when one cannot be."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from rushlight import Error
from rushlight.assistant.server.running import RunningServer
from rushlight.ui.desk import server_desk
from rushlight.ui.desk.server_reading import Look
from rushlight.ui.desk.server_values import RequestRow, ServedModel, ServerFigures

SERVER = RunningServer("1-a", 4711, "http://127.0.0.1:11811", 0.0, False, "1")
ROW = RequestRow(1, "14:03:22", "/v1/chat/completions", "tiny", "200", "1,240 ms", "412 → 96", "ignored: wish", "good")
RUNNING = Look(
    (SERVER,), 11811, SERVER, (ServedModel("tiny", ("t",)),), (ROW,), ServerFigures(n_generating=1, n_refused=3)
)


class World:
    """What the desk finds when it looks."""

    def __init__(self) -> None:
        self.found = Look((), 11811)
        self.n_begun = 0
        self.refusal: Error | None = None

    def look(self, _app: Any, _wanted: str) -> Look:
        return self.found

    def begin(self, _paths: Any, _plan: Any, _stop: Any) -> Any:
        if self.refusal is not None:
            raise self.refusal
        self.n_begun += 1
        self.found = RUNNING
        return Child(), SERVER

    def end(self, _server: Any, _paths: Any) -> bool:
        self.found = Look((), 11811)
        return True


class Child:
    """A process that runs until somebody asks."""

    def wait(self, _stop: Any) -> None:
        return None


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    for name in ("look", "begin", "end"):
        monkeypatch.setattr(server_desk, name, getattr(made, name))
    return made


@pytest.fixture
def page(frame: Any, world: World, shown_page: Callable[[Any, int, int], Any]) -> Callable[[], Any]:
    def open_page() -> Any:
        from rushlight.ui.gui.pages.server import ServerPage

        return shown_page(ServerPage(frame), 1000, 700)

    return open_page


def test_an_empty_page_says_what_it_is_for_and_begins_a_server(page: Any, world: World, qtbot: Any) -> None:
    shown = page()
    assert shown.empty.isVisible() and not shown.place.isVisible() and shown.plan.isVisible()
    shown.empty.buttons[0].click()
    qtbot.waitUntil(lambda: shown.place.isVisible())
    assert world.n_begun == 1 and shown.place.address.text() == "http://127.0.0.1:11811/v1"
    assert "tiny (t)" in shown.place.models.text() and not shown.empty.isVisible()
    assert shown.figures.values["n_refused"][0].text() == "3"
    model = shown.requests.model()
    assert [model.index(0, at).data() for at in range(7)] == [
        ROW.time, ROW.path, ROW.model, ROW.status, ROW.duration, ROW.tokens, ROW.detail,
    ]  # fmt: skip
    shown.stop_button.click()
    qtbot.waitUntil(lambda: shown.empty.isVisible())


def test_the_token_is_shown_on_demand_and_copied(page: Any, world: World, frame: Any, qtbot: Any, store: Any) -> None:
    world.found = RUNNING
    shown = page()
    assert shown.token.token.isHidden() and not shown.token.token.text()
    shown.token.show_button.click()
    qtbot.waitUntil(lambda: shown.token.token.isVisible())
    token = store.paths.server_token.read_text().strip()
    assert shown.token.token.text() == token
    frame.run_action("server.copy-token")
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == token)
    frame.run_action("server.token")
    assert shown.token.token.isHidden() and not shown.token.token.text()
    frame.run_action("server.copy-address")
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:11811/v1"
    shown.token.show_button.click()
    qtbot.waitUntil(lambda: shown.token.token.isVisible())
    shown.hide()
    assert not shown.token.token.text()
    frame.run_action("server.copy-example")
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("curl http"))
    assert token not in QGuiApplication.clipboard().text()


def test_a_server_that_cannot_be_begun_says_why(page: Any, world: World, qtbot: Any) -> None:
    world.refusal = Error("Cannot listen on 127.0.0.1 port 11811: it is in use.", hint="Choose another port.")
    shown = page()
    shown.start_button.click()
    qtbot.waitUntil(lambda: shown.problem.isVisible())
    assert "Cannot listen" in shown.problem.message.text() and "another port" in shown.problem.hint.text()
    shown.problem.close_button.click()
    assert not shown.problem.isVisible() and shown.desk.state.problem == ""


def test_the_plan_is_kept_and_holds_at_the_next_start(page: Any, world: World, frame: Any, qtbot: Any) -> None:
    world.found = RUNNING
    shown = page()
    assert not shown.plan.restart_button.isVisible()
    shown.plan.on_socket.click()
    assert shown.desk.state.plan.uses_socket and shown.plan.socket.field.isVisible()
    assert not shown.plan.port.field.isVisible()
    assert shown.plan.restart_button.isVisible() and shown.plan.note.isVisible()
    shown.plan.stays.field.click()
    assert frame.remembered.get("server_stays", False) is True
    shown.plan.on_port.click()
    qtbot.mouseClick(shown.plan.on_port, Qt.MouseButton.LeftButton)
    assert not shown.plan.restart_button.isVisible()


def test_several_servers_are_chosen_by_chips(page: Any, world: World, qtbot: Any) -> None:
    other = replace(SERVER, key="2-b", url="unix:/run/me/<b>.sock")
    world.found = replace(RUNNING, running=(SERVER, other))
    shown = page()
    assert list(shown.place._chips) == ["1-a", "2-b"] and shown.place._others.isVisible()
    world.found = replace(RUNNING, running=(SERVER, other), server=other)
    shown.place._chips["2-b"].click()
    qtbot.waitUntil(lambda: shown.place.address.text() == "/run/me/<b>.sock")


def test_new_requests_come_in_at_the_top_and_the_selected_one_stays(page: Any, world: World, qtbot: Any) -> None:
    world.found = replace(RUNNING, requests=tuple(replace(ROW, number=n) for n in (3, 2, 1)))
    shown = page()
    shown.requests.selectRow(1)
    world.found = replace(RUNNING, requests=tuple(replace(ROW, number=n, time=str(n)) for n in (5, 4, 3, 2)))
    shown.desk.refresh()
    qtbot.waitUntil(lambda: shown.requests.model().rowCount() == 4)
    assert [shown.requests.model().index(at, 0).data() for at in range(4)] == ["5", "4", "3", "2"]
    assert shown.requests.currentIndex().row() == 3


def test_the_chips_lead_to_the_pages_beside(page: Any, frame: Any) -> None:
    shown = page()
    shown.tabs["models"].click()
    assert frame.shown_pages == ["models"]


@pytest.mark.parametrize("is_running", [False, True])
def test_at_300_percent_nothing_is_out_of_sight(
    page: Any, world: World, theme: Any, qtbot: Any, is_running: bool
) -> None:
    """A window of 1,000 pixels leaves a page about 780."""
    world.found = RUNNING if is_running else world.found
    shown = page()
    theme.set_scale(3.0)
    try:
        shown.resize(770, 700)
        qtbot.waitUntil(lambda: shown.width() == 770 and shown._column.horizontalScrollBar().maximum() == 0)
    finally:
        theme.set_scale(1.0)
