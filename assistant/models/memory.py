"""How much memory a model may have: free main memory, the limits of a control group, and the graphics card.

Reads /proc and /sys on Linux; asks psutil elsewhere and `nvidia-smi` for NVIDIA cards, each only when called.
"""

from dataclasses import dataclass
from pathlib import Path

_MIB = 1024 * 1024
_UNLIMITED = 1 << 60  # control groups say "max", older ones a number near 2^63


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card."""

    name: str
    total_bytes: int
    free_bytes: int
    is_shared: bool = False  # its memory is the machine's main memory


@dataclass(frozen=True, slots=True)
class Memory:
    """What is free now. `limit` names what bounds it: "memory" or "control group"."""

    available_bytes: int
    total_bytes: int
    limit: str = "memory"
    gpus: tuple[Gpu, ...] = ()

    @property
    def gpu_free_bytes(self) -> int:
        return sum(gpu.free_bytes for gpu in self.gpus)


def available_memory(
    *, gpus: bool = False, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")
) -> Memory:
    """Free main memory under the tightest limit; with `gpus`, the cards that the engine here can use, too (where it was
    built for any, that starts a program and takes a moment)."""
    available, total = _main_memory(proc)
    limit = "memory"
    for free, group_total in _group_limits(proc, cgroups):
        total = min(total, group_total)
        if free < available:
            available, limit = free, "control group"
    return Memory(available, total, limit, _usable_cards() if gpus else ())


def _usable_cards() -> tuple[Gpu, ...]:
    from rushlight.assistant.host.cards import usable_cards  # a caller that wants none needs no processes

    return usable_cards()


def nvidia_gpus() -> tuple[Gpu, ...]:
    """The NVIDIA cards of this machine, as the driver's own tool reports them; none where there is no tool."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            timeout=10,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return ()
    return parse_nvidia_smi(answer.stdout.decode("utf-8", "replace"))


def parse_nvidia_smi(text: str) -> tuple[Gpu, ...]:
    """One card a line: name, total MiB, free MiB. Lines of another form are passed over."""
    gpus = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 2)]
        if len(fields) == 3 and fields[1].isdecimal() and fields[2].isdecimal():
            gpus.append(Gpu(fields[0], int(fields[1]) * _MIB, int(fields[2]) * _MIB))
    return tuple(gpus)


def _main_memory(proc: Path) -> tuple[int, int]:
    """(available, total) bytes. MemAvailable counts what the kernel can take back from its file cache."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        fields = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if len(line.split()) >= 2}
        return fields["MemAvailable"], fields["MemTotal"]
    except (OSError, KeyError, ValueError):
        import psutil  # 20 ms, and not needed on Linux

        memory = psutil.virtual_memory()
        return int(memory.available), int(memory.total)


def _group_limits(proc: Path, cgroups: Path) -> list[tuple[int, int]]:
    """(free, limit) of our control group and each above it, in version 2 and version 1 hierarchies."""
    try:
        lines = (proc / "self/cgroup").read_text().splitlines()
    except OSError:
        return []
    limits = []
    for line in lines:
        number, controllers, group = line.split(":", 2)
        if number == "0" and not controllers:
            root, files = cgroups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, files = cgroups / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = root / group.lstrip("/")
        # In a container the path may be the host's: what exists from there up to the root counts.
        for place in (folder, *folder.parents):
            limit = _group_limit(place, *files)
            if limit is not None:
                limits.append(limit)
            if place == root:
                break
    return limits


def _group_limit(folder: Path, limit_name: str, usage_name: str, cache_name: str) -> tuple[int, int] | None:
    try:
        text = (folder / limit_name).read_text().strip()
        limit = _UNLIMITED if text == "max" else int(text)
        if limit >= _UNLIMITED:
            return None
        used = int((folder / usage_name).read_text())
        stat = (folder / "memory.stat").read_text().splitlines()
        cached = next((int(line.split()[1]) for line in stat if line.split()[:1] == [cache_name]), 0)
    except (OSError, ValueError, IndexError):
        return None
    return max(0, limit - used + cached), limit
