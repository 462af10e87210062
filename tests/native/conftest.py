"""The cast of the kernels' tests: both implementations, the C++ sources and a compiler."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from rushlight.native import _fallback, _kernels

ROOT = Path(__file__).resolve().parents[2]
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-D_GLIBCXX_ASSERTIONS")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror")


@pytest.fixture(params=["compiled", "fallback"])
def kernels(request: pytest.FixtureRequest) -> ModuleType:
    """Each implementation in turn."""
    return _kernels if request.param == "compiled" else _fallback


@pytest.fixture(scope="session")
def checkout() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def cpp_sources() -> Path:
    """native/src of this checkout: the tests compile it themselves."""
    return ROOT / "native" / "src"


@pytest.fixture(scope="session")
def compiler() -> str:
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    assert found, "a C++ compiler is missing; on Debian and Ubuntu: apt-get install g++"
    return found


@pytest.fixture(scope="session")
def warning_flags() -> Sequence[str]:
    return WARNINGS


@pytest.fixture(scope="session")
def build_check(compiler: str) -> Callable[[Path, Path], Path]:
    """build_check(sources, folder) compiles src/tests/check.cpp and the kernels with sanitizers into `folder`."""

    def build(sources: Path, folder: Path) -> Path:
        program = folder / "check"
        kernels = [sources / name for name in ("common_prefix.cpp", "cpu.cpp", "ngram_index.cpp", "tests/check.cpp")]
        command = [compiler, "-std=c++17", "-O1", "-g", *WARNINGS, "-Wconversion", *SANITIZERS, *kernels, "-o", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return program

    return build
