"""What the benchmarks of the window and the terminal app share: a home with 1,000 conversations, memory of processes.

Memory is the proportional set size: private pages, and shared ones divided by how many share them.
"""

import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
from measure import Row, alternate, machine, report
from rushlight_home import demo_model, own_home

Start = Callable[[Mapping[str, str], list[float]], float]  # seconds to usable; the memory goes into the list

N_CONVERSATIONS = 1000
_SAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "pictures"


def compare(name: str, face: str, ours: Start, bare: Start, *, start_s: float, memory_mb: float, rounds: int) -> None:
    """Start both in turn on a home with 1,000 conversations, and report their medians against the limits."""
    before = machine()
    with own_home(demo_model()) as env:
        fill_home()
        with idle_host(env) as host_pid:
            host_mb = pss_mb(host_pid)
            memory: dict[str, list[float]] = {"rushlight": [], "bare": []}
            sides = {
                "rushlight": lambda: ours(env, memory["rushlight"]),
                "bare": lambda: bare(env, memory["bare"]),
            }
            alternate(2, sides)
            for values in memory.values():
                values.clear()
            results = alternate(rounds, sides)
    start = {kind: statistics.median(values) for kind, values in results.items()}
    pss = {kind: statistics.median(values) for kind, values in memory.items()}
    rows = [
        Row("cold start / limit", start["rushlight"], start_s, "s", 1.0),
        Row(f"{face} + host / limit", pss["rushlight"] + host_mb, memory_mb, "MB", 1.0),
        Row("cold start / bare one", start["rushlight"], start["bare"], "s"),
        Row(f"{face} / bare one", pss["rushlight"], pss["bare"], "MB"),
    ]
    notes = [f"median of {rounds}", f"host alone {host_mb:.0f} MB", "1,000 conversations, no model loaded"]
    report(name, rows, before, notes)


def fill_home() -> None:
    """1,000 conversations in the home of this process's environment."""
    sys.path.insert(0, str(_SAMPLE))
    import sample

    from rushlight.assistant.app import open_app

    with open_app() as app:
        sample.many_conversations(app, N_CONVERSATIONS)


@contextmanager
def idle_host(env: Mapping[str, str]) -> Iterator[int]:
    """A host without a model, held open by this process; its process id."""
    from rushlight.assistant.app import open_app

    with open_app() as app:
        yield app.host.status().pid


def pss_mb(pid: int) -> float:
    """Of the process and everything it started, in MB."""
    process = psutil.Process(pid)
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def modules_named(pid: int, name: str) -> list[str]:
    """Files mapped by the process or its children whose path holds the name, as of a library that was imported."""
    process = psutil.Process(pid)
    return sorted(
        {
            mapping.path
            for one in (process, *process.children(recursive=True))
            for mapping in one.memory_maps()
            if f"/{name}/" in mapping.path
        }
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End it and wait."""
    process.kill()
    process.wait()
