"""Who talks to a worker: one thread over control, door and clients, a bounded queue of jobs, sending with limits.

Knows sockets, frames and the order of jobs; knows nothing of models. The engine's thread takes jobs with `next_job`
and answers through `Client.send`, which never waits longer than `SEND_LIMIT_S` for a reader that does not read.
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
from rushlight.assistant.engine.frames import Cancel, Connection, encode
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Failed, Finished, Notice, Usage

SEND_LIMIT_S = 10.0
MAX_PENDING_BYTES = 1024 * 1024  # of one client, beside what the system buffers
MAX_CLIENTS = 256

Request = GenerateRequest | EmbedRequest | ScoreRequest | TokenizeRequest


class Client:
    """One front process. Sends without blocking; what does not fit waits here for the reader thread."""

    def __init__(self, sock: socket.socket, wake: Callable[[], None]) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.connection = Connection(sock)
        self.is_gone = False
        self._wake = wake
        self._changed = threading.Condition()
        self._pending = bytearray()
        self._stuck_since = 0.0

    def send(self, value: object, sequence: int) -> bool:
        """Queue one frame. False: the client is gone, or has not read for `SEND_LIMIT_S` and is dropped."""
        data = memoryview(encode(value, sequence))
        with self._changed:
            if len(self._pending) + len(data) > MAX_PENDING_BYTES and self._pending:
                self._changed.wait_for(lambda: self.is_gone or not self._pending, SEND_LIMIT_S)
                if self._pending and not self.is_gone:
                    self._stuck_since = -SEND_LIMIT_S  # the reader thread drops it at its next look
                    self._wake()
                    return False
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

    def flush(self) -> None:
        """Send what waits. Called by the reader thread when the socket takes bytes again."""
        with self._changed:
            n_sent = self._try(memoryview(bytes(self._pending[:262_144])))
            del self._pending[:n_sent]
            self._changed.notify_all()

    def has_pending(self) -> bool:
        return bool(self._pending)

    def is_stuck(self, now: float) -> bool:
        """Whether something has been waiting for longer than the limit."""
        return bool(self._pending) and now - self._stuck_since > SEND_LIMIT_S

    def close(self) -> None:
        with self._changed:
            self.is_gone = True
            self._pending.clear()
            self._changed.notify_all()
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
    """One request of one client, waiting or running."""

    client: Client
    sequence: int
    request: Request
    received_at: float
    is_cancelled: bool = False


class Door:
    """The reader thread and the queue. `set_flag` and `clear_flag` are given once there is something to stop."""

    def __init__(self, control: Connection, door: socket.socket, *, max_waiting: int) -> None:
        self._control = control
        self._door = door
        self._max_waiting = max_waiting
        self._selector = selectors.DefaultSelector()
        self._clients: set[Client] = set()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._told = ""  # what the host was told last: busy or idle
        self.set_flag: Callable[[], None] = lambda: None
        self.clear_flag: Callable[[], None] = lambda: None

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
        """Wait for the next request in order of arrival; it is then the running one."""
        with self._changed:
            self._running = None
            is_idle = not self._waiting
        # The host unloads and evicts by these two, so it hears them only when they change.
        if is_idle and self._told != "idle":
            self._tell("idle")
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            job = self._running = self._waiting.popleft()
            self.clear_flag()
        if self._told != "busy":
            self._tell("busy")
        return job

    def _tell(self, state: str) -> None:
        try:
            # Never wait for the host: whoever holds the other end may not be reading. So small a frame goes whole.
            self._control.sock.send(encode(Notice(state, "")), socket.MSG_DONTWAIT)
        except OSError:
            return  # said with the next change; or the host is gone, which ends the process
        self._told = state

    def fail_all(self, failed: Failed) -> None:
        """Tell everybody who waits that there will be no engine."""
        with self._changed:
            jobs = list(self._waiting)
            self._waiting.clear()
        for job in jobs:
            job.client.send(failed, job.sequence)

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
        if not isinstance(value, GenerateRequest | EmbedRequest | ScoreRequest | TokenizeRequest):
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
            n_allowed = self._max_waiting + (1 if self._running is None else 0)
            is_full = len(self._waiting) >= n_allowed
            if not is_full:
                self._waiting.append(Job(client, sequence, value, time.monotonic()))
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
            job = self._running
            if job is not None and job.client is client and job.sequence == sequence:
                job.is_cancelled = True
                self.set_flag()
                return
            found = next((j for j in self._waiting if j.client is client and j.sequence == sequence), None)
            if found is None:  # it has just ended
                return
            self._waiting.remove(found)
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
            if self._running is not None and self._running.client is client:
                self._running.is_cancelled = True
                self.set_flag()
