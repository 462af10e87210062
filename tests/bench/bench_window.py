"""The window: cold start to usable with 1,000 stored conversations, and memory, beside a bare PySide6 window.

python tests/bench/bench_window.py [--rounds N]

"Usable": the list shows conversations, the composer has the focus, everything was drawn (offscreen). Memory: the
window one second later, with the host it may start and no model loaded.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from faces import end, fill_home, idle_host, modules_named, pss_mb
from measure import Row, alternate, machine, n_rounds, report
from rushlight_home import demo_model, own_home

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
    rounds = n_rounds(10, __doc__)
    before = machine()
    with own_home(demo_model()) as env:
        fill_home()
        with idle_host(env) as host_pid:
            host_mb = pss_mb(host_pid)
            memory: dict[str, list[float]] = {"rushlight": [], "bare": []}
            sides = {kind: lambda kind=kind: _start(kind, env, memory[kind]) for kind in memory}
            alternate(2, sides)
            for values in memory.values():
                values.clear()
            results = alternate(rounds, sides)
    start = {kind: statistics.median(values) for kind, values in results.items()}
    pss = {kind: statistics.median(values) for kind, values in memory.items()}
    rows = [
        Row("cold start / limit", start["rushlight"], START_S, "s", 1.0),
        Row("window + host / limit", pss["rushlight"] + host_mb, MEMORY_MB, "MB", 1.0),
        Row("cold start / bare window", start["rushlight"], start["bare"], "s"),
        Row("window / bare window", pss["rushlight"], pss["bare"], "MB"),
    ]
    notes = [f"median of {rounds}", f"host alone {host_mb:.0f} MB", "1,000 conversations, offscreen, no model loaded"]
    report("window", rows, before, notes)


if __name__ == "__main__":
    main()
