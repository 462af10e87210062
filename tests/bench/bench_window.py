"""The window: cold start to usable with 1,000 stored conversations, and memory, beside a bare PySide6 window.

python tests/bench/bench_window.py [--rounds N]

"Usable": the list shows conversations, the composer has the focus, everything was drawn (offscreen). Memory: the
window one second later, with the host it may start and no model loaded.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from faces import compare, end, modules_named, pss_mb
from measure import n_rounds

CHILD = Path(__file__).with_name("face_window.py")
START_S, MEMORY_MB = 1.0, 150.0
_REST_S = 1.0


def _start(kind: str, env: Mapping[str, str], memory: list[float]) -> float:
    """Seconds from starting the process to its being usable; its memory goes into the list."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, CHILD, kind], env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        seconds = time.perf_counter() - began
        if line != b"usable\n":
            raise SystemExit(f"The {kind} window did not become usable.")
        time.sleep(_REST_S)
        memory.append(pss_mb(process.pid))
        if kind == "rushlight" and (loaded := modules_named(process.pid, "torch")):
            raise SystemExit(f"torch is loaded: {loaded[0]}")
        return seconds
    finally:
        end(process)


def main() -> None:
    compare(
        "window",
        "window",
        partial(_start, "rushlight"),
        partial(_start, "bare"),
        start_s=START_S,
        memory_mb=MEMORY_MB,
        rounds=n_rounds(10, __doc__),
    )


if __name__ == "__main__":
    main()
