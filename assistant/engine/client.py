"""The front's side of an engine: requests out, events in, over one socket to the worker.

Knows frames and how a request ends; knows nothing of where the socket came from. `explain` is asked for the cause
when the worker is gone. For one thread; requests may be interleaved (a `tokenize` while an answer streams).
"""

import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from rushlight import Error, Progress, Stop
from rushlight.assistant.engine.frames import Cancel, Connection, Ready, Tokens, encode
from rushlight.assistant.engine.request import BeamRequest, EmbedRequest, GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import (
    Beams,
    Embeddings,
    Event,
    Failed,
    Finished,
    Notice,
    ReasoningDelta,
    Scores,
    TextDelta,
    Usage,
)

T = TypeVar("T")
SEND_LIMIT_S = 10.0
CANCEL_LIMIT_S = 5.0  # a worker that goes on for longer after a cancel is stuck


class EngineClient:
    """Satisfies `Engine`.

    for event in client.generate(request, stop): ...
    """

    def __init__(self, sock: socket.socket, explain: Callable[[], Error], ready: Ready | None = None) -> None:
        sock.setblocking(False)
        self.ready = ready  # figures of the loaded model
        self._notice = ready.notice if ready is not None else ""  # told with the first answer
        self._connection = Connection(sock)
        self._explain = explain
        self._sequence = 0
        self._inboxes: dict[int, deque[Any]] = {}
        self._is_dead = False
        # `Stop.set` may run in a signal handler in the middle of a send, or in another thread: it only rings here,
        # and the loop sends the cancel.
        self._bell_read, self._bell_write = os.pipe()
        os.set_blocking(self._bell_read, False)
        os.set_blocking(self._bell_write, False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(self._bell_read, select.POLLIN)

    # --- Engine -------------------------------------------------------------------------------------------------
    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        """The events of one answer. Closing the generator early cancels the request."""
        if self._notice:
            notice, self._notice = self._notice, ""
            yield Notice("loaded", notice)
        for value in self._request(request, stop):
            match value:
                case TextDelta() | ReasoningDelta() | Notice() | Progress() | Usage() | Finished():
                    yield value
                case _:
                    raise _unexpected(value)

    def embed(self, request: EmbedRequest, stop: Stop) -> Embeddings:
        """The vectors of the texts. Raises `Error(kind="stopped")` when `stop` is set."""
        return self._one(request, stop, Embeddings)

    def score(self, request: ScoreRequest, stop: Stop) -> Scores:
        """How likely a prompt is, token by token. Raises `Error(kind="stopped")` when `stop` is set."""
        return self._one(request, stop, Scores)

    def search(self, request: BeamRequest, stop: Stop) -> Beams:
        """The likeliest whole answers. Raises `Error(kind="stopped")` when `stop` is set."""
        return self._one(request, stop, Beams)

    def _one(self, request: object, stop: Stop, wanted: type[T]) -> T:
        """The one value that answers a request."""
        for value in self._request(request, stop):
            match value:
                case _ if isinstance(value, wanted):
                    return value
                case Finished():
                    raise Error("Stopped.", kind="stopped")
                case Usage() | Notice() | Progress():
                    continue
                case _:
                    raise _unexpected(value)
        raise self._explain()

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        """The token ids of a text or a conversation."""
        for value in self._request(request, Stop()):
            match value:
                case Tokens():
                    return value.token_ids
                case _:
                    raise _unexpected(value)
        raise self._explain()

    def close(self) -> None:
        """Leave; the worker forgets what this client still wanted."""
        if not self._is_dead:
            self._is_dead = True
            self._connection.close()
            os.close(self._bell_read)
            os.close(self._bell_write)

    def __enter__(self) -> "EngineClient":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- one request --------------------------------------------------------------------------------------------
    def _request(self, request: object, stop: Stop) -> Iterator[Any]:
        """Values of one request up to and with the one that ends it; `Failed` is raised as an `Error`."""
        if self._is_dead:
            raise self._explain()
        self._sequence += 1
        sequence = self._sequence
        inbox = self._inboxes[sequence] = deque()
        forget = stop.on_set(self._ring)
        is_over = False
        cancelled_at = 0.0
        try:
            self._send(encode(request, sequence))
            while not is_over:
                if stop.is_set() and not cancelled_at and not self._is_dead:
                    self._send(encode(Cancel(), sequence))
                    cancelled_at = time.monotonic()
                if not inbox:
                    if self._is_dead:
                        raise self._explain()
                    self._wait(cancelled_at)
                    continue
                value = inbox.popleft()
                is_over = isinstance(value, Finished | Failed | Embeddings | Scores | Beams | Tokens)
                if isinstance(value, Failed):
                    raise Error(value.message, value.hint, kind=value.kind)
                yield value
        finally:
            forget()
            del self._inboxes[sequence]
            if not (is_over or cancelled_at or self._is_dead):  # closed early, or an exception of the consumer
                try:
                    self._send(encode(Cancel(), sequence))
                except Error:
                    pass  # dead anyway; the next request says so

    def _ring(self) -> None:
        if not self._is_dead:
            try:
                os.write(self._bell_write, b"s")
            except BlockingIOError:
                pass  # it has rung

    def _wait(self, cancelled_at: float) -> None:
        """Wait for bytes, or for the bell; read what there is."""
        timeout_ms = max(0.0, cancelled_at + CANCEL_LIMIT_S - time.monotonic()) * 1000 if cancelled_at else None
        ready = self._poll.poll(timeout_ms)
        if not ready:
            self.close()
            raise Error(
                f"The engine did not stop within {CANCEL_LIMIT_S:g} seconds.",
                hint="Unload the model; it is loaded again with the next question.",
                kind="engine-stuck",
            )
        for fd, _event in ready:
            if fd == self._bell_read:
                os.read(fd, 4096)
            else:
                self._read()

    def _read(self) -> None:
        """Take what has arrived; each value goes to the request it belongs to.

        At the end of the stream the client is dead, but what came before the end is still handed out.
        """
        try:
            while True:
                frame = self._connection.receive()
                if frame is None:
                    raise ConnectionResetError
                sequence, value = frame
                inbox = self._inboxes.get(sequence)
                if inbox is not None:  # else of a request that nobody waits for any more
                    inbox.append(value)
                elif sequence == 0 and isinstance(value, Failed):
                    raise Error(value.message, value.hint, kind=value.kind)
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def _send(self, data: bytes) -> None:
        sock = self._connection.sock
        try:
            sock.settimeout(SEND_LIMIT_S)
            try:
                sock.sendall(data)
            finally:
                sock.setblocking(False)
        except TimeoutError:
            self.close()
            raise Error(
                f"The engine took no request for {SEND_LIMIT_S:g} seconds.",
                hint="Unload the model; it is loaded again with the next question.",
                kind="engine-stuck",
            ) from None
        except OSError as err:
            self.close()
            raise self._explain() from err


def _unexpected(value: object) -> Error:
    return Error(
        f"The engine answered with a {type(value).__name__}, which does not belong here.",
        hint="Stop every Rushlight process and start again.",
        kind="bad-frame",
    )
