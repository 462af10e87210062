"""A real worker process on the demo model, and the same model opened inside the test process."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.frames import Connection, Ready
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings, Message
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import Failed, Finished, TextDelta, Usage

_MAIN = "import sys; from rushlight.assistant.engine.worker import main; raise SystemExit(main(sys.argv[1:]))"


class WorkerProcess:
    """What the host does for a worker: two socket pairs, the settings, clients through the door."""

    def __init__(self, settings: object, *arguments: str) -> None:
        ours, theirs = socket.socketpair()
        self.door, their_door = socket.socketpair()
        for sock in (theirs, their_door):
            sock.set_inheritable(True)
        command = [
            sys.executable,
            "-c",
            _MAIN,
            "--control",
            str(theirs.fileno()),
            "--door",
            str(their_door.fileno()),
            *arguments,
        ]
        self.pid = os.posix_spawn(sys.executable, command, os.environ)
        theirs.close()
        their_door.close()
        self.status: int | None = None
        self.control = Connection(ours)
        self.control.sock.settimeout(60)
        self.control.send(settings)
        self.progress: list[Any] = []

    def first_word(self) -> Any:
        """Ready, Failed, or None where it died without a word."""
        while (frame := self.control.receive()) is not None:
            if isinstance(frame[1], Ready | Failed):
                return frame[1]
            self.progress.append(frame[1])
        return None

    def raw_client(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        socket.send_fds(self.door, [b"c"], [theirs.fileno()])
        theirs.close()
        return ours

    def client(self) -> EngineClient:
        return EngineClient(self.raw_client(), lambda: Error("The worker is gone.", kind="engine-died"))

    def wait(self, limit_s: float = 5.0) -> int:
        """Its wait status, within the limit."""
        deadline = time.monotonic() + limit_s
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
            elif time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.status = -1
                raise AssertionError(f"the worker did not end within {limit_s} s")
            else:
                time.sleep(0.005)
        return self.status

    def close(self) -> int:
        self.control.close()
        self.door.close()
        return self.wait()


@pytest.fixture(scope="session")
def start_worker() -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers; all of them end with the session."""
    started: list[WorkerProcess] = []

    def start(settings: object, *arguments: str) -> WorkerProcess:
        worker = WorkerProcess(settings, *arguments)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.close()


@pytest.fixture(scope="session")
def worker(start_worker: Callable[..., WorkerProcess], demo_model: Path) -> WorkerProcess:
    """One worker on the demo model for all tests that do not harm it. Its batch is large: a prompt is one piece."""
    process = start_worker(LoadSettings(path=str(demo_model), n_ctx=4096, n_batch=2048))
    assert isinstance(process.first_word(), Ready)
    return process


@pytest.fixture
def client(worker: WorkerProcess) -> Iterator[EngineClient]:
    with worker.client() as engine:
        yield engine


@pytest.fixture(scope="session")
def loaded(demo_model: Path) -> Iterator[Loaded]:
    """The demo model in the test process, for looking at logits."""
    renderer = TemplateProcess.start()
    settings = LoadSettings(path=str(demo_model), n_ctx=512, n_batch=64)
    model, _ready = load(settings, renderer, lambda _progress: None)
    yield model
    model.close()


@pytest.fixture(scope="session")
def paris() -> GenerateRequest:
    return GenerateRequest(
        messages=(Message("system", "You are a helpful assistant."), Message("user", "What is the capital of France?")),
        max_tokens=24,
    )


@pytest.fixture(scope="session")
def answer() -> Callable[..., tuple[str, Usage, Finished]]:
    """Text, usage and end of one generation."""

    def run(engine: EngineClient, request: GenerateRequest, stop: Stop | None = None) -> tuple[str, Usage, Finished]:
        events = list(engine.generate(request, stop or Stop()))
        usage, finished = events[-2:]
        assert isinstance(usage, Usage) and isinstance(finished, Finished)
        return "".join(e.text for e in events if isinstance(e, TextDelta)), usage, finished

    return run
