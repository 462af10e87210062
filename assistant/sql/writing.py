"""A model writes one query: what it is asked, and the query cut out of what it wrote. Knows the app; runs nothing."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.engine.request import Grammar, LoraUse, Message
from rushlight.assistant.events import TextDelta
from rushlight.assistant.likeliest import likeliest

if TYPE_CHECKING:
    from rushlight.assistant.app import App

MAX_TOKENS = 240
_TEMPERATURE = 0.8
_OTHER_SEEDS = 1_000  # above those that are asked for


class Writer:
    """Asks the model for one query."""

    def __init__(
        self,
        app: "App",
        model: str,
        options: AskOptions | None,
        grammar: Grammar | None,
        lora: tuple[LoraUse, ...],
        stop: Stop | None,
        on_progress: Callable[[Progress], None],
        otherwise: Grammar | None = None,
    ) -> None:
        self._app = app
        self._model = model
        self._options = options or AskOptions()
        self._grammar = grammar
        self._lora = lora
        self._stop = stop
        self._on_progress = on_progress
        self._otherwise = otherwise  # the grammar of a query that cannot hold all that it must

    def write(self, messages: tuple[Message, ...], seed: int | None = None) -> str:
        """Greedy, or sampled with a seed."""
        options = self._options
        if seed is not None:
            options = _sampled(options, temperature=_TEMPERATURE, seed=seed)
        made = self._written(messages, options, self._grammar)
        must = () if self._grammar is None else self._grammar.must
        if self._otherwise is None or not lacking(must, made):
            return made
        # The likeliest beginning may leave no room for what it lacks, so another one is drawn.
        drawn = 0 if seed is None else seed + _OTHER_SEEDS
        other = self._written(messages, _sampled(self._options, temperature=_TEMPERATURE, seed=drawn), self._grammar)
        if not lacking(must, other):
            return other
        free = self._written(messages, options, self._otherwise)
        return min((free, made, other), key=lambda query: len(lacking(must, query)))

    def likeliest(self, messages: tuple[Message, ...]) -> list[str]:
        """The likeliest queries, the best first; what one lacks that it must hold counts against it. Empty where the
        engine cannot search for them."""
        try:
            beams = likeliest(
                self._app,
                messages,
                model=self._model,
                options=self._options,
                max_tokens=MAX_TOKENS,
                grammar=self._grammar,
                lora=self._lora,
                stop=self._stop,
                on_progress=self._on_progress,
            )
        except Error as err:
            if err.kind == "not-supported":
                return []
            if err.kind == "stopped":
                raise Error("The question was stopped.", kind="stopped") from err
            raise
        return list(dict.fromkeys(query for beam in beams if (query := cut_query(beam.text))))

    def _written(self, messages: tuple[Message, ...], options: AskOptions, grammar: Grammar | None) -> str:
        parts: list[str] = []
        for event in self._app.ask(
            messages,
            model=self._model,
            system="",
            options=options,
            max_tokens=MAX_TOKENS,
            grammar=grammar,
            lora=self._lora,
            stop=self._stop,
            on_progress=self._on_progress,
        ):
            if isinstance(event, TextDelta):
                parts.append(event.text)
        if self._stop is not None and self._stop.is_set():
            raise Error("The question was stopped.", kind="stopped")
        return cut_query("".join(parts))


def _sampled(options: AskOptions, **changed: float) -> AskOptions:
    """The options with other values for the sampler."""
    return dataclasses.replace(options, sampling={**options.sampling, **changed})


def cut_query(text: str) -> str:
    """The query in what a model wrote: without a fence, and without what follows its first semicolon or blank line."""
    text = text.strip()
    if "```" in text:
        text = text.split("```")[1].removeprefix("sqlite").removeprefix("sql").strip()
    text = text.split("\n\n")[0]
    quoted = False
    for i, char in enumerate(text):
        if char == "'":
            quoted = not quoted
        elif char == ";" and not quoted:
            return text[:i].strip()
    return text.strip()
