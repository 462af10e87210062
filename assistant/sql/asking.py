"""From a question to rows: linking, grammar, the model's query, its execution, and another try where it did not do.

answer = ask_database(app, database, "How many visits were there in 2024?")
print(answer.sql, answer.result.rows)
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rushlight import Error, Progress, Stop
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import Grammar, LoraUse, Message
from rushlight.assistant.sql import limits
from rushlight.assistant.sql.ambiguity import ambiguities, decided, meant, still_open
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.dialects import translated
from rushlight.assistant.sql.following import Before, before
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import Linked, link, qualified
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.named import held
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.prompt import FORM, TAUGHT_FORMS, Example, sql_messages
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.refining import refined
from rushlight.assistant.sql.reusing import reused
from rushlight.assistant.sql.threads import Thread
from rushlight.assistant.sql.trying import MAX_SAMPLES, run_likeliest, run_query, write_and_run
from rushlight.assistant.sql.writing import LikelyQueries, Writer

if TYPE_CHECKING:
    from rushlight.assistant.app import App

Linker = Callable[[Profiled, str], Linked]


def ask_database(
    app: "App",
    database: Database,
    question: str,
    *,
    model: str = "",
    options: AskOptions | None = None,
    examples: Sequence[Example] = (),
    memory: SqlMemory | None = None,
    thread: Thread | None = None,
    follows: bool | None = None,
    chosen: Mapping[str, str] | None = None,
    samples: int = 0,
    lora: Sequence[LoraUse] = (),
    form: str = FORM,
    back: Sequence[LoraUse] = (),
    likely: LikelyQueries | None = None,
    free: bool = False,
    correct: bool = True,
    again: int = 0,
    linker: Linker | None = None,
    seconds: float = limits.STATEMENT_S,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> SqlAnswer:
    """Ask the model for a query and run it. `free` writes without the grammar; `correct` tries again where it failed;
    without it, `again` samples so many times more where it failed or found nothing.

    A model that was taught gives its likeliest queries at once, and the best one that finds something is taken. To
    others a query that fails or finds nothing is told once; then several are sampled, and the rows on which most of
    them agree win; `samples` does so in any case. With a `memory`, a question that was
    accepted in other words is answered by its query, and others see the pairs most like them. With a `thread`, it may
    follow the questions there (`follows`: None finds out by its words). With `chosen`, also an empty one, what could
    mean several things is asked before a query is written: the answer has it in `open`, and the next call says what was
    meant (said -> choice, "" for any of them). `form` is the prompt's, as the adapter in `lora` was taught with; `back`
    is one that knows the way back from queries to questions, and tells the likeliest apart. What is in `likely` was
    found before, by the same model and adapter; it is not looked for again, and what is found is kept there.
    """
    started = time.monotonic()
    _check(database, question, samples)
    linker = linker or (link_taught if form in TAUGHT_FORMS else link)
    earlier = before(thread.before() if thread is not None else (), question, database.schema, follows)
    known, about = database.known(), earlier.about(question)
    linked = linker(known, about)
    if memory is not None:
        remembered = _remembered(memory, database, question, earlier, linked, seconds, started)
        if remembered is not None:
            return remembered
    if earlier.turns and database.dialect == "sqlite":
        found = _refined(database, question, earlier, linked, known, seconds, started)
        if found is not None:
            return _kept(memory, database, found)
    # What a follow-up leaves open was said by the questions before it.
    if chosen is not None and not earlier.turns:
        unclear = ambiguities(known, question, linked)
        still = still_open(unclear, chosen)
        if still:
            took = time.monotonic() - started
            return SqlAnswer(question, "", None, (), linked, None, took, open=still, whole=earlier.whole)
        if unclear:
            linked = linker(decided(known, unclear, chosen), about)
            linked = replace(linked, qualified=qualified(known.schema), must=meant(unclear, chosen, linked))
    if memory is not None:
        values = [value for _, value in linked.found]
        examples = (*examples, *memory.alike(database, earlier.whole, values))
    grammar = None if free else sql_grammar(linked)
    holding: Grammar | None = grammar.grammar if grammar else None
    otherwise: Grammar | None = None
    if holding is not None and form in TAUGHT_FORMS and not earlier.turns:  # those may name what is meant no more
        holding, otherwise = held(known, question, linked, holding)
    knows_back = () if earlier.turns else tuple(back)  # nobody asks as a follow-up is put together
    writer = Writer(
        app, model, options, holding, tuple(lora), stop, on_progress, otherwise, back=knows_back, question=question,
        known=likely,
    )  # fmt: skip

    shown = (*examples, *earlier.turns)
    if (
        grammar is not None and database.dialect == "sqlite"
    ):  # a model copies what it has seen, so it sees what it may write
        shown = tuple(Example(one.question, plain_form(one.sql, database.schema)) for one in shown)

    def messages(failed: Sequence[tuple[str, str]]) -> tuple[Message, ...]:
        asked = earlier.whole if form in TAUGHT_FORMS else question  # it has no turns before the question
        return sql_messages(linked, asked, shown, failed, form)

    def write(conversation: tuple[Message, ...], seed: int | None) -> str:
        return translated(writer.write(conversation, seed), database.dialect)

    is_taught = form in TAUGHT_FORMS
    # Who was taught is as sure of its words as it should be, so its likeliest query is looked for as a whole.
    queries = writer.likeliest(messages(())) if is_taught and holding is not None and not samples else []
    if queries:
        most = len(queries) if correct or again else 1
        written = run_likeliest(database, [translated(one, database.dialect) for one in queries[:most]], seconds)
    else:
        written = write_and_run(
            database, write, messages, correct=correct, samples=samples, seconds=seconds, tells=not is_taught,
            again=again,
        )  # fmt: skip
    answer = SqlAnswer(
        question,
        written.sql,
        written.result,
        written.tries,
        linked,
        grammar,
        time.monotonic() - started,
        agreement=written.agreement,
        error=written.error,
        n_examples=len(examples),
        alternatives=written.alternatives,
        whole=earlier.whole,
        n_followed=len(earlier.turns),
        n_told_apart=writer.n_told_apart,
        back_problem=writer.back_problem,
    )
    return _kept(memory, database, answer)


def _check(database: Database, question: str, samples: int) -> None:
    if not question.strip():
        raise Error("There is no question.", hint='Such as: "How many visits were there in 2024?"', kind="no-question")
    if not database.schema.tables:
        raise Error(f"{database.name} holds no tables, so nothing can be asked of it.", kind="no-table")
    if not 0 <= samples <= MAX_SAMPLES:
        raise Error(f"Up to {MAX_SAMPLES} samples can be taken; {samples} were asked for.", kind="bad-request")


def _remembered(
    memory: SqlMemory,
    database: Database,
    question: str,
    earlier: Before,
    linked: Linked,
    seconds: float,
    started: float,
) -> SqlAnswer | None:
    """The answer by the query that was accepted for the same question, also about another value, run now.

    None where there is none that runs.
    """
    kept = memory.same(database, earlier.whole)
    sql = kept.sql if kept is not None else ""
    if kept is None:
        found = reused(memory.usable(database), earlier.whole, database.known())
        if found is None:
            return None
        kept, sql = found
    made, result, _ = run_query(database, sql, seconds)
    if result is None:
        return None
    memory.asked(database, earlier.whole, sql)
    took = time.monotonic() - started
    answer = SqlAnswer(question, sql, result, (made,), linked, None, took, remembered=kept)
    return replace(answer, whole=earlier.whole, n_followed=len(earlier.turns))


def _refined(
    database: Database,
    question: str,
    earlier: Before,
    linked: Linked,
    known: Profiled,
    seconds: float,
    started: float,
) -> SqlAnswer | None:
    """The answer by the query before, changed by rule; None where no rule fits or the changed query does not run."""
    last = earlier.turns[-1].sql
    sql = refined(last, question, known)
    if sql is None:
        return None
    made, result, _ = run_query(database, sql, seconds)
    if result is None:
        return None
    took = time.monotonic() - started
    answer = SqlAnswer(question, sql, result, (made,), linked, None, took, refined=last)
    return replace(answer, whole=earlier.whole, n_followed=len(earlier.turns))


def _kept(memory: SqlMemory | None, database: Database, answer: SqlAnswer) -> SqlAnswer:
    """The same, after it was written down as the last one that was asked."""
    if memory is not None and answer.result is not None:
        memory.asked(database, answer.whole, answer.sql)
    return answer
