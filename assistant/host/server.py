"""The host process: owns the lock, listens, brokers between front processes and engines, ends when idle.

`Server` answers fronts; where they come from (the listening socket, or a socket pair of the in-process host) is not
its business. One thread, no waiting for anybody.
"""

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight import Error, __version__
from rushlight.assistant.host.front import Front
from rushlight.assistant.host.lock import FileLock, wait_lock
from rushlight.assistant.host.logfile import LogFile
from rushlight.assistant.host.loop import READ, Loop
from rushlight.assistant.host.protocol import (
    HostStatus,
    Refused,
)
from rushlight.assistant.host.record import HostRecord, read_record, remove_record, write_record
from rushlight.assistant.host.transport import dial, is_own_user, listen
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    from rushlight.assistant.host.engines import Engines
    from rushlight.assistant.jobs.service import JobService

_FIRST_FRONT_S = 10.0  # a host that nobody comes to, whatever host.idle_s says
_END_S = 3.0  # for workers to die; a process stuck in the kernel does not hold up the end
_LOCK_S = 5.0  # for an ending host to let go of the lock
_LOCK_LOOK_S = 0.05  # until looking whether its owner lives
_WARM_S = 0.005  # from listening to the worker started ahead: the first greeting goes before
_LOOK_S = 1.0  # from listening to a look whether jobs of an earlier host are to go on: the first answer goes before
_MAX_FRONTS = 256


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The settings of the front that starts the host; they hold until it ends."""

    idle_s: float
    reserve_mib: int
    n_waiting: int  # of the worker that is started ahead


MakeEngines = Callable[[Loop, Callable[[], None]], "Engines"]  # gets the loop and what to call on changes
MakeJobs = Callable[[Loop, Callable[[], None]], "JobService"]


class Server:
    """Fronts on one side, engines on the other. `on_end` is called once everything has ended."""

    def __init__(
        self,
        loop: Loop,
        make_engines: MakeEngines,
        *,
        log: Callable[[str, str], None],
        idle_s: float,
        token: str,
        on_end: Callable[[], None],
        version: str = __version__,
        make_jobs: MakeJobs | None = None,
    ) -> None:
        self.loop = loop
        self.token = token
        self.version = version
        self.instance = os.urandom(8).hex()
        self.ending = False
        self._make_engines = make_engines
        self._engines: Engines | None = None
        self._log = log
        self._idle_s = idle_s
        self._on_end = on_end
        self._ended = False
        self._started_s = time.monotonic()
        self._fronts: set[Front] = set()
        self._idle = loop.call_later(max(idle_s, _FIRST_FRONT_S), self._idle_end)
        self._close_listener: Callable[[], None] = lambda: None
        self.jobs = make_jobs(loop, self._changed) if make_jobs is not None else None
        if self.jobs is not None:
            self.jobs.lender = lambda: self.engines

    @property
    def engines(self) -> "Engines":
        """Made when first needed: the first front is greeted before that is imported."""
        if self._engines is None:
            self._engines = self._make_engines(self.loop, self._changed)
            if self.jobs is not None:
                self._engines.on_use = self.jobs.make_way
        return self._engines

    @property
    def _n_engines(self) -> int:
        return 0 if self._engines is None else len(self._engines)

    def listen(self, listener: socket.socket, on_close: Callable[[], None]) -> None:
        """Take fronts from `listener`. When the end begins it is closed, and `on_close` is called."""

        def close() -> None:
            self.loop.unwatch(listener.fileno())
            listener.close()
            on_close()

        self._close_listener = close
        self.loop.watch(listener.fileno(), READ, lambda _events: self._accept(listener))

    def add_front(self, sock: socket.socket) -> None:
        """A connected socket that will say Hello."""
        front = Front(self, sock)
        self._fronts.add(front)
        if len(self._fronts) > _MAX_FRONTS:
            front.farewell(
                Refused(
                    f"{_MAX_FRONTS} programs are connected to the Rushlight host already.",
                    "Close some of them.",
                    "busy",
                )
            )

    def front_greeted(self) -> None:
        self._changed()

    def front_ended(self, front: Front) -> None:
        self._fronts.discard(front)
        if self._engines is not None:
            self._engines.detach(front)
        self._changed()

    def refuse_version(self, version: str) -> Refused:
        """The answer to another version's front: with nothing to lose, this host makes room for that version's."""
        if not any(front.greeted for front in self._fronts) and not (
            self._engines is not None and self._engines.in_use
        ):
            self.loop.call_soon(self.end)
            return Refused(
                f"The Rushlight host of version {self.version} ends to make room for version {version}.",
                "Try again.",
                "host-version",
                ending=True,
            )
        return Refused(
            f"The Rushlight host that is running is version {self.version}; this program is version {version}.",
            f"Close the programs of Rushlight {self.version}; then its host ends by itself. Or use that version.",
            "host-version",
        )

    def look_at_jobs(self) -> None:
        """Those that an earlier host left unfinished go on."""
        if self.jobs is not None and not self.ending and not self.jobs.has_looked:
            self.jobs.look_ahead()

    def status(self) -> HostStatus:
        return HostStatus(
            pid=os.getpid(),
            version=self.version,
            running_s=time.monotonic() - self._started_s,
            n_fronts=sum(front.greeted for front in self._fronts),
            free_bytes=self.engines.free_bytes(),
            engines=self.engines.status(),
            n_jobs=self.jobs.n_running if self.jobs is not None else 0,
            budget_bytes=self.engines.budget_bytes,
        )

    def end(self) -> None:
        """Begin the orderly end: nobody new, workers killed, then the fronts let go."""
        if self.ending:
            return
        self.ending = True
        self._idle.cancel()
        self._close_listener()
        if self._engines is not None:
            self._engines.close()
        if self.jobs is not None:
            self.jobs.end()
        self.loop.call_later(_END_S, self._finish)
        self._changed()

    def _accept(self, listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except BlockingIOError:
            return
        except OSError as err:
            # Most likely no descriptor is left: those who wait in the backlog wait a little longer.
            self._log("host", f"A connection could not be taken: {err.strerror}.")
            self.loop.unwatch(listener.fileno())
            self.loop.call_later(
                0.2,
                lambda: (
                    None
                    if self.ending
                    else self.loop.watch(listener.fileno(), READ, lambda _events: self._accept(listener))
                ),
            )
            return
        if not is_own_user(sock):
            self._log("host", "A connection of another user was refused.")
            sock.close()
            return
        self.add_front(sock)

    def _changed(self) -> None:
        """Something began or ended: is this host idle, or through?"""
        if self.ending:
            if self._n_engines == 0 and (self.jobs is None or self.jobs.has_ended):
                self._finish()
        elif any(front.greeted for front in self._fronts) or self._n_engines or self._has_jobs:
            self._idle.cancel()
        elif self._idle.callback is None:
            self._idle = self.loop.call_later(self._idle_s, self._idle_end)

    def _idle_end(self) -> None:
        self._idle.cancel()
        if any(front.greeted for front in self._fronts) or self._n_engines or self._has_jobs:
            return
        self.look_at_jobs()
        if not self._has_jobs:  # else `_changed` follows
            self.end()

    @property
    def _has_jobs(self) -> bool:
        return self.jobs is not None and self.jobs.busy

    def _finish(self) -> None:
        if not self._ended:
            self._ended = True
            for front in list(self._fronts):
                front.drop()
            self._on_end()


Serve = Callable[[Paths, HostOptions, Callable[[bytes], None]], int]


def main(argv: list[str], serve: Serve | None = None) -> int:
    """`rushlight _host --data D --cache C --runtime R --idle S --reserve MIB --waiting N --ready FD`.

    Runs the host of these folders. Says "ok" on the descriptor once it can be reached, "owned" if another host owns
    the folder, else an error; and closes it in any case.
    """
    given = dict(zip(argv[::2], argv[1::2], strict=True))
    if os.fork():
        # The front that started us waits for this; the host itself belongs to nobody and leaves it no zombie.
        os._exit(0)
    paths = Paths(Path(given["--data"]), Path(given["--cache"]), Path(given["--runtime"]))
    options = HostOptions(float(given["--idle"]), int(given["--reserve"]), int(given["--waiting"]))
    ready_fd = int(given["--ready"])
    os.set_inheritable(ready_fd, False)
    return (serve or run)(paths, options, partial(_say, ready_fd))


def run(
    paths: Paths, options: HostOptions, say: Callable[[bytes], None], *, version: str = __version__, **parts: Any
) -> int:
    """Be the host until the end. `say` tells the front that waits how it went, once. `parts` go to `Engines`."""
    os.chdir("/")  # the folder we were started in may be unmounted or removed
    try:
        lock = _own(paths)
        if lock is None:
            say(b"owned")
            return 1
        listener = listen(paths.host_socket)
        token = os.urandom(32).hex()
        write_record(paths.host_record, HostRecord(str(paths.host_socket), token, os.getpid(), version))
    except (Error, OSError) as err:
        import msgspec

        problem = (
            err
            if isinstance(err, Error)
            else Error(f"The Rushlight host cannot start: {err}.", hint="Is the disk full?", kind="host-failed")
        )
        say(msgspec.json.encode([problem.message, problem.hint, problem.kind]))
        return 1

    host_log, engine_log = LogFile(paths.logs / "host.log", as_output=True), LogFile(paths.logs / "engine.log")

    def log(source: str, text: str) -> None:
        (host_log if source == "host" else engine_log).write(source, text)

    def make_engines(loop: Loop, on_change: Callable[[], None]) -> "Engines":
        from rushlight.assistant.host.arbiter import Arbiter
        from rushlight.assistant.host.engines import Engines

        return Engines(loop, Arbiter(options.reserve_mib * 1024 * 1024), log=log, on_change=on_change, **parts)

    def disappear() -> None:
        if remove_record(paths.host_record):
            paths.host_socket.unlink(missing_ok=True)

    loop = Loop(on_bug=partial(report_bug, log))

    def make_jobs(loop: Loop, on_change: Callable[[], None]) -> "JobService":
        from rushlight.assistant.jobs.service import JobService

        return JobService(loop, paths, log=log, on_change=on_change)

    server = Server(
        loop,
        make_engines,
        log=log,
        idle_s=options.idle_s,
        token=token,
        on_end=loop.stop,
        version=version,
        make_jobs=make_jobs,
    )
    server.listen(listener, disappear)
    loop.call_later(_LOOK_S, server.look_at_jobs)
    loop.call_later(_WARM_S, lambda: None if server.ending else server.engines.warm(options.n_waiting))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: loop.call_soon(server.end))
    say(b"ok")
    loop.run()
    lock.release()
    return 0


def _own(paths: Paths) -> FileLock | None:
    """The lock of the folder: at once, or when an ending host lets go of it. None where another host lives."""
    deadline_s = time.monotonic() + _LOCK_S
    while True:
        lock = wait_lock(paths.host_lock, _LOCK_LOOK_S)
        if lock is not None or time.monotonic() > deadline_s:
            return lock
        record = read_record(paths.host_record)
        if record is not None:
            try:
                dial(record.socket, _LOCK_LOOK_S).close()
                return None
            except OSError:
                pass  # a host at its very start or end


def report_bug(log: Callable[[str, str], None], err: BaseException) -> None:
    """Into the log with it; the host goes on."""
    import traceback  # 10 ms, and wanted never

    log("host", "".join(traceback.format_exception(err)))


def _say(ready_fd: int, text: bytes) -> None:
    try:
        os.write(ready_fd, text)
    except OSError:
        pass  # the front gave up waiting; another one may come
    os.close(ready_fd)
