"""Mutated GGUF files through the checker alone: no crash, none over five seconds, every refusal a sentence."""

import random
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error
from rushlight.quant.gguf_check import check

pytestmark = pytest.mark.faults


def test_three_thousand_mutants(
    gguf_seeds: tuple[Any, ...], gguf_mutants: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, n_refused, slowest_s = tmp_path / "mutant.gguf", 0, 0.0
    for number in range(3000):
        chance = random.Random(f"fuzz {number}")
        path.write_bytes(gguf_mutants.mutate(chance.choice(gguf_seeds), chance))
        start_s = time.process_time()
        try:
            check(path)
        except Error as error:
            assert error.kind == "bad-file" and error.hint, (number, error)
            assert path.name in error.message and error.message.isprintable(), (number, error.message)
            n_refused += 1
        slowest_s = max(slowest_s, time.process_time() - start_s)
        assert slowest_s < 5, number
    with capsys.disabled():
        print(f"\n3,000 mutants: {n_refused:,} refused by the check, slowest {slowest_s * 1000:.0f} ms")
    assert n_refused > 1000


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seconds", [15, pytest.param(600, marks=pytest.mark.slow)])
def test_guided_fuzzing(
    seconds: int, gguf_seeds: tuple[Any, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds, out = tmp_path / "seeds", tmp_path / "out"
    for folder in (seeds, out):
        folder.mkdir()
    for number, seed in enumerate(gguf_seeds):
        (seeds / f"{number}.gguf").write_bytes(seed.data)
    program = Path(__file__).parents[1] / "gguf_fuzzer.py"
    number = random.SystemRandom().randrange(2**31)  # other files every time; a failure says which
    command = [sys.executable, program, seeds, out, "--seconds", str(seconds), "--random", str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * seconds + 240)
    with capsys.disabled():
        print(f"\n{seconds} s of fuzzing with --random {number}: {done.stdout.strip() or done.stderr[-2000:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " files, " in done.stdout


def test_the_fuzzer_notices(tmp_path: Path, gguf_seeds: tuple[Any, ...]) -> None:
    """A checker that fails on one byte is found out: its file and traceback are kept."""
    seeds, out = tmp_path / "seeds", tmp_path / "out"
    for folder in (seeds, out):
        folder.mkdir()
    (seeds / "0.gguf").write_bytes(gguf_seeds[0].data)
    program = Path(__file__).parents[1] / "gguf_fuzzer.py"
    broken = (
        "import runpy, sys\n"
        "from rushlight.quant import gguf_reader\n"
        "walk = gguf_reader.Walk.run\n"
        "def run(self):\n"
        "    contents = walk(self)\n"
        "    if contents.metadata.get('llama.block_count') != 2: raise KeyError('planted')\n"
        "    return contents\n"
        "gguf_reader.Walk.run = run\n"
        f"sys.argv = ['fuzz', {str(seeds)!r}, {str(out)!r}, '--seconds', '60']\n"
        f"runpy.run_path({str(program)!r}, run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "planted" in (out / "failure.txt").read_text() and (out / "failure.gguf").exists()
