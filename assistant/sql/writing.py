"""A model writes one query: what it is asked, and the query cut out of what it wrote. Knows the app; runs nothing."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.musts import lacking
from rushlight.assistant.engine.request import Grammar, LoraUse, Message
from rushlight.assistant.events import Beam, TextDelta
from rushlight.assistant.likeliest import likeliest
from rushlight.assistant.sql.way_back import question_logprobs

if TYPE_CHECKING:
    from rushlight.assistant.app import App

MAX_TOKENS = 240
_TEMPERATURE = 0.8
_OTHER_SEEDS = 1_000  # above those that are asked for
_LACK = 3.0  # nats: what a query loses for each thing that its question names and it does not hold
_WITHIN = 2.0  # nats: a query that is so much less likely than the best is not looked for
_WITHIN_BACK = 3.0  # where the question decides between them too
_BACK = 0.5  # of what the way back says: it is learned in less time than the way there. Measured (log.md, 2026-11-28)

LikelyQueries: TypeAlias = dict[
    tuple[tuple[Message, ...], Grammar | None], tuple[Beam, ...]
]  # what was asked -> what was found


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
        back: tuple[LoraUse, ...] = (),
        question: str = "",
        known: LikelyQueries | None = None,
    ) -> None:
        self._app = app
        self._model = model
        self._options = options or AskOptions()
        self._grammar = grammar
        self._lora = lora
        self._stop = stop
        self._on_progress = on_progress
        self._otherwise = otherwise  # the grammar of a query that cannot hold all that it must
        self._back = back  # who knows the way back to `question`; () = nobody
        self._question = question
        self._known = known
        self._within = _WITHIN_BACK if back or known is not None else _WITHIN
        self.n_told_apart = 0  # queries among which the way back chose
        self.back_problem: Error | None = None  # why it said nothing

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
        """The likeliest queries, the best first; what one lacks that it must hold counts against it, and for it how
        likely it makes the question, where somebody knows the way back. Empty where the engine cannot search."""
        asked = (messages, self._grammar)
        if self._known is None or asked not in self._known:
            try:
                beams = self._searched(messages)
            except Error as err:
                if err.kind == "not-supported":
                    return []
                if err.kind == "stopped":
                    raise Error("The question was stopped.", kind="stopped") from err
                raise
            if self._known is not None:
                self._known[asked] = beams
        else:
            beams = self._known[asked]
        return list(dict.fromkeys(cut_query(beam.text) for beam in self._by_their_questions(beams)))

    def _searched(self, messages: tuple[Message, ...]) -> tuple[Beam, ...]:
        beams = likeliest(
            self._app,
            messages,
            model=self._model,
            options=self._options,
            max_tokens=MAX_TOKENS,
            grammar=self._grammar,
            lora=self._lora,
            within=self._within,
            lack=_LACK,
            stop=self._stop,
            on_progress=self._on_progress,
        )
        return tuple(beam for beam in beams if cut_query(beam.text))

    def _by_their_questions(self, beams: Sequence[Beam]) -> Sequence[Beam]:
        """The best first: log P(query | question) + log P(question | query) / 2; what is hardly likely comes behind. As
        they are where nobody can say that."""
        scores = {beam: beam.logprob - _LACK * beam.n_lacking for beam in beams}
        near = [beam for beam in beams if scores[beam] >= max(scores.values()) - self._within]
        if not self._back or len(near) < 2:
            return beams
        try:
            back = question_logprobs(
                self._app,
                [cut_query(beam.text) for beam in near],
                self._question,
                model=self._model,
                options=self._options,
                lora=self._back,
                stop=self._stop,
                on_progress=self._on_progress,
            )
        except Error as err:
            if err.kind == "stopped":
                raise Error("The question was stopped.", kind="stopped") from err
            self.back_problem = err
            return beams
        self.n_told_apart = len(near)
        both = {beam: scores[beam] + _BACK * of_it for beam, of_it in zip(near, back, strict=True)}
        return [*sorted(near, key=lambda beam: -both[beam]), *(beam for beam in beams if beam not in both)]

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
