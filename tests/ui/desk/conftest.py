"""The cast of the desks' tests: a Background whose results the test itself lets in, and an app to set things up."""

import time
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings
from rushlight.ui.desk.background import Background

Pump = Callable[..., None]


class Mailbox:
    """The face's thread of a test: what background threads deliver lies here until the test pumps."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def deliver(self, call: Callable[[], None]) -> None:
        self._waiting.put(call)

    def pump(self, condition: Callable[[], object], timeout_s: float = 10.0) -> None:
        """Run what was delivered until `condition` holds. The condition is looked at after each delivery."""
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, "it did not come about in time"
            try:
                self._waiting.get(timeout=min(left_s, 0.05))()
            except Empty:
                pass

    def drain(self) -> None:
        """Run what has been delivered so far."""
        while not self._waiting.empty():
            self._waiting.get()()


@pytest.fixture
def fake_engine() -> FakeEngine:
    """What answers in `background` and `desk_app`; a test may replace `pieces`."""
    return FakeEngine(["Hello", " there"])


@pytest.fixture
def open_desk_app(fake_engine: FakeEngine) -> Callable[[], App]:
    """Opens an app of this test's home whose every engine is `fake_engine`."""

    def open_app() -> App:
        paths = find_paths()
        return App(
            paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: fake_engine
        )

    return open_app


@pytest.fixture
def desk_app(open_desk_app: Callable[[], App]) -> Iterator[App]:
    """An app of the test's own thread, to prepare and to look."""
    with open_desk_app() as app:
        yield app


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def pump(mailbox: Mailbox) -> Pump:
    """pump(condition, timeout_s=10): let results in until the condition holds."""
    return mailbox.pump


@pytest.fixture
def background(mailbox: Mailbox, open_desk_app: Callable[[], App]) -> Iterator[Background]:
    """Errors that no caller took fail the test at its end."""
    made = Background(open_desk_app, mailbox.deliver)
    errors: list[Any] = []
    made.on_error = errors.append
    yield made
    made.close()
    mailbox.drain()
    assert errors == []


@pytest.fixture
def desk_model(desk_app: App, tiny_gguf: Any) -> Model:
    """A small model in the catalogue, used in place."""
    return import_model(desk_app.catalogue, tiny_gguf, how="in-place").model
