"""The front process's side of the host: find it or start it, and ask it for engines.

A dead host is no error: the next question starts a new one. Knows the host's frames; what is said to an engine goes
over the engine's own socket (`engine/client.py`).
"""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error, Progress, Stop, __version__
from rushlight.assistant.engine.frames import Cancel
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Failed
from rushlight.assistant.host.protocol import (
    HOST_CODEC,
    AskStatus,
    Explained,
    ExplainEngine,
    Hello,
    HostStatus,
    JobOrder,
    JobOrdered,
    Opened,
    OpenEngine,
    Refused,
    Shutdown,
    Unload,
    Unloaded,
    Welcome,
)
from rushlight.assistant.host.record import read_record
from rushlight.assistant.host.start import HostSettings, Starting, try_start_lock
from rushlight.assistant.host.transport import dial, receive_with_fds
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    from rushlight.assistant.engine.client import EngineClient

_CONNECT_S = 30.0  # to reach a host, starting one included; a busy machine starts slowly
_GREETING_S = 10.0  # from Hello to Welcome
_ANSWER_S = 10.0  # for answers that need no work
_STOP_S = 2.0  # for the host to take back a request
_POLL_S = 0.01


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


Dial = Callable[[bool], Link]  # may it start a host?


def connect(
    paths: Paths, settings: HostSettings, *, start: bool = True, starting: Starting | None = None
) -> "HostClient":
    """The host of these folders, started if there is none and `start` allows it; `starting` if that has begun."""
    if starting is not None:
        starting.wait(_CONNECT_S)
    return HostClient(lambda may_start: reach(paths, settings, may_start), settings, start=start)


def reach(paths: Paths, settings: HostSettings, start: bool, version: str = __version__) -> Link:
    """A greeted connection to the host of these folders."""
    deadline_s = time.monotonic() + _CONNECT_S
    owned = False
    while True:
        link = _try_record(paths, version)
        if link is not None:
            return link
        if not start:
            raise Error("No Rushlight host is running.", hint="It starts with the first question.", kind="no-host")
        lock = try_start_lock(paths)
        if lock is not None:
            try:
                # The one before us may just have started it.
                link = _try_record(paths, version)
                if link is not None:
                    return link
                owned = not Starting(paths, settings).wait(max(1.0, deadline_s - time.monotonic())) or owned
            finally:
                lock.release()
            link = _try_record(paths, version)
            if link is not None:
                return link
        if time.monotonic() > deadline_s:
            raise _unreachable(paths, owned)
        time.sleep(_POLL_S)


def _try_record(paths: Paths, version: str) -> Link | None:
    """A connection to the host that the record names; None where there is no such host (any more)."""
    record = read_record(paths.host_record)
    if record is None:
        return None
    try:
        return Link(dial(record.socket, _GREETING_S), record.token, version)
    except (OSError, HostLost, TimeoutError) as err:
        if isinstance(err, TimeoutError):
            raise Error(
                f"The Rushlight host (process {record.pid}) does not answer.",
                hint=f"If that lasts, end it with: kill {record.pid}",
                kind="host-unreachable",
            ) from err
        return None
    except HostRefused as refused:
        if refused.ending or refused.error.kind == "bad-token":  # the record was replaced while we read it
            return None
        raise refused.error from None


def _unreachable(paths: Paths, owned: bool) -> Error:
    if owned:
        return Error(
            f"Another Rushlight host owns the folder {paths.data}, but it cannot be reached.",
            hint="End the process named rushlight _host, or set RUSHLIGHT_HOME to another folder.",
            kind="host-unreachable",
        )
    return Error(
        f"The Rushlight host could not be reached within {_CONNECT_S:g} s.",
        hint=f"Its log: {paths.logs / 'host.log'}",
        kind="host-unreachable",
    )


