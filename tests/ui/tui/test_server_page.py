"""The server's page of the terminal app, over servers that are only said to be there."""

from collections.abc import Callable
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.server.running import RunningServer
from rushlight.ui.desk import server_desk
from rushlight.ui.desk.server_reading import Look
from rushlight.ui.desk.server_values import FoundServer, RequestRow, ServedModel, ServerFigures, ServerState
from rushlight.ui.tui.server_page import request_row, state_lines

SERVER = RunningServer("1-a", 4711, "http://127.0.0.1:11811", 0.0, False, "1")
ROW = RequestRow(1, "14:03:22", "/v1/chat/completions", "tiny", "429", "3 ms", "", "queue-full", "bad")
RUNNING = Look((SERVER,), 11811, SERVER, (ServedModel("tiny"),), (ROW,), ServerFigures(n_generating=1, n_refused=3))


def words(state: ServerState) -> str:
    return "\n".join("".join(said for said, _ in line) for line in state_lines(state))


def test_lines_of_a_server_at_rest_and_of_one_that_serves() -> None:
    at_rest = words(ServerState(is_loading=False))
    assert "stopped" in at_rest and "127.0.0.1:11811" in at_rest and "only with the token" in at_rest
    found = FoundServer("1-a", SERVER.url, SERVER.url, "Begun here at 14:02.", True, False)
    serving = words(
        ServerState("running", servers=(found,), chosen="1-a", base_url=f"{SERVER.url}/v1", models=RUNNING.models,
                    figures=RUNNING.figures, problem="It is slow.", hint="Wait.")
    )  # fmt: skip
    assert "serving" in serving and "/v1" in serving and "Models: tiny" in serving
    assert "1 being answered" in serving and "3 refused" in serving and "✗ It is slow. Wait." in serving
    assert request_row(ROW).lines[0].right[-1] == ("429", "bad")


def test_begin_see_and_end_by_keys(perform: Callable[..., None], model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [Look((), 11811)]

    def begin(_paths: Any, plan: Any, _stop: Any) -> Any:
        if plan.uses_socket:
            raise Error("The socket's path is too long.", hint="Use a shorter one.")
        found[0] = RUNNING
        return Child(), SERVER

    class Child:
        def wait(self, _stop: Any) -> None:
            return None

    def end(_server: Any, _paths: Any) -> bool:
        found[0] = Look((), 11811)
        return True

    monkeypatch.setattr(server_desk, "look", lambda _app, _wanted: found[0])
    monkeypatch.setattr(server_desk, "begin", begin)
    monkeypatch.setattr(server_desk, "end", end)

    async def play(stage: Any) -> None:
        await stage.press("alt+w")
        await stage.shows("It would serve on 127.0.0.1:11811", "S: start")
        await stage.press("s")
        await stage.shows("serving", "/v1/chat/completions", "429", "3 refused")
        await stage.press("enter")
        await stage.shows("Note: queue-full")
        await stage.press("escape", "t")
        await stage.shows("The server's token")
        token = find_paths().server_token.read_text().strip()
        await stage.shows(token)
        await stage.press("escape")
        await stage.hides(token)
        await stage.press("y")
        await stage.shows("Copied: the server's address.")
        await stage.press("s")
        await stage.shows("stopped")
        await stage.press("p")
        await stage.shows("How the server is begun")
        await stage.press("down", "down", "down", "enter")
        await stage.until(lambda: stage.app._pages["server"].desk.state.plan.uses_socket)
        await stage.press("s")
        await stage.shows("path is too long", "Use a shorter one.", "X: dismiss")
        await stage.press("x")
        await stage.hides("path is too long")

    perform(play)
