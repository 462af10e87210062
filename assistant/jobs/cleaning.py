"""Removes what a job that was broken off has left behind, in a process: the kind's code is not the host's."""

from collections.abc import Callable

from rushlight.assistant.host.loop import Loop
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.process import JobProcess
from rushlight.assistant.paths import Paths

_LIMIT_S = 120.0


class Cleaning:
    """Begins at once; `on_end(job id, whether it is clean)` follows."""

    def __init__(
        self,
        loop: Loop,
        paths: Paths,
        job: Job,
        on_end: Callable[[str, bool], None],
        log: Callable[[str, str], None],
    ) -> None:
        self._job_id = job.id
        self._on_end = on_end
        self._log = log
        self._process = JobProcess(loop, paths, job, "clean", self, log)
        self._limit = loop.call_later(_LIMIT_S, self._process.kill)

    def kill(self) -> None:
        self._process.kill()

    def on_event(self, event: wire.WireEvent) -> None:
        if isinstance(event, wire.JobFailed):
            self._log("host", f"Cleaning up failed: {event.message}")

    def on_exit(self, status: int | None) -> None:
        self._limit.cancel()
        self._on_end(self._job_id, status == 0)
