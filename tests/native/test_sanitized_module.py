"""The compiled module as Python uses it under the address and undefined-behaviour sanitizers, and the threads of the
kernels under the thread sanitizer. `make sanitize` runs these; `make faults` too."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nanobind
import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(2400)]

# Tests that start Python again and again, to see one line each, would take most of the time.
_LEFT_OUT = "not instruction_set and not path and not setting and not stub and not imports_nothing and not module_is"
_TESTED = ("test_kquant", "test_divergence", "test_feedback", "test_moments", "test_activations", "test_ngram_index",
           "test_common_prefix", "test_merging", "test_minhash", "test_near_duplicates",
           "test_ngram_models")  # fmt: skip
# Of feedback_lanes.h: lanes without a row read on behind the array. What they find is written nowhere.
_PLANTED = "to[lane] = lane < n_here ? from[lane] : 0.0f;"
_BEYOND = "to[lane] = from[lane];"

# An editable install finds the package before any path does; the tests must see the one that was built here.
_START = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]
site = sys.argv.pop(1)
sys.path.insert(0, site)
from rushlight.native import _kernels
assert _kernels.__file__.startswith(site), _kernels.__file__
import pytest
raise SystemExit(pytest.main(sys.argv[1:]))
"""


def _library(compiler: str, name: str) -> str:
    """The full path of a library that comes with the compiler."""
    done = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    found = Path(done.stdout.strip())
    assert found.is_absolute(), f"{compiler} has no {name}"
    return str(found)


def _build(sources: Path, folder: Path) -> Path:
    """A folder to be put on Python's path: the package with its module built with sanitizers out of `sources`."""
    cmake = shutil.which("cmake", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert cmake, "cmake is missing"
    for command in (
        [cmake, "-S", sources, "-B", folder / "build", "-DRUSHLIGHT_SANITIZE=ON", "-DRUSHLIGHT_WERROR=ON",
         f"-DPython_EXECUTABLE={sys.executable}", f"-Dnanobind_DIR={nanobind.cmake_dir()}"],
        [cmake, "--build", folder / "build", "--parallel", "2"],
    ):  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    site = folder / "site"
    shutil.copytree(sources / "packaging/root/rushlight", site / "rushlight")
    for name in ("native", "quant", "trainer"):
        skipped = shutil.ignore_patterns("__pycache__", "src")
        shutil.copytree(sources / name, site / "rushlight" / name, ignore=skipped)
    (module,) = (folder / "build/native").glob("_kernels*.so")
    shutil.copy(module, site / "rushlight/native")
    return site


def _run(site: Path, compiler: str, tests: list[Path | str]) -> "subprocess.CompletedProcess[str]":
    libraries = [_library(compiler, name) for name in ("libasan.so", "libubsan.so", "libstdc++.so.6")]
    environment = os.environ | {
        "LD_PRELOAD": ":".join(libraries),
        "PYTHONMALLOC": "malloc",  # so that the sanitizer sees every buffer of Python's too
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0",  # Python keeps much until its end
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    options = ["-q", "-x", "--capture=no", "-p", "no:cacheprovider", "-m", "not slow and not faults"]
    return subprocess.run(
        [sys.executable, "-c", _START, site, *options, *tests],
        env=environment, capture_output=True, text=True, timeout=1800, cwd=site,
    )  # fmt: skip


@pytest.fixture(scope="module")
def copy(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the checkout that the module is built of."""
    folder = tmp_path_factory.mktemp("sanitized") / "rushlight"
    for name in ("native", "quant", "trainer", "packaging/root"):
        shutil.copytree(checkout / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "CMakeLists.txt", folder)
    return folder


@pytest.fixture(scope="module")
def site(copy: Path, compiler: str) -> Iterator[Path]:
    if "clang" in compiler:
        pytest.skip("the module is built with g++'s sanitizers")
    yield _build(copy, copy.parent / "made")


def test_the_tests_of_the_kernels_pass_under_sanitizers(site: Path, compiler: str, checkout: Path) -> None:
    files: list[Path | str] = [checkout / "tests/native" / f"{name}.py" for name in _TESTED]
    done = _run(site, compiler, [*files, "-k", _LEFT_OUT])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


def test_a_planted_overflow_is_found(site: Path, compiler: str, checkout: Path, copy: Path) -> None:
    """The sanitizers are really on: a read beyond an array that changes no result ends the tests."""
    header = copy / "native/src/feedback_lanes.h"
    text = header.read_text()
    assert text.count(_PLANTED) == 1, "the line that this test breaks has changed"
    header.write_text(text.replace(_PLANTED, _BEYOND))
    try:
        shutil.rmtree(site)
        site = _build(copy, site.parent)  # only the three files that include it are compiled again
        done = _run(site, compiler, [checkout / "tests/native/test_feedback.py", "-k", "random_shapes"])
    finally:
        header.write_text(text)
    assert done.returncode != 0
    assert "AddressSanitizer: heap-buffer-overflow" in done.stderr + done.stdout


def test_threads_do_not_race(compiler: str, cpp_sources: Path, tmp_path: Path, bindings: tuple[str, ...]) -> None:
    """The kernels' random operations, which use one to three threads, under the thread sanitizer."""
    made: list[Path] = []
    flags = ["-std=c++17", "-O1", "-g", "-pthread", "-fsanitize=thread", "-I", str(cpp_sources)]
    for file in [*sorted(cpp_sources.glob("*.cpp")), cpp_sources / "tests/check.cpp"]:
        if file.name not in bindings:
            made.append(tmp_path / f"{file.stem}.o")
            subprocess.run([compiler, *flags, "-c", file, "-o", made[-1]], check=True, timeout=600)
    subprocess.run([compiler, *flags, *made, "-o", tmp_path / "check"], check=True, timeout=600)
    # Where the kernel places things at random over more bits than the sanitizer expects, it refuses to start.
    steady = [shutil.which("setarch"), "-R"] if shutil.which("setarch") else []
    done = subprocess.run(
        [*filter(None, steady), tmp_path / "check", "3", "300"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING: ThreadSanitizer" not in done.stderr
