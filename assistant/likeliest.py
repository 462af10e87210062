"""The likeliest whole answers of a model to a conversation, by beam search. The search is the engine's."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rushlight import Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import BeamRequest, Grammar, LoraUse, Message, Sampling
from rushlight.assistant.events import Beam
from rushlight.assistant.with_engine import with_engine

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.model import Model


def likeliest(
    app: "App",
    messages: Sequence[Message],
    *,
    model: "Model | str" = "",
    options: AskOptions | None = None,
    max_tokens: int | None = None,
    grammar: Grammar | None = None,
    lora: Sequence[LoraUse] = (),
    width: int = 4,
    n_best: int = 4,
    within: float = 2.0,
    lack: float = 3.0,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> tuple[Beam, ...]:
    """The best first; what one lacks that the grammar says it must hold counts against it, by `lack` nats each. Those
    that are `within` so many nats less likely than the best are looked for. Nothing is sampled, so of the options only
    those of loading count.

    Raises `Error`, of the kind "not-supported" where the engine cannot search.
    """
    found = app.model(model) if isinstance(model, str) else model
    asked = app.request(messages, found, system="", max_tokens=max_tokens, grammar=grammar, lora=lora)
    stop = stop or Stop()
    request = BeamRequest(replace(asked, sampling=Sampling()), width, n_best, within=within, lack=lack)
    return with_engine(
        app, found, lambda engine: engine.search(request, stop).beams, options=options, stop=stop,
        on_progress=on_progress,
    )  # fmt: skip
