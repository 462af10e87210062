"""What every endpoint does first and last: read the body, watch the client, answer, turn errors into answers."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from rushlight import Error
from rushlight.assistant.server.errors import UNREAD, headers_of, status_of
from rushlight.assistant.server.fields import read_body
from rushlight.assistant.server.figures import RequestRecord
from rushlight.assistant.server.guard import error_body
from rushlight.assistant.server.service import Exchange

B = TypeVar("B", bound=msgspec.Struct)
GONE = 499  # in the log: the client has left
Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def record_of(request: Request) -> RequestRecord:
    """The request's line in the log."""
    record: RequestRecord = request.scope["state"]["record"]
    return record


async def body_of(request: Request, kind: type[B]) -> B:
    """The body as a `kind`; fields that it does not know are noted and ignored."""
    body, ignored = read_body(await request.body(), kind)
    record = record_of(request)
    record.ignored = ignored
    return body


def exchange_of(request: Request) -> Exchange:
    """The request and its client from here on. The body must have been read."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    exchange = Exchange(record_of(request), gone)
    request.scope["state"]["exchange"] = exchange
    return exchange


def refusing(request: Request) -> Callable[[Error], Response]:
    """Errors as answers to this request."""

    def refuse(err: Error) -> Response:
        record_of(request).error = err.kind
        headers = headers_of(err)
        if err.kind in UNREAD:
            headers["connection"] = "close"
        return json_response(error_body(err, request.scope), status_of(err), headers)

    return refuse


def answering(handler: Handler) -> Handler:
    """The handler, its errors turned into answers."""

    @wraps(handler)
    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=GONE)  # nobody reads it
        except Error as err:
            exchange = request.scope["state"].get("exchange")
            if err.kind == "gone" or (exchange is not None and exchange.is_gone):
                return Response(status_code=GONE)
            return refusing(request)(err)

    return wrapped
