"""Short work with a loaded model, done once more where the model was unloaded since it was last asked.

The host unloads what nobody uses, also under a caller that keeps it for later: whoever asks now and then, as between
the steps of a training, meets an engine that has ended.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import GONE_SINCE
from rushlight.assistant.ask_options import AskOptions

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.engine.engine import Engine
    from rushlight.assistant.models.model import Model

T = TypeVar("T")
_TRIES: Final = 2
_NO_FAULT: Final = ("not-supported", "context-full")  # of what was asked; the engine goes on


def with_engine(
    app: "App",
    model: "Model",
    work: "Callable[[Engine], T]",
    *,
    options: AskOptions | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> T:
    """What `work` makes of the engine. It may be begun twice, so it keeps nothing in between."""
    for left in reversed(range(_TRIES)):
        engine = app.engine(model, options=options, stop=stop, on_progress=on_progress)
        try:
            return work(engine)
        except Error as err:
            if err.kind not in _NO_FAULT:
                app.forget(engine)  # the next question opens another
            if err.kind not in GONE_SINCE or not left:
                raise
    raise AssertionError("the last try ends in an answer or an error")
