"""How busy the machine is, beside this process: idle processors, and how long our threads wait for their turn.

Linux tells both; elsewhere the answers are None and the engine goes by its own speed alone. Knows /proc; decides
nothing.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STAT = Path("/proc/stat")
_TASKS = Path("/proc/self/task")
_LEAST_S = 0.05  # /proc/stat counts in hundredths of a second


@dataclass(frozen=True, slots=True)
class MachineLoad:
    """Of the time since the last look. Processors are those that this process may use."""

    idle_cores: float | None  # processors' worth of time that nobody wanted
    waiting: float | None  # threads of ours that were ready and had no processor, on average


class LoadMeter:
    """`look()` every now and then; each answer is about the time since the last."""

    def __init__(self) -> None:
        if hasattr(os, "sched_getaffinity"):
            self._names = {f"cpu{cpu}" for cpu in os.sched_getaffinity(0)}
        else:
            self._names = set()
        self._hertz = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
        self._at = time.monotonic()
        self._idle_s, self._waited_s = self._read_idle(), self._read_waited()
        self._last = MachineLoad(None, None)

    def look(self) -> MachineLoad:
        """The load since the last look; asked again too soon, the same answer."""
        now = time.monotonic()
        spent_s = now - self._at
        if spent_s < _LEAST_S:
            return self._last
        idle_s, waited_s = self._read_idle(), self._read_waited()
        idle = None if idle_s is None or self._idle_s is None else max(0.0, idle_s - self._idle_s) / spent_s
        # A thread that ended takes its waiting with it: less than before means unknown.
        is_known = waited_s is not None and self._waited_s is not None and waited_s >= self._waited_s
        waiting = (waited_s - self._waited_s) / spent_s if is_known else None  # type: ignore[operator]
        self._at, self._idle_s, self._waited_s = now, idle_s, waited_s
        self._last = MachineLoad(idle, waiting)
        return self._last

    def _read_idle(self) -> float | None:
        try:
            lines = _STAT.read_text().splitlines()
        except OSError:
            return None
        n_ticks, is_found = 0, False
        for line in lines:
            fields = line.split()
            if fields and fields[0] in self._names and len(fields) > 5:
                n_ticks += int(fields[4]) + int(fields[5])  # idle, and waiting for a disk
                is_found = True
        return n_ticks / self._hertz if is_found else None

    def _read_waited(self) -> float | None:
        """Seconds that our threads have spent in the queue of a processor."""
        total_ns, is_found = 0, False
        try:
            for task in os.listdir(_TASKS):  # noqa: PTH208
                try:
                    with open(f"{_TASKS}/{task}/schedstat") as file:  # noqa: PTH123
                        total_ns += int(file.read().split()[1])
                    is_found = True
                except (OSError, IndexError, ValueError):
                    continue  # it has just ended
        except OSError:
            return None
        return total_ns / 1e9 if is_found else None
