"""HTTP to another machine that runs models: one request at a time, ended at once by `stop`, and believed nothing.

What comes back is a stranger's: no redirect is followed, nothing is unpacked, lines and answers have an end, and
every way in which it can go wrong is an `Error` that says which. The only module of the engine with an outside
connection; it is used for models that the user has named by their address, when the setting allows it.
"""

import asyncio
import ssl
import time
from collections.abc import Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from rushlight import Error, Stop, __version__
from rushlight.assistant.engine.sse_lines import EventReader
from rushlight.assistant.safety.plain import plain_line

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
CONNECT_LIMIT_S = 10.0
SEND_LIMIT_S = 60.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024  # whole answers, and all of a stream
_MAX_REFUSAL_BYTES = 64 * 1024
_MAX_SAID_CHARS = 300  # of what the other side says of its error
_CLOSE_LIMIT_S = 2.0


class RemoteConnection:
    """Speaks with one address. For one thread; `stop` may be set from any.

    with RemoteConnection("http://machine:8000/v1", token, wait_s=300) as there:
        for data in there.stream("/chat/completions", body, stop): ...
    """

    def __init__(self, url: str, token: str, *, wait_s: float) -> None:
        import httpx  # 135 ms; nobody needs it who asks models of this machine

        self.url = url
        self._wait_s = wait_s
        self._loop = asyncio.new_event_loop()
        headers = {"User-Agent": f"rushlight/{__version__}", "Accept-Encoding": "identity"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            # No proxy, no .netrc of the environment: it goes where the user said, or nowhere.
            trust_env=False,
            verify=_certificates() if url.startswith("https:") else False,
            follow_redirects=False,
            timeout=httpx.Timeout(wait_s, connect=CONNECT_LIMIT_S, write=SEND_LIMIT_S, pool=CONNECT_LIMIT_S),
            limits=httpx.Limits(max_connections=4, max_keepalive_connections=1, keepalive_expiry=4.0),
            headers=headers,
        )

    def __enter__(self) -> "RemoteConnection":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._loop.is_closed():
            return

        async def end() -> None:
            await self._client.aclose()
            await _settled()

        try:
            self._loop.run_until_complete(_within(end(), _CLOSE_LIMIT_S))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        except Exception:  # it is over in any case
            pass
        finally:
            self._loop.close()

    # --- asking -------------------------------------------------------------------------------------------------
    def get(self, path: str, stop: Stop) -> Any:
        """The JSON value at a path: below the address, or below its root where the path begins with two slashes."""
        return self._whole("GET", path, None, stop)

    def post(self, path: str, body: Mapping[str, Any], stop: Stop) -> Any:
        """The JSON value that answers `body`."""
        return self._whole("POST", path, body, stop)

    def _whole(self, method: str, path: str, body: Mapping[str, Any] | None, stop: Stop) -> Any:
        async def ask() -> bytes:
            response = await self._send(method, path, body)
            try:
                return await _read(response, MAX_ANSWER_BYTES)
            finally:
                await response.aclose()

        data = self._run(ask(), stop, self._wait_s)
        return self._json(data)

    def stream(self, path: str, body: Mapping[str, Any], stop: Stop) -> Iterator[bytes]:
        """The data of each event of an answer that comes in pieces; a whole answer counts as one event.

        Ends with the event "[DONE]" or with the connection. Closing the iterator early hangs up.
        """
        response = self._run(self._send("POST", path, body), stop, self._wait_s)
        pieces = response.aiter_raw()

        async def following() -> bytes | None:
            async for piece in pieces:
                return bytes(piece)
            return None

        async def end() -> None:
            await pieces.aclose()  # type: ignore[attr-defined]
            await response.aclose()
            await _settled()

        try:
            if "event-stream" not in response.headers.get("content-type", ""):
                yield self._run(_read_on(pieces, MAX_ANSWER_BYTES), stop, self._wait_s)
                return
            reader, n_bytes = EventReader(), 0
            last_s = time.monotonic()
            while True:
                left_s = last_s + self._wait_s - time.monotonic()
                piece = self._run(following(), stop, max(0.0, left_s))
                if piece is None:
                    return
                n_bytes += len(piece)
                if n_bytes > MAX_ANSWER_BYTES:
                    raise self._broken(f"it does not end; more than {MAX_ANSWER_BYTES // 2**20} MiB have come")
                for data in reader.feed(piece):
                    last_s = time.monotonic()  # comments only keep the connection alive, not our patience
                    if data == b"[DONE]":
                        return
                    yield data
        except ValueError as err:
            raise self._broken(str(err)) from None
        finally:
            self._quietly(end())

    # --- one step -----------------------------------------------------------------------------------------------
    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> "httpx.Response":
        base = self.url.removesuffix("/v1") if path.startswith("//") else self.url
        content = None if body is None else msgspec.json.encode(body)
        request = self._client.build_request(
            method,
            base + path.replace("//", "/", 1),
            content=content,
            headers={"Content-Type": "application/json"} if content is not None else None,
        )
        response = await self._client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise self._broken("it is packed, which was not asked for")
            if response.status_code != 200:
                raise await self._refusal(response)
        except BaseException:
            await response.aclose()
            raise
        return response

    def _run(self, work: Coroutine[Any, Any, T], stop: Stop, limit_s: float) -> T:
        """`work` on our loop, for `limit_s` at most; ends at once when `stop` is set."""
        import httpx

        if stop.is_set():
            work.close()
            raise Error("Stopped.", kind="stopped")
        task = self._loop.create_task(_within(work, limit_s))

        def cancel() -> None:
            try:
                self._loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass  # closed meanwhile

        forget = stop.on_set(cancel)
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            raise Error("Stopped.", kind="stopped") from None
        except (TimeoutError, httpx.ReadTimeout):
            raise Error(
                f"{self.url} said nothing for {self._wait_s:g} seconds.",
                hint="Is the model loaded there? The patience is the setting engine.remote_wait_s.",
                kind="remote-silent",
            ) from None
        except httpx.ConnectTimeout:
            raise self._unreachable(f"no answer within {CONNECT_LIMIT_S:g} seconds") from None
        except httpx.ConnectError as err:
            cause = _certificate_error(err)
            if cause is not None:
                raise Error(
                    f"{self.url} cannot prove who it is: {plain_line(cause)[:_MAX_SAID_CHARS]}.",
                    hint="Its certificate must be valid for that name. For one of your own, name its authority in "
                    "SSL_CERT_FILE.",
                    kind="remote-tls",
                ) from None
            raise self._unreachable(plain_line(str(err))[:_MAX_SAID_CHARS] or "no connection") from None
        except httpx.DecodingError as err:
            raise self._broken(plain_line(str(err))[:_MAX_SAID_CHARS]) from None
        except httpx.HTTPError as err:  # the connection broke, or what came was no HTTP
            said = plain_line(str(err))[:_MAX_SAID_CHARS]
            raise self._broken(said or f"the connection ended ({type(err).__name__})") from None
        finally:
            forget()

    def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        if self._loop.is_closed():
            work.close()
            return
        try:
            self._loop.run_until_complete(_within(work, _CLOSE_LIMIT_S))
        except Exception:  # hanging up: whatever the other side does with it
            pass

    # --- what went wrong ----------------------------------------------------------------------------------------
    def _json(self, data: bytes) -> Any:
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, ValueError):
            raise self._broken("it is no JSON") from None

    def _broken(self, why: str) -> Error:
        return Error(
            f"The answer of {self.url} cannot be read: {why.rstrip('.')}.",
            hint="Does a server with OpenAI's interface listen there, and is it the right path (usually /v1)?",
            kind="remote-broken",
        )

    def _unreachable(self, why: str) -> Error:
        return Error(
            f"{self.url} cannot be reached: {why.rstrip('.')}.",
            hint="Is that machine on, its server running, and the address right? See: rushlight models show NAME",
            kind="remote-unreachable",
        )

    async def _refusal(self, response: "httpx.Response") -> Error:
        """What the other side answered instead, as an error of ours."""
        try:
            said = _message_of(await _read(response, _MAX_REFUSAL_BYTES))
        except Error:
            said = ""
        status = response.status_code
        told = f": {said}" if said else ""
        if status in (401, 403):
            return Error(
                f"{self.url} refused the token ({status}){told}.",
                hint="Give the right one: rushlight models remote-token NAME --token-from-env VARIABLE",
                kind="remote-refused",
            )
        if status == 404:
            return Error(
                f"{self.url} does not have that (404){told}.",
                hint="Is the model's name there right, and the path (usually /v1)? See: rushlight models show NAME",
                kind="remote-not-found",
            )
        if status in (429, 503):
            after = response.headers.get("retry-after", "")
            wait = f"Try again in {after} seconds." if after.isdecimal() and len(after) < 6 else "Try again later."
            return Error(f"{self.url} is busy ({status}){told}.", hint=wait, kind="remote-busy")
        if 300 <= status < 400:
            return self._broken(f"it points to another address ({status}), which is not followed")
        if 400 <= status < 500:
            return Error(f"{self.url} does not take the request ({status}){told}.", kind="remote-bad-request")
        return Error(f"{self.url} failed ({status}){told}.", hint="Look at its log.", kind="remote-failed")


