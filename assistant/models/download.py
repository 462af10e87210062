"""Downloads from a Hugging Face hub that the user started. The only module that may open an outside connection.

Every byte is asked for over HTTPS with certificates verified (plain HTTP only to this machine itself), counted
against the announced size, written to a `.part` file that a later start resumes, and hashed; a file gets its name
only when its sha256 is the one that the hub announced.
"""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from rushlight import Error, Progress, Stop, __version__
from rushlight.assistant.events import Notice
from rushlight.assistant.models import staging
from rushlight.assistant.models.hub import (
    MAX_FILE_BYTES,
    HubFile,
    HubName,
    check_url,
    choose_files,
    is_loopback,
    listed_file,
    sha256_of,
)
from rushlight.assistant.models.partials import DownloadFolder
from rushlight.assistant.models.split import split_name
from rushlight.assistant.paths import Paths

if TYPE_CHECKING:
    import httpx

_MAX_LISTING_BYTES = 16 * 1024 * 1024
_MAX_PAGES = 50
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 1024 * 1024
_MAX_FAILURES = 6  # in a row without a new byte
_MAX_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Complete, checked files with their digests, in `folder`, which is still locked. `folder.close(remove=True)`
    once they have been imported.
    """

    name: HubName
    paths: tuple[Path, ...]
    sha256: tuple[str, ...]
    folder: DownloadFolder
    notices: tuple[Notice, ...] = ()


class Hub:
    """One hub, one user's wish. with Hub(endpoint, proxy=...) as hub: hub.files(name)"""

    def __init__(
        self,
        endpoint: str,
        *,
        proxy: str = "",
        stop: Stop | None = None,
        on_progress: staging.OnProgress | None = None,
        backoff_s: float = 1.0,
    ) -> None:
        import httpx  # 135 ms; nobody needs it but a download

        self.endpoint = endpoint.rstrip("/")
        self.stop = stop or Stop()
        self.on_progress = on_progress or (lambda progress: None)
        self._backoff_s = backoff_s
        self._notices: list[Notice] = []
        check_url(self.endpoint, local_allowed=True)
        self._local = is_loopback(self.endpoint)
        try:
            # Without a setting httpx takes HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE from the environment.
            self._client = httpx.Client(
                proxy=proxy or None,
                follow_redirects=False,
                timeout=httpx.Timeout(30.0, connect=15.0),
                headers={"User-Agent": f"rushlight/{__version__}", "Accept-Encoding": "identity"},
            )
        except (ValueError, ImportError, httpx.InvalidURL) as failure:
            raise Error(
                f"The proxy {proxy!r} cannot be used: {failure}.",
                hint="Look at the setting download.proxy and the variables HTTPS_PROXY and ALL_PROXY.",
                kind="bad-proxy",
            ) from failure

    def __enter__(self) -> "Hub":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def files(self, name: HubName) -> tuple[HubFile, ...]:
        """The GGUF files of a repository with their sizes."""
        url = f"{self.endpoint}/api/models/{quote(name.repository)}/tree/{quote(name.revision, safe='')}?recursive=true"
        files: list[HubFile] = []
        for _ in range(_MAX_PAGES):
            entries, following = self._listing(url, name)
            files += [file for file in map(listed_file, entries) if file is not None]
            if following is None:
                break
            url = urljoin(url, following)
        return tuple(sorted(files, key=lambda file: file.path))

    def download(self, name: HubName, paths: Paths) -> Downloaded:
        """The model that `name` means, resumed where an earlier download ended. Raises `Error`; data so far is kept."""
        if name.file and split_name(name.file.rsplit("/", 1)[-1]) is None:
            chosen: tuple[HubFile, ...] = (HubFile(name.file, 0),)
        else:
            chosen = choose_files(name, self.files(name))
        files = [self._head(name, file) for file in chosen]
        try:
            folder = DownloadFolder(paths, self.endpoint, name, files)
        except OSError as failure:
            raise staging.explain_os_error(failure, f"downloading {name.repository}", paths.downloads) from failure
        try:
            missing = sum(file.size_bytes for file in files) - folder.done_bytes()
            staging.require_space(folder.path, max(0, missing), f"The download of {name.repository}")
            digests, done = [], 0
            for file in files:
                total = sum(each.size_bytes for each in files)
                digests.append(_File(self, name, file, folder, done, total).fetch())
                done += file.size_bytes
        except OSError as failure:
            folder.close()
            raise staging.explain_os_error(failure, f"downloading {name.repository}", folder.path) from failure
        except BaseException:
            folder.close()
            raise
        return Downloaded(
            name, tuple(folder.done(file) for file in files), tuple(digests), folder, tuple(self._notices)
        )

    def notice(self, kind: str, text: str) -> None:
        self._notices.append(Notice(kind, text))

    def file_url(self, name: HubName, file: HubFile) -> str:
        return f"{self.endpoint}/{quote(name.repository)}/resolve/{quote(name.revision, safe='')}/{quote(file.path)}"

    @contextmanager
    def get(self, url: str, headers: dict[str, str] | None = None, method: str = "GET") -> Iterator["httpx.Response"]:
        """One request, redirects followed as far as they are safe. Stop wakes a read that waits."""
        for _ in range(_MAX_REDIRECTS + 1):
            self.stop.check()
            request = self._client.build_request(method, url, headers={**self._token(url), **(headers or {})})
            response = self._client.send(request, stream=True)
            forget = self.stop.on_set(lambda: _hang_up(response))  # noqa: B023 (called while this response is open)
            try:
                if not response.is_redirect or (method == "HEAD" and "x-linked-size" in response.headers):
                    yield response
                    return
                url = urljoin(url, response.headers["location"])
            finally:
                forget()
                response.close()
            check_url(url, local_allowed=self._local)
        raise Error(
            f"The server answered with more than {_MAX_REDIRECTS} redirects.",
            hint="Look at the setting download.endpoint.",
            kind="download-redirect",
        )

    def retry(self, work: Any, what: str) -> Any:
        """Call `work` until it returns; connection faults and busy servers are waited out. `work` may tell progress
        by raising `_Again`.
        """
        import httpx

        failures = 0
        while True:
            wait_s = min(_MAX_WAIT_S, self._backoff_s * 2**failures)
            try:
                return work()
            except _Again as again:
                failures = 0 if again.progressed else failures + 1
                reason = again.reason
                wait_s = max(wait_s, min(_MAX_WAIT_S, again.wait_s)) if not again.progressed else self._backoff_s
            except httpx.TransportError as failure:
                self.stop.check()
                failures += 1
                reason = str(failure) or type(failure).__name__
                if "CERTIFICATE_VERIFY_FAILED" in reason:
                    raise Error(
                        f"{what}: the server's certificate cannot be trusted ({reason}).",
                        hint="Check the clock, the proxy, and SSL_CERT_FILE if your network has its own certificate.",
                        kind="download-tls",
                    ) from failure
            except httpx.InvalidURL as failure:
                raise Error(
                    f"{what}: the server named an address that is none ({failure}).", kind="download-redirect"
                ) from failure
            if failures >= _MAX_FAILURES:
                raise Error(
                    f"{what}: no answer after {failures} tries ({reason}).",
                    hint="Check the network and the proxy (download.proxy), then start it again; what was "
                    "downloaded is kept.",
                    kind="download-failed",
                )
            self._wait(wait_s)

    def _listing(self, url: str, name: HubName) -> tuple[list[Any], str | None]:
        def work() -> tuple[list[Any], str | None]:
            import json

            with self.get(url) as response:
                _check_status(response, name.repository)
                body = bytearray()
                for chunk in response.iter_raw():
                    body += chunk
                    if len(body) > _MAX_LISTING_BYTES:
                        raise Error(
                            f"The list of files of {name.repository} is longer than 16 MiB.", kind="download-size"
                        )
                try:
                    entries = json.loads(body)
                except (ValueError, RecursionError):
                    entries = None
                if not isinstance(entries, list):
                    raise Error(
                        f"{urlsplit(url).netloc} did not answer with a list of files.",
                        hint="Look at the setting download.endpoint.",
                        kind="download-answer",
                    )
                return entries, response.links.get("next", {}).get("url")

        found: tuple[list[Any], str | None] = self.retry(work, f"The list of files of {name.repository}")
        return found

    def _head(self, name: HubName, file: HubFile) -> HubFile:
        """The file's size and digest as the hub announces them before any data."""

        def work() -> HubFile:
            with self.get(self.file_url(name, file), method="HEAD") as response:
                if not response.is_redirect:
                    _check_status(response, f"{name.repository}/{file.path}")
                headers = response.headers
                size = headers.get("x-linked-size") or headers.get("content-length") or ""
                size_bytes = int(size) if size.isdecimal() and len(size) < 16 else 0
                if not 0 < size_bytes <= MAX_FILE_BYTES:
                    raise Error(
                        f"The server announces {size or 'no'} bytes for {file.path}; up to 2 TiB are possible.",
                        kind="download-size",
                    )
                sha256 = sha256_of(headers.get("x-linked-etag") or headers.get("etag") or "")
                other_size = file.size_bytes not in (0, size_bytes)
                if other_size or (file.sha256 and sha256 not in ("", file.sha256)):
                    raise Error(
                        f"The hub contradicts itself about {file.path}: its list and the file differ.",
                        hint="It was probably replaced a moment ago; try again.",
                        kind="download-changed",
                    )
                return replace(file, size_bytes=size_bytes, sha256=sha256 or file.sha256)

        found: HubFile = self.retry(work, f"{name.repository}/{file.path}")
        return found

    def _token(self, url: str) -> dict[str, str]:
        """The user's token for gated models goes to the hub itself, never to where it redirects."""
        token = os.environ.get("HF_TOKEN", "").strip()
        same = urlsplit(url)[:2] == urlsplit(self.endpoint)[:2]
        return {"Authorization": f"Bearer {token}"} if token and same and token.isascii() else {}

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.stop.check()
            time.sleep(min(0.1, left))


