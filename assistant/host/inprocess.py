"""The host inside this process, for tests and for use as a library: the same server on a thread, without a socket file.

Each model still has a worker process of its own; it ends with this process.
"""

import os
import socket
import threading
from functools import partial

from rushlight import Error
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.client import HostClient
from rushlight.assistant.host.engines import Engines
from rushlight.assistant.host.estimate import Estimate, needs_of
from rushlight.assistant.host.link import HostLost, Link
from rushlight.assistant.host.logfile import LogFile
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.host.server import Server, report_bug
from rushlight.assistant.host.spawn import fill_standard_fds
from rushlight.assistant.host.start import HostSettings
from rushlight.assistant.host.worker import WorkerCommand, engine_command
from rushlight.assistant.jobs.service import JobService
from rushlight.assistant.paths import Paths

_NEVER_S = 10.0 * 365 * 24 * 3600
_END_S = 10.0


class InProcessHost(HostClient):
    """`HostClient` with a host of its own. `close` ends the host and its engines."""

    def __init__(
        self,
        paths: Paths,
        settings: HostSettings,
        *,
        command: WorkerCommand = engine_command,
        need: Estimate = needs_of,
        arbiter: Arbiter | None = None,
        patience_s: float | None = None,
    ) -> None:
        fill_standard_fds()
        self._log = LogFile(paths.logs / "engine.log")
        self._loop = Loop(on_bug=partial(report_bug, self._log.write))
        reserve_bytes = settings.number("memory.reserve_mib") * 1024 * 1024
        self._server = Server(
            self._loop,
            lambda loop, on_change: Engines(
                loop,
                arbiter or Arbiter(reserve_bytes),
                log=self._log.write,
                on_change=on_change,
                command=command,
                need=need,
                **({} if patience_s is None else {"patience_s": patience_s}),
            ),
            log=self._log.write,
            idle_s=_NEVER_S,
            token=os.urandom(32).hex(),
            on_end=self._loop.stop,
            make_jobs=lambda loop, on_change: JobService(loop, paths, log=self._log.write, on_change=on_change),
        )
        # The workers ask the kernel to end them with the thread that started them: it lives until `close`.
        self._thread = threading.Thread(target=self._loop.run, name="rushlight-host", daemon=True)
        self._thread.start()
        super().__init__(self._connect, settings)

    def shutdown(self) -> None:
        self.close()

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon(self._server.end)
            self._thread.join(_END_S)
            self._loop.close()
            self._log.close()
        super().close()

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _connect(self, start: bool) -> Link:
        if not self._thread.is_alive():
            raise Error("This host was closed.", hint="Open the app again.", kind="no-host")
        ours, theirs = socket.socketpair()
        self._loop.call_soon(lambda: self._server.add_front(theirs))
        try:
            return Link(ours, self._server.token)
        except (HostLost, TimeoutError) as err:
            raise Error("This host was closed.", hint="Open the app again.", kind="no-host") from err
