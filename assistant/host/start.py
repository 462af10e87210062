"""How a front process starts the host: once, however many fronts want it at the same time.

Waits on a pipe that the new host inherits, which speaks when the host can be reached and closes when it gives up;
no polling. Knows nothing of what is said to the host.
"""

import os
import select
import time
from pathlib import Path
from typing import Protocol

import msgspec

from rushlight import Error
from rushlight.assistant.host.lock import FileLock, try_lock
from rushlight.assistant.host.logfile import open_log
from rushlight.assistant.host.spawn import fill_standard_fds, own_command, spawn
from rushlight.assistant.paths import Paths

_MAX_ANSWER_BYTES = 64 * 1024
_QUOTE_BYTES = 2000


class HostSettings(Protocol):
    """What is asked of the settings here and in the client."""

    def number(self, name: str) -> int: ...


def try_start_lock(paths: Paths) -> FileLock | None:
    """The right to start the host, or None while another front has it. It ends with its holder."""
    try:
        paths.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as err:
        raise Error(
            f"Cannot create the data folder {paths.data}: {err.strerror}.",
            hint="Make its parent folder writable; RUSHLIGHT_HOME names another place.",
            kind="unsafe-folder",
        ) from err
    return try_lock(paths.host_lock.with_suffix(".start"))


class Starting:
    """A host that is on its way. `wait` for it, or `abandon` it to those who come later."""

    def __init__(self, paths: Paths, settings: HostSettings, lock: FileLock | None = None) -> None:
        """Start it and return at once. `lock` is kept until it has started, if one is given."""
        self._lock = lock
        self._log_path = paths.logs / "host.log"
        fill_standard_fds()
        self._answer_fd, write_end = os.pipe()
        try:
            log_fd = open_log(self._log_path)
            self._log_start = os.fstat(log_fd).st_size
            try:
                self._pid = spawn(
                    own_command(
                        "_host",
                        "--data",
                        str(paths.data),
                        "--cache",
                        str(paths.cache),
                        "--runtime",
                        str(paths.runtime),
                        "--idle",
                        str(settings.number("host.idle_s")),
                        "--reserve",
                        str(settings.number("memory.reserve_mib")),
                        "--waiting",
                        str(settings.number("engine.queue")),
                        "--ready",
                        str(write_end),
                    ),
                    output_fd=log_fd,
                    inherit=(write_end,),
                    own_session=True,
                )
            finally:
                os.close(log_fd)
        except BaseException:
            os.close(self._answer_fd)
            raise
        finally:
            os.close(write_end)

    def wait(self, timeout_s: float) -> bool:
        """Until it can be reached. False: another host owns the folder. Raises `Error` if it cannot start."""
        try:
            answer = _read_answer(self._answer_fd, timeout_s)
            _reap(self._pid, answer is None)
        finally:
            self._release()
        if answer == b"ok":
            return True
        if answer == b"owned":
            return False
        if answer is None:
            raise Error(
                f"The Rushlight host did not start within {timeout_s:g} s.",
                hint=f"Its log: {self._log_path}",
                kind="host-failed",
            )
        try:
            message, hint, kind = msgspec.json.decode(answer, type=tuple[str, str, str])
        except msgspec.DecodeError:
            said = _log_end(self._log_path, self._log_start)
            raise Error(
                f"The Rushlight host ended while it started{': ' + said if said else '.'}",
                hint=f"Its log: {self._log_path}",
                kind="host-failed",
            ) from None
        raise Error(message, hint, kind=kind)

    def abandon(self) -> None:
        """Do not wait. It starts all the same, and ends by itself if nobody comes."""
        try:
            os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            pass
        self._release()

    def _release(self) -> None:
        if self._answer_fd >= 0:
            os.close(self._answer_fd)
            self._answer_fd = -1
        if self._lock is not None:
            self._lock.release()
            self._lock = None


def begin(paths: Paths, settings: HostSettings) -> Starting | None:
    """Start a host ahead, while this program does other things; None where one runs or is being started.

    What goes wrong is told by whoever connects.
    """
    try:
        lock = try_start_lock(paths)
        if lock is None:
            return None
        running = try_lock(paths.host_lock)
        if running is None:
            lock.release()
            return None
        running.release()
        return Starting(paths, settings, lock)
    except Error:
        return None


def _read_answer(fd: int, timeout_s: float) -> bytes | None:
    """What the host says until it closes the pipe; None if it says nothing in time."""
    answer = b""
    deadline_s = time.monotonic() + timeout_s
    while len(answer) < _MAX_ANSWER_BYTES:
        if not select.select([fd], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
            return None
        data = os.read(fd, 4096)
        if not data:
            break
        answer += data
    return answer


def _reap(pid: int, hanging: bool) -> None:
    """The process that we started hands over to the host itself and ends at once."""
    try:
        if hanging:
            os.kill(pid, 9)
        os.waitpid(pid, 0)
    except (ChildProcessError, ProcessLookupError):
        pass  # this program lets the system reap its children


def _log_end(path: Path, start: int) -> str:
    """The last line that the host wrote since `start`."""
    from rushlight.assistant.safety.plain import plain

    try:
        with path.open("rb") as file:
            file.seek(max(start, path.stat().st_size - _QUOTE_BYTES))
            lines = plain(file.read().decode("utf-8", "replace")).split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
