"""Freed memory stays with a training: each step needs as much again.

glibc gives the top of its heap back to the system, and maps large blocks one by one; so every step waits for the system
to clear pages that the step before had. A training is a process of its own, and what it keeps goes back at its end.
Knows glibc alone; elsewhere nothing is changed.
"""

import ctypes
import mmap
import sys
import time
from typing import Final

_M_TRIM_THRESHOLD: Final = -1  # mallopt(3)
_M_MMAP_MAX: Final = -4
_TRIED_BYTES: Final = 64 << 20


def keep_freed_memory() -> bool:
    """Whether it could be told so."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def first_touch_s_per_byte() -> float:
    """Seconds for each byte of memory that a process is the first to write to, tried now. On a virtual machine whose
    host has not given it that memory yet it is several times as long."""
    import numpy as np

    spent = []
    with mmap.mmap(-1, _TRIED_BYTES) as block:
        bytes_ = np.frombuffer(block, np.uint8)
        for _ in range(2):  # the second time the pages are there
            began = time.perf_counter()
            bytes_.fill(1)
            spent.append(time.perf_counter() - began)
        del bytes_
    return max(0.0, spent[0] - spent[1]) / _TRIED_BYTES
