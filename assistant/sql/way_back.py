"""The way back: how likely a question is, given a query that may answer it.

Of several queries the one is right whose question this is. A model knows that better than which query a question has:
what a query leaves out of the question, or adds to it, makes the question unlikely, however well the query is built
(a noisy channel: Yu et al. 2017, arXiv:1611.02554; for queries Yin and Neubig 2019, doi 10.18653/v1/P19-1447). It is
learned by an adapter of its own, of the scope `scopes.WAY_BACK`. Knows the app; ranks nothing.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rushlight import Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import LoraUse, ScoreRequest, TokenizeRequest
from rushlight.assistant.sql.prompt import asked_text, back_messages
from rushlight.assistant.with_engine import with_engine

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.engine.engine import Engine


def question_logprobs(
    app: "App",
    queries: Sequence[str],
    question: str,
    *,
    model: str = "",
    options: AskOptions | None = None,
    lora: Sequence[LoraUse] = (),
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[float]:
    """Natural log-probability of the whole question behind each query. Shape (n_queries,). `lora` is the adapter that
    has learned the way back.

    Raises `Error`, of the kind "not-supported" where the engine gives no likelihoods.
    """
    stop = stop or Stop()

    def scored(engine: "Engine") -> list[float]:
        said = engine.tokenize(TokenizeRequest(text=asked_text(question)))
        if not said:
            return [0.0] * len(queries)
        found = []
        for sql in queries:
            before = engine.tokenize(TokenizeRequest(messages=back_messages(sql)))
            asked = ScoreRequest(token_ids=(*before, *said), n_read=len(before), lora=tuple(lora))
            scores = engine.score(asked, stop)
            found.append(sum(one.logprob for one in scores.tokens[len(before) :]))
        return found

    return with_engine(app, app.model(model), scored, options=options, stop=stop, on_progress=on_progress)
