"""Who is writing a message: this process by a name that no later process has, and whether such a one still runs.

Process numbers are used again, so the name holds the time of the process's start too.
"""

import os
import sys
from pathlib import Path


def this_writer() -> str:
    """The name of this process. Another one after a fork."""
    pid = os.getpid()
    return f"{pid}-{_started(pid)}"


def is_alive(writer: str) -> bool:
    """Whether the process of that name still runs."""
    pid, _, started = writer.partition("-")
    return pid.isascii() and pid.isdigit() and _started(int(pid)) == started != ""


def _started(pid: int) -> str:
    """When a process began, as a text to compare; "" where there is none, or where it has ended unreaped."""
    if sys.platform.startswith("linux"):
        try:
            status = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return ""
        fields = status[status.rindex(b")") + 2 :].split()  # the name before may hold anything
        return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
    import psutil  # 20 ms, and only where /proc does not answer

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except (psutil.Error, ValueError, OverflowError):
        return ""
