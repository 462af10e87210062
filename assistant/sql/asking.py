"""From a question to rows: linking, grammar, the model's query, its execution, and another try where it did not do.

answer = ask_database(app, database, "How many visits were there in 2024?")
print(answer.sql, answer.result.rows)
"""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import Grammar, LoraUse, Message
from rushlight.assistant.events import TextDelta
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.grammar import SqlGrammar, sql_grammar
from rushlight.assistant.sql.linking import Linked, link
from rushlight.assistant.sql.prompt import Example, sql_messages
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.values import Result

if TYPE_CHECKING:
    from rushlight.assistant.app import App

MAX_TOKENS = 240
_TRIES = 2
_SAMPLES = 3
_TEMPERATURE = 0.8
Linker = Callable[[Profiled, str], Linked]
_REFUSALS = {"sql-timeout", "sql-memory", "sql-error", "sql-too-big", "sql-refused"}


class Try(Struct, frozen=True):
    """One query of the model, and what came of it."""

    sql: str
    problem: str = ""  # "" = it did
    kind: str = ""  # of the problem: a kind of Error, "empty" or "nothing"


class Unclear(Struct, frozen=True):
    """Something that the question names and that stands in several columns; the user may have meant another one."""

    value: str
    places: tuple[str, ...]  # table.column
    taken: tuple[str, ...]  # those where the query looks for it


class SqlAnswer(Struct, frozen=True):
    """The query that was run, its rows, and how it came about."""

    question: str
    sql: str
    result: Result | None
    tries: tuple[Try, ...]
    linked: Linked
    grammar: SqlGrammar | None
    seconds: float
    agreement: float = 1.0  # share of the samples that gave the same rows
    error: Error | None = None

    @property
    def unclear(self) -> tuple[Unclear, ...]:
        """What is to be asked back."""
        places: dict[str, list[str]] = {}
        for place, value in self.linked.found:
            places.setdefault(value.casefold(), []).append(place)
        found = []
        for value, several in places.items():
            written = self.sql.casefold()
            taken = tuple(place for place in several if place.casefold() in written and value in written)
            if len(several) > 1 and taken and len(taken) < len(several):
                shown = next(one for _, one in self.linked.found if one.casefold() == value)
                found.append(Unclear(shown, tuple(several), taken))
        return tuple(found)


def ask_database(
    app: "App",
    database: Database,
    question: str,
    *,
    model: str = "",
    options: AskOptions | None = None,
    examples: Sequence[Example] = (),
    lora: Sequence[LoraUse] = (),
    free: bool = False,
    correct: bool = True,
    linker: Linker = link,
    seconds: float = limits.STATEMENT_S,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> SqlAnswer:
    """Ask the model for a query and run it. `free` writes without the grammar; `correct` tries again where it failed.

    A query that fails or finds nothing is told to the model once; then several are sampled, and the rows on which
    most of them agree win.
    """
    started = time.monotonic()
    if not question.strip():
        raise Error("There is no question.", hint='Such as: "How many visits were there in 2024?"', kind="no-question")
    if not database.schema.tables:
        raise Error(f"{database.name} holds no tables, so nothing can be asked of it.", kind="no-table")
    linked = linker(database.known(), question)
    grammar = None if free else sql_grammar(linked)
    writer = _Writer(app, model, options, grammar.grammar if grammar else None, tuple(lora), stop, on_progress)
    tries: list[Try] = []
    results: list[tuple[str, Result]] = []
    failed: list[tuple[str, str]] = []
    error: Error | None = None
    for _ in range(_TRIES if correct else 1):
        sql = writer.write(sql_messages(linked, question, examples, failed))
        made, result, error = _run(database, sql, seconds)
        tries.append(made)
        if result is not None:
            results.append((sql, result))
        if not made.problem:
            return _answer(question, results[-1], tries, linked, grammar, started)
        if failed and failed[-1][0] == sql:
            break
        failed.append((sql, made.problem))
    agreement = 1.0
    if correct:
        best, agreement = _agreed(database, writer, sql_messages(linked, question, examples), tries, seconds)
        if best is not None:
            return replace(_answer(question, best, tries, linked, grammar, started), agreement=agreement)
    if results:  # nothing was found, which may be the truth
        return _answer(question, results[0], tries, linked, grammar, started)
    last = tries[-1].sql
    return SqlAnswer(question, last, None, tuple(tries), linked, grammar, time.monotonic() - started, error=error)


def _answer(
    question: str,
    best: tuple[str, Result],
    tries: list[Try],
    linked: Linked,
    grammar: SqlGrammar | None,
    started: float,
) -> SqlAnswer:
    return SqlAnswer(question, best[0], best[1], tuple(tries), linked, grammar, time.monotonic() - started)


def _run(database: Database, sql: str, seconds: float) -> tuple[Try, Result | None, Error | None]:
    try:
        result = database.run(sql, seconds=seconds)
    except Error as err:
        if err.kind not in _REFUSALS:
            raise
        return Try(sql, err.message, err.kind), None, err
    if not result.rows:
        return Try(sql, "It finds no rows.", "empty"), result, None
    if all(cell is None for row in result.rows for cell in row):
        return Try(sql, "It finds nothing but empty cells.", "nothing"), result, None
    return Try(sql), result, None


def _agreed(
    database: Database, writer: "_Writer", messages: tuple[Message, ...], tries: list[Try], seconds: float
) -> tuple[tuple[str, Result] | None, float]:
    """The query whose rows most samples gave, and the share of them; None where none of them found anything."""
    by_rows: dict[str, list[tuple[str, Result]]] = {}
    for number in range(_SAMPLES):
        sql = writer.write(messages, seed=number + 1)
        made, result, _ = _run(database, sql, seconds)
        tries.append(made)
        if result is not None and not made.problem:
            by_rows.setdefault(repr(sorted(map(repr, result.rows))), []).append((sql, result))
    if not by_rows:
        return None, 0.0
    most = max(by_rows.values(), key=len)
    return most[0], len(most) / _SAMPLES


class _Writer:
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
    ) -> None:
        self._app = app
        self._model = model
        self._options = options or AskOptions()
        self._grammar = grammar
        self._lora = lora
        self._stop = stop
        self._on_progress = on_progress

    def write(self, messages: tuple[Message, ...], seed: int | None = None) -> str:
        """Greedy, or sampled with a seed."""
        options = self._options
        if seed is not None:
            options = replace_sampling(options, temperature=_TEMPERATURE, seed=seed)
        parts: list[str] = []
        for event in self._app.ask(
            messages,
            model=self._model,
            system="",
            options=options,
            max_tokens=MAX_TOKENS,
            grammar=self._grammar,
            lora=self._lora,
            stop=self._stop,
            on_progress=self._on_progress,
        ):
            if isinstance(event, TextDelta):
                parts.append(event.text)
        if self._stop is not None and self._stop.is_set():
            raise Error("The question was stopped.", kind="stopped")
        return cut_query("".join(parts))


def replace_sampling(options: AskOptions, **changed: float) -> AskOptions:
    """The options with other values for the sampler."""
    return dataclasses.replace(options, sampling={**options.sampling, **changed})


def cut_query(text: str) -> str:
    """The query in what a model wrote: without a fence, and without what follows its first semicolon or blank line."""
    text = text.strip()
    if "```" in text:
        text = text.split("```")[1].removeprefix("sqlite").removeprefix("sql").strip()
    text = text.split("\n\n")[0]
    depth = False
    for i, char in enumerate(text):
        if char == "'":
            depth = not depth
        elif char == ";" and not depth:
            return text[:i].strip()
    return text.strip()
