"""The process of one job: `rushlight _job --do run --id ID ...`. Reads the job from the store, does it, tells events.

It writes nothing of the job's row but the checkpoint; the rest is the runner's. Events go to the descriptor that the
runner gave, or else to standard output; whatever libraries print goes to standard error, and so into the job's log.
"""

import json
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rushlight import Error, Progress
from rushlight.assistant.events import Notice
from rushlight.assistant.host.lock import FileLock, wait_lock
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.joblog import make_folder
from rushlight.assistant.jobs.stopping import JobStop
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobKind

_USAGE = (
    "usage: _job --do run|clean --id ID --data FOLDER --cache FOLDER --runtime FOLDER --events jsonl "
    "[--channel FD] [--nice N]"
)
_LOCK_S = 10.0  # for an earlier process of this job, whose host was killed, to be gone
_LISTEN_S = 0.2  # while it waits for memory: to the next look whether it is to stop
_PROGRESS_S = 0.1  # between two reports of progress of the same work


def main(argv: list[str]) -> int:
    """Do or clean up one job. Returns 0 done, 1 failed, 2 wrong usage, 130 stopped."""
    given = dict(zip(argv[::2], argv[1::2], strict=False))
    if len(argv) % 2 or not {"--do", "--id", "--data", "--cache", "--runtime"} <= given.keys():
        sys.stderr.write(_USAGE + "\n")
        return 2
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the face's
    outlet = _Outlet(int(given["--channel"]) if "--channel" in given else None)
    if hasattr(os, "nice"):
        os.nice(int(given.get("--nice", "0")))
    paths = Paths(Path(given["--data"]), Path(given["--cache"]), Path(given["--runtime"]))
    try:
        end = _do(given["--do"], given["--id"], paths, outlet)
    except Error as err:
        end = wire.Stopped() if err.kind == "stopped" else wire.JobFailed(err.message, err.hint, err.kind)
    except Exception as err:
        import traceback

        traceback.print_exception(err)
        end = wire.JobFailed(
            f"Rushlight has a fault: {type(err).__name__}: {str(err)[:300]}",
            "The details are in the job's log. Please report it with that text.",
            "bug",
        )
    outlet.tell(end)
    sys.stderr.flush()
    # What the work has opened was closed by its owner; a library that hangs in its end must not hold the job up.
    os._exit(0 if isinstance(end, wire.Result) else 130 if isinstance(end, wire.Stopped) else 1)


def _do(what: str, job_id: str, paths: Paths, outlet: "_Outlet") -> wire.End:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.kind import JobContext, checked_arguments
    from rushlight.assistant.jobs.records import JobRecords
    from rushlight.assistant.jobs.registry import find_kind
    from rushlight.assistant.settings import read_settings

    folder = paths.jobs / job_id
    lock = _own(paths, job_id)
    try:
        with App(paths, read_settings(paths)[0]) as app:
            records = JobRecords(app.store)
            job = records.get(job_id)
            kind = find_kind(job.kind)
            arguments = checked_arguments(kind, job.arguments)
            stop = JobStop(lambda: outlet.tell(wire.Held()))
            context = JobContext(
                app,
                job_id,
                folder,
                stop,
                checkpoint=records.checkpoint(job_id),
                tell=outlet.report,
                save=lambda checkpoint: records.save_checkpoint(job_id, checkpoint),
                further=lambda: outlet.tell(wire.GotFurther()),
                ask_memory=lambda main_bytes, card_bytes: outlet.ask_memory(main_bytes, card_bytes, stop),
            )
            if what == "clean":
                kind.clean(context, arguments, for_good=job.state == "cancelled")
                return wire.Result({})
            patience_s, makes_way = float(getattr(kind, "patience_s", 0.0)), bool(getattr(kind, "makes_way", False))
            outlet.tell(wire.Started(kind.pause, kind.may_freeze, patience_s, makes_way))
            outlet.listen(stop, kind.pause)
            ask = getattr(kind, "memory_bytes", None)  # only some kinds know it beforehand
            if ask is not None:
                context.need_memory(ask(arguments))
            return _run(kind, context, arguments, outlet.report)
    finally:
        lock.release()


