"""One window per data folder: later starts hand over what they want, dead ones leave nothing in the way."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.ui.gui.single_instance import WishServer, address, claim, hand_over


@pytest.fixture
def heard(qapp: Any) -> list[tuple[str, str]]:
    return []


def say(wish: str) -> "threading.Thread":
    """As a second process would: not on the thread of the window."""
    done = threading.Thread(target=hand_over, args=(find_paths(), wish))
    done.start()
    return done


@pytest.mark.parametrize(
    ("wish", "expected"),
    [("raise", ("raise", "")), ("new-window", ("new-window", "")), ("open abc-1", ("open", "abc-1"))],
)
def test_a_wish_arrives(heard: list[tuple[str, str]], qtbot: Any, wish: str, expected: tuple[str, str]) -> None:
    server = WishServer(find_paths(), lambda verb, rest: heard.append((verb, rest)))
    thread = say(wish)
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert heard == [expected]
    server.close()


def test_the_socket_is_the_users_own(heard: list[tuple[str, str]]) -> None:
    server = WishServer(find_paths(), lambda verb, rest: heard.append((verb, rest)))
    place = Path(address(find_paths()))
    assert place.stat().st_mode & 0o077 == 0
    assert place.parent.stat().st_mode & 0o077 == 0
    server.close()


@pytest.mark.parametrize(
    "line", [b"open ../../etc\x00\n", b"quit\n", b"x" * 5000, b"open " + b"a" * 300 + b"\n", b"\n"]
)
def test_what_is_no_wish_is_refused(heard: list[tuple[str, str]], qtbot: Any, line: bytes) -> None:
    server = WishServer(find_paths(), lambda verb, rest: heard.append((verb, rest)))
    answers: list[bytes] = []

    def speak() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
            plain.settimeout(5)
            plain.connect(address(find_paths()))
            try:
                plain.sendall(line)
                answers.append(plain.recv(3))
            except OSError as err:
                answers.append(str(err).encode())

    thread = threading.Thread(target=speak)
    thread.start()
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert heard == []
    assert answers[0] != b"ok\n"
    server.close()


def test_the_lock_is_given_to_one(own_home: Path) -> None:
    lock = claim(find_paths())
    assert lock is not None
    assert claim(find_paths()) is None
    lock.release()
    again = claim(find_paths())
    assert again is not None
    again.release()


def test_a_dead_socket_is_taken_over(heard: list[tuple[str, str]], qtbot: Any) -> None:
    paths = find_paths()
    paths.runtime.mkdir(mode=0o700, exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(address(paths))
    assert Path(address(paths)).exists()
    server = WishServer(paths, lambda verb, rest: heard.append((verb, rest)))
    thread = say("raise")
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert heard == [("raise", "")]
    server.close()


def test_a_window_that_never_answers_is_an_error() -> None:
    with pytest.raises(Error, match="does not answer"):
        hand_over(find_paths(), "raise", wait_s=0.2)


_START = "import sys; from rushlight.ui.gui.main import main; sys.exit(main(sys.argv[1:]))"


def start(*args: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START, *args],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_second_start_ends_and_a_killed_first_one_leaves_nothing(own_home: Path, qtbot: Any) -> None:
    first = start()
    try:
        qtbot.waitUntil(lambda: Path(address(find_paths())).exists() or first.poll() is not None, timeout=60_000)
        assert first.poll() is None, first.communicate()
        second = start("--conversation", "abc")
        assert second.wait(60) == 0, second.communicate()
        second.communicate()
        first.send_signal(signal.SIGKILL)
        first.communicate()
        assert (own_home / "window.json").exists()
        third = start()
        try:
            # Its socket is a new one, and it answers.
            hand_over(find_paths(), "raise", wait_s=60)
            third.send_signal(signal.SIGTERM)
            out, err = third.communicate(timeout=60)
            assert third.returncode == 0, (out, err)
        finally:
            third.kill()
            third.communicate()
    finally:
        first.kill()
        first.communicate()


def test_wrong_arguments_are_said() -> None:
    from rushlight.ui.gui.main import main

    with pytest.raises(Error, match="does not know --fast"):
        main(["--fast"])


def test_without_a_screen_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ui.gui.main import main

    for name in ("QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(Error, match="no screen"):
        main([])


def test_without_qt_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from rushlight.ui.gui import main as module

    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(Error) as caught:
        module.main([])
    assert "pip install" in (caught.value.hint or "")
