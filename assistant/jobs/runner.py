"""Runs the jobs of one data folder, in one thread: who is next, what is written down, what follows a death.

The store says what is to be done; what runs is known here, and written back. A store that cannot be written now
(locked, full) holds nothing up: what is owed to it is kept and tried again. Knows no sockets and no faces.
"""

import time
from collections.abc import Callable

from rushlight import Error
from rushlight.assistant.host import memory
from rushlight.assistant.host.lock import FileLock, try_lock
from rushlight.assistant.host.logfile import LogFile
from rushlight.assistant.host.loop import Loop, Timer
from rushlight.assistant.jobs import ledger, wire
from rushlight.assistant.jobs.cleaning import Cleaning
from rushlight.assistant.jobs.death import died
from rushlight.assistant.jobs.job import Job, JobState, Order
from rushlight.assistant.jobs.joblog import log_path
from rushlight.assistant.jobs.ledger import Ledger
from rushlight.assistant.jobs.memory import JobMemory
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.jobs.resting import after_death, after_order
from rushlight.assistant.jobs.run import Run
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import Store, Value

MAX_IN_VAIN = 5  # deaths in a row without a step forward
_BACKOFF_S = 0.25  # before the first restart in vain; doubled each time
_TICK_S = 0.5  # progress into the store, and a look for what faces wrote there
_RETRY_S = 0.25
_ELSEWHERE_S = 1.0  # between looks whether the process that runs the jobs is gone
_FAULT_S = 5.0  # the same for a disk that is full or faulty
_ROOM_S = 30.0  # before a job that gave its memory to a model asks for it again
_BUSY_MS = 250  # the store's lock is not waited for longer: orders come first


