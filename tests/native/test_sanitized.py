"""The C++ side on its own: without warnings, and under the address and undefined-behaviour sanitizers."""

import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import nanobind
import pytest


@pytest.mark.faults
def test_random_operations_under_sanitizers(
    build_check: Callable[[Path, Path], Path], cpp_sources: Path, tmp_path: Path
) -> None:
    program = build_check(cpp_sources, tmp_path)
    for seed in ("1", "2026"):
        done = subprocess.run([program, seed, "700"], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("ok: 700 rounds")


@pytest.mark.parametrize("name", ["g++", "clang++"])
def test_our_sources_compile_without_warnings(
    name: str, cpp_sources: Path, warning_flags: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = shutil.which(name)
    if found is None:
        with capsys.disabled():
            print(f"\n{name} is not installed: its warnings were not looked at.")
        assert shutil.which("g++") or shutil.which("clang++"), "a C++ compiler is missing"
        return
    include = ["-isystem", nanobind.include_dir(), "-isystem", sysconfig.get_path("include")]
    sources = sorted(cpp_sources.glob("*.cpp"))
    assert {source.stem for source in sources} >= {"module", "token_ids", "ngram_index", "common_prefix", "cpu"}
    done = subprocess.run(
        [found, "-std=c++17", "-O1", *warning_flags, *include, "-fsyntax-only", *sources],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