def _run(kind: "JobKind", context: "JobContext", arguments: object, report: "Callable[[JobEvent], None]") -> wire.End:
    from rushlight.assistant.jobs.kind import JobResult

    result: dict[str, object] = {}
    for event in kind.run(context, arguments):
        if isinstance(event, JobResult):
            result = event.value
        else:
            context.stop.check()
            report(event)
    end = wire.Result(result)
    n_bytes = len(wire.line(end))
    if n_bytes <= wire.MAX_LINE_BYTES:
        return end
    # It would not be heard, and the job be taken for dead and done again.
    report(Notice("result", f"What came of it is too long to be kept ({n_bytes:,} bytes)."))
    return wire.Result({"too_long": n_bytes})


def _own(paths: Paths, job_id: str) -> FileLock:
    """The job's own lock. Two processes of a job must never work at once, whatever became of their hosts."""
    make_folder(paths, job_id)
    lock = wait_lock(paths.jobs / job_id / "lock", _LOCK_S)
    if lock is None:
        raise Error(
            "An earlier process of this job does not end.",
            hint="It may wait for a disk. Try again when it is gone.",
            kind="job-busy",
        )
    return lock


class _Outlet:
    """Where events go and orders come from."""

    def __init__(self, channel_fd: int | None) -> None:
        self._socket = None if channel_fd is None else socket.socket(fileno=channel_fd)
        # Libraries print to descriptor 1, too; with the events elsewhere they cannot be mistaken for them.
        self._fd = os.dup(1) if self._socket is None else self._socket.fileno()
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._last: Progress | None = None
        self._last_s = 0.0
        self._answers: queue.SimpleQueue[Error | None] = queue.SimpleQueue()  # to what was asked of the memory

    def tell(self, event: wire.WireEvent) -> None:
        data = memoryview(wire.line(event))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError:
                os._exit(1)  # the host is gone: nobody wants this any more

    def report(self, event: "JobEvent") -> None:
        """Progress and notices of the work; not every step of a fast one."""
        if isinstance(event, Notice):
            self.tell(wire.Noticed(event.kind, event.text[: wire.MAX_TEXT_CHARS]))
            return
        if not isinstance(event, Progress):
            return
        now_s = time.monotonic()
        is_end = event.total is not None and event.done >= event.total
        is_same = self._last is not None and self._last.what == event.what
        if is_same and not is_end and now_s - self._last_s < _PROGRESS_S:
            return
        self._last, self._last_s = event, now_s
        total = None if event.total is None else float(event.total)
        self.tell(wire.Progressed(event.what[: wire.MAX_TEXT_CHARS], float(event.done), total, event.unit))

    def ask_memory(self, main_bytes: int, card_bytes: int, stop: JobStop) -> None:
        """Wait until it is granted. Without a runner nobody has to be asked."""
        if self._socket is None:
            return
        self.tell(wire.MemoryAsked(main_bytes, card_bytes))
        while True:
            stop.check()
            try:
                refusal = self._answers.get(timeout=_LISTEN_S)
            except queue.Empty:
                continue
            if refusal is not None:
                raise refusal
            return

    def listen(self, stop: JobStop, pause: str) -> None:
        """Obey the runner from now on, in a thread."""
        if self._socket is not None:
            threading.Thread(target=self._obey, args=(stop, pause), name="orders", daemon=True).start()

    def _obey(self, stop: JobStop, pause: str) -> None:
        assert self._socket is not None
        stream = self._socket.makefile("rb")
        for order in stream:
            match order.strip():
                case b"pause" if pause == "hold":
                    stop.hold()
                case b"pause" | b"end":
                    stop.set()
                case b"resume":
                    stop.release()
                case b"wait" | b"proceed" as word:
                    stop.let_others(word == b"wait")
                case b"granted":
                    self._answers.put(None)
                case refusal if refusal.startswith(b"refused "):
                    message, hint, kind = json.loads(refusal[8:])
                    self._answers.put(Error(message, hint, kind=kind))
        os._exit(1)  # the runner is gone


def _die_with_parent() -> None:
    """Linux: be killed when the runner is, even if this process hangs in native code."""
    if sys.platform != "linux":
        return  # elsewhere the end of the channel does it
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)
