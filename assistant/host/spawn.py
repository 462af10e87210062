"""Starts processes of our own command line: exactly the descriptors that they need, and none of ours.

`os.posix_spawn` instead of the subprocess module: it starts in a third of the time and does not copy a large process.
Knows nothing of what the processes do.
"""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rushlight import Error

_INHERITED_SIGNALS = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD", "SIGUSR1", "SIGUSR2")


def own_command(*args: str) -> list[str]:
    """The command line that runs this program with `args`, also where it is frozen."""
    if not sys.executable:
        raise Error(
            "Cannot start a process of Rushlight: this Python does not know its own path (sys.executable).",
            hint="Start Rushlight with python -m rushlight or its own command.",
            kind="spawn-failed",
        )
    if getattr(sys, "frozen", False):
        return [sys.executable, *args]
    # -P: without it the current folder is searched first, and a json.py there would run as us.
    return [sys.executable, "-P", "-m", "rushlight", *args]


def spawn(command: list[str], *, output_fd: int, inherit: Sequence[int] = (), own_session: bool = False) -> int:
    """Start `command` and return its process id.

    Its stdin is empty, its stdout and stderr go to `output_fd`, the descriptors in `inherit` keep their numbers, all
    others are closed. It gets a process group of its own (Ctrl-C in the terminal is not meant for it) or a session.
    """
    actions: list[tuple[int, int] | tuple[int, int, int] | tuple[int, int, str, int, int]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output_fd, 1),
        (os.POSIX_SPAWN_DUP2, output_fd, 2),
    ]
    for fd in inherit:
        actions.append((os.POSIX_SPAWN_DUP2, fd, fd))  # onto itself: only the close-on-exec mark goes
    for fd in _inheritable_fds():
        if fd > 2 and fd not in inherit:
            actions.append((os.POSIX_SPAWN_CLOSE, fd))
    # What the parent ignores (nohup, a shell's background job), a child would ignore too.
    default = [getattr(signal, name) for name in _INHERITED_SIGNALS if hasattr(signal, name)]
    try:
        if own_session:
            return os.posix_spawn(
                command[0], command, _environment(), file_actions=actions, setsid=True, setsigmask=(), setsigdef=default
            )
        return os.posix_spawn(
            command[0], command, _environment(), file_actions=actions, setpgroup=0, setsigmask=(), setsigdef=default
        )
    except OSError as err:
        raise Error(
            f"Cannot start {command[0]}: {err.strerror}.", hint="Is the installation complete?", kind="spawn-failed"
        ) from err


def fill_standard_fds() -> None:
    """Open /dev/null as 0, 1 or 2 where the caller closed them, so that no socket of ours gets such a number."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != fd:
                os.dup2(opened, fd)
                os.close(opened)


def _environment() -> Mapping[str, str]:
    environment = dict(os.environ)
    # The host leaves the folder it was started in, so relative search paths would change their meaning.
    search = environment.get("PYTHONPATH")
    if search:
        environment["PYTHONPATH"] = os.pathsep.join(
            str(Path(part).absolute()) if part else part for part in search.split(os.pathsep)
        )
    return environment


def _inheritable_fds() -> list[int]:
    """Descriptors that would pass to a child by accident: Python marks its own, other libraries and shells do not."""
    folder = "/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd"
    found = []
    for name in os.listdir(folder):  # noqa: PTH208
        try:
            if os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            pass  # the listing's own descriptor is closed by now
    return found
