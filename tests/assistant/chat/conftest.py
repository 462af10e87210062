"""The cast of the chat's tests: a store, conversations, an app whose engine says what it is told."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.chat.conversations import Conversations
from rushlight.assistant.chat.session import ChatSession
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import LoadSettings, TokenizeRequest
from rushlight.assistant.models.model import Model
from rushlight.assistant.paths import Paths, find_paths
from rushlight.assistant.settings import load_settings
from rushlight.assistant.store.database import Store, open_store


class WordEngine(FakeEngine):
    """A token a word, 3 more a message; says its pieces, or yields and raises the events that are among them."""

    def __init__(self, pieces: Sequence[Any] = ("Hello", " there")) -> None:
        super().__init__([])
        self.script: Sequence[Any] = pieces
        self.n_tokenized = 0

    def generate(self, request: Any, stop: Stop) -> Iterator[Any]:
        if all(isinstance(part, str) for part in self.script):
            self.pieces = tuple(self.script)
            yield from super().generate(request, stop)
            return
        self.requests.append(request)
        for part in self.script:
            if isinstance(part, BaseException):
                raise part
            yield part() if callable(part) else part

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        self.n_tokenized += 1
        return tuple(range(sum(len(one.content.split()) + 3 for one in request.messages)))


class FakeApp:
    """Satisfies `ChatApp`: requests and load settings are the real app's."""

    def __init__(self, engine: Any, n_ctx: int = 8192) -> None:
        self.engines = engine if isinstance(engine, list) else [engine]
        self.forgotten: list[Any] = []
        self.names: list[str] = []
        self._app = App(find_paths(), load_settings(find_paths(), {"engine.context": n_ctx}))

    def model(self, name: str = "") -> Model:
        self.names.append(name)
        if name == "missing":
            raise Error("There is no model named 'missing'.", kind="model-not-found")
        return Model(
            id=name or "tiny",
            path=Path("/nowhere/tiny.gguf"),
            size_bytes=1,
            sha256="0" * 64,
            architecture="llama",
            n_params=1,
            n_ctx_train=10**6,
            quantization="F16",
            chat_template_sha256="",
            license="",
            aliases=(),
            owned=True,
            added_at=0.0,
        )

    def engine(self, model: Any = "", *, options: Any = None, stop: Any = None, on_progress: Any = None) -> Any:
        return self.engines[min(len(self.forgotten), len(self.engines) - 1)]

    def forget(self, engine: Any) -> None:
        self.forgotten.append(engine)

    def load_settings(self, model: Model, options: Any = None) -> LoadSettings:
        return self._app.load_settings(model, options)

    def request(self, messages: Any, model: Model, *, system: str | None = None, options: Any = None) -> Any:
        return self._app.request(messages, model, system=system, options=options)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", cache=tmp_path / "cache", runtime=tmp_path / "run")


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    opened = open_store(paths)
    yield opened
    opened.close()


@pytest.fixture
def conversations(store: Store) -> Conversations:
    return Conversations(store)


@pytest.fixture
def word_engine() -> type[WordEngine]:
    return WordEngine


@pytest.fixture
def fake_app() -> type[FakeApp]:
    return FakeApp


@pytest.fixture
def chat(conversations: Conversations, own_home: Path) -> Callable[..., ChatSession]:
    """chat(pieces, n_ctx=...) is a session in a new conversation; chat(engine=..., conversation_id=...) for more."""

    def make(
        pieces: Sequence[Any] = ("Hello", " there"),
        *,
        n_ctx: int = 8192,
        engine: Any = None,
        conversation_id: str = "",
        **more: Any,
    ) -> ChatSession:
        app = FakeApp(engine or WordEngine(pieces), n_ctx)
        conversation_id = conversation_id or conversations.create(system="Be brief.").id
        return ChatSession(app, conversations, conversation_id, **more)

    return make


@pytest.fixture
def poll() -> Callable[[Callable[[], bool]], float]:
    """poll(question) asks until the answer is yes; the seconds that took. At most 10."""

    def wait(question: Callable[[], bool]) -> float:
        start_s = time.monotonic()
        while not question():
            assert time.monotonic() < start_s + 10
            time.sleep(0.01)
        return time.monotonic() - start_s

    return wait
