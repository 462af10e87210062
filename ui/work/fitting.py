"""Which turns before an answer the model can read: the newest ones, as a chat gives them to it when it is full.

Knows the loaded model's way of counting; stores nothing.
"""

import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rushlight import Stop
from rushlight.assistant.engine.request import Message, TokenizeRequest
from rushlight.assistant.learn.example import Turn
from rushlight.assistant.with_engine import with_engine

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.engine.engine import Engine
    from rushlight.assistant.models.model import Model


def fitting_turns(
    app: "App", model: "Model", turns: Sequence[Turn], *, answers: Sequence[str] = (), room: int = 0, stop: Stop
) -> tuple[Turn, ...]:
    """`turns` without the oldest that do not fit beside the longest of `answers`, or beside `room` tokens (a fourth of
    the context at most); () where even the last question does not. System messages at the beginning stay, and what is
    left begins with the user."""
    n_ctx = app.load_settings(model).n_ctx
    if n_ctx <= 0:
        return tuple(turns)

    def fit(engine: "Engine") -> tuple[Turn, ...]:
        sizes = [len(engine.tokenize(TokenizeRequest(text=one))) for one in answers]
        limit = n_ctx - max([min(room, n_ctx // 4), *sizes])

        def fits(kept: tuple[Turn, ...]) -> bool:
            stop.check()
            messages = tuple(Message(turn.role, turn.content) for turn in kept)
            return len(engine.tokenize(TokenizeRequest(messages=messages))) <= limit

        choices = _shorter(turns)
        if fits(choices[0]):
            return choices[0]
        at = bisect.bisect_left(choices, True, lo=1, key=fits)  # what begins later is shorter
        return choices[at] if at < len(choices) else ()

    return with_engine(app, model, fit, stop=stop)


def _shorter(turns: Sequence[Turn]) -> "list[tuple[Turn, ...]]":
    """All of them, then without the first exchange, without the first two, and so on."""
    n_lead = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    lead, rest = tuple(turns[:n_lead]), tuple(turns[n_lead:])
    firsts = [0, *(at for at, turn in enumerate(rest) if at and turn.role == "user")]
    return [(*lead, *rest[first:]) for first in firsts]
