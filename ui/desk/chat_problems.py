"""An error of a chat page, with the actions that may help."""

from rushlight import Error
from rushlight.ui.desk.chat_view import Problem

_MODEL = {"no-model", "model-not-found", "model-missing", "model-changed", "model-truncated", "model-ambiguous"}
_MEMORY = {"out-of-memory", "context-full", "too-long"}


def problem_from(err: Error, *, can_retry: bool) -> Problem:
    """What a page shows of it. `can_retry`: there is something to be asked for once more."""
    if err.kind == "no-model":
        actions: tuple[str, ...] = ("models.import", "models.get")
    elif err.kind in _MODEL:
        actions = ("chat.model", "page.models")
    elif err.kind in _MEMORY:
        actions = ("chat.model", "page.settings")
    elif err.kind == "bad-settings":
        actions = ("page.settings",)
    else:
        actions = ()
    return Problem(err.message, err.hint, err.kind, (*(("chat.retry",) if can_retry else ()), *actions))
