"""A server that this face begins: our own command line as a child, on a leash, and why it ended.

Knows processes and the server's note; knows no widget. All of it is for background threads.
"""

import contextlib
import json
import subprocess
import threading
import time
from pathlib import Path

from rushlight import Error, Stop
from rushlight.assistant.host.spawn import own_command
from rushlight.assistant.paths import Paths, private_folder, with_home
from rushlight.assistant.server.leash import GO, STAY
from rushlight.assistant.server.running import RunningServer, running_servers
from rushlight.ui.desk.server_values import ServerPlan
from rushlight.ui.desk.waiting import wait
from rushlight.ui.words import text

_START_LIMIT_S = 60.0
_MAX_LOG_BYTES = 64 * 1024


class ServerProcess:
    """The child. It is held until it has ended: who lets go of the leash ends it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.pid = process.pid
        self.is_asked_to_end = False
        self._process = process
        self._log = log
        self._lock = threading.Lock()

    def set_stays(self, stays: bool) -> None:
        """Whether it goes on when this face ends."""
        with self._lock, contextlib.suppress(OSError, ValueError):  # it has ended, or its leash is let go
            assert self._process.stdin is not None
            self._process.stdin.write(STAY if stays else GO)
            self._process.stdin.flush()

    def wait(self, stop: Stop) -> Error | None:
        """Until it has ended; why, unless somebody here asked it to, or `stop` came first."""
        while self._process.poll() is None:
            if not wait(stop, 0.25):
                return None
        self.forget()
        return None if self.is_asked_to_end else self.reason()

    def is_over(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.forget()

    def forget(self) -> None:
        """It has ended: nothing of it is held any more."""
        _held.pop(self.pid, None)
        with self._lock, contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def reason(self) -> Error:
        """Why it ended: what it said last, else how."""
        said = _said(self._log)
        if isinstance(said, Error):
            return said
        code = self._process.returncode
        if code == 0:
            return Error(text("The server was ended from outside."), kind="server-ended")
        how = (
            text("by signal {number}", number=-code)
            if code is not None and code < 0
            else text("code {code}", code=code)
        )
        return Error(
            text("The server has ended unexpectedly ({how}). {said}", how=how, said=said).strip(),
            hint=text("What it wrote is in {file}.", file=self._log),
            kind="server-ended",
        )


_held: dict[int, ServerProcess] = {}


def held(pid: int) -> ServerProcess | None:
    """The child of that number, if this face has begun it."""
    return _held.get(pid)


def begin(paths: Paths, plan: ServerPlan, stop: Stop) -> tuple[ServerProcess, RunningServer]:
    """Start one and wait until it serves. Raises `Error` with what kept it from that."""
    log = private_folder(paths.logs) / "server.log"
    where = (
        ["--socket", str(socket_file(plan))] if plan.uses_socket else ["--host", plan.host, "--port", str(plan.port)]
    )
    with log.open("wb") as output:
        log.chmod(0o600)
        try:
            process = subprocess.Popen(
                own_command("serve", *where, "--json", "--leash"),
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except OSError as err:
            raise Error(text("The server cannot be started: {why}.", why=err.strerror), kind="spawn-failed") from err
    child = ServerProcess(process, log)
    _held[child.pid] = child
    child.set_stays(plan.stays)
    limit_s = time.monotonic() + _START_LIMIT_S
    while not child.is_over():
        for one in running_servers(paths):
            if one.pid == child.pid:
                return child, one
        if time.monotonic() > limit_s or not wait(stop, 0.05):
            child.kill()
            if stop.is_set():
                raise Error(text("Stopped."), kind="stopped")
            raise Error(text("The server did not begin within {count} s.", count=int(_START_LIMIT_S)), kind="timeout")
    child.forget()
    raise child.reason()


def socket_file(plan: ServerPlan) -> Path:
    """The absolute path of the socket; what is written without a folder lies in the user's home."""
    return Path.home() / with_home(plan.socket_path)


def _said(log: Path) -> Error | str:
    """The error in its log, as `--json` prints errors, else its last line."""
    try:
        with log.open("rb") as stream:
            written = stream.read(_MAX_LOG_BYTES).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    at = written.rfind('{\n  "error"')
    if at >= 0:
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            told = json.JSONDecoder().raw_decode(written[at:])[0]["error"]
            return Error(str(told["message"]), hint=str(told["hint"] or ""), kind=str(told["kind"] or ""))
    lines = [line for line in written.splitlines() if not line.startswith("{")]
    return lines[-1][:500] if lines else ""
