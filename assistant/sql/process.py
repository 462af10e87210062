"""The front's end of the worker that holds databases: starts it, asks it, bounds what comes back, survives its end."""

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.frames import Connection
from rushlight.assistant.sql.protocol import CODEC, Refused

_GRACE_S = 0.4  # beyond the time of a statement, for the worker to say so itself
_START_S = 20.0


class SqlProcess:
    """One worker. Every answer is checked and bounded: what a damaged file made of the worker is not trusted."""

    def __init__(self, about: str) -> None:
        self._about = about  # the file, for sentences
        ours, theirs = socket.socketpair()
        try:
            self.pid = _spawn(theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._connection = _Bounded(ours)
        self._asking = threading.Lock()
        self._ending = threading.Lock()
        self._ended = False

    def ask(self, order: object, seconds: float, expected: type[Any]) -> Any:
        """One answer of the `expected` kind."""
        with closing(self.answers(order, seconds, (expected,), last=expected)) as answers:
            return next(answers)

    def answers(
        self, order: object, seconds: float, expected: tuple[type[Any], ...], *, last: type[Any]
    ) -> Generator[Any, None, None]:
        """All answers up to the one of kind `last`. Whatever goes wrong is an `Error`, and ends the worker.

        So does leaving early: close it, since until then nothing else can be asked.
        """
        if not self._asking.acquire(timeout=seconds + _GRACE_S):
            raise Error(f"{self._about} is being read by another question.", hint="Wait for its end.", kind="busy")
        done = False
        try:
            if self._ended:
                raise Error("The database is closed.", kind="closed")
            deadline = time.monotonic() + seconds + _GRACE_S + _START_S * (not self._connection.heard)
            self._connection.send(order)
            while not done:
                answer = self._connection.next(deadline)
                if answer is None:
                    raise self._died()
                if isinstance(answer, Refused):
                    done = True
                    raise Error(answer.message[:2000], answer.hint[:500], kind=answer.kind[:50])
                if not isinstance(answer, expected):
                    raise Error(f"The process that reads {self._about} gave an answer that is none.", kind="bad-frame")
                done = isinstance(answer, last)
                yield answer
        except TimeoutError as err:
            raise Error(
                f"The statement took longer than {seconds:g} s and was stopped.",
                hint="Ask for less, or give it more time: --seconds 30",
                kind="sql-timeout",
            ) from err
        except OSError as err:
            raise self._died() from err
        finally:
            if not done:  # an answer may still be under way: nothing can be asked of this worker any more
                self._end()
            self._asking.release()
            self._let_go()

    @property
    def ended(self) -> bool:
        return self._ended

    def close(self) -> None:
        """End the worker, also while it is asked something: that ends with an `Error`."""
        self._end()
        self._let_go()

    def _let_go(self) -> None:
        """Close the socket of an ended worker, once nobody is waiting on it."""
        if self._ended and self._asking.acquire(blocking=False):
            self._connection.close()
            self._asking.release()

    def _end(self) -> int:
        with self._ending:
            if self._ended:
                return 0
            self._ended = True
        self._connection.shut()
        try:
            os.kill(self.pid, signal.SIGKILL)
            return os.waitpid(self.pid, 0)[1]
        except (ProcessLookupError, ChildProcessError):
            return 0

    def _died(self) -> Error:
        """Why it ended; a crash is the file's doing."""
        status = 0
        if not self._ended:
            status = self._wait()
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            return Error(
                f"Reading {self._about} crashed the process that does it (signal {os.WTERMSIG(status)}). "
                "Nothing else was harmed.",
                hint="The file is probably damaged: restore it from a backup.",
                kind="worker-died",
            )
        return Error(
            f"The process that reads {self._about} ended before it answered.",
            hint="Try again; if the file is damaged, restore it from a backup.",
            kind="worker-died",
        )

    def _wait(self) -> int:
        """Its wait status. It gets a moment to end by itself, so that the cause is its own."""
        for _ in range(100):
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                self._ended = True
                self._connection.shut()
                return status
            time.sleep(0.005)
        return self._end()


class _Bounded(Connection):
    """Frames from a worker that is not trusted, until a deadline."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, CODEC)
        self.heard = False
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def shut(self) -> None:
        """End both ways, for whoever is waiting on it."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def next(self, deadline: float) -> Any:
        while True:
            frame = self._codec.take(self._buffer)
            if frame is not None:
                self.heard = True
                return frame[1]
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
            data = self.sock.recv(1 << 18)
            if not data:
                return None
            self._buffer += data


def _spawn(theirs: socket.socket) -> int:
    if getattr(sys, "frozen", False):
        command = [sys.executable, "_sql"]
    else:
        # -P: an apsw.py lying in the current folder is not ours.
        command = [
            sys.executable,
            "-P",
            "-c",
            "from rushlight.assistant.sql.worker import main; raise SystemExit(main([]))",
        ]
    actions: list[Any] = [
        (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        return os.posix_spawn(
            command[0], command, os.environ, file_actions=actions, setsigmask=(), setsigdef=(signal.SIGPIPE,)
        )
    except OSError as err:
        raise Error(
            f"Cannot start the process that reads databases: {err.strerror}.",
            hint="Is the installation complete?",
            kind="spawn-failed",
        ) from err