async def _settled() -> None:
    """httpx reads through generators in generators; each is ended by a task of the loop, one after the other."""
    for _ in range(16):
        await asyncio.sleep(0)


async def _within(work: Coroutine[Any, Any, T], limit_s: float) -> T:
    async with asyncio.timeout(limit_s):
        return await work


async def _read(response: "httpx.Response", most: int) -> bytes:
    return await _read_on(response.aiter_raw(), most)


async def _read_on(pieces: Any, most: int) -> bytes:
    whole = bytearray()
    async for piece in pieces:
        whole += piece
        if len(whole) > most:
            raise Error(f"An answer of more than {most // 1024} KiB came.", kind="remote-broken")
    return bytes(whole)


def _message_of(data: bytes) -> str:
    """The sentence in an error's body, whatever its shape; "" where there is none."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return ""
    return said_in(value)


def said_in(value: Any) -> str:
    """What {"error": {"message": ...}}, {"error": "..."}, {"message": ...} or {"detail": ...} says, in one line."""
    for _ in range(3):
        if isinstance(value, str):
            return plain_line(value)[:_MAX_SAID_CHARS].rstrip(".")
        if not isinstance(value, dict):
            return ""
        value = next((value[key] for key in ("error", "message", "detail") if value.get(key)), None)
    return plain_line(value)[:_MAX_SAID_CHARS].rstrip(".") if isinstance(value, str) else ""


def _certificates() -> ssl.SSLContext:
    """Those that this system trusts, else those that come with httpx."""
    context = ssl.create_default_context()
    if not context.get_ca_certs() and not ssl.get_default_verify_paths().capath:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _certificate_error(err: BaseException | None) -> str | None:
    """The reason, where it is TLS that failed."""
    seen = 0
    while err is not None and seen < 8:
        if isinstance(err, ssl.SSLCertVerificationError):
            return err.verify_message or "its certificate is not valid"
        if isinstance(err, ssl.SSLError):
            return "it does not speak TLS as expected" if err.reason is None else err.reason.replace("_", " ").lower()
        err, seen = err.__cause__ or err.__context__, seen + 1
    return None
