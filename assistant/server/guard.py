"""What every request passes first: host, origin, token, method of speaking, size. Knows headers; reads no content.

A page in a browser reaches loopback too, under a name of its own (DNS rebinding) or with a form: so the Host must be
exactly ours, an Origin must be ours or one that the user allowed, and nothing but /health is answered without the
token. There is no CORS header, so no foreign page can read an answer.
"""

import asyncio
import hmac
import ipaddress
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

import msgspec

from rushlight import Error
from rushlight.assistant.server.errors import Refusal, anthropic_body, headers_of, openai_body, status_of
from rushlight.assistant.server.figures import Figures, RequestRecord

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS = frozenset({"/health"})
MAX_JSON_BYTES = 10 * 1024 * 1024
MAX_FORM_BYTES = 100 * 1024 * 1024
RECEIVE_LIMIT_S = 30.0  # between two pieces of a request
_METHODS = frozenset({"GET", "HEAD", "POST", "DELETE"})


class Guard:
    """The outermost layer of the application, and the place where every request is counted."""

    def __init__(
        self,
        app: App,
        *,
        token: str,
        names: Iterable[str],
        origins: Iterable[str] = (),
        any_host: bool = False,
        figures: Figures,
        known_paths: Callable[[str], bool],
    ) -> None:
        """`names`: host names that are ours, without a port. `any_host`: a UNIX socket, which no browser reaches."""
        self._app = app
        self._token = token.encode()
        self._names = frozenset(name.lower() for name in names)
        self._origins = frozenset(origins)
        self._any_host = any_host
        self._figures = figures
        self._known_paths = known_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: refused before it is one
            await send({"type": "websocket.close", "code": 1008})
            return
        path = str(scope["path"])
        record = self._figures.begin(str(scope["method"]), path[:200])
        scope.setdefault("state", {})["record"] = record

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = int(message["status"])
            await send(message)

        try:
            try:
                self._check(scope)
            except Error as err:
                await refuse(err, scope, noting)
                return
            await self._app(scope, _limited(scope, receive), noting)
        except asyncio.CancelledError:
            raise
        except Exception:
            # Nothing of ours comes here: what the handlers raise they answer. If it does, one request is lost.
            sys.stderr.write(traceback.format_exc())
            record.error = "internal"
            if not record.status:
                await refuse(Error("The server failed unexpectedly.", kind="internal"), scope, noting)
        finally:
            self._figures.end(record, self._known_paths(path))

    def _check(self, scope: Scope) -> None:
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        if not bytes(scope.get("raw_path") or b"/").startswith(b"/"):
            raise Refusal("The request's target must be a path.", kind="bad-request")
        self._check_host(headers.get("host", []), scope.get("server"))
        self._check_origin(headers, scope.get("server"))
        method = scope["method"]
        if method not in _METHODS:
            raise Refusal(f"The method {method[:20]} is not known here.", kind="wrong-method")
        if scope["path"] not in OPEN_PATHS and not self._knows(headers):
            raise Refusal(
                "The token is missing or wrong.",
                "Send it as the API key (Authorization: Bearer ...); it lies in the file server-token of the data "
                "folder.",
                kind="unauthorized",
            )
        _check_body(scope, headers)

    def _check_host(self, given: list[str], server: Any) -> None:
        if len(given) != 1 or not self._is_ours(given[0], server):
            raise Refusal(
                "This address is not served under that name.",
                "Use the address that rushlight serve printed.",
                kind="forbidden",
            )

    def _is_ours(self, host: str, server: Any) -> bool:
        if self._any_host:
            return True
        name, port = _split_host(host)
        bound = server if isinstance(server, (tuple, list)) and len(server) == 2 else (None, None)
        if port != (bound[1] if bound[1] is not None else port):
            return False
        # The address that the client has really reached is ours by definition; a name could be anybody's.
        return name in self._names or (bound[0] is not None and name == _plain_address(str(bound[0])))

    def _check_origin(self, headers: dict[str, list[str]], server: Any) -> None:
        for origin in headers.get("origin", []):
            if origin in self._origins:
                continue
            scheme, _, host = origin.partition("://")
            if scheme != "http" or self._any_host or not self._is_ours(host, server):
                raise Refusal(
                    "Pages of that origin may not speak with this server.",
                    "Add it to the setting server.origins if it should.",
                    kind="forbidden",
                )
        site = headers.get("sec-fetch-site", ["none"])[0]
        if site not in ("none", "same-origin") and not any(o in self._origins for o in headers.get("origin", [])):
            raise Refusal("Other sites may not speak with this server.", kind="forbidden")

    def _knows(self, headers: dict[str, list[str]]) -> bool:
        given = [value.partition(" ")[2].strip() for value in headers.get("authorization", [])
                 if value[:7].lower() == "bearer "]  # fmt: skip
        given += headers.get("x-api-key", [])  # Anthropic's way
        matches = [hmac.compare_digest(one.encode("latin-1", "replace"), self._token) for one in given]
        return bool(matches) and all(matches)


