"""What a face remembers survives kills, broken files and full disks."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rushlight.ui.desk.remembered import Remembered


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "window.json"


def test_what_is_set_is_there_after_a_restart(path: Path) -> None:
    remembered = Remembered(path)
    remembered.set("text_scale", 1.25)
    remembered.set("page", "models")
    remembered.set("geometry", [1, 2, 3, 4])
    again = Remembered(path)
    assert again.get("text_scale", 1.0) == 1.25 and again.get("page", "chat") == "models"
    assert again.get("geometry", (0, 0, 0, 0)) == (1, 2, 3, 4)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_of_another_type_is_as_good_as_none(path: Path) -> None:
    remembered = Remembered(path)
    for wrong in ("wide", None, [1], {"a": 1}, True):
        remembered.set("sidebar_width", wrong)
        assert remembered.get("sidebar_width", 264) == 264
    remembered.set("sidebar_shown", 1)
    assert remembered.get("sidebar_shown", False) is False
    remembered.set("text_scale", 2)
    assert remembered.get("text_scale", 1.0) == 2.0
    remembered.set("conversation", "abc")
    assert remembered.get("conversation", None) == "abc"
    assert remembered.get("missing", None) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'{"page": ' + b"[" * 100_000, b"null"])
def test_a_broken_file_is_as_good_as_none_and_is_replaced(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    remembered = Remembered(path)
    assert remembered.get("page", "chat") == "chat"
    remembered.set("page", "jobs")
    assert json.loads(path.read_bytes()) == {"page": "jobs"}


def test_a_file_that_cannot_be_written_stops_nobody(path: Path) -> None:
    path.parent.write_bytes(b"no folder")
    remembered = Remembered(path)
    remembered.set("page", "jobs")
    assert remembered.get("page", "chat") == "jobs"


def test_forgetting(path: Path) -> None:
    remembered = Remembered(path)
    remembered.set("page", "jobs")
    remembered.forget("page")
    remembered.forget("page")
    assert Remembered(path).get("page", "chat") == "chat"


def test_each_window_has_its_own(path: Path) -> None:
    remembered = Remembered(path)
    remembered.window(0).set("page", "chat")
    remembered.window(1).set("page", "jobs")
    remembered.set("page", "settings")
    remembered.set_n_windows(2)
    again = Remembered(path)
    assert again.n_windows == 2
    assert [again.window(index).get("page", "") for index in range(3)] == ["chat", "jobs", ""]
    again.set_n_windows(1)
    assert [Remembered(path).window(index).get("page", "") for index in range(2)] == ["chat", ""]
    assert Remembered(path).get("page", "") == "settings"


@pytest.mark.parametrize("count", ["many", -3, 10**9, None])
def test_a_number_of_windows_that_cannot_be_is_made_possible(path: Path, count: object) -> None:
    remembered = Remembered(path)
    remembered.set("n_windows", count)
    assert 1 <= remembered.n_windows <= 32


_WRITER = """
import sys
from pathlib import Path
from rushlight.ui.desk.remembered import Remembered
remembered = Remembered(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    remembered.set("number", number)
    remembered.set("padding", "x" * (number % 7000))
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(6))
def test_a_kill_at_any_moment_leaves_a_whole_file(path: Path, seed: int) -> None:
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        for _ in range(2 + seed * 3):
            child.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.02))
    finally:
        os.kill(child.pid, signal.SIGKILL)
    said = [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    values = json.loads(path.read_bytes())
    # Both writes of a round are on the disk before its number is printed.
    assert values["number"] >= max(said, default=2 + seed * 3)
    assert set(values["padding"]) <= {"x"}
