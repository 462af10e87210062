"""One window program per data folder: a second start hands its wish to the first one and ends.

A kernel lock says who is the first, so a dead one is never taken for a living one; wishes go over a socket in the
user's private runtime folder. Wishes are one line: "raise", "new-window", or "open ID". Knows no window.
"""

import os
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from rushlight import Error
from rushlight.assistant.host.lock import FileLock, try_lock
from rushlight.assistant.paths import Paths, private_folder
from rushlight.ui.words import text

_WISH = re.compile(rb"(raise|new-window|open ([A-Za-z0-9._/@:-]{1,200}))\n")
_MAX_BYTES = 256
_WAIT_S = 5.0
_POLL_S = 0.05


def claim(paths: Paths) -> FileLock | None:
    """The right to be the window of this data folder; None where another process has it."""
    paths.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return try_lock(paths.data / "window.lock")


def address(paths: Paths) -> str:
    """Where the first one listens: a socket file, or the name of a pipe on Windows."""
    return paths.host_socket.with_suffix(".window").as_posix() if os.name == "posix" else paths.host_socket.stem


def hand_over(paths: Paths, wish: str, wait_s: float = _WAIT_S) -> None:
    """Tell the first one. It may be just starting, so this waits a moment; one that never answers is an `Error`."""
    deadline_s = time.monotonic() + wait_s
    while not _tell(address(paths), wish.encode("ascii", "replace") + b"\n"):
        if time.monotonic() > deadline_s:
            raise Error(
                text("Rushlight is open already, but its window does not answer."),
                hint=text("End it and start again."),
                kind="window-busy",
            )
        time.sleep(_POLL_S)


class WishServer(QObject):
    """Hears the wishes of later starts. `on_wish` gets "raise", "new-window" or "open", and the id for the last."""

    def __init__(self, paths: Paths, on_wish: Callable[[str, str], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on_wish = on_wish
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._accept)
        place = address(paths)
        if os.name == "posix":
            private_folder(paths.runtime)
            Path(place).unlink(missing_ok=True)  # of one that died: we hold the lock, so nobody listens there
        if not self._server.listen(place):
            raise Error(
                text("The window cannot listen for later starts: {reason}.", reason=self._server.errorString()),
                kind="window-socket",
            )

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while self._server.hasPendingConnections():
            connection = self._server.nextPendingConnection()
            connection.disconnected.connect(connection.deleteLater)
            connection.readyRead.connect(lambda connection=connection: self._read(connection))
            self._read(connection)

    def _read(self, connection: QLocalSocket) -> None:
        waiting = bytes(connection.peek(_MAX_BYTES).data())
        if b"\n" not in waiting and len(waiting) < _MAX_BYTES:
            return
        connection.readAll()
        found = _WISH.fullmatch(waiting)
        connection.write(b"ok\n" if found else b"no\n")
        connection.flush()
        connection.disconnectFromServer()
        if found:
            verb, _, rest = found[1].decode().partition(" ")
            self._on_wish(verb, rest)


def _tell(place: str, line: bytes) -> bool:
    """Whether somebody listened and said yes."""
    if sys.platform == "win32":
        connection = QLocalSocket()
        connection.connectToServer(place)
        if not connection.waitForConnected(1000):
            return False
        connection.write(line)
        connection.waitForBytesWritten(1000)
        return connection.waitForReadyRead(2000) and bytes(connection.readAll().data()) == b"ok\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as plain:
        plain.settimeout(2.0)
        try:
            plain.connect(place)
            plain.sendall(line)
            return plain.recv(3) == b"ok\n"
        except OSError:
            return False
