"""What the machine and the control group have left, and what a process holds. Figures only, no decisions.

Linux says all of this in /proc and /sys; elsewhere psutil answers the first question and the others stay unknown.
`models/memory.py` answers a person before loading; here all of the file cache counts as free, because the arbiter
counts the mapped weights of running engines itself, and reading has to be cheap once a second.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # version 1 writes a huge number where there is no limit


@dataclass(frozen=True, slots=True)
class Resident:
    """Memory of one process. Mapped files can be read again from disk, so the kernel counts them as available."""

    anonymous_bytes: int
    file_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.anonymous_bytes + self.file_bytes


def available_bytes() -> int | None:
    """What new work may take: the machine's available memory or what the control group has left, if that is less."""
    found = [size for size in (_machine_available(), _group_available()) if size is not None]
    return min(found) if found else None


def total_bytes() -> int | None:
    """All of the machine's memory, or the control group's limit, if that is less."""
    if sys.platform.startswith("linux"):
        kib = _fields(_PROC / "meminfo", "MemTotal:").get("MemTotal:")
        found = [kib * 1024] if kib is not None else []
    else:
        import psutil

        found = [int(psutil.virtual_memory().total)]
    for folder, version in _groups():
        limit = _number(folder / ("memory.max" if version == 2 else "memory.limit_in_bytes"))
        if limit is not None and limit < _UNLIMITED:
            found.append(limit)
    return min(found) if found else None


def resident(pid: int) -> Resident | None:
    """What process `pid` holds, or None where that cannot be told."""
    fields = _fields(_PROC / str(pid) / "status", "RssAnon:", "RssShmem:", "RssFile:")
    if "RssAnon:" not in fields:
        return None
    return Resident(1024 * (fields["RssAnon:"] + fields.get("RssShmem:", 0)), 1024 * fields.get("RssFile:", 0))


def oom_kills() -> int:
    """How many processes of this control group the kernel has killed for want of memory."""
    for folder, version in _groups():
        if version == 2:
            count = _fields(folder / "memory.events", "oom_kill").get("oom_kill")
        else:
            count = _fields(folder / "memory.oom_control", "oom_kill").get("oom_kill")
        if count is not None:
            return count
    return _fields(_PROC / "vmstat", "oom_kill").get("oom_kill", 0)


def _machine_available() -> int | None:
    if sys.platform.startswith("linux"):
        kib = _fields(_PROC / "meminfo", "MemAvailable:").get("MemAvailable:")
        return None if kib is None else kib * 1024
    import psutil  # 20 ms, and only where /proc does not answer

    return int(psutil.virtual_memory().available)


def _group_available() -> int | None:
    """The least that this group and the groups around it have left; None where nothing limits them."""
    left = None
    for folder, version in _groups():
        names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        limit, used = _number(folder / names[0]), _number(folder / names[1])
        if limit is None or used is None or limit >= _UNLIMITED:
            continue
        prefix = "" if version == 2 else "total_"
        keys = (f"{prefix}active_file", f"{prefix}inactive_file")
        cache = sum(_fields(folder / "memory.stat", *keys).values())
        here = max(0, limit - max(0, used - cache))
        left = here if left is None else min(left, here)
    return left


def _groups() -> list[tuple[Path, int]]:
    """This process's memory control group and those around it, innermost first, each with its version (1 or 2)."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    groups: list[tuple[Path, int]] = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, name = rest.partition(":")
        if "memory" in controllers.split(","):
            base, version = _CGROUP / "memory", 1
        elif number == "0" and not controllers:
            base, version = _CGROUP, 2
        else:
            continue
        folder = base / name.lstrip("/")
        while True:
            # In a container the name may be the outer one, which does not exist in here; its root does.
            if folder.is_dir():
                groups.append((folder, version))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    return groups


def _fields(path: Path, *names: str) -> dict[str, int]:
    """The numbers behind `names` in a file of lines "name number ..."."""
    found: dict[str, int] = {}
    try:
        with path.open("rb") as file:
            for line in file:
                parts = line.split(None, 2)
                name = parts[0].decode("ascii", "replace") if parts else ""
                if name in names and len(parts) > 1 and parts[1].isdigit():
                    found[name] = int(parts[1])
                    if len(found) == len(names):
                        break
    except OSError:
        pass
    return found


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
