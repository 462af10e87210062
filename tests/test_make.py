"""The two commands of the README, as a stranger types them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def stop_host() -> Iterator[None]:
    yield
    subprocess.run([sys.executable, "-m", "rushlight", "host", "stop"], check=True, capture_output=True)


@pytest.mark.model
@pytest.mark.usefixtures("stop_host")
def test_make_run_without_a_terminal_prints_one_answer(own_home: Path) -> None:
    # Without a display too: neither the developer's own nor the one without a screen that the window's tests choose.
    unwanted = ("MAKE", "MFLAGS", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    ran = subprocess.run(
        ["make", "run"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr
    assert "Paris" in ran.stdout
    again = subprocess.run(
        ["make", "run"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 0
    assert "Paris" in again.stdout and "Adding the demo model" not in again.stdout


def test_every_target_is_explained() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ["run", "test", "check", "faults", "test-all", "bench", "tui", "gui", "system", "format", "clean"]:
        assert f"make {target} " in shown