class _File:
    """One file of a download: what is there is hashed, the rest fetched, then the digest compared."""

    def __init__(
        self, hub: Hub, name: HubName, file: HubFile, folder: DownloadFolder, done_bytes: int, total_bytes: int
    ) -> None:
        self.hub, self.name, self.file, self.folder = hub, name, file, folder
        self.done_bytes, self.total_bytes = done_bytes, total_bytes
        self.what = f"{name.repository}/{file.path}"
        self.part = folder.part(file)
        self.digest = hashlib.sha256()
        self.offset = 0

    def fetch(self) -> str:
        """The file's sha256, once it lies complete under its name."""
        resumed = self._take_up()
        while True:
            self.hub.retry(self._attempt, self.what)
            found = self.digest.hexdigest()
            if self.file.sha256 in ("", found):
                break
            self.folder.forget_data(self.file)
            if not resumed:
                raise Error(
                    f"{self.what} arrived damaged: its sha256 is {found}, the hub announces "
                    f"{self.file.sha256}. It was deleted.",
                    hint="Try again; if it happens again, do not trust this source.",
                    kind="checksum",
                )
            # The earlier part may have been another version's; once, from the start.
            self.hub.notice(
                "download-restarted",
                f"What was there of {self.file.path} did not fit; it was downloaded from the start.",
            )
            resumed = False
            self._restart()
        if not self.file.sha256:
            self.hub.notice(
                "no-checksum", f"The server gives no sha256 for {self.file.path}; only its size was compared."
            )
        if self.part.exists():
            self.part.rename(self.folder.done(self.file))
            staging.sync_folder(self.folder.path)
        return found

    def _take_up(self) -> bool:
        """Hash what an earlier run left. Returns whether there was anything."""
        done = self.folder.done(self.file)
        if done.exists():
            done.rename(self.part)
        if not self.part.exists():
            return False
        if self.part.stat().st_size > self.file.size_bytes:
            self.folder.forget_data(self.file)
            return False
        with self.part.open("rb") as data:
            while block := data.read(_CHUNK_BYTES):
                self.hub.stop.check()
                self.digest.update(block)
                self.offset += len(block)
                self._report("Checking")
        return self.offset > 0

    def _restart(self) -> None:
        self.digest, self.offset = hashlib.sha256(), 0
        with self.part.open("wb"):
            pass

    def _attempt(self) -> None:
        """One connection: returns when the file is whole, raises `_Again` when the connection ended early."""
        if self.offset == self.file.size_bytes:
            return
        begun = self.offset
        headers = {}
        etag = self.folder.etags.get(self.file.path, "")
        if self.offset:
            headers["Range"] = f"bytes={self.offset}-"
            if etag and not etag.startswith("W/"):
                headers["If-Range"] = etag
        try:
            with self.hub.get(self.hub.file_url(self.name, self.file), headers) as response:
                self._check_answer(response)
                self._receive(response)
        except Error:
            raise
        except _transport_error() as failure:
            self.hub.stop.check()
            raise _Again(str(failure) or type(failure).__name__, progressed=self.offset > begun) from failure
        self.hub.stop.check()
        if self.offset < self.file.size_bytes:
            raise _Again("the connection ended early", progressed=self.offset > begun)

    def _check_answer(self, response: "httpx.Response") -> None:
        """Whether this answer continues our data; a 200 begins anew, which is what If-Range asks for."""
        if response.status_code == 416 and self.offset:
            self._restart()
            self.folder.etags.pop(self.file.path, None)
            raise _Again("the server would not resume", progressed=False)
        _check_status(response, self.what)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Error(f"The server sends {self.what} compressed, which was not asked for.", kind="download-answer")
        known, etag = self.folder.etags.get(self.file.path, ""), response.headers.get("etag", "")
        if response.status_code == 206:
            if known and etag != known:  # a server that does not know If-Range
                self._restart()
                self.folder.etags.pop(self.file.path, None)
                raise _Again("the file changed on the server", progressed=False)
            expected = f"bytes {self.offset}-{self.file.size_bytes - 1}/{self.file.size_bytes}"
            found = response.headers.get("content-range", "")
            if found != expected:
                raise Error(
                    f"The server sends another part of {self.what} than was asked for ({found or 'unnamed'}; "
                    f"asked for {expected}).",
                    hint="Remove the unfinished download and try again.",
                    kind="download-size",
                )
        else:
            if self.offset:
                self._restart()
            length = response.headers.get("content-length", "")
            if length and length != str(self.file.size_bytes):
                raise Error(
                    f"The server sends {length} bytes as {self.what}; it announced {self.file.size_bytes}.",
                    hint="Try again later; if it happens again, do not trust this source.",
                    kind="download-size",
                )
        self.folder.etags[self.file.path] = etag
        self.folder.save()

    def _receive(self, response: "httpx.Response") -> None:
        with self.part.open("ab") as data:
            try:
                # Pieces as they arrive: collecting them into larger ones would lose the last at a cut.
                for chunk in response.iter_raw():
                    self.hub.stop.check()
                    if self.offset + len(chunk) > self.file.size_bytes:
                        self.folder.forget_data(self.file)
                        raise Error(
                            f"The server sends more than the {self.file.size_bytes} bytes it announced for "
                            f"{self.what}. What came was deleted.",
                            hint="Do not trust this source.",
                            kind="download-size",
                        )
                    data.write(chunk)
                    self.digest.update(chunk)
                    self.offset += len(chunk)
                    self._report("Downloading")
            finally:
                data.flush()
                os.fsync(data.fileno())

    def _report(self, what: str) -> None:
        self.hub.on_progress(Progress(what, self.done_bytes + self.offset, self.total_bytes, "bytes"))


