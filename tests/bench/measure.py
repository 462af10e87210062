"""What every benchmark shares: alternating rounds, medians and ratios, facts of the machine, one JSON line.

Two sides are measured turn by turn in one run, because machines are never equally busy for long; the side that begins
changes with every round. Knows nothing of what is measured.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: our median and the rival's, in `unit`, and their ratio against its target.

    `ratio` is ours / rival's. `target` None: shown, not judged. `at_least`: the ratio must reach it, else it may not
    exceed it.
    """

    name: str
    ours: float
    rival: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.ours / self.rival

    @property
    def verdict(self) -> str:
        if self.target is None:
            return ""
        is_met = self.ratio >= self.target if self.at_least else self.ratio <= self.target
        return f"{'>=' if self.at_least else '<='} {self.target:g} {'met' if is_met else 'MISSED'}"


def n_rounds(default: int, about: str | None) -> int:
    """The one option of every benchmark: --rounds N, for a quick look."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=default, metavar="N", help=f"measured rounds (default {default})")
    rounds: int = parser.parse_args().rounds
    if rounds < 1:
        parser.error("--rounds must be at least 1")
    return rounds


def alternate(rounds: int, sides: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Call each side once a round; the order turns round by round. What they return is collected by name."""
    results: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for _ in range(rounds):
        for name in names:
            results[name].append(sides[name]())
        names.reverse()
    return results


def seconds_of(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def run_program(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> str:
    """Standard output of a program that must succeed; it gets an empty stdin."""
    done = subprocess.run(
        command, env=None if env is None else dict(env), stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} failed with {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout


def median_row(
    name: str,
    results: Mapping[str, Sequence[float]],
    ours: str,
    rival: str,
    unit: str,
    target: float | None = None,
    *,
    at_least: bool = False,
    scale: float = 1.0,
) -> Row:
    """The row of two collected sides; `scale` turns what was measured into `unit`."""
    return Row(
        name,
        statistics.median(results[ours]) * scale,
        statistics.median(results[rival]) * scale,
        unit,
        target,
        at_least,
    )


def machine() -> dict[str, object]:
    """What a reader must know to judge the figures; the load average is of now."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def report(bench: str, rows: Sequence[Row], before: Mapping[str, object], notes: Sequence[str] = ()) -> None:
    """A table for people, then one line of JSON. `before` is `machine()` from before the measurement."""
    print(f"\n{bench}")
    width = max(len(row.name) for row in rows)
    print(f"  {'':<{width}}  {'ours':>12}  {'rival':>12}  {'':<9}  {'ratio':>8}  target")
    for row in rows:
        print(
            f"  {row.name:<{width}}  {row.ours:>12.4g}  {row.rival:>12.4g}  {row.unit:<9}  {row.ratio:>8.3g}  "
            f"{row.verdict}"
        )
    for note in notes:
        print(f"  {note}")
    after = machine()
    print(
        f"  machine: {after['cpu']}, {after['cores']} cores, {after['system']}, Python {after['python']}, "
        f"load average before {before['load_average']}, after {after['load_average']}"
    )
    line = {
        "bench": bench,
        "rows": [
            {"name": row.name, "ours": row.ours, "rival": row.rival, "unit": row.unit, "ratio": row.ratio}
            | ({} if row.target is None else {"target": row.target, "met": row.verdict.endswith(" met")})
            for row in rows
        ],
        "notes": list(notes),
        "machine": after | {"load_average_before": before["load_average"]},
    }
    print(json.dumps(line))
    sys.stdout.flush()
