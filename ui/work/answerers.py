"""Who answers the items of a suite: a model of the catalogue as it is served, through the host, with or without an
adapter. In a chat, or as a question to a database under the grammar of its tables.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rushlight import Error, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import Grammar, LoraUse, Message, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.with_engine import with_engine
from rushlight.trainer.evaluate.answerer import Answer
from rushlight.trainer.evaluate.suite import Item

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.engine.engine import Engine
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.writing import LikelyQueries

GREEDY: Final = AskOptions(sampling={"temperature": 0.0})
_CHARS_PER_TOKEN: Final = 3.0  # of a query, whose tokens nobody counts


class ChatAnswerer:
    """Asks as a chat does, greedily and without a system prompt of the user's."""

    def __init__(self, app: "App", model: "Model", lora: Sequence[LoraUse] = ()) -> None:
        self._app, self._model, self._lora = app, model, tuple(lora)

    def answer(self, item: Item, stop: Stop) -> Answer:
        began = time.monotonic()
        parts: list[str] = []
        n_tokens = 0
        for event in self._app.ask(
            [Message(turn.role, turn.content) for turn in item.turns],
            model=self._model,
            system="",
            options=GREEDY,
            max_tokens=item.max_tokens,
            grammar=None if item.grammar is None else Grammar(item.grammar.kind, item.grammar.text),
            lora=self._lora,
            stop=stop,
        ):
            if isinstance(event, TextDelta):
                parts.append(event.text)
            elif isinstance(event, Usage):
                n_tokens = event.n_completion_tokens
        stop.check()
        return Answer("".join(parts).strip(), n_tokens, time.monotonic() - began)

    def likelihoods(self, item: Item, stop: Stop) -> list[float]:
        return with_engine(self._app, self._model, lambda engine: self._likelihoods(engine, item, stop), stop=stop)

    def _likelihoods(self, engine: "Engine", item: Item, stop: Stop) -> list[float]:
        prompt = engine.tokenize(
            TokenizeRequest(messages=tuple(Message(turn.role, turn.content) for turn in item.turns))
        )
        found = []
        for choice in item.choices:
            own = engine.tokenize(TokenizeRequest(text=choice))
            scores = engine.score(ScoreRequest(token_ids=(*prompt, *own), lora=self._lora), stop)
            told = [one.logprob for one in scores.tokens[-len(own) :]]
            found.append(sum(told) / max(1, len(told)))
        return found


class SqlAnswerer:
    """Asks as `sql ask` does, for less time: linking, grammar, a query, and one sample where that finds nothing. `form`
    is the prompt's, `back` who knows the way back, `likely` what another one found likely who differs in that alone."""

    def __init__(
        self, app: "App", model: "Model", database: "Database", lora: Sequence[LoraUse] = (), form: str = "",
        *, back: Sequence[LoraUse] = (), likely: "LikelyQueries | None" = None, free: bool = False,
    ) -> None:  # fmt: skip
        self._app, self._model, self._database = app, model, database
        self._lora, self._form, self._back, self._free = tuple(lora), form, tuple(back), free
        self._likely = likely

    def answer(self, item: Item, stop: Stop) -> Answer:
        from rushlight.assistant.sql.asking import ask_database
        from rushlight.assistant.sql.prompt import FORM

        began = time.monotonic()
        made = ask_database(
            self._app, self._database, item.asked, model=self._model.id, options=GREEDY, lora=self._lora,
            form=self._form or FORM, back=self._back, likely=self._likely, free=self._free,
            correct=False, again=1, stop=stop,
        )  # fmt: skip
        if made.back_problem is not None:
            raise made.back_problem  # what is compared would be the same twice
        problem = "" if made.error is None else made.error.message
        n_tokens = max(1, round(len(made.sql) / _CHARS_PER_TOKEN))
        return Answer(made.sql, n_tokens, time.monotonic() - began, problem)

    def likelihoods(self, item: Item, stop: Stop) -> list[float]:
        raise Error("Questions to a database have no choices.", "Use the scorer sql-execution.", kind="bad-suite")
