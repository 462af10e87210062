"""The cast of the command line's tests: the command, a model in the catalogue, an engine that says what it is told."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rushlight import Stop
from rushlight.assistant import app as app_module
from rushlight.assistant.app import App, OnProgress
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import load_settings

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Inside = Callable[..., tuple[int, str, str]]


@pytest.fixture
def rushlight() -> Command:
    """rushlight("ask", "Hello", input="...") runs the command line in a process of its own, its streams no terminal."""

    def run(*args: str, input: str = "", env: dict[str, str] | None = None, **more: Any) -> Any:  # noqa: A002
        return subprocess.run(
            [*RUSHLIGHT, *args],
            input=input,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, **(env or {})},
            **more,
        )

    return run


@pytest.fixture(autouse=True)
def no_host_left(own_home: Path) -> Iterator[None]:
    """Every `ask` starts a host ahead, also one that fails; without this it would stay for ten seconds more."""
    yield
    if (own_home / "host.json").exists():
        subprocess.run([*RUSHLIGHT, "host", "stop"], capture_output=True, timeout=60, check=False)


@pytest.fixture
def stopped_host(own_home: Path) -> Iterator[None]:
    """Whatever host the test started is ended after it."""
    yield
    done = subprocess.run([*RUSHLIGHT, "host", "stop"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _imported(file: Path) -> Model:
    with app_module.open_app() as app:
        return import_model(app.catalogue, file, how="in-place").model


@pytest.fixture
def tiny_model(own_home: Path, tiny_gguf: Path) -> Model:
    """A small random model in the catalogue; its file is real, its answers would be noise."""
    return _imported(tiny_gguf)


@pytest.fixture
def real_model(own_home: Path, demo_model: Path, stopped_host: None) -> Model:
    """The demo model in the catalogue; the host ends after the test."""
    return _imported(demo_model)


class ScriptedEngine(FakeEngine):
    """A FakeEngine that yields given events instead of pieces, where a test needs other events."""

    def __init__(self, events: Sequence[Any]) -> None:
        super().__init__([])
        self.events = events

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        self.requests.append(request)
        for event in self.events:
            if isinstance(event, BaseException):
                raise event
            yield event


class Cast:
    """What a fake answer was asked: `engine.requests`, `loads`."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.loads: list[LoadSettings] = []

    def open_engine(self, load: LoadSettings, stop: Stop, on_progress: OnProgress) -> FakeEngine:
        self.loads.append(load)
        return self.engine


@pytest.fixture
def answering(tiny_model: Model, monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[Any]], Cast]:
    """answering(["Hello", " there"]) makes every engine say that; events instead of texts are yielded as they are."""

    def set_up(script: Sequence[Any]) -> Cast:
        plain_pieces = all(isinstance(part, str) for part in script)
        cast = Cast(FakeEngine(script) if plain_pieces else ScriptedEngine(script))

        def open_fake(paths: Any = None, overrides: Any = None, host: str = "process") -> App:
            paths = paths or find_paths()
            return App(paths, load_settings(paths, overrides), open_engine=cast.open_engine)

        monkeypatch.setattr(app_module, "open_app", open_fake)
        return cast

    return set_up


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Inside:
    """inside("ask", "Hello") runs the command line in this process: (exit code, stdout, stderr)."""
    from rushlight.ui.cli.main import run as run_main

    def run(*args: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = run_main(list(args))
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return run
