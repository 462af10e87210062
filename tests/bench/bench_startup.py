"""Startup: `rushlight --help` against `python -c pass`.

python tests/bench/bench_startup.py [--rounds N]
"""

import sys
from pathlib import Path

from measure import alternate, machine, median_row, n_rounds, report, run_program, seconds_of

RUSHLIGHT = Path(sys.executable).with_name("rushlight")
TARGET = 10.0


def main() -> None:
    rounds = n_rounds(20, __doc__)
    before = machine()
    sides = {
        "rushlight": lambda: seconds_of(lambda: run_program([RUSHLIGHT, "--help"])),
        "python": lambda: seconds_of(lambda: run_program([sys.executable, "-c", "pass"])),
    }
    alternate(2, sides)  # files into memory, byte code onto the disk
    results = alternate(rounds, sides)
    row = median_row("rushlight --help / python -c pass", results, "rushlight", "python", "ms", TARGET, scale=1e3)
    report("startup", [row], before, [f"median of {rounds}"])


if __name__ == "__main__":
    main()
