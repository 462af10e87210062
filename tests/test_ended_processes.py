"""A process of the tests that ends by itself is told with its test, and all that it left is run again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).with_name("ended_processes.py")

_CONFTEST = f"""
import importlib.util

def pytest_configure(config):
    if hasattr(config, "workerinput"):
        return
    spec = importlib.util.spec_from_file_location("ended_processes", {str(PLUGIN)!r})
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module.EndedProcesses(config))
"""
_ENDS = """
import os, pytest

@pytest.mark.parametrize("n", range(6))
def test_one(n):
    if n == 2 and os.environ.get("ENDS"):
        os._exit(9)
    assert n != 5
"""
_FINE = "import pytest\n\n@pytest.mark.parametrize('n', range(4))\ndef test_one(n): pass\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    (tmp_path / "test_ends.py").write_text(_ENDS)
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(_FINE)
    return tmp_path


def run(folder: Path, *flags: str, ends: bool) -> "subprocess.CompletedProcess[str]":
    wanted = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "ENDS"))}
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", *flags]
    env = {**wanted, "ENDS": "1"} if ends else wanted
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def test_the_test_is_named_and_what_it_left_is_run_again(folder: Path) -> None:
    first = run(folder, "-n", "2", "--dist", "loadfile", "--max-worker-restart=0", ends=True)
    assert first.returncode == 1, first.stdout  # what make runs a second time after
    assert "ended by itself in test_ends.py::test_one[2]" in first.stdout
    second = run(folder, "-v", "--last-failed", "--last-failed-no-failures", "none", ends=False)
    assert "test_ends.py::test_one[5] FAILED" in second.stdout and second.returncode == 1
    for n in (2, 3, 4):  # the one that ended it, and those that came after it
        assert f"test_ends.py::test_one[{n}] PASSED" in second.stdout
    told = first.stdout.partition(" tests were not run")[0].rpartition("\n")[2]
    assert second.stdout.count(" PASSED") + second.stdout.count(" FAILED") >= int(told) >= 4


def test_it_says_nothing_where_none_ended(folder: Path) -> None:
    ran = run(folder, "-n", "2", "--dist", "loadfile", "--max-worker-restart=0", ends=False)
    assert ran.returncode == 1 and "ended by itself" not in ran.stdout
    again = run(folder, "-v", "--last-failed", ends=False)
    assert again.stdout.count(" FAILED") == 1 and " PASSED" not in again.stdout