class Runner:
    """Lives in its loop. `on_change` is called when `busy` may have changed."""

    def __init__(
        self,
        loop: Loop,
        paths: Paths,
        *,
        log: Callable[[str, str], None],
        at_once: Callable[[], int],
        on_change: Callable[[], None],
        job_memory: JobMemory | None = None,
    ) -> None:
        self._job_memory = job_memory
        self._loop = loop
        self._paths = paths
        self._log = log
        self._at_once = at_once
        self._on_change = on_change
        self._records: JobRecords | None = None
        self._lock: FileLock | None = None
        self._version = 0
        self._runs: dict[str, Run] = {}
        self._cleanings: dict[str, Cleaning] = {}
        self._uncleanable: set[str] = set()  # tried in vain; not again by this host
        self._ledger = Ledger(lambda: self._open_records)
        self._not_before: dict[str, float] = {}  # job: when it may be started again
        self._logs: dict[str, LogFile] = {}
        self._tick: Timer | None = None
        self._later: Timer | None = None
        self._must_look = False  # the store was locked when it was to be looked at
        self._oom_kills = memory.oom_kills()
        self._on_end: Callable[[], None] | None = None
        self._user_is_answered = False

    @property
    def busy(self) -> bool:
        return bool(self._runs or self._cleanings or self._ledger or self._not_before or self._must_look)

    @property
    def n_running(self) -> int:
        return len(self._runs)

    # --- what it is asked -------------------------------------------------------------------------------------------
    def look(self) -> None:
        """See what the store says is to be done, and do it."""
        self._must_look = False
        try:
            if self._on_end is None and self._open() and self._open_records.has_work():
                if self._own():
                    self._recover()
                    self._clean()
                    self._fill_places()
                else:
                    self._look_later(_ELSEWHERE_S)
        except Error as err:
            self._log("jobs", f"The jobs cannot be looked at: {err}")
            self._must_look = err.kind == "store-locked"
            if err.kind in ("store-locked", "disk-full", "store-io"):
                self._look_later(_RETRY_S if err.kind == "store-locked" else _FAULT_S)
        self._settle()

    def order(self, job_id: str, order: Order) -> JobState:
        """Pause, resume or cancel; the state that follows at once. Raises `Error`."""
        try:
            if self._on_end is not None:
                raise Error("The Rushlight host is ending.", hint="Try again.", kind="host-ending")
            run = self._runs.get(job_id)
            if run is not None:
                self._order_run(run, order)
                self.look()  # it may go on at once
                return run.state
            if not self._open():
                raise Error("There is no store yet.", kind="job-not-found")
            if not self._own():
                raise Error(
                    "The jobs of this folder are run by another Rushlight process.",
                    hint="Give the order there, or close it first.",
                    kind="jobs-elsewhere",
                )
            self._recover()
            state = self._order_resting(self._open_records.get(job_id), order)
            self.look()
            return self._runs[job_id].state if job_id in self._runs else state
        except Error:
            self._loop.call_soon(self.look)
            raise

    def make_way(self, busy: bool) -> None:
        """An engine is at work for the user, or none any more: jobs that make way wait meanwhile."""
        self._user_is_answered = busy
        for run in self._runs.values():
            run.make_way(busy)

    def end(self, on_end: Callable[[], None]) -> None:
        """Every process ends, at its next pause point if that comes soon; the unfinished waits for the next host."""
        self._on_end = on_end
        for run in list(self._runs.values()):
            run.leave()
        for cleaning in list(self._cleanings.values()):
            cleaning.kill()
        self._settle()

    # --- the store --------------------------------------------------------------------------------------------------
    @property
    def _open_records(self) -> JobRecords:
        assert self._records is not None
        return self._records

    def _open(self) -> bool:
        """False where there is no store yet, so nothing to do."""
        if self._records is None:
            if not self._paths.store.exists():
                return False
            self._records = JobRecords(Store(self._paths.store, busy_timeout_ms=_BUSY_MS))
            self._version = self._records.store.data_version()
        return True

    def _own(self) -> bool:
        """Whether this is the one process that runs the jobs of the folder."""
        if self._lock is None:
            self._lock = try_lock(self._paths.jobs_lock)
        return self._lock is not None

    def _close(self) -> None:
        """Nothing to do: let others have it."""
        if self._records is not None:
            self._records.store.close()
            self._records = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        while self._logs:
            self._logs.popitem()[1].close()

    # --- what is to be done -------------------------------------------------------------------------------------------
    def _recover(self) -> None:
        """Jobs whose host died: nobody runs them, whatever the store says."""
        for job in self._open_records.to_do():
            if job.id in self._runs or job.id in self._ledger or job.state == "waiting":
                continue
            self._log_job(job.id)("host", f"Its host ended while it was {job.state}.")
            self._ledger.write(job.id, **after_death(job))

    def _fill_places(self) -> None:
        now_s = time.monotonic()
        n_free = self._at_once() - sum(not run.is_paused for run in self._runs.values())
        to_do = self._open_records.to_do()
        waiting = {job.id for job in to_do if job.state == "waiting"}
        self._not_before = {job_id: at_s for job_id, at_s in self._not_before.items() if job_id in waiting}
        for job in to_do:
            run = self._runs.get(job.id)
            if run is not None and run.job.priority != job.priority:
                run.renice(job.priority)
                run.job = job
            if n_free <= 0 or job.state != "waiting" or job.id in self._ledger or job.id in self._cleanings:
                continue
            if self._not_before.get(job.id, 0.0) > now_s:
                continue
            self._not_before.pop(job.id, None)
            n_free -= 1
            if run is not None:
                run.go_on()
            else:
                self._start(job, now_s)

    def _start(self, job: Job, now_s: float) -> None:
        log = self._log_job(job.id)
        try:
            run = Run(self._loop, self._paths, job, self, log, now_s)
        except (Error, OSError) as err:
            self._fail(job.id, err if isinstance(err, Error) else _no_process(err))
            return
        self._runs[job.id] = run
        run.make_way(self._user_is_answered)
        log("host", f"Started as process {run.pid}.")
        self._ledger.write(
            job.id,
            state="running",
            started_at=job.started_at or time.time(),
            message="",
            hint="",
            error_kind="",
            needs_cleaning=0,
        )

    def _clean(self) -> None:
        for job in self._open_records.to_clean():
            if job.id not in self._cleanings and job.id not in self._uncleanable and job.id not in self._ledger:
                self._cleanings[job.id] = Cleaning(self._loop, self._paths, job, self._cleaned, self._log_job(job.id))

    def _cleaned(self, job_id: str, is_clean: bool) -> None:
        del self._cleanings[job_id]
        if is_clean:
            self._ledger.write(job_id, needs_cleaning=0)
        else:
            self._uncleanable.add(job_id)
        self._settle()

    # --- orders -------------------------------------------------------------------------------------------------------
    def _order_run(self, run: Run, order: Order) -> None:
        if run.asked == "cancel" and order != "cancel":
            raise Error(
                f"The job “{run.job.title}” is being cancelled.", hint="Start it again with retry.", kind="job-over"
            )
        match order:
            case "pause":
                run.pause()
            case "resume":
                run.resume()
            case "cancel":
                run.cancel()

    def _order_resting(self, job: Job, order: Order) -> JobState:
        """To a job without a process."""
        state, columns = after_order(job, order)
        if columns:
            self._not_before.pop(job.id, None)
            self._ledger.write(job.id, **columns)
        return state

    # --- what runs say ----------------------------------------------------------------------------------------------
    def state_changed(self, run: Run) -> str:
        return self._ledger.write(run.job.id, state=run.state, **ledger.progress(run))

    def asks_memory(self, run: Run, asked: wire.MemoryAsked) -> None:
        if self._job_memory is None:
            run.grant_memory()
        else:
            self._job_memory.ask(run, asked)

    def ended(self, run: Run, status: int | None) -> None:
        job_id = run.job.id
        if self._job_memory is not None:
            self._job_memory.give_back(run)
        del self._runs[job_id]
        columns = ledger.progress(run)
        match run.end:
            case wire.Result(value=value):
                run.log("host", "Done.")
                columns |= ledger.whole(run)
                self._ledger.write(
                    job_id, **columns, state="done", ended_at=time.time(), result=ledger.result_text(value)
                )
            case _ if run.asked == "cancel":
                run.log("host", "Cancelled.")
                self._ledger.write(job_id, **columns, state="cancelled", ended_at=time.time(), needs_cleaning=1)
            case wire.JobFailed() as failure:
                self._fail(job_id, Error(failure.message, failure.hint, kind=failure.kind), **columns)
            case _ if run.asked == "pause":
                run.log("host", "Paused.")
                self._ledger.write(job_id, **columns, state="paused")
            case _ if run.asked == "end":
                if run.made_room:
                    self._not_before[job_id] = time.monotonic() + _ROOM_S
                    self._look_later(_ROOM_S)
                self._ledger.write(job_id, **columns, state="waiting")
            case wire.Stopped() if run.was_asked:  # and then the order was taken back
                self._ledger.write(job_id, **columns, state="waiting")
            case _:
                self._died(run, status, columns)
        self._loop.call_soon(self.look)

    def _died(self, run: Run, status: int | None, columns: dict[str, Value]) -> None:
        """Once more from the checkpoint, unless it dies there again and again."""
        job_id = run.job.id
        kills = memory.oom_kills()
        reason = died(status, run.tail, out_of_memory=kills > self._oom_kills)
        self._oom_kills = kills
        run.log("host", reason.message)
        try:
            n_before, n_restarts = self._open_records.count_vain(job_id), self._open_records.get(job_id).n_restarts
        except Error:
            n_before, n_restarts = 0, run.job.n_restarts
        n_in_vain = 0 if run.got_further else n_before + 1
        if n_in_vain > MAX_IN_VAIN:
            message = f"{reason.message} That happened {n_in_vain} times in a row without a step forward."
            self._fail(job_id, Error(message, reason.hint, kind=reason.kind), **columns, needs_cleaning=1)
            return
        delay_s = _BACKOFF_S * 2 ** (n_in_vain - 1) if n_in_vain else 0.0
        self._not_before[job_id] = time.monotonic() + delay_s
        self._ledger.write(job_id, **columns, state="waiting", n_restarts=n_restarts + 1, n_in_vain=n_in_vain)
        self._look_later(delay_s)

    def _fail(self, job_id: str, err: Error, **columns: Value) -> None:
        self._log_job(job_id)("host", f"Failed: {err}")
        self._ledger.write(
            job_id,
            **columns,
            state="failed",
            ended_at=time.time(),
            message=err.message,
            hint=err.hint,
            error_kind=err.kind,
        )

    # --- the clock --------------------------------------------------------------------------------------------------
    def _on_tick(self) -> None:
        self._tick = None
        if self._records is None:
            self._settle()
            return
        self._ledger.pay()
        try:
            active = [run for run in self._runs.values() if not run.is_paused and run.job.id not in self._ledger]
            for run in active:
                run.measure(time.monotonic())
            self._ledger.write_progress(active)
            version = self._open_records.store.data_version()
        except Error:
            version = self._version  # the next tick tries again
        if version != self._version:
            self._version = version
            self.look()
        else:
            self._settle()

    def _look_later(self, delay_s: float) -> None:
        if self._later is not None:
            self._later.cancel()
        self._later = self._loop.call_later(delay_s, self.look)

    def _settle(self) -> None:
        """After anything: is there more to come?"""
        if self.busy:
            if self._tick is None:
                self._tick = self._loop.call_later(_TICK_S if not self._ledger else _RETRY_S, self._on_tick)
        else:
            self._close()
        if self._on_end is not None and not self._runs and not self._cleanings:
            on_end, self._on_end = self._on_end, lambda: None
            self._close()
            on_end()
            return
        self._on_change()

    def _log_job(self, job_id: str) -> Callable[[str, str], None]:
        if job_id not in self._logs:
            self._logs[job_id] = LogFile(log_path(self._paths, job_id))
        return self._logs[job_id].write


def _no_process(err: OSError) -> Error:
    return Error(
        f"The job's process cannot be started: {err.strerror or err}.",
        hint="Close some programs and try again.",
        kind="spawn-failed",
    )
