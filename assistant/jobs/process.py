"""A job's process as the runner holds it: events in, orders out, its output into the job's log, its end.

Knows signals and descriptors; knows nothing of states.
"""

import os
import signal
import socket
from collections.abc import Callable
from typing import Protocol

from rushlight.assistant.host.children import Child
from rushlight.assistant.host.logfile import LineLog
from rushlight.assistant.host.loop import READ, Loop
from rushlight.assistant.host.spawn import own_command
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.paths import Paths

_READ_BYTES = 65536
_BASE_NICE = 10  # of priority 0: what the user looks at goes first


class ProcessOwner(Protocol):
    """Who is told what a job's process says and how it ends."""

    def on_event(self, event: wire.WireEvent) -> None: ...

    def on_exit(self, status: int | None) -> None: ...


def nice_of(priority: int) -> int:
    """How far a job of that priority stands back behind other programs."""
    return min(19, max(0, _BASE_NICE - priority))


class JobProcess:
    """Started at once. `on_exit` comes last, always, and once."""

    def __init__(
        self,
        loop: Loop,
        paths: Paths,
        job: Job,
        what: str,  # run or clean
        owner: ProcessOwner,
        log: Callable[[str, str], None],
    ) -> None:
        self._loop = loop
        self._owner = owner
        self._log = log
        self._lines = wire.Lines()
        self._output = LineLog(log, "process")
        ours, theirs = socket.socketpair()
        command = own_command(
            "_job",
            "--do",
            what,
            "--id",
            job.id,
            "--data",
            str(paths.data),
            "--cache",
            str(paths.cache),
            "--runtime",
            str(paths.runtime),
            "--events",
            "jsonl",
            "--channel",
            str(theirs.fileno()),
            "--nice",
            str(nice_of(job.priority)),
        )
        try:
            self._child = Child(
                loop,
                command,
                inherit=(theirs.fileno(),),
                on_output=lambda text: self._output.feed(text),
                on_exit=self._exited,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._socket = ours
        loop.watch(ours.fileno(), READ, self._readable)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def tail(self) -> str:
        """The last of what it printed."""
        return self._child.tail

    def order(self, word: str) -> None:
        """pause, resume or end. A process that does not listen is dealt with by signals."""
        try:
            self._socket.send(word.encode() + b"\n")
        except OSError:
            pass  # its end is on the way, or it has not read a thousand orders

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def renice(self, priority: int) -> None:
        """As far as the system lets us: a user may stand back further, and not come forward again."""
        if self._child.running and hasattr(os, "setpriority"):
            try:
                os.setpriority(os.PRIO_PGRP, self._child.pid, nice_of(priority))
            except OSError:
                pass

    def _signal(self, number: signal.Signals) -> None:
        """To the process and those it started. It is not reaped yet, so the number is still its own."""
        if self._child.running:
            try:
                os.killpg(self._child.pid, number)
            except (ProcessLookupError, PermissionError):
                pass

    def _readable(self, _events: int) -> None:
        self._read()

    def _read(self) -> bool:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.unwatch(self._socket.fileno())
            return False
        for event in self._lines.feed(data):
            self._owner.on_event(event)
        while self._lines.strange:
            self._log("process", self._lines.strange.pop(0))
        return True

    def _exited(self, status: int | None) -> None:
        while self._read():  # what it said last is in the socket
            pass
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._output.finish()
        self._owner.on_exit(status)
