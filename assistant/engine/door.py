"""Who talks to a worker: one thread over control, door and clients, a bounded queue of jobs, sending with limits.

Knows sockets, frames and the order of jobs; knows nothing of models. Jobs are taken with `next_job` and answered
through `Job.send`, which never waits: what a slow reader has not read waits here, and its answers are not gone on with
meanwhile (`Job.can_send`). Who reads nothing for `SEND_LIMIT_S` is dropped.
"""

import os
import selectors
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.frames import Cancel, Connection, Speed, encode
from rushlight.assistant.engine.request import BeamRequest, EmbedRequest, GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Failed, Finished, Notice, Usage

SEND_LIMIT_S = 10.0
MAX_PENDING_BYTES = 256 * 1024  # of one client, beside what the system buffers; then its answers pause
MAX_CLIENTS = 256

Request = GenerateRequest | EmbedRequest | ScoreRequest | BeamRequest | TokenizeRequest


def failed(err: Exception) -> Failed:
    """An exception as the client and the host are told. A bug leaves its traceback in the log."""
    if isinstance(err, Error):
        return Failed(err.message, err.hint, err.kind)
    if isinstance(err, MemoryError):
        return Failed(
            "There is not enough memory for this.",
            "Lower the context length, choose a smaller model, or close other programs.",
            "out-of-memory",
        )
    import traceback

    sys.stderr.write("".join(traceback.format_exception(err)))  # a bug: the host keeps this in its log
    return Failed(
        f"The engine failed unexpectedly ({type(err).__name__}: {err}).",
        "Please report this, with the log: rushlight doctor",
        "internal",
    )


class Client:
    """One front process. Sends without blocking; what does not fit waits here for the reader thread."""

    def __init__(self, sock: socket.socket, wake: Callable[[], None]) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.connection = Connection(sock)
        self.is_gone = False
        self._wake = wake
        self._changed = threading.Lock()
        self._pending = bytearray()
        self._stuck_since = 0.0

    def send(self, value: object, sequence: int) -> bool:
        """Queue one frame; never waits. False: the client is gone."""
        data = memoryview(encode(value, sequence))
        with self._changed:
            if self.is_gone:
                return False
            if not self._pending:
                n_sent = self._try(data)
                if self.is_gone or n_sent == len(data):
                    return not self.is_gone
                data = data[n_sent:]
                self._stuck_since = time.monotonic()
                self._wake()
            self._pending += data
            return True

    @property
    def is_full(self) -> bool:
        """Whether so much waits that its answers should pause."""
        return len(self._pending) > MAX_PENDING_BYTES

    def flush(self) -> None:
        """Send what waits. Called by the reader thread when the socket takes bytes again."""
        with self._changed:
            n_sent = self._try(memoryview(bytes(self._pending[:262_144])))
            del self._pending[:n_sent]
            if n_sent:
                self._stuck_since = time.monotonic()

    def has_pending(self) -> bool:
        return bool(self._pending)

    def is_stuck(self, now: float) -> bool:
        """Whether nothing of what waits was taken for longer than the limit."""
        return bool(self._pending) and now - self._stuck_since > SEND_LIMIT_S

    def close(self) -> None:
        with self._changed:
            self.is_gone = True
            self._pending.clear()
        self.sock.close()

    def _try(self, data: memoryview) -> int:
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            self.is_gone = True  # the reader thread will see the end of the stream
            return 0


@dataclass(eq=False)
class Job:
    """One request of one client, waiting or running. Satisfies `slot.Ticket`."""

    door: "Door"
    client: Client
    sequence: int
    request: Request
    received_at: float
    is_cancelled: bool = False

    def send(self, value: object) -> None:
        """Say something to the client; it may be gone, which cancels the job before long."""
        self.client.send(value, self.sequence)
        if isinstance(value, Usage) and value.n_completion_tokens > 1:
            self.door.tell_speed(value)

    def can_send(self) -> bool:
        return not self.client.is_full

    def fail(self, err: Exception) -> None:
        """End it with an error."""
        self.client.send(failed(err), self.sequence)

    def done(self) -> None:
        """Nothing more will be said."""
        self.door.finished(self)


