"""A child process in the host's loop: its output, its end, exactly once each and in that order.

Knows nothing of what the child does; engines are children, and so is whatever else the host will run.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from rushlight.assistant.host.loop import READ, Loop, Timer
from rushlight.assistant.host.spawn import spawn

_TAIL_BYTES = 8192
_READ_BYTES = 65536
_POLL_S = 0.1


class Child:
    """A running child. `on_exit(status)` gets the exit code, minus the signal's number, or None if it is unknown
    (somebody else in this process reaped it)."""

    def __init__(
        self,
        loop: Loop,
        command: list[str],
        *,
        inherit: Sequence[int] = (),
        on_output: Callable[[str], None],
        on_exit: Callable[[int | None], None],
    ) -> None:
        self._loop = loop
        self._on_output = on_output
        self._on_exit = on_exit
        self._tail = b""
        self._poll: Timer | None = None
        self.running = True
        self._output, write_end = os.pipe()
        try:
            self.pid = spawn(command, output_fd=write_end, inherit=inherit)
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(write_end)
        os.set_blocking(self._output, False)
        loop.watch(self._output, READ, lambda _events: self._ready())
        self._exit_fd = _exit_fd(self.pid)
        if self._exit_fd >= 0:
            loop.watch(self._exit_fd, READ, lambda _events: self.check())
        else:
            self._poll = loop.call_later(_POLL_S, self._poll_exit)

    @property
    def tail(self) -> str:
        """The last of what it wrote to stdout and stderr."""
        return self._tail.decode("utf-8", "replace")

    def kill(self) -> None:
        """End it at once. `on_exit` follows."""
        if self.running:
            try:
                os.kill(self.pid, signal.SIGKILL)  # not reaped yet, so the number is still its own
            except ProcessLookupError:
                pass

    def _poll_exit(self) -> None:
        self.check()
        if self.running:
            self._poll = self._loop.call_later(_POLL_S, self._poll_exit)

    def check(self) -> None:
        """Notice now if it has ended."""
        if not self.running:
            return
        status: int | None
        try:
            pid, wait_status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return
            status = os.waitstatus_to_exitcode(wait_status)
        except ChildProcessError:
            if self._exit_fd < 0 and _exists(self.pid):
                return
            status = None
        self.running = False
        while self._read_output():  # what it said last is in the pipe
            pass
        self._close()
        self._on_exit(status)

    def _ready(self) -> None:
        self._read_output()

    def _read_output(self) -> bool:
        if self._output < 0:
            return False
        try:
            data = os.read(self._output, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:  # closed it, but may still run
            self._loop.unwatch(self._output)
            os.close(self._output)
            self._output = -1
            return False
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        self._on_output(data.decode("utf-8", "replace"))
        return True

    def _close(self) -> None:
        for fd in (self._output, self._exit_fd):
            if fd >= 0:
                self._loop.unwatch(fd)
                os.close(fd)
        self._output = self._exit_fd = -1
        if self._poll is not None:
            self._poll.cancel()


def _exit_fd(pid: int) -> int:
    """A descriptor that is readable once the child has ended, or -1 where there is no such thing."""
    if sys.platform == "linux":
        try:
            return os.pidfd_open(pid)
        except OSError:  # Linux before 5.3, or a sandbox without it
            pass
    return -1


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
