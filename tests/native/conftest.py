"""The cast of the kernels' tests: both implementations, the C++ sources and a compiler."""

import hashlib
import os
import re
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
_SOURCES = Path(__file__).resolve().parents[2] / "native" / "src"
# These need Python.
_BINDINGS = ("module.cpp", "token_ids.cpp", *sorted(file.name for file in _SOURCES.glob("*_binding.cpp")))


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
def bindings() -> tuple[str, ...]:
    """The sources that need Python."""
    return _BINDINGS


@pytest.fixture(scope="session")
def compiler() -> str:
    found = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    assert found, "a C++ compiler is missing; on Debian and Ubuntu: apt-get install g++"
    return found


@pytest.fixture(scope="session")
def warning_flags() -> Sequence[str]:
    return WARNINGS


def _with_headers(file: Path, found: set[Path] | None = None) -> set[Path]:
    """The file and the headers of ours that it includes, and those that they include."""
    found = set() if found is None else found
    if file not in found:
        found.add(file)
        for name in re.findall(r'^#include "(.+)"', file.read_text(), re.MULTILINE):
            _with_headers((file.parent / name).resolve(), found)
    return found


@pytest.fixture(scope="session")
def build_check(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, Path], Path]:
    """build_check(sources, folder) compiles src/tests/check.cpp and the kernels with sanitizers into `folder`. A file
    that is, with the headers it includes, as it was in an earlier call is not compiled again."""
    objects = tmp_path_factory.mktemp("objects")
    flags = ["-std=c++17", "-O1", "-g", "-pthread", *WARNINGS, "-Wconversion", *SANITIZERS]

    def build(sources: Path, folder: Path) -> Path:
        program = folder / "check"
        made = []
        for file in [*sorted(sources.glob("*.cpp")), sources / "tests/check.cpp"]:
            if file.name in _BINDINGS:
                continue
            content = b"".join(part.read_bytes() for part in sorted(_with_headers(file)))
            made.append(objects / f"{file.stem}-{hashlib.sha256(content).hexdigest()}.o")
            if not made[-1].exists():
                command = [compiler, *flags, "-I", sources, "-c", file, "-o", made[-1]]
                done = subprocess.run(command, capture_output=True, text=True, timeout=240)
                assert done.returncode == 0, done.stderr
        command = [compiler, *flags, *made, "-o", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return program

    return build