class _Again(Exception):
    """This try ended without a result; another may not."""

    def __init__(self, reason: str, *, progressed: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.progressed, self.wait_s = reason, progressed, wait_s


def _transport_error() -> type[Exception]:
    import httpx

    return httpx.TransportError


def _check_status(response: "httpx.Response", what: str) -> None:
    """Turn a refusal into an error for people; busy servers are tried again."""
    status = response.status_code
    if status in (200, 206):
        return
    if status in (401, 403):
        raise Error(
            f"The hub refuses {what} ({status}): it is private, or its licence must be accepted first.",
            hint="Accept it on the model's page, and set HF_TOKEN to a token of yours.",
            kind="download-forbidden",
        )
    if status == 404:
        raise Error(
            f"The hub has no {what}.",
            hint="Check the spelling of organisation, repository and file.",
            kind="download-not-found",
        )
    if status in (408, 425, 429) or status >= 500:
        after = response.headers.get("retry-after", "")
        raise _Again(f"the server answers {status}", wait_s=float(after) if after.isdecimal() else 0.0)
    raise Error(
        f"The server answers {status} for {what}.",
        hint="Look at the setting download.endpoint.",
        kind="download-answer",
    )


def _hang_up(response: "httpx.Response") -> None:
    """Wake a read that waits. The raw socket is shut, for TLS objects are not to be touched from another thread."""
    stream = response.extensions.get("network_stream")
    sock = stream.get_extra_info("socket") if stream is not None else None
    if isinstance(sock, socket.socket):
        try:
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            pass