def _split_host(host: str) -> tuple[str, int | None]:
    """("name", port); a port that is none is -1, so that it equals nothing."""
    host = host.lower()
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        if rest and not rest.startswith(":"):
            return "", -1
        port_text = rest[1:]
        has_port = bool(rest)
    else:
        name, colon, port_text = host.partition(":")
        has_port = bool(colon)
    if not has_port:
        return name, 80
    return name, int(port_text) if port_text.isascii() and port_text.isdecimal() and len(port_text) <= 5 else -1


def _plain_address(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address.partition("%")[0]))
    except ValueError:
        return ""


def _check_body(scope: Scope, headers: dict[str, list[str]]) -> None:
    lengths = headers.get("content-length", [])
    if scope["method"] != "POST":
        return
    kind = headers.get("content-type", [""])[0].partition(";")[0].strip().lower()
    is_form = scope["path"].startswith("/v1/audio/")
    if kind != ("multipart/form-data" if is_form else "application/json"):
        raise Refusal(
            f"The content type must be {'multipart/form-data' if is_form else 'application/json'}, "
            f"not {kind[:60] or 'missing'}.",
            kind="wrong-content-type",
        )
    if any(not length.isdecimal() or int(length) > max_bytes(scope) for length in lengths if len(length) < 20):
        raise too_large(scope)
    if any(len(length) >= 20 for length in lengths):
        raise too_large(scope)


def max_bytes(scope: Scope) -> int:
    """How large the body of this request may be."""
    return MAX_FORM_BYTES if str(scope["path"]).startswith("/v1/audio/") else MAX_JSON_BYTES


def too_large(scope: Scope) -> Refusal:
    """The refusal of a body."""
    return Refusal(f"The request is larger than {max_bytes(scope) // (1024 * 1024)} MiB.", kind="too-large")


def _limited(scope: Scope, receive: Receive) -> Receive:
    """`receive` with an end to patience while the body comes, and to its size. Afterwards it waits for the end."""
    n_bytes = 0
    is_whole = False

    async def limited() -> Message:
        nonlocal n_bytes, is_whole
        if is_whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), RECEIVE_LIMIT_S)
        except TimeoutError:
            raise Refusal(f"The request did not arrive within {RECEIVE_LIMIT_S:g} s.", kind="too-slow") from None
        if message["type"] == "http.request":
            n_bytes += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if n_bytes > max_bytes(scope):
                raise too_large(scope)
        return message

    return limited


async def refuse(err: Error, scope: Scope, send: Send) -> None:
    """Answer with an error, in the shape of the interface that was asked. The connection ends: the body is unread."""
    record: RequestRecord = scope["state"]["record"]
    record.error = err.kind
    body = msgspec.json.encode(error_body(err, scope))
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(name.encode(), value.encode()) for name, value in headers_of(err).items()]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status_of(err), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def error_body(err: Error, scope: Scope) -> dict[str, Any]:
    """An error in the shape of the interface that was asked."""
    return anthropic_body(err) if str(scope["path"]).startswith("/v1/messages") else openai_body(err)
