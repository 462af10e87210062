"""Decides whether a model may be loaded: what it needs, what is free, and who has to go for it.

Pure decisions over figures; `engines.py` asks and acts. Knows no processes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rushlight import Error
from rushlight.assistant.host import memory

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_LEAST_LOW_BYTES = 64 * _MIB
# A worker is beyond its estimate "by far" when its own memory is half as much again, and this more for what every
# worker holds besides the model (Python, libraries, buffers of requests).
_BEYOND_FACTOR = 1.5
_BEYOND_BYTES = 256 * _MIB


@dataclass(frozen=True, slots=True)
class Claim:
    """An engine as the arbiter sees it."""

    engine_id: int
    name: str
    need_bytes: int  # estimated
    anonymous_bytes: int  # already taken from what the system calls available
    in_use: bool
    last_used_s: float  # monotonic

    @property
    def outstanding_bytes(self) -> int:
        """Promised but still counted as available: what is being loaded, and mapped weights, which the kernel
        counts as available although every token reads them."""
        return max(0, self.need_bytes - self.anonymous_bytes)

    @property
    def returned_bytes(self) -> int:
        """What its end gives back."""
        return max(self.need_bytes, self.anonymous_bytes)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`admitted`, or after `evict` has gone it will be; neither: it cannot be loaded now."""

    admitted: bool
    evict: tuple[int, ...] = ()
    free_bytes: int = 0


class Arbiter:
    """Memory for engines: the system's available memory, less the reserve, less what is promised."""

    def __init__(self, reserve_bytes: int, *, available: Callable[[], int | None] = memory.available_bytes) -> None:
        self.reserve_bytes = reserve_bytes
        self._available = available

    def free_bytes(self, claims: Sequence[Claim]) -> int | None:
        """What a further engine may need; None where the system does not say."""
        available = self._available()
        if available is None:
            return None
        return max(0, available - self.reserve_bytes - sum(claim.outstanding_bytes for claim in claims))

    def decide(self, need_bytes: int, claims: Sequence[Claim]) -> Verdict:
        """Whether an engine of `need_bytes` fits beside `claims`, and which idle ones must end for it, those
        unused for longest first. Nothing is evicted where that would not be enough."""
        available = self._available()
        if available is None:
            return Verdict(True)
        # Not clamped at zero: a shortage has to be paid by those who go.
        free = available - self.reserve_bytes - sum(claim.outstanding_bytes for claim in claims)
        if need_bytes <= free:
            return Verdict(True, free_bytes=free)
        idle = sorted((claim for claim in claims if not claim.in_use), key=lambda claim: claim.last_used_s)
        evict: list[Claim] = []
        freed = free
        for claim in idle:
            evict.append(claim)
            freed += claim.returned_bytes
            if need_bytes <= freed:
                break
        else:
            return Verdict(False, (), max(0, freed))
        for claim in reversed(evict[:-1]):  # a large one may have made the small ones before it needless
            if need_bytes <= freed - claim.returned_bytes:
                evict.remove(claim)
                freed -= claim.returned_bytes
        return Verdict(False, tuple(claim.engine_id for claim in evict), max(0, free))

    def is_low(self) -> bool:
        """Whether the machine runs out of memory now."""
        available = self._available()
        return available is not None and available < max(_LEAST_LOW_BYTES, self.reserve_bytes // 4)

    def worst(self, claims: Sequence[Claim]) -> Claim | None:
        """The engine that is furthest beyond its estimate, if any is by far."""
        beyond = [claim for claim in claims if claim.anonymous_bytes > limit_bytes(claim.need_bytes)]
        return max(beyond, key=lambda claim: claim.anonymous_bytes - claim.need_bytes, default=None)


def limit_bytes(need_bytes: int) -> int:
    """How much an engine may hold before it counts as out of hand."""
    return int(need_bytes * _BEYOND_FACTOR) + _BEYOND_BYTES


def does_not_fit(name: str, need_bytes: int, free_bytes: int, reserve_bytes: int, in_use: Sequence[str]) -> Error:
    """The refusal with both figures."""
    message = (
        f"Cannot load {name}: it needs {size_text(need_bytes)}, {size_text(free_bytes)} are free"
        f" (beside the {size_text(reserve_bytes)} that memory.reserve_mib keeps)."
    )
    hint = "Choose a smaller quantization or lower the context length (engine.context)."
    if in_use:
        hint += f" Or wait until what is in use is done: {', '.join(in_use)}."
    return Error(message, hint=hint, kind="out-of-memory")


def size_text(size_bytes: int) -> str:
    """A size as people read it."""
    if size_bytes >= _GIB:
        return f"{size_bytes / _GIB:.1f} GiB"
    return f"{round(size_bytes / _MIB)} MiB"
