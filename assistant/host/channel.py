"""One end of a framed connection in the host's loop: never blocks, never grows without bound.

Used for front processes and for the workers' control sockets. Whoever sends what cannot be read, or does not read
what is sent to it, is cut off; nobody else notices.
"""

import collections
import os
import socket
from collections.abc import Callable
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.frames import Codec
from rushlight.assistant.host.loop import READ, WRITE, Loop
from rushlight.assistant.host.transport import send_with_fds

_READ_BYTES = 65536
_MAX_OUT_BYTES = 8 * 1024 * 1024


class Channel:
    """Frames in through `on_frame(sequence, value)`, out through `send`; `on_end(why)` once, when it is over."""

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        codec: Codec,
        *,
        on_frame: Callable[[int, Any], None],
        on_end: Callable[[str], None],
    ) -> None:
        sock.setblocking(False)
        self.codec = codec
        self._loop = loop
        self._sock = sock
        self._on_frame = on_frame
        self._on_end = on_end
        self._in = bytearray()
        self._out: collections.deque[tuple[memoryview, tuple[int, ...]]] = collections.deque()
        self._out_bytes = 0
        self._closing = False
        self.closed = False
        loop.watch(sock.fileno(), READ, self._ready)

    def send(self, value: object, sequence: int = 0, fds: tuple[int, ...] = ()) -> None:
        """Queue a frame. The descriptors belong to the channel from now on."""
        if self.closed or self._closing:
            _close_fds(fds)
            return
        data = self.codec.encode(value, sequence)
        self._out.append((memoryview(data), fds))
        self._out_bytes += len(data)
        if self._out_bytes > _MAX_OUT_BYTES:
            self._end("it does not read what is sent to it")
            return
        self._flush()

    def finish(self) -> None:
        """Close once everything is sent; what comes in meanwhile is ignored."""
        self._closing = True
        if not self.closed and not self._out:
            self._end("")

    def close(self) -> None:
        """Close now, without `on_end`."""
        if self.closed:
            return
        self.closed = True
        self._loop.unwatch(self._sock.fileno())
        self._sock.close()
        while self._out:
            _close_fds(self._out.popleft()[1])

    def drain(self) -> None:
        """Handle all that has arrived; for a peer that is known to be dead."""
        while not self.closed and self._receive():
            pass

    def _ready(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & READ and not self.closed:
            self._receive()

    def _receive(self) -> bool:
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as err:
            self._end(err.strerror or "the connection failed")
            return False
        if not data:
            self._end("the other end closed the connection")
            return False
        if self._closing:
            return True
        self._in += data
        try:
            while not self.closed and not self._closing:
                frame = self.codec.take(self._in)
                if frame is None:
                    break
                self._on_frame(*frame)
        except Error as err:
            self._end(err.message)
        return not self.closed

    def _flush(self) -> None:
        while self._out:
            data, fds = self._out[0]
            try:
                n_sent = send_with_fds(self._sock, data, fds)
            except BlockingIOError:
                self._loop.watch(self._sock.fileno(), READ | WRITE, self._ready)
                return
            except OSError as err:
                self._end(err.strerror or "the connection failed")
                return
            _close_fds(fds)  # sent with the first byte
            self._out_bytes -= n_sent
            if n_sent < len(data):
                self._out[0] = (data[n_sent:], ())
            else:
                self._out.popleft()
        self._loop.watch(self._sock.fileno(), READ, self._ready)
        if self._closing:
            self._end("")

    def _end(self, why: str) -> None:
        if not self.closed:
            self.close()
            self._on_end(why)


def _close_fds(fds: tuple[int, ...]) -> None:
    for fd in fds:
        os.close(fd)
