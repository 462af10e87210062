"""A job while it has a process: what it was asked to do, and how it is made to where it does not listen.

Every order is obeyed within a second, or the longer time that a kind asks for: the process is asked first; after
`PATIENCE_S` it is halted where it stands (SIGSTOP) or, where it must not be or is to end, killed. Knows one job;
places, restarts and the store are the runner's.
"""

import json
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

from rushlight import Error
from rushlight.assistant.host.loop import Loop, Timer
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.jobs.process import JobProcess
from rushlight.assistant.jobs.rate import Rate
from rushlight.assistant.jobs.records import MAX_NOTICES
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import Value

PATIENCE_S = 0.7  # from asking to signals; what is left of the second is for the signal to work and for the store
MOST_PATIENCE_S = 10.0  # with kinds that ask for more than that second, to keep their work
_THAWED_S = 0.1

Asked: TypeAlias = Literal["", "pause", "cancel", "end"]


class RunOwner(Protocol):
    """The runner, as a run sees it."""

    def state_changed(self, run: "Run") -> str:
        """Write the run's state; returns the kind of the `Error` that prevented it, or ""."""

    def asks_memory(self, run: "Run", asked: wire.MemoryAsked) -> None:
        """It waits until it hears `grant` or `refuse`."""

    def ended(self, run: "Run", status: int | None) -> None:
        """The process is gone."""


class Run:
    """`state` is what the store is to say. `is_paused`: the process lives, but waits or is halted."""

    def __init__(
        self, loop: Loop, paths: Paths, job: Job, owner: RunOwner, log: Callable[[str, str], None], now_s: float
    ) -> None:
        self.job = job
        self.log = log
        self.state: JobState = "running"
        self.asked: Asked = ""
        self.was_asked = False
        self.made_room = False
        self.is_paused = False
        self.got_further = False
        self.progress: wire.Progressed | None = None
        self.notices = list(job.notices)
        self.end: wire.End | None = None
        self.speed: float | None = None  # units per second
        self.written: dict[str, Value] = {}  # of the progress, by the runner
        self._rate = Rate()
        self._loop = loop
        self._owner = owner
        self._started: wire.Started | None = None
        self._is_frozen = False
        self._makes_way = False
        self._timer: Timer | None = None
        self._process = JobProcess(loop, paths, job, "run", self, log)
        self.started_s = now_s

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def tail(self) -> str:
        return self._process.tail

    def measure(self, now_s: float) -> None:
        """Work out the speed; called now and then, also when nothing moves."""
        if self.progress is not None:
            self.speed = self._rate.update(f"{self.progress.what} {self.progress.unit}", self.progress.done, now_s)

    # --- orders ---------------------------------------------------------------------------------------------------
    def pause(self) -> None:
        if self.asked in ("cancel", "pause"):
            return
        is_leaving = self.asked == "end"
        self.asked, self.was_asked = "pause", True
        if is_leaving:  # it makes room, and is to stay away
            self._set("pausing")
            return
        if self.is_paused:  # it was to go on as soon as there was a place
            self._set("paused")
            return
        self._set("pausing")
        self._process.order("pause")
        self._lose_patience(self._force_pause)

    def resume(self) -> None:
        """Go on, or wait for a place to do so. One that ends now all the same is started again by the runner."""
        if self.asked != "pause":
            return
        if self.made_room:  # it has heard that it is to end
            self.asked = "end"
            self._set("running")
            return
        self.asked = ""
        self._keep_patience()
        if self.is_paused:
            self._set("waiting")
            return
        self._process.order("resume")
        self._set("running")

    def go_on(self) -> None:
        """There is a place for it again."""
        self._process.order("resume")
        self._thaw()
        self.is_paused = False
        self._rate.forget()
        self._set("running")

    def cancel(self) -> None:
        if self.asked == "cancel":
            return
        self.asked = "cancel"
        self._set("cancelling")
        self._leave()

    def leave(self) -> None:
        """The host ends. The job is to go on under the next one."""
        if self.asked != "cancel":
            if self.asked != "pause":
                self.asked = "end"
            self._leave()

    def renice(self, priority: int) -> None:
        self._process.renice(priority)

    def make_way(self, busy: bool) -> None:
        """The user is being answered, or no longer."""
        was, self._makes_way = self._makes_way, busy
        if self._started is not None and self._started.makes_way and was != busy:
            self._process.order("wait" if busy else "proceed")

    @property
    def makes_way(self) -> bool:
        return self._started is not None and self._started.makes_way

    def make_room(self) -> None:
        """Its memory is needed for what the user asks: it ends at its next pause point and waits for a place."""
        if not self.asked:
            self.log("host", "Its memory is needed for a model; it goes on later.")
            self.asked, self.made_room = "end", True
            self._leave()

    def grant_memory(self) -> None:
        self.log("host", "Memory was granted.")
        self._process.order("granted")

    def waits_for_memory(self, why: str) -> None:
        self.on_event(wire.Noticed("memory", f"It waits for memory. {why}"))

    def refuse_memory(self, err: Error) -> None:
        self._process.order("refused " + json.dumps([err.message, err.hint or "", err.kind]))

    def _leave(self) -> None:
        if self._is_frozen:
            self._process.kill()
            return
        self._process.order("end")
        self._lose_patience(self._process.kill)

    def _force_pause(self) -> None:
        if self.asked != "pause" or self.is_paused:
            return
        if self._started is None or not self._started.may_freeze:
            self.log("host", "It did not pause when asked; its process is ended, and will go on from its checkpoint.")
            self._process.kill()
            return
        self._process.freeze()
        self._is_frozen = self.is_paused = True
        if self._set("paused") == "store-locked":
            # Was it halted in a transaction? Then everybody would wait for it. A little later it will be elsewhere.
            self._thaw()
            self.is_paused = False
            self.state = "pausing"
            self._timer = self._loop.call_later(_THAWED_S, self._force_pause)
            return
        self.log("host", "It did not pause when asked; its process is halted where it is.")

    def _thaw(self) -> None:
        if self._is_frozen:
            self._is_frozen = False
            self._process.thaw()

    def _lose_patience(self, then: Callable[[], None]) -> None:
        self._keep_patience()
        asked_s = self._started.patience_s if self._started is not None else 0.0
        self._timer = self._loop.call_later(max(PATIENCE_S, min(asked_s, MOST_PATIENCE_S)), then)

    def _keep_patience(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, state: JobState) -> str:
        self.state = state
        return self._owner.state_changed(self)

    # --- what the process says --------------------------------------------------------------------------------------
    def on_event(self, event: wire.WireEvent) -> None:
        match event:
            case wire.Started():
                self._started = event
                if event.makes_way and self._makes_way:
                    self._process.order("wait")
            case wire.Progressed():
                self.progress = event
            case wire.Noticed():
                self.log("notice", event.text)
                if len(self.notices) < MAX_NOTICES and event.text not in self.notices:
                    self.notices.append(event.text)
            case wire.GotFurther():
                self.got_further = True
            case wire.MemoryAsked():
                self._owner.asks_memory(self, event)
            case wire.Held():
                if self.asked == "pause" and not self.is_paused:
                    self._keep_patience()
                    self.is_paused = True
                    self._set("paused")
            case wire.Result() | wire.JobFailed() | wire.Stopped():
                self.end = event

    def on_exit(self, status: int | None) -> None:
        self._keep_patience()
        self._owner.ended(self, status)