class Door:
    """The reader thread and the queue. `on_cancel` is given once there is something to stop."""

    def __init__(self, control: Connection, door: socket.socket, *, max_waiting: int, n_slots: int = 1) -> None:
        self._control = control
        self._door = door
        self._max_waiting = max_waiting
        self._n_slots = n_slots
        self._selector = selectors.DefaultSelector()
        self._clients: set[Client] = set()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._taken: set[Job] = set()
        self._telling = threading.Lock()
        self._told = ""  # what the host was told last: busy or idle
        self.on_cancel: Callable[[Job], None] = lambda _job: None

    def start(self) -> None:
        """Start reading. From here on the end of the control stream ends the process at once."""
        door = self._door
        door.setblocking(False)
        self._control.sock.setblocking(True)
        self._selector.register(self._control.sock, selectors.EVENT_READ, self._read_control)
        self._selector.register(door, selectors.EVENT_READ, self._read_door)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._read_wake)
        threading.Thread(target=self._run, name="door", daemon=True).start()

    # --- the engine's side --------------------------------------------------------------------------------------
    def next_job(self) -> Job:
        """Wait for the next request in order of arrival; it is taken until it is `finished`."""
        self._tell()
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            job = self._waiting.popleft()
            self._taken.add(job)
        self._tell()
        return job

    def finished(self, job: Job) -> None:
        """A job that was taken is over."""
        with self._changed:
            self._taken.discard(job)
        self._tell()

    def _tell(self) -> None:
        """Tell the host busy or idle: it unloads and evicts by these two, so it hears them only when they change."""
        with self._telling:
            with self._changed:
                state = "busy" if self._taken or self._waiting else "idle"
            if state == self._told:
                return
            try:
                # Never wait for the host: whoever holds the other end may not be reading. So small a frame goes whole.
                self._control.sock.send(encode(Notice(state, "")), socket.MSG_DONTWAIT)
            except OSError:
                return  # said with the next change; or the host is gone, which ends the process
            self._told = state

    def tell_speed(self, usage: Usage) -> None:
        """Tell the host how fast an answer was; without waiting, and it does not matter if it is lost."""
        n_computed = usage.n_prompt_tokens - usage.n_cached_tokens
        prompt_per_s = n_computed / usage.prompt_s if usage.prompt_s > 0 else 0.0
        with self._telling:
            try:
                speed = Speed(prompt_per_s, usage.tokens_per_second)
                self._control.sock.send(encode(speed), socket.MSG_DONTWAIT)
            except OSError:
                pass

    def fail_all(self, why: Failed) -> None:
        """Tell everybody who waits that there will be no engine."""
        with self._changed:
            jobs = list(self._waiting)
            self._waiting.clear()
        for job in jobs:
            job.client.send(why, job.sequence)

    # --- the reader thread --------------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            while True:
                timeout = 1.0 if any(client.has_pending() for client in self._clients) else None
                for key, mask in self._selector.select(timeout):
                    key.data(mask)
                now = time.monotonic()
                for client in [client for client in self._clients if client.is_stuck(now)]:
                    self._drop(client)
        except BaseException:
            # Without this thread nothing can be cancelled and nobody would notice the host's end.
            import traceback

            sys.stderr.write(traceback.format_exc())
            os._exit(70)

    def wake(self) -> None:
        """Let the reader thread look at the clients again."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            pass  # it has been woken already

    def _read_wake(self, _mask: int) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass
        for client in self._clients:
            self._watch(client)

    def _watch(self, client: Client) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.has_pending() else 0)
        if self._selector.get_key(client.sock).events != events:
            self._selector.modify(client.sock, events, self._selector.get_key(client.sock).data)

    def _read_control(self, _mask: int) -> None:
        """The host says nothing after the settings; its end is ours, whatever native code is doing."""
        try:
            data = self._control.sock.recv(4096)
        except OSError:
            data = b""
        if not data:
            os._exit(0)

    def _read_door(self, _mask: int) -> None:
        """A new client: one byte with its end of a socket pair."""
        try:
            data, fds, _flags, _address = socket.recv_fds(self._door, 64, 64)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        if not data and not fds:
            self._selector.unregister(self._door)
            return
        for fd in fds:
            try:
                sock = socket.socket(fileno=fd)
            except OSError:  # no socket
                os.close(fd)
                continue
            if len(self._clients) >= MAX_CLIENTS:
                sock.close()
                continue
            client = Client(sock, self.wake)
            self._clients.add(client)
            self._selector.register(sock, selectors.EVENT_READ, lambda mask, c=client: self._serve(c, mask))

    def _serve(self, client: Client, mask: int) -> None:
        if client not in self._clients:  # dropped in this very round
            return
        if mask & selectors.EVENT_WRITE:
            client.flush()
            self._watch(client)
        if not mask & selectors.EVENT_READ:
            return
        while True:
            try:
                frame = client.connection.receive()
            except BlockingIOError:
                return
            except OSError:
                frame = None
            except Error as err:
                client.send(Failed(err.message, err.hint, err.kind), 0)
                frame = None
            if frame is None:
                self._drop(client)
                return
            self._take(client, *frame)

    def _take(self, client: Client, sequence: int, value: Any) -> None:
        if isinstance(value, Cancel):
            self._cancel(client, sequence)
            return
        if not isinstance(value, Request):
            client.send(
                Failed(
                    f"A worker was sent a {type(value).__name__}, which is no request.",
                    "Stop every Rushlight process and start again.",
                    "bad-frame",
                ),
                sequence,
            )
            return
        with self._changed:
            is_full = len(self._waiting) + len(self._taken) >= self._max_waiting + self._n_slots
            if not is_full:
                self._waiting.append(Job(self, client, sequence, value, time.monotonic()))
                self._changed.notify()
        if is_full:
            client.send(
                Failed(
                    f"The model is busy: {self._max_waiting} requests are waiting already.",
                    "Try again in a moment.",
                    "busy",
                ),
                sequence,
            )

    def _cancel(self, client: Client, sequence: int) -> None:
        with self._changed:
            taken = next((j for j in self._taken if j.client is client and j.sequence == sequence), None)
            found = next((j for j in self._waiting if j.client is client and j.sequence == sequence), None)
            if found is not None:
                self._waiting.remove(found)
        if taken is not None:
            self.on_cancel(taken)
        if found is None:  # it is running, or has just ended
            return
        waited_s = time.monotonic() - found.received_at
        client.send(Usage(0, 0, 0, queue_s=waited_s), sequence)
        client.send(Finished("cancelled"), sequence)

    def _drop(self, client: Client) -> None:
        """The client is gone: its waiting requests are forgotten, its running one is stopped."""
        self._clients.discard(client)
        self._selector.unregister(client.sock)
        client.close()
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.client is not client)
            taken = [job for job in self._taken if job.client is client]
        for job in taken:
            self.on_cancel(job)
