"""Without a compiler: the package builds and works with the kernels in plain Python."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_PROGRAM = """
import rushlight.native as native
assert not native.COMPILED and native.abort_callback_address() == 0 and native.cpu_path() == "python"
index = native.NgramIndex(max_tokens=10)
index.extend([1, 2, 3, 1, 2])
print(native.__file__, index.propose(2), native.common_prefix_length([1, 2], [1, 3]))
"""


def _run(site: Path) -> "subprocess.CompletedProcess[str]":
    """The program above with `site` alone on the path."""
    program = f"import sys; sys.path.insert(0, {str(site)!r})\n{_PROGRAM}"
    return subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=60)


@pytest.fixture
def native_without_module(tmp_path: Path, checkout: Path) -> Path:
    """A folder with rushlight.native in it, but not its compiled module."""
    package = tmp_path / "rushlight"
    (package / "native").mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("__init__.py", "_fallback.py"):
        (package / "native" / name).write_text((checkout / "native" / name).read_text())
    return tmp_path


def test_a_missing_module_means_the_fallback(native_without_module: Path) -> None:
    done = _run(native_without_module)
    assert done.stdout.endswith("[3, 1] 1\n"), done.stderr


def test_a_broken_module_is_an_error_and_no_fallback(native_without_module: Path) -> None:
    (native_without_module / "rushlight" / "native" / "_kernels.abi3.so").write_bytes(b"\x7fELF and nothing else")
    done = _run(native_without_module)
    assert done.returncode != 0
    assert "ImportError" in done.stderr


@pytest.mark.slow
def test_pure_wheel_builds_and_works(tmp_path: Path, checkout: Path) -> None:
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            f"--config-settings=build-dir={tmp_path / 'build'}",
            "-w",
            tmp_path,
            checkout,
        ],
        env=os.environ | {"RUSHLIGHT_PURE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("rushlight-*.whl")
    assert "none-any" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert not [name for name in names if name.endswith((".so", ".cpp", ".h")) or "/src/" in name]
        archive.extractall(tmp_path / "site")
    done = _run(tmp_path / "site")
    assert done.stdout.startswith(str(tmp_path / "site")), done.stderr
    assert done.stdout.endswith("[3, 1] 1\n")
