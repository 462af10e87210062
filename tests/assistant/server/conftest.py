"""The cast of the server's tests: a server over engines that say what they are told, and one over the demo model."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.events import Finished, TextDelta, Usage
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import Paths, find_paths
from rushlight.assistant.server.application import make_application
from rushlight.assistant.server.figures import Figures
from rushlight.assistant.server.http_server import HttpServer, listen
from rushlight.assistant.server.service import Limits, Service
from rushlight.assistant.settings import load_settings

TOKEN = "a-token-of-the-tests"
RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]


class Scripted(FakeEngine):
    """Answers each request with the next script: texts, events, errors, or a function of (request, stop)."""

    def __init__(self, *scripts: Any) -> None:
        super().__init__([])
        self.scripts = list(scripts)

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        self.requests.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if callable(script):
            yield from script(request, stop)
            return
        said = 0
        for item in script:
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, Finished):
                yield Usage(7, 3, said)
                yield item
                return
            said += isinstance(item, str | TextDelta)
            yield TextDelta(item) if isinstance(item, str) else item
        yield Usage(7, 3, said)
        yield Finished("stop")


class Endless:
    """Says words until it is stopped; `running` counts those that are being said, `stopped` those that were."""

    def __init__(self, delay_s: float = 0.01) -> None:
        self.delay_s = delay_s
        self.running = 0
        self.stopped = 0
        self.changed = threading.Condition()

    def __call__(self, request: Any, stop: Stop) -> Iterator[Any]:
        told = threading.Event()
        forget = stop.on_set(told.set)
        with self.changed:
            self.running += 1
            self.changed.notify_all()
        n_said = 0
        try:
            while not told.wait(self.delay_s):
                n_said += 1
                yield TextDelta("word ")
            yield Usage(1, 0, n_said)
            yield Finished("cancelled")
        finally:
            forget()
            with self.changed:
                self.running -= 1
                self.stopped += told.is_set()
                self.changed.notify_all()

    def wait(self, what: Callable[["Endless"], bool], timeout_s: float = 10.0) -> bool:
        with self.changed:
            return self.changed.wait_for(lambda: what(self), timeout_s)


class Served:
    """A running server: `client` speaks with it, `engine` is what answers."""

    def __init__(
        self,
        engine: FakeEngine,
        limits: Limits,
        *,
        open_engine: Any = None,
        paths: Paths | None = None,
        **options: Any,
    ) -> None:
        self.engine = engine
        self.loads: list[LoadSettings] = []
        self.figures = Figures()
        paths = paths or find_paths()

        def opened(load: LoadSettings, stop: Stop, on_progress: Any) -> FakeEngine:
            self.loads.append(load)
            return engine

        self.service = Service(
            lambda: App(paths, load_settings(paths), open_engine=open_engine or opened), limits, self.figures
        )
        place = listen("127.0.0.1", 0, token_given=False)
        self.url = place.url
        self.port = int(place.url.rpartition(":")[2])
        application = make_application(self.service, self.figures, token=TOKEN, **{"names": place.names, **options})
        started = threading.Event()
        self._server = HttpServer(application, place, on_started=started.set, on_ending=self.service.stop_all)
        self._thread = threading.Thread(target=self._server.run, name="served", daemon=True)
        self._thread.start()
        assert started.wait(20)
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {TOKEN}"}, timeout=30, trust_env=False
        )

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.client.post(path, json=body, **more)

    def chat(self, text: str = "Hello", **fields: Any) -> httpx.Response:
        return self.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **fields})

    def events(self, path: str, body: Any) -> list[Any]:
        """The events of a stream: JSON values, texts as they are."""
        return events_of(self.post(path, {**body, "stream": True}).text)

    def close(self) -> None:
        self.client.close()
        self._server.end()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server has not ended"


def events_of(text: str) -> list[Any]:
    out: list[Any] = []
    for block in text.split("\n\n"):
        for line in block.splitlines():
            if line.startswith("data: "):
                data = line.removeprefix("data: ")
                out.append(json.loads(data) if data.startswith("{") else data)
    return out


@pytest.fixture
def tiny_model(own_home: Path, tiny_gguf: Path) -> str:
    """A small random model in the catalogue; its id."""
    with open_app() as app:
        return import_model(app.catalogue, tiny_gguf, how="in-place").model.id


@pytest.fixture
def serve(tiny_model: str) -> Iterator[Callable[..., Served]]:
    """serve(["Hello", " there"]) runs a server whose engine says that; serve(Endless(), n_parallel=1), ..."""
    running: list[Served] = []

    def start(
        *scripts: Any, n_parallel: int = 4, n_waiting: int = 8, open_engine: Any = None, **options: Any
    ) -> Served:
        engine = Scripted(*(scripts or (["Hello", " there"],)))
        running.append(Served(engine, Limits(n_parallel, n_waiting), open_engine=open_engine, **options))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture(scope="module")
def guarded(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests of a file; its engine says "Hello there"."""
    home = tmp_path_factory.mktemp("guarded")
    paths = Paths(data=home, cache=home / "cache", runtime=home / "run")
    with App(paths, load_settings(paths)) as app:
        import_model(app.catalogue, tiny_gguf, how="in-place")
    served = Served(Scripted(["Hello", " there"]), Limits(), paths=paths)
    yield served
    served.close()


class RealServer:
    """`rushlight serve` with the demo model, as a user starts it."""

    def __init__(self, home: Path, runtime: Path, model: Path, *options: str, **env: str) -> None:
        self.env = {**os.environ, "RUSHLIGHT_HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), **env}
        self.home = home
        done = subprocess.run(
            [*RUSHLIGHT, "models", "import", "--in-place", "--id", "smollm2", str(model)],
            env=self.env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.process = subprocess.Popen(
            [*RUSHLIGHT, "serve", "--port", "0", "--json", *options],
            env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr and self.process.stderr.read()
        self.facts = json.loads(line)
        self.url = str(self.facts["address"])
        self.token = Path(self.facts["token_file"]).read_text().strip()
        self.client = httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.token}"}, timeout=240, trust_env=False
        )

    def host_status(self) -> Any:
        """What `rushlight host status` says."""
        done = subprocess.run(
            [*RUSHLIGHT, "host", "status", "--json"],
            env=self.env, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def close(self) -> None:
        self.client.close()
        self.process.terminate()
        try:
            _out, err = self.process.communicate(timeout=30)
        finally:
            self.process.kill()
            subprocess.run([*RUSHLIGHT, "host", "stop"], env=self.env, capture_output=True, timeout=60, check=False)
        assert self.process.returncode == 0, err
        assert not err, err


@pytest.fixture(scope="module")
def real(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """One server with the demo model for all tests of a file; the model is called smollm2."""
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    server = RealServer(tmp_path_factory.mktemp("home"), runtime, demo_model)
    yield server
    server.close()


@pytest.fixture(scope="module")
def quick(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """The same with a tiny random model and a small context: it never ends by itself, but it ends soon."""
    runtime = tmp_path_factory.mktemp("run")
    runtime.chmod(0o700)
    server = RealServer(tmp_path_factory.mktemp("home"), runtime, tiny_gguf, RUSHLIGHT_ENGINE_CONTEXT="192")
    yield server
    server.close()


@pytest.fixture
def endless() -> type[Endless]:
    """An answer that goes on until it is stopped."""
    return Endless


def chunks_text(events: Sequence[Any]) -> str:
    """What a stream of chat chunks says."""
    return "".join(
        choice["delta"].get("content") or ""
        for event in events
        if isinstance(event, dict)
        for choice in event.get("choices", ())
    )
