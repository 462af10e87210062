"""Answers that come in pieces: server-sent events with comments that keep the connection alive while nothing comes.

The first piece is waited for before the status is sent, so that what goes wrong at the start is an honest HTTP error;
but no longer than `KEEP_ALIVE_S`: then the stream begins with a comment.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import msgspec
from starlette.responses import Response

from rushlight import Error
from rushlight.assistant.server.guard import Receive, Scope, Send
from rushlight.assistant.server.service import Exchange

KEEP_ALIVE_S = 5.0
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
COMMENT = b": still working\n\n"


def event(data: Any, name: str = "") -> bytes:
    """One event; `data` is encoded as JSON, a text goes as it is."""
    text = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + text + b"\n\n"


class EventStream(Response):
    """Sends what `chunks` yields. `on_error` makes the last words of a stream that breaks."""

    def __init__(
        self,
        exchange: Exchange,
        chunks: AsyncIterator[bytes],
        on_error: Callable[[Error], bytes],
        refuse: Callable[[Error], Response],
        keep_alive: bytes = COMMENT,
    ) -> None:
        super().__init__()
        self._exchange = exchange
        self._chunks = chunks
        self._on_error = on_error
        self._refuse = refuse
        self._keep_alive = keep_alive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = self._exchange
        has_begun = False

        async def write(chunk: bytes) -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        pending: asyncio.Future[bytes] | None = None
        try:
            while True:
                pending = pending or asyncio.ensure_future(anext(self._chunks))
                done, _ = await asyncio.wait({pending}, timeout=KEEP_ALIVE_S)
                if exchange.is_gone:
                    exchange.record.error = "gone"
                    return
                if not done:
                    await write(self._keep_alive)
                    continue
                task, pending = pending, None
                try:
                    chunk = task.result()
                except StopAsyncIteration:
                    break
                except Error as err:
                    exchange.record.error = err.kind
                    if err.kind == "gone":
                        return
                    if not has_begun:
                        await self._refuse(err)(scope, receive, send)
                        return
                    await write(self._on_error(err))
                    break
                if chunk:
                    await write(chunk)
            if not has_begun:
                await write(b"")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            exchange.close()
            if pending is not None:
                pending.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await pending
            with suppress(Exception):
                await self._chunks.aclose()  # type: ignore[attr-defined]
