"""Refuses those beyond the line before anything is made of their request: in a flood that is what has to be quick.

Knows paths and one field of a body, the model's name. Where no line is full it only passes on.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from rushlight import Error
from rushlight.assistant.server.errors import UNREAD, headers_of, status_of
from rushlight.assistant.server.figures import RequestRecord
from rushlight.assistant.server.guard import App, Message, Receive, Scope, Send, error_body

PATHS = frozenset(
    {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/rerank"}
)


class _Named(Struct):
    """What of a body is looked at."""

    model: str | None = None


_DECODER = msgspec.json.Decoder(_Named)


class Turnstile:
    """A layer of the application. `is_any_full` and `check` are the service's."""

    def __init__(self, app: App, is_any_full: Callable[[], bool], check: Callable[[str], None]) -> None:
        self._app = app
        self._is_any_full = is_any_full
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in PATHS or not self._is_any_full():
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        try:
            while True:
                message = await receive()
                messages.append(message)
                if message["type"] != "http.request" or not message.get("more_body", False):
                    break
            self._check(_name(messages))
        except Error as err:
            await _refuse(err, scope, send)
            return
        messages.reverse()

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, again, send)


def _name(messages: list[Message]) -> str:
    """The model that is named; "" where none is, or where the body cannot be read: that is said elsewhere."""
    try:
        return _DECODER.decode(b"".join(message.get("body", b"") for message in messages)).model or ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


async def _refuse(err: Error, scope: Scope, send: Send) -> None:
    """The connection stays where the body has been read."""
    record: RequestRecord = scope["state"]["record"]
    record.error = err.kind
    body = msgspec.json.encode(error_body(err, scope))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in headers_of(err).items()]
    if err.kind in UNREAD:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status_of(err), "headers": headers})
    await send({"type": "http.response.body", "body": body})
