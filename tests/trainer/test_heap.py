"""A training keeps the memory that it frees: what it needs again is there."""

import subprocess
import sys

import pytest

from rushlight.trainer.heap import first_touch_s_per_byte

STEPS = """
import resource, sys
import numpy as np
from rushlight.trainer.heap import keep_freed_memory
assert sys.argv[1] == "given back" or keep_freed_memory()
seen = []
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(1 << 20) for _ in range(8)]  # 8 MiB each
    del blocks
    seen.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(*seen)
"""


def faults(how: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
    return [int(one) for one in done.stdout.split()]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc is told so")
def test_a_second_step_waits_for_no_new_pages() -> None:
    kept, given_back = faults("kept"), faults("given back")
    assert kept[0] > 1_000 and max(kept[1:]) < 0.02 * kept[0]
    assert min(given_back[1:]) > 10 * max(kept[1:])


def test_what_new_memory_costs_is_measured() -> None:
    assert 0 < first_touch_s_per_byte() < 1e-6  # a second for a megabyte would be a broken clock
