"""Memory figures out of /proc and /sys, of both control group versions."""

import os
from pathlib import Path

import pytest

from rushlight.assistant.host import memory

MIB = 1024 * 1024


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 4096000 kB\nMemAvailable:   2048000 kB\n")
    monkeypatch.setattr(memory, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path / "cgroup")
    return tmp_path


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_without_a_group_the_machine_counts(system: Path) -> None:
    assert memory.available_bytes() == 2048000 * 1024


def test_version_2_and_the_groups_around(system: Path) -> None:
    write(system / "proc/self", cgroup="0::/user/app\n")
    write(system / "cgroup/user/app", memory__max="max\n", memory__current="5\n")
    write(
        system / "cgroup/user",
        memory__max=f"{100 * MIB}\n",
        memory__current=f"{90 * MIB}\n",
        memory__stat=f"anon 1\nactive_file {20 * MIB}\ninactive_file {30 * MIB}\n",
        memory__events="oom_kill 0\n",
    )
    write(system / "cgroup/user/app", memory__events="low 0\noom 4\noom_kill 3\n")
    assert memory.available_bytes() == 60 * MIB
    assert memory.oom_kills() == 3


def test_version_1_in_a_container(system: Path) -> None:
    write(system / "proc/self", cgroup="4:cpu,memory:/docker/abc\n0::/\n")
    write(
        system / "cgroup/memory",
        memory__limit_in_bytes=f"{100 * MIB}\n",
        memory__usage_in_bytes=f"{90 * MIB}\n",
        memory__stat=f"active_file 1\ntotal_active_file {MIB}\ntotal_inactive_file {MIB}\n",
        memory__oom_control="oom_kill_disable 0\nunder_oom 0\noom_kill 7\n",
    )
    assert memory.available_bytes() == 12 * MIB
    assert memory.oom_kills() == 7


def test_no_limit_is_no_limit(system: Path) -> None:
    write(system / "proc/self", cgroup="4:memory:/\n")
    write(system / "cgroup/memory", memory__limit_in_bytes="9223372036854771712\n", memory__usage_in_bytes="5\n")
    assert memory.available_bytes() == 2048000 * 1024


def test_this_process_and_none() -> None:
    held = memory.resident(os.getpid())
    assert held is not None
    assert held.anonymous_bytes > MIB
    assert held.total_bytes > held.file_bytes > 0
    assert memory.resident(2**30) is None
    assert (memory.available_bytes() or 0) > MIB
