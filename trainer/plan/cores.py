"""Whether threads of this process would share cores of the processor."""

import os
from pathlib import Path
from typing import Final

_CPUS: Final = Path("/sys/devices/system/cpu")


def cores_are_shared(cpus: Path = _CPUS) -> bool:
    """Whether two of the processors that this process may use are halves of one core; yes where nobody tells."""
    if not hasattr(os, "sched_getaffinity"):
        return True
    seen: set[str] = set()
    for cpu in os.sched_getaffinity(0):
        try:
            siblings = (cpus / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
        except OSError:
            return True
        if siblings in seen:
            return True
        seen.add(siblings)
    return False
