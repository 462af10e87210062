"""The cast: a catalogue, split models, and a small hub on the loopback interface that can misbehave."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from gguf import GGUFWriter

from rushlight.assistant.models.catalogue import Catalogue
from rushlight.assistant.paths import Paths
from rushlight.assistant.store.database import open_store

_N_TENSORS = 21  # of gguf_builder's llama


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", cache=tmp_path / "cache", runtime=tmp_path / "run")


@pytest.fixture
def catalogue(paths: Paths) -> Iterator[Catalogue]:
    opened = Catalogue(open_store(paths), paths)
    yield opened
    opened.store.close()


@pytest.fixture
def make_split(gguf_builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Path]]:
    """`make_split("big", n_parts=3)`: the parts of a loadable llama model, in order."""

    def make(stem: str = "big", *, n_parts: int = 3, seed: int = 1, folder: str = "split") -> list[Path]:
        target = tmp_path / folder
        target.mkdir(exist_ok=True)
        per_part = -(-_N_TENSORS // n_parts)
        with monkeypatch.context() as patch:
            patch.setattr(
                gguf_builder, "GGUFWriter", lambda path, arch: GGUFWriter(path, arch, split_max_tensors=per_part)
            )
            gguf_builder.tiny_llama_gguf(target / f"{stem}.gguf", name=stem, seed=seed)
        parts = sorted(target.glob(f"{stem}-*-of-{n_parts:05d}.gguf"))
        assert len(parts) == n_parts
        return parts

    return make


@dataclass
class FakeHub:
    """What the server has and how it behaves. `requests` records (method, path, range)."""

    files: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    cut_after: list[int] = field(default_factory=list)  # bytes after which the next answers break off
    statuses: list[int] = field(default_factory=list)  # answered instead, one a data request
    redirect: str = ""  # where data requests are sent
    announced_size: int | None = None
    announced_sha256: str | None = None
    etag: str = '"one"'
    ranges: bool = True
    knows_if_range: bool = True
    chunked_extra: bytes = b""  # sent after the file, without a length
    before_body: Callable[[], None] = lambda: None
    listing: Any = None

    def sha256(self, name: str) -> str:
        return hashlib.sha256(self.files[name]).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._note()
        data = self._data()
        if data is None:
            return
        size = self.hub.announced_size if self.hub.announced_size is not None else len(data)
        sha256 = self.hub.announced_sha256
        sha256 = hashlib.sha256(data).hexdigest() if sha256 is None else sha256
        self.send_response(302)
        self.send_header("X-Linked-Size", str(size))
        if sha256:
            self.send_header("X-Linked-Etag", f'"{sha256}"')
        self.send_header("Location", "https://cdn.example/never-asked")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self._note()
        path = urlsplit(self.path).path
        if path.startswith("/api/models/"):
            self._list()
        elif path.startswith("/cdn/"):
            self._send(self.hub.files[unquote(path.removeprefix("/cdn/"))])
        elif self.hub.redirect:
            self._empty(302, location=self.hub.redirect)
        else:
            data = self._data()
            if data is not None:
                self._send(data)

    def _note(self) -> None:
        self.hub.requests.append((self.command, urlsplit(self.path).path, self.headers.get("Range", "")))
        self.hub.headers.append(dict(self.headers))

    def _list(self) -> None:
        listing = self.hub.listing
        if listing is None:
            listing = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(data),
                    "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)},
                }
                for name, data in self.hub.files.items()
            ]
            listing.append({"type": "directory", "path": "folder"})
        body = listing if isinstance(listing, bytes) else json.dumps(listing).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _data(self) -> bytes | None:
        name = unquote(urlsplit(self.path).path.split("/resolve/", 1)[-1].split("/", 1)[-1])
        if name not in self.hub.files:
            self._empty(404)
            return None
        return self.hub.files[name]

    def _empty(self, status: int, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, data: bytes) -> None:
        hub = self.hub
        if hub.statuses and (status := hub.statuses.pop(0)) != 200:
            self._empty(status)
            return
        asked, start = self.headers.get("Range", ""), 0
        stale = hub.knows_if_range and self.headers.get("If-Range", hub.etag) != hub.etag
        if asked and hub.ranges and not stale:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        body = data[start:]
        if hub.etag:
            self.send_header("ETag", hub.etag)
        if hub.chunked_extra:
            self.send_header("Connection", "close")  # no length: the body ends with the connection
            self.close_connection = True
            body += hub.chunked_extra
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.flush()
        hub.before_body()
        if hub.cut_after:
            body = body[: hub.cut_after.pop(0)]
            self.close_connection = True
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]   (clients hang up here on purpose)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()