class HostClient:
    """Asks the host. Safe to use from several threads: whoever finds the connection taken opens another one."""

    def __init__(self, dial_host: Dial, settings: HostSettings, *, start: bool = True) -> None:
        self._dial = dial_host
        self._settings = settings
        self._start = start
        self._idle = [dial_host(start)]  # kept open: an open connection keeps the host from ending

    def __enter__(self) -> "HostClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def open_engine(
        self,
        load: LoadSettings,
        stop: Stop | None = None,
        on_progress: Callable[[Progress], None] = lambda _progress: None,
    ) -> "EngineClient":
        """An engine with this model, shared with all who load it with equal settings. Blocks until it is loaded."""
        from rushlight.assistant.engine.client import EngineClient

        stop = stop or Stop()
        stop.check()
        request = OpenEngine(
            load,
            keep_alive_s=float(self._settings.number("engine.keep_alive_s")),
            n_waiting=self._settings.number("engine.queue"),
        )
        with self._link() as link:
            sequence = link.request(request)
            opened = _await_engine(link, sequence, stop, on_progress, Path(load.path).name)
            sock = socket.socket(fileno=link.take_fd())
            instance = link.instance
        engine_id = opened.engine_id
        return EngineClient(sock, lambda: self._explain(instance, engine_id))

    def status(self) -> HostStatus:
        """What is running and loaded."""
        status: HostStatus = self._ask(AskStatus(), HostStatus)
        return status

    def unload(self, path: str | os.PathLike[str] = "") -> int:
        """End the engines of this model file (of all, without a path); returns how many there were."""
        unloaded: Unloaded = self._ask(Unload(os.fspath(path)), Unloaded)
        return unloaded.n_engines

    def look_at_jobs(self) -> None:
        """Something may be to do."""
        self._ask(JobOrder("look"), JobOrdered)

    def order_job(self, job_id: str, order: str) -> str:
        """Pause, resume or cancel a job; returns the state that follows at once."""
        ordered: JobOrdered = self._ask(JobOrder(order, job_id), JobOrdered)
        return ordered.state

    def shutdown(self) -> None:
        """End the host with all its engines, and wait until it is gone."""
        with self._link(start=False) as link:
            sequence = link.request(Shutdown())
            link.answer(sequence, _ANSWER_S)
            try:
                link.receive(time.monotonic() + _ANSWER_S)
            except (HostLost, TimeoutError):
                pass
        self.close()

    def close(self) -> None:
        """Detach. Engines opened here go on working until they are closed themselves."""
        while self._idle:
            self._idle.pop().close()

    def _ask(self, request: object, expected: type[Any]) -> Any:
        with self._link() as link:
            value = link.answer(link.request(request), _ANSWER_S)
            if not isinstance(value, expected):
                raise HostLost
            return value

    def _explain(self, instance: str, engine_id: int) -> Error:
        """Why that engine closed its socket."""
        gone = Error(
            "The Rushlight host ended, and the model with it.",
            hint="Ask again: a new host starts by itself.",
            kind="host-died",
        )
        try:
            with self._link(start=False) as link:
                if link.instance != instance:
                    return gone
                reason = link.answer(link.request(ExplainEngine(engine_id)), _ANSWER_S)
        except Error as err:
            return gone if err.kind in ("no-host", "host-died") else err
        if not isinstance(reason, Explained):
            return gone
        return Error(reason.message, reason.hint, kind=reason.kind)

    @contextmanager
    def _link(self, start: bool | None = None) -> Iterator[Link]:
        """A connection for one request: a free one that is alive, or a new one. Back among the free ones after it."""
        link = None
        while link is None:
            try:
                candidate = self._idle.pop()
            except IndexError:
                link = self._dial(self._start if start is None else start)
                break
            if candidate.is_alive():
                link = candidate
            else:
                candidate.close()
        try:
            yield link
        except HostLost:
            link.close()
            raise Error(
                "The Rushlight host ended before it answered.",
                hint="Try again: a new one starts by itself.",
                kind="host-died",
            ) from None
        except Error as err:
            if err.kind == "bad-frame":
                link.close()
            if not link.closed:
                self._idle.append(link)
            raise
        except BaseException:
            link.close()
            raise
        self._idle.append(link)


def _await_engine(link: Link, sequence: int, stop: Stop, on_progress: Callable[[Progress], None], name: str) -> Opened:
    """Wait for the engine; a set `stop` takes the request back."""
    wake_read, wake_write = os.pipe()
    forget = stop.on_set(lambda: _wake(wake_write))
    stopped_s: float | None = None  # until when the host may answer that it stopped
    try:
        while True:
            try:
                number, value = link.receive(stopped_s, wake_fd=-1 if stopped_s else wake_read)
            except TimeoutError:
                link.close()
                raise _stopped(name) from None
            if value is None:
                stopped_s = time.monotonic() + _STOP_S
                link.send(Cancel(), sequence)
                continue
            if number != sequence:
                continue
            match value:
                case Progress():
                    if stopped_s is None:
                        on_progress(value)
                case Opened():
                    if stopped_s:  # too late to take back: not wanted any more
                        os.close(link.take_fd())
                        raise _stopped(name)
                    return value
                case Failed():
                    raise Error(value.message, value.hint, kind=value.kind)
                case _:
                    raise HostLost
    finally:
        forget()
        os.close(wake_read)
        os.close(wake_write)


def _stopped(name: str) -> Error:
    return Error(f"Loading {name} was stopped.", kind="stopped")


def _wake(fd: int) -> None:
    try:
        os.write(fd, b"s")
    except OSError:
        pass  # the request ended in this moment


def _wait_readable(fds: list[int], timeout_s: float | None) -> list[int]:
    """Those of `fds` that are readable; poll, because select refuses high descriptors."""
    poller = select.poll()
    for fd in fds:
        poller.register(fd, select.POLLIN)
    return [fd for fd, _ in poller.poll(None if timeout_s is None else timeout_s * 1000)]
