"""One greeted, blocking connection of a front process to the host.

Knows frames and how they arrive; knows nothing of what is asked.
"""

import os
import select
import socket
import time
from typing import Any

from rushlight import Error, __version__
from rushlight.assistant.events import Failed
from rushlight.assistant.host.protocol import HOST_CODEC, Hello, Refused, Welcome
from rushlight.assistant.host.transport import receive_with_fds

_GREETING_S = 10.0  # from Hello to Welcome


class HostLost(Exception):
    """The connection ended where an answer was expected. Never leaves the host package."""


class Link:
    """One greeted, blocking connection to a host."""

    def __init__(self, sock: socket.socket, token: str, version: str = __version__) -> None:
        self._sock = sock
        self._in = bytearray()
        self._fds: list[int] = []
        self._sequence = 0
        self.closed = False
        sock.settimeout(None)
        try:
            self.send(Hello(token, version, os.getpid()))
            _, answer = self.receive(time.monotonic() + _GREETING_S)
            if isinstance(answer, Refused):
                raise HostRefused(answer)
            if not isinstance(answer, Welcome):
                raise HostLost
        except BaseException:
            self.close()
            raise
        self.instance = answer.instance
        self.pid = answer.pid

    def send(self, value: object, sequence: int = 0) -> None:
        try:
            self._sock.sendall(HOST_CODEC.encode(value, sequence))
        except OSError as err:
            raise HostLost from err

    def request(self, value: object) -> int:
        """Send a request; its answers carry the returned number."""
        self._sequence += 1
        self.send(value, self._sequence)
        return self._sequence

    def receive(self, deadline_s: float | None = None, wake_fd: int = -1) -> tuple[int, Any]:
        """The next frame. `(0, None)` once `wake_fd` is readable; TimeoutError at the deadline."""
        while True:
            frame = HOST_CODEC.take(self._in)
            if frame is not None:
                return frame
            timeout_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            readers = [self._sock.fileno(), wake_fd] if wake_fd >= 0 else [self._sock.fileno()]
            ready = _wait_readable(readers, timeout_s)
            if not ready:
                raise TimeoutError
            if wake_fd in ready:
                return 0, None
            try:
                data, fds = receive_with_fds(self._sock, 65536)
            except OSError as err:
                raise HostLost from err
            self._fds += fds
            if not data:
                raise HostLost
            self._in += data

    def answer(self, sequence: int, timeout_s: float) -> Any:
        """The one answer to a request without progress."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                number, value = self.receive(deadline_s)
            except TimeoutError:
                self.close()  # a late answer would be in the way of the next one
                raise Error(
                    f"The Rushlight host (process {self.pid}) does not answer.",
                    hint=f"If that lasts, end it with: kill {self.pid}",
                    kind="host-unreachable",
                ) from None
            if number == sequence:
                if isinstance(value, Failed):
                    raise Error(value.message, value.hint, kind=value.kind)
                return value

    def take_fd(self) -> int:
        """The descriptor that came with the frame just received."""
        if not self._fds:
            raise HostLost
        return self._fds.pop(0)

    def is_alive(self) -> bool:
        """False once the other end has closed. Between requests nothing else can be there to read."""
        return not self.closed and not _wait_readable([self._sock.fileno()], 0)

    def close(self) -> None:
        self.closed = True
        self._sock.close()
        while self._fds:
            os.close(self._fds.pop())


class HostRefused(Exception):
    """The host said no to our Hello. Never leaves the host package."""

    def __init__(self, answer: Refused) -> None:
        super().__init__(answer.message)
        self.error = Error(answer.message, answer.hint, kind=answer.kind)
        self.ending = answer.ending


def _wait_readable(fds: list[int], timeout_s: float | None) -> list[int]:
    """Those of `fds` that are readable; poll, because select refuses high descriptors."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _ in poller.poll(None if timeout_s is None else timeout_s * 1000)]
