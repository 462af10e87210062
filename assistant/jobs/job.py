"""A job as every face sees it. Plain values; knows neither the store nor processes."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

JobState: TypeAlias = Literal["waiting", "running", "pausing", "paused", "cancelling", "done", "failed", "cancelled"]
Order: TypeAlias = Literal["pause", "resume", "cancel"]

STATES: tuple[JobState, ...] = get_args(JobState)
OVER: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})
ACTIVE: frozenset[JobState] = frozenset({"waiting", "running", "pausing", "cancelling"})  # a host must see to these


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of background work. Times are seconds since 1970; a higher priority goes first."""

    id: str
    kind: str
    title: str
    state: JobState
    priority: int
    what: str  # it does now: "Copying"
    done: float
    total: float | None
    unit: str
    rate: float | None  # units per second, smoothed
    remaining_s: float | None
    message: str  # why it failed
    hint: str  # what to do about it
    notices: tuple[str, ...]
    created_at: float
    started_at: float | None
    ended_at: float | None
    n_restarts: int  # times that it went on after its process or its host had died
    result: dict[str, Any]
    arguments: dict[str, Any]
    error_kind: str = ""

    @property
    def is_over(self) -> bool:
        """It will not go on by itself."""
        return self.state in OVER

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1, or None while the total is unknown."""
        if self.state == "done":
            return 1.0
        if not self.total:
            return None
        return min(1.0, max(0.0, self.done / self.total))
