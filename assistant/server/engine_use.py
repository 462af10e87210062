"""Asking an engine on behalf of a request: opens it, and once more where it was unloaded since it was last used."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import GONE_SINCE, App
from rushlight.assistant.engine.engine import Engine
from rushlight.assistant.engine.request import EmbedRequest, GenerateRequest, TokenizeRequest
from rushlight.assistant.events import Embeddings, Event, Finished
from rushlight.assistant.models.model import Model
from rushlight.assistant.server.service import Loading

T = TypeVar("T")
_TRIES = 3


class EngineUse:
    """A model's engine for the time of one request."""

    def __init__(self, app: App, model: Model, stop: Stop, loading: Loading, *, embeddings: bool = False) -> None:
        self._app = app
        self._model = model
        self._stop = stop
        self._loading = loading
        self._embeddings = embeddings

    def generate(self, request: GenerateRequest) -> Iterator[Event]:
        """The events of one answer. An end by `stop` is an `Error` of kind "stopped"."""
        said_anything = False
        for attempt in range(_TRIES):
            engine = self._open()
            try:
                for event in engine.generate(request, self._stop):
                    if isinstance(event, Finished) and event.reason == "cancelled":
                        raise Error("The answer was stopped.", kind="stopped")
                    if not isinstance(event, Progress):
                        said_anything = True
                    yield event
                return
            except Error as err:
                self._after(engine, err, may_retry=not said_anything and attempt + 1 < _TRIES)

    def embed(self, request: EmbedRequest) -> Embeddings:
        return self._once(lambda engine: engine.embed(request, self._stop))

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        return self._once(lambda engine: engine.tokenize(request))

    def _once(self, ask: Callable[[Engine], T]) -> T:
        attempt = 0
        while True:
            attempt += 1
            engine = self._open()
            try:
                return ask(engine)
            except Error as err:
                self._after(engine, err, may_retry=attempt < _TRIES)

    def _open(self) -> Engine:
        self._stop.check()
        try:
            return self._app.engine(
                self._model, embeddings=self._embeddings, stop=self._stop, on_progress=self._loading
            )
        finally:
            self._loading.done()

    def _after(self, engine: Engine, err: Error, *, may_retry: bool) -> None:
        """Raise, unless it was only unloaded meanwhile and nothing was said."""
        if err.kind in GONE_SINCE or err.kind in ("engine-stuck", "bad-frame"):
            self._app.forget(engine)  # the next question opens a new one
        if err.kind in GONE_SINCE and err.kind != "worker-died" and may_retry:
            return
        raise err
