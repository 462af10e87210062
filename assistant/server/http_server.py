"""The listening side: a socket of our own, uvicorn on it, limits per connection, and an end that is clean.

Knows addresses and connections; knows no endpoint. uvicorn alone waits for ever for a request that never comes and
for a reader that never reads; here both end.
"""

import asyncio
import contextlib
import ctypes
import gc
import ipaddress
import os
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rushlight import Error

REQUEST_LIMIT_S = 10.0  # from a connection, or from the first byte of a further request, to its headers
READ_LIMIT_S = 30.0  # a client that takes nothing of what waits for it
MAX_CONNECTIONS = 256
MAX_HEADER_BYTES = 64 * 1024
_END_S = 3  # for running answers to end
_M_ARENA_MAX = -8  # of malloc.h
_GC_THRESHOLDS = (5_000, 10, 10)  # a short program waits longer: here garbage would grow to 10 MB until it is let go
_SWITCH_S = 0.001  # most that one thread of Python holds the others up; Python's own default is five times that


@dataclass(frozen=True, slots=True)
class Place:
    """Where it listens."""

    sock: socket.socket
    url: str  # http://127.0.0.1:11811, or unix:PATH
    names: frozenset[str]  # host names under which it is reached
    is_unix: bool


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int, *, token_given: bool) -> Place:
    """A listening TCP socket. Any address but loopback needs a token that the user gave."""
    if not is_loopback(host) and not token_given:
        raise Error(
            f"{host} is reachable from other machines; without a token of your own nothing is served there.",
            hint="Set RUSHLIGHT_TOKEN to a token of at least 16 characters, or serve on 127.0.0.1.",
            kind="open-address",
        )
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _name, address = found[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as err:
        raise Error(f"{host} is no address of this machine: {err.strerror}.", kind="bad-address") from err
    try:
        if os.name != "nt":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(128)
    except OSError as err:
        sock.close()
        raise Error(
            f"Cannot listen on {host} port {port}: {err.strerror}.",
            hint="Another server may run there already; choose another port with --port.",
            kind="port-taken",
        ) from err
    sock.setblocking(False)
    bound = sock.getsockname()
    shown = f"[{bound[0]}]" if family == socket.AF_INET6 else bound[0]
    names = {"localhost", "127.0.0.1", "::1"} if is_loopback(host) else {host.lower()}
    return Place(sock, f"http://{shown}:{bound[1]}", frozenset(names), False)


def listen_unix(path: Path) -> Place:
    """A listening UNIX socket, for this user only. A stale one gives way, a living one or another file does not."""
    if len(os.fsencode(path)) > 107:
        raise Error(f"The socket's path {path} is too long.", hint="Use a shorter one.", kind="bad-address")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        mask = os.umask(0o177)
        try:
            sock.bind(os.fspath(path))
        finally:
            os.umask(mask)
        sock.listen(128)
    except OSError as err:
        sock.close()
        raise Error(
            f"Cannot listen on {path}: {err.strerror}.", hint="Choose another path.", kind="port-taken"
        ) from err
    except Error:
        sock.close()
        raise
    sock.setblocking(False)
    return Place(sock, f"unix:{path}", frozenset(), True)


def _clear(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise Error(f"{path} is a file, no socket.", hint="Choose another path.", kind="port-taken")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
    raise Error(f"Another server listens on {path}.", hint="Choose another path.", kind="port-taken")


class LimitedProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience: for headers that do not come, and for answers that are not read."""

    _limit: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_headers()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._limit is not None:  # the keep-alive timer has taken over
            self._limit.cancel()
            self._limit = None

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._limit, self._unread):
            if timer is not None:
                timer.cancel()
        self._limit = self._unread = None
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_LIMIT_S, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _await_headers(self) -> None:
        """Run the clock while no request is being answered."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._limit is not None:
            self._limit.cancel()
            self._limit = None
        elif not is_answering and self._limit is None and not self.transport.is_closing():
            self._limit = self.loop.call_later(REQUEST_LIMIT_S, self._too_late)

    def _too_late(self) -> None:
        self._limit = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


def _share_one_heap() -> None:
    """glibc gives threads heaps of their own, each of which keeps what it once needed: the server of 64 callers grew by
    a third within minutes. Few of its allocations are made at the same time. Elsewhere nothing happens."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: those are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """An application on a place. `run` serves until SIGINT, SIGTERM or `end`."""

    def __init__(
        self,
        application: Any,
        place: Place,
        *,
        on_started: Callable[[], None] = lambda: None,
        on_ending: Callable[[], None] = lambda: None,
        is_alone: bool = False,
    ) -> None:
        """`is_alone`: this process does nothing else, so it may be arranged for the server."""
        self._place = place
        self._is_alone = is_alone
        self._on_started = on_started
        self._on_ending = on_ending
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = _Server(
            uvicorn.Config(
                application,
                http=LimitedProtocol,
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=_END_S,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            )
        )

    def run(self) -> None:
        """Serve. `on_started` is called once it listens, `on_ending` when the end begins."""
        if self._is_alone:
            _share_one_heap()
        asyncio.run(self._serve())

    def _prepare(self) -> None:
        """What keeps answers of the loop quick: it need not wait long for threads that ask engines, nor for a garbage
        collection that walks through everything that was imported (tens of milliseconds on a busy machine)."""
        sys.setswitchinterval(_SWITCH_S)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)

    def end(self) -> None:
        """Ask it to end; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        if self._server.should_exit:
            self._server.force_exit = True
        self._server.should_exit = True
        self._on_ending()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._loop.add_signal_handler(number, self._end)
            except (NotImplementedError, RuntimeError):  # Windows, or not the main thread
                with contextlib.suppress(ValueError):
                    signal.signal(number, lambda *_: self.end())
        task = asyncio.ensure_future(self._server.serve(sockets=[self._place.sock]))
        while not self._server.started and not task.done():
            await asyncio.sleep(0.005)
        if not task.done():
            if self._is_alone:
                self._prepare()
            self._on_started()
        await task
