"""One front process that is connected to the host: it greets, asks, and is answered. What it held ends with it.

Knows frames; what is asked is done by the server's engines and jobs.
"""

import os
import socket
from typing import TYPE_CHECKING, Any

from rushlight import Error, Progress
from rushlight.assistant.engine.frames import Cancel, Ready
from rushlight.assistant.events import Failed
from rushlight.assistant.host.channel import Channel
from rushlight.assistant.host.protocol import (
    GREETING_CODEC,
    HOST_CODEC,
    AskMemory,
    AskPlan,
    AskStatus,
    Ending,
    Explained,
    ExplainEngine,
    Hello,
    JobOrder,
    JobOrdered,
    MemoryGranted,
    MemoryWaits,
    Opened,
    OpenEngine,
    Refused,
    Shutdown,
    Unload,
    Unloaded,
    Welcome,
)

if TYPE_CHECKING:
    from rushlight.assistant.host.engine import Opening
    from rushlight.assistant.host.lease import Lease
    from rushlight.assistant.host.server import Server

_GREETING_S = 5.0  # from connecting to Hello
_FAREWELL_S = 5.0  # from the last word to a front to cutting it off
_MAX_PENDING = 32  # unanswered requests of one front


class Front:
    """One connected front process, and what it waits for."""

    def __init__(self, server: "Server", sock: socket.socket) -> None:
        self._server = server
        self._openings: dict[int, Opening] = {}
        self._leases: dict[int, Lease] = {}
        self.greeted = False
        self._pid = 0
        self.channel = Channel(server.loop, sock, GREETING_CODEC, on_frame=self._frame, on_end=self._ended)
        self._timer = server.loop.call_later(_GREETING_S, self.drop)

    def drop(self) -> None:
        """Cut it off without a word."""
        if not self.channel.closed:
            self.channel.close()
            self._ended("")

    def farewell(self, last_word: object | None = None) -> None:
        """Say `last_word` and close."""
        if last_word is not None:
            self.channel.send(last_word)
        self._timer.cancel()
        self._timer = self._server.loop.call_later(_FAREWELL_S, self.drop)
        self.channel.finish()

    def _ended(self, _why: str) -> None:
        self._timer.cancel()
        self._openings.clear()
        while self._leases:
            self._server.engines.give_back(self._leases.popitem()[1])
        self._server.front_ended(self)

    def _frame(self, sequence: int, value: Any) -> None:
        if not self.greeted:
            self._greet(value)
            return
        match value:
            case OpenEngine():
                self._open(sequence, value)
            case Cancel():
                self._take_back(sequence)
            case AskPlan():
                self._server.engines.plan(
                    value.load,
                    value.limits,
                    lambda plan: self.channel.send(plan, sequence),
                    lambda err: self._failed(sequence, err),
                )
            case AskMemory():
                self._lend(sequence, value)
            case AskStatus():
                self.channel.send(self._server.status(), sequence)
            case Unload():
                self._server.engines.unload(
                    value.path,
                    lambda n_engines: self.channel.send(Unloaded(n_engines), sequence),
                    lambda err: self._failed(sequence, err),
                )
            case ExplainEngine():
                self._server.engines.explain(
                    value.engine_id,
                    lambda reason: self.channel.send(Explained(reason.message, reason.hint, reason.kind), sequence),
                )
            case JobOrder():
                self._order_job(sequence, value)
            case Shutdown():
                self.channel.send(Ending(), sequence)
                self._server.end()
            case _:
                self.drop()  # a frame that only a host sends

    def _greet(self, hello: Hello) -> None:
        import hmac  # no timing tells how much of a token was right

        self._timer.cancel()
        refusal = None
        if not hmac.compare_digest(hello.token.encode("utf-8", "replace"), self._server.token.encode()):
            refusal = Refused("The Rushlight host does not know this token.", "Try again.", "bad-token")
        elif hello.version != self._server.version:
            refusal = self._server.refuse_version(hello.version)
        elif self._server.ending:
            refusal = Refused("The Rushlight host is ending.", "Try again.", "host-ending", ending=True)
        if refusal is not None:
            self.farewell(refusal)
            return
        self.greeted = True
        self._pid = hello.pid
        self.channel.codec = HOST_CODEC
        self.channel.send(Welcome(self._server.version, os.getpid(), self._server.instance))
        self._server.front_greeted()

    def _open(self, sequence: int, request: OpenEngine) -> None:
        if sequence in self._openings or len(self._openings) >= _MAX_PENDING:
            self._failed(sequence, Error("This program waits for too many engines.", kind="busy"))
            return

        def opened(engine_id: int, pid: int, ready: Ready, sock: socket.socket) -> None:
            self._openings.pop(sequence, None)
            self.channel.send(Opened(engine_id, pid, ready), sequence, (sock.detach(),))

        def failed(err: Error) -> None:
            self._openings.pop(sequence, None)
            self._failed(sequence, err)

        def progressed(progress: Progress) -> None:
            self.channel.send(progress, sequence)

        from rushlight.assistant.host.engine import Opening

        opening = Opening(
            self, request.load, request.keep_alive_s, request.n_waiting, progressed, opened, failed, request.limits
        )
        self._openings[sequence] = opening
        self._server.engines.open(opening)

    def _lend(self, sequence: int, request: AskMemory) -> None:
        from rushlight.assistant.host.lease import Lease
        from rushlight.assistant.host.need import Need

        if (
            sequence in self._leases
            or len(self._leases) >= _MAX_PENDING
            or min(request.main_bytes, request.card_bytes) < 0
        ):
            self._failed(sequence, Error("This program asks for too much memory at once.", kind="busy"))
            return

        def refused(err: Error) -> None:
            self._leases.pop(sequence, None)
            self._failed(sequence, err)

        lease = Lease(
            request.name[:200],
            Need(request.main_bytes, card_bytes=request.card_bytes),
            request.pid or self._pid,
            lambda: self.channel.send(MemoryGranted(), sequence),
            refused,
            lambda why: self.channel.send(MemoryWaits(why), sequence),
        )
        self._leases[sequence] = lease
        self._server.engines.lend(lease, request.limits)

    def _take_back(self, sequence: int) -> None:
        """What was asked for is not wanted any more."""
        opening = self._openings.pop(sequence, None)
        lease = self._leases.pop(sequence, None)
        if opening is not None:
            self._server.engines.give_up(opening)
        if lease is not None:
            self._server.engines.give_back(lease)
        if opening is not None or lease is not None:
            self._failed(sequence, Error("Stopped.", kind="stopped"))

    def _order_job(self, sequence: int, value: JobOrder) -> None:
        jobs = self._server.jobs
        match value.order:
            case _ if jobs is None:
                self._failed(sequence, Error("This host runs no jobs.", kind="no-jobs"))
            case "pause" | "resume" | "cancel":
                jobs.order(
                    value.job_id,
                    value.order,
                    lambda state: self.channel.send(JobOrdered(state), sequence),
                    lambda err: self._failed(sequence, err),
                )
            case "look":
                jobs.look()
                self.channel.send(JobOrdered(), sequence)
            case _:
                self.drop()

    def _failed(self, sequence: int, err: Error) -> None:
        self.channel.send(Failed(err.message, err.hint, err.kind), sequence)
