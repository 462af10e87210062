"""How much memory a piece of work with tensors holds, read from the allocations that torch's profiler sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_FIRST: Final = "rushlight: first"


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes beyond what was there before."""

    kept: int  # when `first` was done
    peak: int  # at any time


def held_by(first: Callable[[], Any], then: Callable[[Any], None], device: str) -> Held:
    """What `first` leaves behind (a forward pass), and the most that it and `then` (the backward pass) hold."""
    from torch.profiler import ProfilerActivity, profile, record_function

    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device == "cuda" else [])
    with profile(activities=activities, profile_memory=True) as seen:
        with record_function(_FIRST):
            found = first()
        then(found)
        del found
    events: list[tuple[int, int]] = []
    ends: list[int] = []
    _gather(seen.profiler.kineto_results.experimental_event_tree(), device, events, ends)
    kept = peak = now = 0
    for at, n_bytes in sorted(events):
        now += n_bytes
        peak = max(peak, now)
        if at <= ends[0]:
            kept = now
    return Held(kept, peak)


def _gather(nodes: Any, device: str, events: list[tuple[int, int]], ends: list[int]) -> None:
    for node in nodes:
        if node.tag.name == "Allocation":
            if str(node.extra_fields.device).startswith(device):
                events.append((node.start_time_ns, node.extra_fields.alloc_size))
        elif node.name == _FIRST:
            ends.append(node.end_time_ns)
        _gather(node.children, device, events, ends)
