"""The engine process: loads one model, then answers several requests at once.

`main(["--control", FD, "--door", FD])`, the hidden verb `_engine`. The control socket brings the settings and takes
Progress, then Ready or Failed; its end is the worker's end. The door socket brings clients. Standard output is not
used; the only text is a traceback on standard error, for the host's log.

Three threads: the door reads sockets; the preparer takes jobs and makes prompts and grammars; the main thread computes.
"""

import os
import signal
import socket
import sys
import threading
import time

from rushlight import Error, Progress
from rushlight.assistant.engine.door import Door, Job, failed
from rushlight.assistant.engine.frames import Connection, Tokens
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import BeamRequest, EmbedRequest, GenerateRequest, LoadSettings, ScoreRequest
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import Embeddings, Failed, Finished, Usage

_USAGE = "usage: _engine --control FD --door FD [--waiting N]"


def main(argv: list[str]) -> int:
    """Serve until the control stream ends. Returns 1 where the model could not be loaded, 2 for wrong usage."""
    numbers = _arguments(argv)
    if numbers is None:
        sys.stderr.write(_USAGE + "\n")
        return 2
    _die_with_parent()
    # When it aborts, llama.cpp would start a debugger to print its stack: a second in which the death is not seen.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the front's; it cancels through a frame
    # First of all: it forks, which is safe only before there is a thread or llama.cpp in this process.
    renderer = TemplateProcess.start()
    control = Connection(socket.socket(fileno=numbers["control"]))
    try:
        first = control.receive()
    except Error as err:
        control.send(failed(err))
        return 1
    except OSError:
        first = None
    if first is None:
        renderer.close()
        return 0
    settings = first[1]
    if not isinstance(settings, LoadSettings):
        control.send(
            Failed(
                f"A worker was sent a {type(settings).__name__} where its settings were expected.",
                "Stop every Rushlight process and start again.",
                "bad-frame",
            )
        )
        return 1
    door = Door(
        control, socket.socket(fileno=numbers["door"]), max_waiting=numbers["waiting"], n_slots=settings.n_slots
    )
    door.start()
    try:
        loaded, ready = load(settings, renderer, lambda progress: _report(control, progress))
    except Exception as err:
        why = failed(err)
        door.fail_all(why)
        control.send(why)
        renderer.close()
        return 1
    control.send(ready)
    desk = Desk(loaded, door)
    threading.Thread(target=desk.prepare_all, name="prepare", daemon=True).start()
    desk.compute_all()
    return 0


def _arguments(argv: list[str]) -> dict[str, int] | None:
    numbers = {"waiting": 8}
    for name, value in zip(argv[::2], argv[1::2], strict=False):
        if name not in ("--control", "--door", "--waiting") or not value.isdecimal():
            return None
        numbers[name[2:]] = int(value)
    return numbers if len(argv) % 2 == 0 and {"control", "door"} <= numbers.keys() else None


def _die_with_parent() -> None:
    """Linux: be killed when the host is, even if this process hangs in native code."""
    if sys.platform != "linux":
        return  # elsewhere the end of the control stream does it
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _report(control: Connection, progress: Progress) -> None:
    try:
        control.send(progress)
    except OSError:
        pass  # the host is gone; the reader thread ends the process


class Desk:
    """Where jobs become answers."""

    def __init__(self, loaded: Loaded, door: Door) -> None:
        from rushlight.assistant.engine.scheduler import Scheduler

        self._loaded = loaded
        self._door = door
        self._scheduler = Scheduler(loaded)
        self._embedding: Job | None = None
        self._lock = threading.Lock()
        door.on_cancel = self._cancel

    def compute_all(self) -> None:
        """Never returns: the end of the control stream ends the process."""
        scheduler = self._scheduler
        while True:
            scheduler.wait()
            scheduler.step()

    def prepare_all(self) -> None:
        """One job after another, whatever happens: the worker lives on."""
        while True:
            job = self._door.next_job()
            try:
                is_answered = self._prepare(job)
            except Exception as err:
                is_answered = True
                if isinstance(err, Error) and err.kind == "stopped":
                    job.send(Usage(0, 0, 0, queue_s=time.monotonic() - job.received_at))
                    job.send(Finished("cancelled"))
                else:
                    job.fail(err)
            if is_answered:
                job.done()

    def _prepare(self, job: Job) -> bool:
        """Whether the job is answered; else the scheduler has it. Raises `Error`."""
        from rushlight.assistant.engine.prepare import prepare, tokenize

        began = time.monotonic()
        if isinstance(job.request, GenerateRequest):
            prepared = prepare(self._loaded, job.request)
            self._scheduler.submit(job, prepared, time.monotonic() - began)
            return False
        if isinstance(job.request, EmbedRequest):
            job.send(self._embed(job, job.request))
        elif isinstance(job.request, ScoreRequest):
            from rushlight.assistant.engine.score import Scoring

            scoring = Scoring(self._loaded, job.request, job)
            self._scheduler.submit_work(job, scoring.steps(self._scheduler.adapters_in_use))
            return False
        elif isinstance(job.request, BeamRequest):
            from rushlight.assistant.engine.beams import Searching

            searching = Searching(self._loaded, job.request, job)
            self._scheduler.submit_work(job, searching.steps(self._scheduler.adapters_in_use))
            return False
        else:
            job.send(Tokens(tokenize(self._loaded, job.request)))
        return True

    def _embed(self, job: Job, request: EmbedRequest) -> Embeddings:
        """Computed here: an engine for embeddings writes no text, so nobody else uses its context."""
        from rushlight.assistant.engine.embed import embed

        loaded = self._loaded
        if not loaded.settings.embeddings:
            raise Error(
                f"{loaded.model.path.name} is loaded to write text; it gives no vectors.",
                hint="Load it again for embeddings.",
                kind="bad-request",
            )
        with self._lock:
            loaded.flag.clear()
            self._embedding = job
        try:
            if job.is_cancelled:
                raise Error("Stopped.", kind="stopped")
            return embed(request, loaded.model, loaded.context, loaded.flag)
        finally:
            with self._lock:
                self._embedding = None

    def _cancel(self, job: Job) -> None:
        """From the door's thread: the client takes a job back, or is gone."""
        if isinstance(job.request, GenerateRequest | ScoreRequest | BeamRequest):
            self._scheduler.cancel(job)
            return
        with self._lock:
            job.is_cancelled = True
            if self._embedding is job:
                self._loaded.flag.set()
