"""The common prefix of token ids, on every instruction set that this processor has."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rushlight.native import _fallback, _kernels

# Runs in a process of its own, since the path is chosen once: prints the answers for many lengths and differences.
_PROGRAM = """
import numpy as np
from rushlight import Error
from rushlight.native import common_prefix_length, cpu_path
try:
    print(cpu_path())
except Error as err:
    print(err.kind, err.message)
    raise SystemExit(1)
for n in [*range(0, 70), 1000, 1023, 300_001]:
    a = np.random.default_rng(n).integers(-2**31, 2**31, n + 3).astype(np.int32)
    for shift in (0, 1, 3):
        for at in {0, n // 3, n - 17, n - 1, n} & set(range(n + 1)):
            left, right = a[shift:shift + n].copy(), a[shift:shift + n]
            if at < n:
                left[at] ^= 1 << (at % 31)
            assert common_prefix_length(left, right) == at, (n, shift, at)
            assert common_prefix_length(left, a[shift:]) >= at
print("ok")
"""
_FLAGS = {"scalar": "", "avx2": "avx2", "avx512": "avx512f"}


def _run(path: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env=os.environ | {"RUSHLIGHT_CPU": path},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize("path", ["scalar", "avx2", "avx512"])
def test_every_path_gives_the_same_answers(path: str) -> None:
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    done = _run(path)
    if path == "scalar" or _FLAGS[path] in flags:
        assert done.stdout == f"{path}\nok\n", done.stderr
    else:
        assert done.returncode == 1
        assert done.stdout == f'bad-setting RUSHLIGHT_CPU is "{path}", which this processor does not have.\n'


def test_an_unknown_path_is_an_error_for_people() -> None:
    done = _run("sse9")
    assert done.returncode == 1
    assert done.stdout == 'bad-setting RUSHLIGHT_CPU is "sse9"; it can be scalar, avx2 or avx512.\n'


def test_an_empty_setting_means_the_best_path() -> None:
    assert _run("").stdout == f"{_kernels.cpu_path()}\nok\n"


def test_the_best_path_is_the_default() -> None:
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    if "RUSHLIGHT_CPU" not in os.environ:
        best = "avx512" if "avx512f" in flags else "avx2" if "avx2" in flags else "scalar"
        assert _kernels.cpu_path() == best
    assert _fallback.cpu_path() == "python"


@given(st.lists(st.integers(-1, 1), max_size=60), st.lists(st.integers(-1, 1), max_size=60), st.integers(0, 60))
@settings(max_examples=200, deadline=None)
def test_compiled_and_fallback_agree(a: list[int], b: list[int], n_shared: int) -> None:
    b = a[:n_shared] + b
    expected = _fallback.common_prefix_length(a, b)
    assert _kernels.common_prefix_length(a, tuple(b)) == expected
    assert _kernels.common_prefix_length(np.array(a, dtype=np.int32), b) == expected


def test_wrong_values_are_refused(kernels: ModuleType) -> None:
    with pytest.raises(TypeError, match="a must be a one-dimensional buffer of int32, a list or a tuple, not str"):
        kernels.common_prefix_length("x", [1])
    with pytest.raises(TypeError, match='b must hold int32; the format of its elements is "d", 8 bytes each'):
        kernels.common_prefix_length([1], np.zeros(2))
    with pytest.raises(ValueError, match=r"b\[1\] is 4294967296; it must fit in 32 bits"):
        kernels.common_prefix_length([1], [1, 2**32])
