"""Which face opens where: displays that answer and displays that do not, terminals that can draw and cannot."""

import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import open_app
from rushlight.ui.cli.faces import has_display, open_terminal_app


def test_no_variable_is_no_display() -> None:
    assert not has_display({})


@pytest.mark.parametrize("display", ["", ":", ":x", "nonsense", ":65000.0", "localhost:59000"])
def test_a_display_that_nobody_serves_is_none(display: str) -> None:
    assert not has_display({"DISPLAY": display})


def test_a_wayland_socket_must_answer(tmp_path: Path) -> None:
    environ = {"WAYLAND_DISPLAY": "wayland-0", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert not has_display(environ)
    (tmp_path / "wayland-0").touch()
    assert not has_display(environ)
    (tmp_path / "wayland-0").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        server.listen()
        assert has_display(environ)


def test_a_display_of_another_machine_is_asked_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1] - 6000
        assert has_display({"DISPLAY": f"127.0.0.1:{number}.0"})


def test_without_a_display_the_window_says_so(rushlight: Callable[..., Any]) -> None:
    done = rushlight("gui", env={"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""})
    assert done.returncode == 1
    assert "no display" in done.stderr and "rushlight tui" in done.stderr


def test_the_window_is_told_the_whole_id_of_the_conversation(
    inside: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_app() as app:
        meant = app.conversations.create(title="Candles")
    opened: list[list[str]] = []

    def main(argv: list[str]) -> int:
        opened.append(argv)
        return 0

    monkeypatch.setattr("rushlight.ui.cli.faces.has_display", lambda: True)
    monkeypatch.setattr("rushlight.ui.gui.main.main", main)
    for name in (meant.id[-6:], "Candles", "last"):
        assert inside("gui", name)[0] == 0
    assert opened == [["--conversation", meant.id]] * 3
    monkeypatch.setattr("rushlight.ui.cli.faces.has_display", lambda: False)
    code, _, err = inside("gui", "nothing-like-it")
    assert code == 1 and "nothing-like-it" in err and "no display" not in err
    assert len(opened) == 3


def test_without_a_terminal_the_terminal_app_says_so() -> None:
    with pytest.raises(Error) as caught:
        open_terminal_app([])
    assert caught.value.kind == "no-terminal"


def test_a_dumb_terminal_gets_the_chat_that_goes_line_by_line(tiny_model: object, terminal: Callable[..., Any]) -> None:
    chat = terminal("env", "TERM=dumb", sys.executable, "-P", "-m", "rushlight")
    chat.wait_for(">")
    chat.type("/bye\r")
    assert chat.wait_end() == 0


def test_make_run_picks_the_best_face() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("run", Path(__file__).parents[2] / "packaging" / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.verb(display=True, terminal=True) == ["gui"]
    assert module.verb(display=False, terminal=True) == ["tui"]
    assert module.verb(display=False, terminal=False)[0] == "ask"
