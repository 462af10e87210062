"""A worker process as the host holds it: its control socket, its door, its output and its end.

Knows the frames that a worker sends; knows nothing of memory, sharing or fronts.
"""

import array
import socket
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import ENGINE_CODEC, Ready, Speed
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Failed, Notice
from rushlight.assistant.host.channel import Channel
from rushlight.assistant.host.children import Child
from rushlight.assistant.host.logfile import LineLog
from rushlight.assistant.host.loop import Loop
from rushlight.assistant.host.spawn import own_command

_LAST_WORDS_S = 1.0  # from the end of the control socket to the kill

WorkerCommand: TypeAlias = Callable[[int, int, int], list[str]]  # descriptors of control and door, n_waiting


def engine_command(control_fd: int, door_fd: int, n_waiting: int) -> list[str]:
    """The command line of a worker that lets `n_waiting` requests wait."""
    return own_command("_engine", "--control", str(control_fd), "--door", str(door_fd), "--waiting", str(n_waiting))


class WorkerOwner(Protocol):
    """Who is told what a worker says and how it ends."""

    def on_progress(self, progress: Progress) -> None: ...

    def on_ready(self, ready: Ready) -> None: ...

    def on_failed(self, err: Error) -> None: ...

    def on_use(self, busy: bool) -> None:
        """It began to answer, or has nothing left to answer."""

    def on_speed(self, speed: Speed) -> None:
        """How fast its last answer was."""

    def on_exit(self, status: int | None) -> None: ...


class Worker:
    """Starts the process at once; the model is loaded with `load`. Whoever `adopt`s it hears what it says."""

    def __init__(self, loop: Loop, command: WorkerCommand, n_waiting: int, *, log: Callable[[str, str], None]) -> None:
        self._loop = loop
        self.n_waiting = n_waiting
        self._owner: WorkerOwner | None = None
        control, worker_control = socket.socketpair()
        door, worker_door = socket.socketpair()
        try:
            self._child = Child(
                loop,
                command(worker_control.fileno(), worker_door.fileno(), n_waiting),
                inherit=(worker_control.fileno(), worker_door.fileno()),
                on_output=lambda text: self._lines.feed(text),
                on_exit=self._exited,
            )
        except BaseException:
            control.close()
            door.close()
            raise
        finally:
            worker_control.close()
            worker_door.close()
        self._lines = LineLog(log, f"engine {self._child.pid}")
        self._door = door
        self._door.setblocking(False)
        self._control = Channel(loop, control, ENGINE_CODEC, on_frame=self._frame, on_end=self._control_ended)

    def adopt(self, owner: WorkerOwner) -> None:
        """Tell `owner` from now on. `on_exit` comes last, always, and once."""
        self._owner = owner

    @property
    def running(self) -> bool:
        self._child.check()
        return self._child.running

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def tail(self) -> str:
        return self._child.tail

    def load(self, settings: LoadSettings) -> None:
        self._control.send(settings)

    def connect(self) -> socket.socket:
        """A new client socket: one end goes through the door, the other is returned."""
        front_end, worker_end = socket.socketpair()
        try:
            self._door.sendmsg(
                [b"c"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [worker_end.fileno()]))]
            )
        except OSError as err:
            front_end.close()
            raise Error("The engine takes no further connection.", hint="Try again.", kind="busy") from err
        finally:
            worker_end.close()
        return front_end

    def kill(self) -> None:
        self._child.kill()

    def _frame(self, _sequence: int, value: Any) -> None:
        owner = self._owner
        if owner is None:
            return
        match value:
            case Progress():
                owner.on_progress(value)
            case Ready():
                owner.on_ready(value)
            case Failed():
                owner.on_failed(Error(value.message, value.hint, kind=value.kind))
            case Notice(kind="busy"):
                owner.on_use(True)
            case Notice(kind="idle"):
                owner.on_use(False)
            case Speed():
                owner.on_speed(value)
            case _:
                pass  # a worker may say more than this host wants to know

    def _control_ended(self, _why: str) -> None:
        # A worker that dies closes it a moment before its status can be had; one that lives on is of no use.
        if self._child.running:
            self._loop.call_later(_LAST_WORDS_S, self._child.kill)

    def _exited(self, status: int | None) -> None:
        self._control.drain()  # it may have said why
        self._control.close()
        self._door.close()
        self._lines.finish()
        if self._owner is not None:
            self._owner.on_exit(status)
