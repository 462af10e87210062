"""When a training waits: while the user is answered, while other programs want the processors, on battery power.

It waits between two rows of a step, holds its memory, and says why. Asked again and again, so settings may change
while it runs.
"""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rushlight import Error, Progress
from rushlight.assistant.engine.machine_load import LoadMeter
from rushlight.assistant.power import on_mains
from rushlight.assistant.settings import read_settings

if TYPE_CHECKING:
    from rushlight.assistant.jobs.kind import JobContext

_LOOK_S: Final = 5.0
_WAIT_S: Final = 1.0
_BUSY_SHARE: Final = 0.25  # of the processors, used by others: more is no idle machine


class MakingWay:
    """Called between two pieces of work; returns when they may go on, or when the job is to stop."""

    def __init__(
        self, context: "JobContext", *, mains: Callable[[], bool] = on_mains,
        others: Callable[[], float] | None = None, look_s: float = _LOOK_S,
    ) -> None:  # fmt: skip
        self._context, self._mains, self._look_s = context, mains, look_s
        self._others = others or Others().share
        self._looked_s = time.monotonic()

    def __call__(self) -> None:
        self._context.make_way()
        if time.monotonic() - self._looked_s < self._look_s:
            return
        while (reason := self._reason()) and not self._context.stop.is_set():
            try:
                self._context.tell(Progress(reason, 0))
            except Error:
                return  # it is to stop, and does so at its own place
            time.sleep(min(_WAIT_S, self._look_s))

    def _reason(self) -> str:
        self._looked_s = time.monotonic()
        settings = read_settings(self._context.app.paths)[0]
        if settings.flag("train.only_on_mains") and not self._mains():
            return "Waiting for mains power"
        if settings.flag("train.only_when_idle") and self._others() > _BUSY_SHARE:
            return "Waiting for an idle machine"
        return ""


class Others:
    """What other programs do with the processors that this one may use."""

    def __init__(self) -> None:
        self._meter = LoadMeter()
        self._at, self._own_s = time.monotonic(), time.process_time()
        self._n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def share(self) -> float:
        """The share of the processors that they used since the last call; 0 where the system does not say."""
        idle = self._meter.look().idle_cores
        now, own_s = time.monotonic(), time.process_time()
        own = (own_s - self._own_s) / max(1e-3, now - self._at)
        self._at, self._own_s = now, own_s
        return 0.0 if idle is None else max(0.0, self._n_cores - idle - own) / self._n_cores
