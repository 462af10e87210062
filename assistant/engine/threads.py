"""How many threads an engine should use: the physical cores that this process may really use."""

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")


def n_physical_cores() -> int:
    """Physical cores allowed by the affinity mask, no more than the control group's share of processor time.

    Two threads on the two halves of one core slow ggml down, and so do more threads than there is time for.
    """
    allowed = _allowed_cpus()
    cores = set()
    for cpu in allowed:
        try:
            siblings = (_CPUS / f"cpu{cpu}" / "topology" / "thread_siblings_list").read_text().strip()
        except OSError:
            siblings = str(cpu)  # unknown: a core of its own
        cores.add(siblings)
    n = max(1, len(cores))
    share = _quota()
    return max(1, min(n, int(share))) if share else n


def _allowed_cpus() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _quota() -> float:
    """Processors' worth of time that the control group grants, 0 = no limit."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return 0.0
    quotas = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, folder = rest.partition(":")
        if number == "0" and not controllers:
            quotas += _quotas_v2(folder)
        elif "cpu" in controllers.split(","):
            quotas += _quotas_v1(folder)
    return min(quotas, default=0.0)


def _quotas_v2(folder: str) -> list[float]:
    """The limits of the group and of those above it."""
    quotas = []
    path = Path("/sys/fs/cgroup") / folder.lstrip("/")
    for place in (path, *path.parents):
        if not place.is_relative_to("/sys/fs/cgroup"):
            break
        try:
            limit, period = (place / "cpu.max").read_text().split()
        except (OSError, ValueError):
            continue
        if limit != "max" and int(period) > 0:
            quotas.append(int(limit) / int(period))
    return quotas


def _quotas_v1(folder: str) -> list[float]:
    for place in (Path("/sys/fs/cgroup/cpu") / folder.lstrip("/"), Path("/sys/fs/cgroup/cpu")):
        try:
            limit = int((place / "cpu.cfs_quota_us").read_text())
            period = int((place / "cpu.cfs_period_us").read_text())
        except (OSError, ValueError):
            continue
        return [limit / period] if limit > 0 and period > 0 else []
    return []
