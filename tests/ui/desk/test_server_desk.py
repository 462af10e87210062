"""The server's desk: real servers that it begins, finds, asks and ends; what it says when one cannot be or dies."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.server.running import announce, ask, running_servers
from rushlight.assistant.server.token import Token, find_token
from rushlight.ui.desk import server_reading
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.desk.server_desk import ServerDesk
from rushlight.ui.desk.server_reading import example
from rushlight.ui.desk.server_values import ServerState

Pump = Callable[..., None]


class Seen:
    """A view that writes down what it is shown."""

    def __init__(self) -> None:
        self.states: list[ServerState] = []

    def show(self, state: ServerState) -> None:
        self.states.append(state)


@pytest.fixture
def desk(background: Background, own_home: Path) -> Iterator[ServerDesk]:
    made = ServerDesk(background, Remembered(own_home / "window.json"), Seen())
    yield made
    for one in running_servers(find_paths()):
        if one.pid != os.getpid():
            os.kill(one.pid, signal.SIGKILL)
    made.close()


@pytest.fixture
def on_a_socket(desk: ServerDesk, tmp_path: Path) -> ServerDesk:
    """The desk, planned for a socket: no port of the machine is needed."""
    desk.set_socket(str(tmp_path / "s"))
    desk.use_socket(True)
    return desk


def look_until(desk: ServerDesk, pump: Pump, condition: Callable[[], object]) -> None:
    def seen() -> object:
        if not desk._is_reading:
            desk.refresh()
        return condition()

    pump(seen, timeout_s=20.0)


def test_a_server_is_begun_serves_and_ends(on_a_socket: ServerDesk, desk_model: Model, pump: Pump) -> None:
    desk = on_a_socket
    desk.start()
    assert desk.state.phase == "starting"
    pump(lambda: desk.state.phase == "running" and desk.state.models, timeout_s=20.0)
    found = desk.state.server
    assert found is not None and found.is_own and found.origin.startswith("Begun here")
    assert desk.state.base_url.endswith("/s") and desk.state.models[0].id == desk_model.id
    tokens: list[str] = []
    desk.token(tokens.append)
    pump(lambda: tokens)
    paths = find_paths()
    assert tokens == [find_token(paths).text]
    (server,) = running_servers(paths)
    with pytest.raises(Error):
        ask(server, "/nothing", tokens[0])
    look_until(desk, pump, lambda: any(one.path == "/nothing" for one in desk.state.requests))
    row = next(one for one in desk.state.requests if one.path == "/nothing")
    assert (row.status, row.meaning, row.tokens) == ("404", "bad", "") and row.duration.endswith(" ms")
    assert (desk.state.figures.n_failed, desk.state.figures.n_answered) == (1, 0)  # looking is no request
    desk.renew_token()
    look_until(desk, pump, lambda: desk.state.server is not None and desk.state.server.key != found.key)
    assert find_token(paths).text != tokens[0] and not desk.state.problem
    desk.stop()
    pump(lambda: desk.state.phase == "stopped")
    assert running_servers(paths) == () and not desk.state.problem and not desk.state.base_url


def test_one_that_is_killed_is_told_with_the_reason(on_a_socket: ServerDesk, pump: Pump) -> None:
    desk, told = on_a_socket, []
    desk.on_ended = told.append
    desk.set_stays(True)
    desk.start()
    pump(lambda: desk.state.phase == "running", timeout_s=20.0)
    os.kill(running_servers(find_paths())[0].pid, signal.SIGKILL)
    pump(lambda: desk.state.phase == "stopped" and desk.state.problem)
    assert told and told[0].kind == "server-ended" and "signal 9" in desk.state.problem
    assert "server.log" in desk.state.hint
    desk.dismiss()
    assert desk.state.problem == ""


def test_a_taken_port_is_told_and_the_next_start_works_on_another(desk: ServerDesk, pump: Pump) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        desk.set_port(taken.getsockname()[1])
        pump(lambda: desk.state.plan.port == taken.getsockname()[1])
        desk.start()
        pump(lambda: desk.state.problem, timeout_s=20.0)
    assert desk.state.phase == "stopped" and "Cannot listen" in desk.state.problem and desk.state.hint


def test_a_refused_address_is_told(desk: ServerDesk, pump: Pump) -> None:
    desk.set_host("0.0.0.0")
    assert desk.state.plan.host == "0.0.0.0"
    desk.start()
    pump(lambda: desk.state.problem, timeout_s=20.0)
    assert "without a token of your own" in desk.state.problem and "127.0.0.1" in desk.state.hint


def test_a_token_file_that_others_can_read_is_told(desk: ServerDesk, own_home: Path, pump: Pump) -> None:
    file = own_home / "server-token"
    file.write_text("x" * 40)
    file.chmod(0o644)
    desk.token(lambda _token: pytest.fail("it was shown"))
    pump(lambda: desk.state.problem)
    assert "can be read by others" in desk.state.problem and "Remove it" in desk.state.hint
    desk.renew_token()
    pump(lambda: file.stat().st_mode & 0o077 == 0)


def test_one_that_was_begun_elsewhere_is_found(desk: ServerDesk, pump: Pump, tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "rushlight", "serve", "--socket", str(tmp_path / "t")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        look_until(desk, pump, lambda: desk.state.phase == "running")
        found = desk.state.server
        assert found is not None and not found.is_own and str(process.pid) in found.origin
        desk.stop()
        pump(lambda: desk.state.phase == "stopped", timeout_s=20.0)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_a_given_token_that_is_not_known_here(desk: ServerDesk, pump: Pump) -> None:
    note = announce(find_paths(), "http://127.0.0.1:1", Token("x" * 20, None), version="1")
    look_until(desk, pump, lambda: desk.state.problem)
    assert "not known here" in desk.state.problem and not desk.state.can_renew
    assert desk.state.phase == "running" and desk.state.server is not None
    note.withdraw()


def test_hostile_answers_become_words() -> None:
    row = server_reading._request(
        {"number": "x", "path": "/\x1b[31mred\u202e", "model": 7, "status": True, "duration_s": float("inf"),
         "ignored": ["\x1b]0;t\x07"], "notices": 3, "started_at": 1e300}
    )  # fmt: skip
    assert "\x1b" not in row.path + row.detail and "\u202e" not in row.path and row.status == "running"
    for answer in (None, [], {"data": 3}, {"data": [1]}):
        with pytest.raises(Error):
            server_reading._requests(answer)
    assert server_reading._figures(None).n_answered == 0


def test_an_example_is_one_line_of_a_shell(own_home: Path) -> None:
    paths = find_paths()
    line = example("unix:/tmp/a b", paths, "acme/tiny@Q8_0", False)
    assert "--unix-socket '/tmp/a b' http://localhost/v1/chat" in line and '"model": "acme/tiny@Q8_0"' in line
    assert "$RUSHLIGHT_TOKEN" in example("http://127.0.0.1:1", paths, "it's; rm", True)
    assert "it's" not in example("http://127.0.0.1:1", paths, "it's; rm", True)


def test_nothing_is_left_of_the_leash_threads() -> None:
    assert not [one for one in threading.enumerate() if one.name == "leash"]


def test_the_plan_is_remembered(background: Background, own_home: Path) -> None:
    kept: Any = Remembered(own_home / "window.json")
    first = ServerDesk(background, kept, Seen())
    first.set_host(" ::1 ")
    first.set_socket("~/x.sock")
    first.use_socket(True)
    first.set_stays(True)
    plan = ServerDesk(background, kept, Seen()).state.plan
    assert (plan.host, plan.socket_path, plan.uses_socket, plan.stays) == ("::1", "~/x.sock", True, True)
