"""The front process's side of the host: find it or start it, and ask it for engines.

A dead host is no error: the next question starts a new one. Knows the host's frames; what is said to an engine goes
over the engine's own socket (`engine/client.py`).
"""

import os
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
from rushlight.assistant.host.link import HostLost, HostRefused, Link
from rushlight.assistant.host.need import limits_of
from rushlight.assistant.host.protocol import (
    AskMemory,
    AskPlan,
    AskStatus,
    Explained,
    ExplainEngine,
    HostStatus,
    JobOrder,
    JobOrdered,
    LoadPlan,
    MemoryGranted,
    MemoryWaits,
    Opened,
    OpenEngine,
    Shutdown,
    Unload,
    Unloaded,
)
from rushlight.assistant.host.record import read_record
from rushlight.assistant.host.start import HostSettings, Starting, try_start_lock
from rushlight.assistant.host.transport import dial
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    from rushlight.assistant.engine.client import EngineClient

_CONNECT_S = 30.0  # to reach a host, starting one included; a busy machine starts slowly
_GREETING_S = 10.0  # from Hello to Welcome
_ANSWER_S = 10.0  # for answers that need no work
_PLAN_S = 90.0  # for those that look at a file and ask the cards
_STOP_S = 2.0  # for the host to take back a request
_POLL_S = 0.01


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
        *,
        keep_alive_s: float | None = None,
    ) -> "EngineClient":
        """An engine with this model, shared with all who load it with equal settings. Blocks until it is loaded.

        `keep_alive_s`: how long it stays loaded unused, < 0 = always; without it, the setting engine.keep_alive_s.
        """
        from rushlight.assistant.engine.client import EngineClient

        stop = stop or Stop()
        stop.check()
        request = OpenEngine(
            load,
            keep_alive_s=float(self._settings.number("engine.keep_alive_s") if keep_alive_s is None else keep_alive_s),
            n_waiting=self._settings.number("engine.queue"),
            limits=limits_of(self._settings),
        )
        with self._link() as link:
            sequence = link.request(request)
            opened = _await_engine(link, sequence, stop, on_progress, Path(load.path).name)
            sock = socket.socket(fileno=link.take_fd())
            instance = link.instance
        engine_id = opened.engine_id
        return EngineClient(sock, lambda: self._explain(instance, engine_id), ready=opened.ready)

    def plan(self, load: LoadSettings) -> LoadPlan:
        """What loading would take, and whom it would unload; nothing is loaded."""
        plan: LoadPlan = self._ask(AskPlan(load, limits_of(self._settings)), LoadPlan, _PLAN_S)
        return plan

    @contextmanager
    def memory(
        self,
        name: str,
        main_bytes: int,
        card_bytes: int = 0,
        *,
        pid: int = 0,
        stop: Stop | None = None,
        on_wait: Callable[[str], None] = lambda _why: None,
    ) -> Iterator[None]:
        """Memory for work of this process (or of `pid`) that is no engine, for as long as the block runs.

        Idle models are unloaded for it; what is in use is waited for. Raises `Error(kind="out-of-memory")` where it
        can never be had, `Error(kind="stopped")` once `stop` is set.
        """
        stop = stop or Stop()
        stop.check()
        request = AskMemory(name, main_bytes, card_bytes, pid or os.getpid(), limits_of(self._settings))
        link = self._dial(self._start)
        try:
            sequence = link.request(request)
            _await(link, sequence, stop, on_wait, f"Waiting for memory for {name}", MemoryGranted)
            yield
        except HostLost:
            raise _ended() from None
        finally:
            link.close()  # which gives it back

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

    def _ask(self, request: object, expected: type[Any], timeout_s: float = _ANSWER_S) -> Any:
        with self._link() as link:
            value = link.answer(link.request(request), timeout_s)
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
            raise _ended() from None
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
    opened: Opened = _await(link, sequence, stop, on_progress, f"Loading {name}", Opened)
    return opened


def _await(
    link: Link, sequence: int, stop: Stop, on_meanwhile: Callable[[Any], None], doing: str, expected: type[Any]
) -> Any:
    """Wait for the answer of that type; a set `stop` takes the request back."""
    wake_read, wake_write = os.pipe()
    forget = stop.on_set(lambda: _wake(wake_write))
    stopped_s: float | None = None  # until when the host may answer that it stopped
    try:
        while True:
            try:
                number, value = link.receive(stopped_s, wake_fd=-1 if stopped_s else wake_read)
            except TimeoutError:
                link.close()
                raise _stopped(doing) from None
            if value is None:
                stopped_s = time.monotonic() + _STOP_S
                link.send(Cancel(), sequence)
                continue
            if number != sequence:
                continue
            match value:
                case Progress() | MemoryWaits():
                    if stopped_s is None:
                        on_meanwhile(value if isinstance(value, Progress) else value.why)
                case Opened() | MemoryGranted() if isinstance(value, expected):
                    if stopped_s:  # too late to take back: not wanted any more
                        if isinstance(value, Opened):
                            os.close(link.take_fd())
                        raise _stopped(doing)
                    return value
                case Failed():
                    raise Error(value.message, value.hint, kind=value.kind)
                case _:
                    raise HostLost
    finally:
        forget()
        os.close(wake_read)
        os.close(wake_write)


def _ended() -> Error:
    return Error(
        "The Rushlight host ended before it answered.",
        hint="Try again: a new one starts by itself.",
        kind="host-died",
    )


def _stopped(doing: str) -> Error:
    return Error(f"{doing} was stopped.", kind="stopped")


def _wake(fd: int) -> None:
    try:
        os.write(fd, b"s")
    except OSError:
        pass  # the request ended in this moment
