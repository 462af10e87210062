"""Fuzzes the GGUF checker: mutants that reach lines in a new order are kept and mutated further.

    python tests/gguf_fuzzer.py SEEDS OUT --seconds N [--random N]

SEEDS is a folder of good files. Every mutant must pass, or be refused with an `Error` of kind "bad-file" that names the
file and says what to do, within 5 seconds of the processor's time and 1 GiB. The first that does otherwise is left in
OUT with its traceback, and the exit code is 1. Guided as AFL is (Zalewski 2013): by pairs of lines that follow each
other, seen through `sys.settrace` in the modules of the checker alone. Deterministic for a random number but for the
time it is given.
"""

import argparse
import importlib.util
import random
import resource
import signal
import sys
import time
import traceback
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from rushlight import Error
from rushlight.quant import gguf_check

MOST_S = 5
MOST_BYTES = 1 << 30
MOST_KEPT = 3000
_CHECKED = str(Path(gguf_check.__file__).with_name("gguf_"))


class Coverage:
    """Pairs of lines that followed each other within the checker."""

    def __init__(self) -> None:
        self.known: set[tuple[int, int, int]] = set()
        self.new = 0
        self._before = 0

    def __enter__(self) -> "Coverage":
        self.new = self._before = 0
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_exception: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._line if frame.f_code.co_filename.startswith(_CHECKED) else None

    def _line(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            pair = (hash(frame.f_code.co_filename), self._before, frame.f_lineno)
            self._before = frame.f_lineno
            if pair not in self.known:
                self.known.add(pair)
                self.new += 1
        return self._line


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError(f"more than {MOST_S} s")


def is_refused(path: Path) -> bool:
    """Whether the checker refuses the file; anything but a proper refusal passes on."""
    signal.setitimer(signal.ITIMER_PROF, MOST_S)
    try:
        gguf_check.check(path)
    except Error as error:
        if error.kind != "bad-file" or not error.hint or path.name not in error.message:
            raise AssertionError(f"refused, but not as it should be: {error.message!r} {error.kind!r}") from error
        if not error.message.isprintable():
            raise AssertionError("what cannot be printed is in the message") from error
        return True
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--random", type=int, default=1)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    signal.signal(signal.SIGPROF, _too_long)
    builder, mutants = _beside("gguf_builder"), _beside("gguf_mutants")
    seeds = [mutants.make_seed(builder, path) for path in sorted(arguments.seeds.glob("*.gguf"))]
    if not seeds:
        parser.error(f"there is no .gguf file in {arguments.seeds}")
    chance, coverage, path = random.Random(arguments.random), Coverage(), arguments.out / "mutant.gguf"
    kept = [(seed, seed.data) for seed in seeds]
    n_run = n_refused = 0
    slowest_s = 0.0
    end_s = time.monotonic() + arguments.seconds
    while time.monotonic() < end_s:
        if chance.random() < 0.3:
            seed = chance.choice(seeds)
            data = mutants.mutate(seed, chance)
        else:
            seed, before = chance.choice(kept[-200:] if chance.random() < 0.5 else kept)
            changed = bytearray(before)
            for _ in range(chance.choice((1, 1, 2, 4))):
                mutants.mutate_bytes(changed, seed, chance)
            data = bytes(changed)
        path.write_bytes(data)
        start_s = time.process_time()
        try:
            with coverage:
                refused = is_refused(path)
        except BaseException:
            sys.settrace(None)
            path.rename(arguments.out / "failure.gguf")
            (arguments.out / "failure.txt").write_text(traceback.format_exc())
            print(f"after {n_run:,} files, in {arguments.out / 'failure.gguf'}:\n{traceback.format_exc()}")
            return 1
        slowest_s = max(slowest_s, time.process_time() - start_s)
        n_run += 1
        n_refused += refused
        if coverage.new and len(kept) < MOST_KEPT and len(data) < 2 * len(seed.data):
            kept.append((seed, data))
    print(
        f"{n_run:,} files, {n_refused:,} refused, {n_run - n_refused:,} accepted; {len(kept) - len(seeds):,} kept for "
        f"new paths, {len(coverage.known):,} pairs of lines; slowest {slowest_s * 1000:.0f} ms"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
