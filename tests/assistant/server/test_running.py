"""Which servers run: notes and locks, what one may ask of a server over TCP and a UNIX socket, and the leash."""

import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.server import leash
from rushlight.assistant.server.running import RunningServer, announce, ask, end, running_servers
from rushlight.assistant.server.token import Token, find_token, renew_token


def wait(condition: Callable[[], object], limit_s: float = 10.0) -> None:
    limit = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < limit, "it did not come about in time"
        time.sleep(0.01)


@pytest.fixture
def answers() -> Iterator[Callable[[bytes], RunningServer]]:
    """answers(raw) is a server that sends these bytes to whoever connects."""
    socks: list[socket.socket] = []

    def make(raw: bytes) -> RunningServer:
        sock = socket.create_server(("127.0.0.1", 0))
        socks.append(sock)

        def serve() -> None:
            with sock.accept()[0] as one:
                one.recv(65_536)
                one.sendall(raw)

        threading.Thread(target=serve, daemon=True).start()
        return RunningServer("k", os.getpid(), f"http://127.0.0.1:{sock.getsockname()[1]}", 0.0, False, "0")

    yield make
    for sock in socks:
        sock.close()


def test_a_note_is_private_and_gone_when_it_is_withdrawn(own_home: Path) -> None:
    paths = find_paths()
    assert running_servers(paths) == ()
    note = announce(paths, "http://127.0.0.1:1", Token("x" * 20, None), version="1", starter_pid=7)
    (found,) = running_servers(paths)
    assert (found.pid, found.url, found.token_is_given, found.starter_pid) == (
        os.getpid(), "http://127.0.0.1:1", True, 7,
    )  # fmt: skip
    (file,) = paths.servers.glob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and "x" * 20 not in file.read_text()
    note.withdraw()
    note.withdraw()
    assert running_servers(paths) == () and list(paths.servers.iterdir()) == []


def test_the_note_of_a_killed_server_is_swept_away(own_home: Path) -> None:
    paths = find_paths()
    script = (
        "import sys, time; from rushlight.assistant.paths import find_paths;"
        "from rushlight.assistant.server.running import announce; from rushlight.assistant.server.token import Token;"
        "note = announce(find_paths(), 'unix:/x', Token('y' * 20, None), version='1'); print(1, flush=True);"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-P", "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline()
    (found,) = running_servers(paths)
    assert found.pid == process.pid and found.is_unix
    process.kill()
    process.communicate()
    assert running_servers(paths) == () and list(paths.servers.iterdir()) == []
    assert end(found, paths)  # nothing to do


@pytest.mark.parametrize("written", [b"", b"{}", b"[1]", b'{"key": 1}', b"\xff" * 40, b"[" * 10_000])
def test_a_broken_note_is_not_believed(own_home: Path, written: bytes) -> None:
    paths = find_paths()
    note = announce(paths, "http://127.0.0.1:1", Token("x" * 20, None), version="1")
    (file,) = paths.servers.glob("*.json")
    file.write_bytes(written)
    assert running_servers(paths) == ()
    note.withdraw()


def test_a_renewed_token_is_another_one_and_private(own_home: Path) -> None:
    paths = find_paths()
    before = find_token(paths).text
    after = renew_token(paths)
    assert after.text != before and find_token(paths).text == after.text
    assert stat.S_IMODE(paths.server_token.stat().st_mode) == 0o600


def test_an_answer_is_values_or_text(answers: Callable[[bytes], RunningServer]) -> None:
    assert ask(answers(b'HTTP/1.1 200 OK\r\nx: y\r\n\r\n{"a": 1}'), "/x", "t") == {"a": 1}
    assert ask(answers(b"HTTP/1.1 200 OK\r\n\r\n# HELP"), "/x", "t") == "# HELP"


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"HTTP/1.1 401 No\r\n\r\n{}", "wrong-token"),
        (b"HTTP/1.1 500 No\r\n\r\n{}", "no-answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n{", "no-answer"),
        (b"SSH-2.0-OpenSSH\r\n", "no-answer"),
        (b"", "no-answer"),
    ],
)
def test_what_is_no_answer_is_an_error(answers: Callable[[bytes], RunningServer], raw: bytes, kind: str) -> None:
    with pytest.raises(Error) as caught:
        ask(answers(raw), "/requests", "t")
    assert caught.value.kind == kind


def test_nobody_listens() -> None:
    with pytest.raises(Error) as caught:
        ask(RunningServer("k", 2, "unix:/nowhere/x.sock", 0.0, False, "0"), "/health", "t")
    assert caught.value.kind == "no-answer"


@pytest.mark.parametrize(
    ("said", "ends"), [([], True), ([leash.STAY], False), ([leash.STAY, leash.GO], True), ([b"stay"], True)]
)
def test_the_leash(said: list[bytes], ends: bool) -> None:
    reading, writing = os.pipe()
    ended = threading.Event()
    leash.hold(reading, ended.set)
    for one in said:
        os.write(writing, one)
    assert not ended.is_set()
    os.close(writing)
    if ends:
        assert ended.wait(5)
    else:
        wait(lambda: not any(one.name == "leash" for one in threading.enumerate()))
        assert not ended.is_set()
    os.close(reading)


def test_a_real_server_is_found_asked_and_ends_with_its_starter(own_home: Path, tmp_path: Path) -> None:
    paths = find_paths()
    place = tmp_path / "s"
    command = [sys.executable, "-P", "-m", "rushlight", "serve", "--socket", str(place), "--json", "--leash"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        wait(lambda: running_servers(paths))
        (found,) = running_servers(paths)
        assert found.pid == process.pid and found.url == f"unix:{place}" and found.starter_pid == os.getpid()
        token = find_token(paths).text
        assert ask(found, "/health", token) == {"status": "ok"}
        assert ask(found, "/v1/models", token)["data"] == []
        listed = ask(found, "/requests?limit=5", token)["data"]
        assert [one["path"] for one in listed] == ["/v1/models"]  # who only watches is not in it
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0
        assert running_servers(paths) == () and not place.exists()
    finally:
        process.kill()
        process.wait()
