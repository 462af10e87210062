"""Which servers run for this data folder, and what they say of themselves: how a face finds one, whoever began it.

A server leaves a note beside a lock that it holds while it lives; a note whose lock is free is swept away. Knows
sockets and files, no web framework: faces import this.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rushlight import Error
from rushlight.assistant.host.lock import FileLock, try_lock
from rushlight.assistant.paths import Paths, private_folder
from rushlight.assistant.server.token import Token

_MAX_NOTE_BYTES = 16 * 1024
_MAX_ANSWER_BYTES = 8 * 1024 * 1024
_ASK_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class RunningServer:
    """One that runs now."""

    key: str  # of its note
    pid: int
    url: str  # http://127.0.0.1:11811, or unix:PATH
    started_at: float  # seconds since 1970
    token_is_given: bool  # by RUSHLIGHT_TOKEN: it is in no file
    version: str
    starter_pid: int = 0  # the face that began it; 0: a shell or another program

    @property
    def is_unix(self) -> bool:
        return self.url.startswith("unix:")


class Note:
    """What a server leaves while it runs. `withdraw` at its end; after a kill the kernel lets go of the lock."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path = path
        self._lock = lock

    def withdraw(self) -> None:
        """It runs no more. Twice is fine."""
        for path in (self._path, self._path.with_suffix(".lock")):
            path.unlink(missing_ok=True)
        self._lock.release()


def announce(paths: Paths, url: str, token: Token, *, version: str, starter_pid: int = 0) -> Note:
    """Leave the note of this process."""
    folder = private_folder(paths.servers)
    key = f"{os.getpid()}-{secrets.token_hex(4)}"
    path = folder / f"{key}.json"
    lock = try_lock(path.with_suffix(".lock"))
    if lock is None:
        raise Error(f"Cannot lock {path.with_suffix('.lock')}.", kind="lock-failed")
    note = Note(path, lock)
    values = asdict(RunningServer(key, os.getpid(), url, time.time(), token.given, version, starter_pid))
    staged = path.with_suffix(".new")
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            json.dump(values, stream)
        staged.replace(path)
    except OSError as err:
        staged.unlink(missing_ok=True)
        note.withdraw()
        raise Error(f"The note of the server {path} cannot be written: {err.strerror}.", kind="write-failed") from err
    return note


def running_servers(paths: Paths) -> tuple[RunningServer, ...]:
    """Those that run now, the newest first."""
    try:
        notes = sorted(paths.servers.glob("*.json"))
    except OSError:
        return ()
    found = []
    for path in notes:
        if _is_over(path):
            continue
        server = _read(path)
        if server is not None:
            found.append(server)
    return tuple(sorted(found, key=lambda one: one.started_at, reverse=True))


def _is_over(path: Path) -> bool:
    """Nobody holds its lock any more: sweep it away."""
    lock_path = path.with_suffix(".lock")
    try:
        lock = try_lock(lock_path)
    except Error:
        return False
    if lock is None:
        return False
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        lock_path.unlink(missing_ok=True)
    lock.release()
    return True


def _read(path: Path) -> RunningServer | None:
    """None for a note that is not one of ours."""
    try:
        with path.open("rb") as stream:
            values = json.loads(stream.read(_MAX_NOTE_BYTES))
        server = RunningServer(**values)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    is_sound = (
        isinstance(server.pid, int)
        and server.pid > 1
        and isinstance(server.url, str)
        and isinstance(server.started_at, int | float)
        and isinstance(server.version, str)
        and isinstance(server.starter_pid, int)
        and server.key == path.stem
    )
    return server if is_sound else None


def end(server: RunningServer, paths: Paths, limit_s: float = 8.0) -> bool:
    """Ask it to end and wait; after half of that time less kindly. Whether it has ended."""
    began_s = time.monotonic()
    n_asked = 0
    while any(one.key == server.key for one in running_servers(paths)):
        waited_s = time.monotonic() - began_s
        if waited_s > limit_s:
            return False
        if n_asked == 0 or (n_asked == 1 and waited_s > limit_s / 2):
            number = signal.SIGTERM if n_asked == 0 else getattr(signal, "SIGKILL", signal.SIGTERM)
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, number)
            n_asked += 1
        time.sleep(0.02)
    return True


def ask(server: RunningServer, path: str, token: str) -> Any:
    """GET `path` of the server: JSON as values, any other text as it is. Raises `Error`."""
    try:
        status, body = _get(server, path, token)
    except (OSError, ValueError) as err:
        raise Error(f"The server at {server.url} does not answer: {err}.", kind="no-answer") from err
    if status == 401:
        raise Error(
            f"The server at {server.url} was started with another token.",
            hint="Its figures can be seen with the token that it knows; start it again to give it the present one.",
            kind="wrong-token",
        )
    if status != 200:
        raise Error(f"The server at {server.url} answered {path} with {status}.", kind="no-answer")
    text = body.decode("utf-8", "replace")
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise Error(f"The server at {server.url} answered {path} with no JSON.", kind="no-answer") from err


def _get(server: RunningServer, path: str, token: str) -> tuple[int, bytes]:
    """One request over a connection of its own; every answer of ours has its length or ends with the connection."""
    with _connected(server) as sock:
        host = "localhost" if server.is_unix else urlsplit(server.url).netloc
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        sock.sendall(head.encode("ascii"))
        limit_s = time.monotonic() + _ASK_LIMIT_S
        received = bytearray()
        while piece := sock.recv(65_536):
            received += piece
            if len(received) > _MAX_ANSWER_BYTES or time.monotonic() > limit_s:
                raise ValueError("its answer has no end")
    head_bytes, gap, body = bytes(received).partition(b"\r\n\r\n")
    words = head_bytes.split(b" ", 2)
    if not gap or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise ValueError("that is no HTTP")
    return int(words[1]), body


def _connected(server: RunningServer) -> socket.socket:
    if server.is_unix:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(_ASK_LIMIT_S)
        try:
            sock.connect(server.url.removeprefix("unix:"))
        except OSError:
            sock.close()
            raise
        return sock
    parts = urlsplit(server.url)
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = parts.hostname or "127.0.0.1"
    return socket.create_connection((everywhere.get(host, host), parts.port or 80), timeout=_ASK_LIMIT_S)
