"""The socket: private, own user only, descriptors arrive closed-on-exec."""

import os
import socket
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.host import transport


def test_socket_and_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.sock"
    listener = transport.listen(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    client = transport.dial(str(path), 1)
    taken, _ = listener.accept()
    assert transport.is_own_user(taken)
    assert transport.is_own_user(client)
    for sock in (client, taken, listener):
        sock.close()


def test_a_dead_hosts_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.sock"
    transport.listen(path).close()
    with pytest.raises(OSError):
        transport.dial(str(path), 1)
    listener = transport.listen(path)
    transport.dial(str(path), 1).close()
    listener.close()


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(0o755)
    with pytest.raises(Error) as caught:
        transport.listen(folder / "x.sock")
    assert caught.value.kind == "unsafe-folder"


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(Error, match="too long"):
        transport.listen(tmp_path / ("x" * 120))


def test_another_user_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(os, "getuid", lambda: 424242)
    assert not transport.is_own_user(ours)
    ours.close()
    theirs.close()


def test_descriptors_travel_with_the_first_byte() -> None:
    ours, theirs = socket.socketpair()
    read_end, write_end = os.pipe()
    transport.send_with_fds(ours, b"hello", (write_end,))
    os.close(write_end)
    data, fds = transport.receive_with_fds(theirs, 100)
    assert data == b"hello"
    (fd,) = fds
    assert not os.get_inheritable(fd)
    os.write(fd, b"x")
    os.close(fd)
    assert os.read(read_end, 10) == b"x"
    os.close(read_end)
    ours.close()
    theirs.close()


def test_a_system_without_unix_sockets_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(Error) as caught:
        transport.listen(tmp_path / "x.sock")
    assert caught.value.kind == "unsupported-platform"
