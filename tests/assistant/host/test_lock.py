"""The lock lives and dies with its owner."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.host.lock import try_lock, wait_lock

HOLDER = """
import sys, time
from pathlib import Path
from rushlight.assistant.host.lock import try_lock
lock = try_lock(Path(sys.argv[1]))
print("held" if lock else "refused", flush=True)
time.sleep(60)
"""


def test_one_owner(tmp_path: Path) -> None:
    path = tmp_path / "host.lock"
    lock = try_lock(path)
    assert lock is not None
    assert try_lock(path) is None
    lock.release()
    lock.release()
    again = try_lock(path)
    assert again is not None
    again.release()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_killed_owner_leaves_nothing_to_unlock(tmp_path: Path) -> None:
    path = tmp_path / "host.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert try_lock(path) is None
        holder.send_signal(signal.SIGKILL)
    lock = try_lock(path)
    assert lock is not None
    lock.release()


def test_waiting_ends_with_the_time_or_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "host.lock"
    lock = try_lock(path)
    assert lock is not None
    started_s = time.monotonic()
    assert wait_lock(path, 0.1) is None
    assert 0.1 <= time.monotonic() - started_s < 2
    lock.release()
    second = wait_lock(path, 0.0)
    assert second is not None
    second.release()


def test_children_do_not_inherit_it(tmp_path: Path) -> None:
    path = tmp_path / "host.lock"
    lock = try_lock(path)
    assert lock is not None
    with subprocess.Popen(["sleep", "30"], close_fds=False) as child:
        lock.release()
        second = try_lock(path)
        child.kill()
    assert second is not None
    second.release()


def test_a_folder_that_is_not_there_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(Error, match="RUSHLIGHT_HOME") as caught:
        try_lock(tmp_path / "none" / "host.lock")
    assert caught.value.kind == "lock-failed"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("keep")
    (tmp_path / "host.lock").symlink_to(target)
    with pytest.raises(Error):
        try_lock(tmp_path / "host.lock")
