"""What an SQL page has done on background threads: files opened, questions asked, statements run, advice, exports.

Each function gets the app of its thread and gives back plain values. Knows the core; knows no widget.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rushlight import Error, Progress, Stop
from rushlight.ui.desk.sql_held import Held
from rushlight.ui.desk.sql_schema import hint_for
from rushlight.ui.desk.sql_values import AdviceRow, Answer, ChoiceRow, ExampleRow, OtherRow, ParameterRow, ThreadRow
from rushlight.ui.desk.sql_words import explanation, question_back, result_line, statement, way_text
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.sql.advising import Advice
    from rushlight.assistant.sql.answer import SqlAnswer
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.values import Cell, Result, Schema

Report = Callable[[Progress], None]
Follow = Callable[["Database", str, str, "Result"], None]
MAX_ROWS = 1_000  # that are read unasked
ALL_ROWS = 10_000  # of one answer at most
_LARGE = 500  # rows of a table from which an index is worth a word
_NO_ANSWER = (
    "closed",
    "stopped",
    "busy",
    "worker-died",
    "spawn-failed",
    "bad-frame",
)  # nothing to show instead of rows
_EXPORT_S = 600.0
_EXPORT_ROWS = 50_000_000


def open_files(app: "App", paths: Sequence[str], stop: Stop) -> Held:
    """These files, opened together; what was opened while it was stopped is closed again."""
    from rushlight.assistant.sql.database import open_database

    held = Held(open_database(paths, app.paths, stop))
    if stop.is_set():
        held.let_go()
        raise Error(text("It was stopped."), kind="stopped")
    return held


def known_schema(held: Held, stop: Stop) -> "Schema":
    """The schema with a look at values; reading the file again where it was not read yet."""
    with held.use(stop) as database:
        return database.known().schema


def ask(
    app: "App",
    held: Held,
    stop: Stop,
    report: Report,
    question: str,
    *,
    model: str,
    thread_id: str,
    seconds: float,
    chosen: Mapping[str, str],
) -> tuple[Answer, str]:
    """(the answer, the id of the thread that it belongs to)."""
    from rushlight.assistant.sql.asking import ask_database
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.sql.taught import taught
    from rushlight.assistant.sql.threads import SqlThreads

    threads = SqlThreads(app.store)
    with held.use(stop) as database:
        who, thread = taught(app, database, model), None
        if thread_id:
            try:
                thread = threads.find(database, thread_id)
            except Error as err:
                if err.kind != "no-thread":  # it was removed meanwhile
                    raise
        found = ask_database(
            app,
            database,
            question,
            model=who.model,
            lora=who.lora,
            form=who.form,
            back=who.back,
            memory=SqlMemory(app.store),
            thread=thread,
            chosen=chosen,
            seconds=seconds,
            stop=stop,
            on_progress=report,
        )
        if found.result is not None:
            thread = threads.add(database, thread, found)
        return _of_question(found, database.schema), thread.id if thread is not None else ""


def run(
    held: Held,
    stop: Stop,
    question: str,
    sql: str,
    *,
    seconds: float,
    max_rows: int = MAX_ROWS,
    given: Mapping[str, str] | None = None,
    follow: "Follow | None" = None,
) -> Answer:
    """A statement of the user's own, with its parameters. What is wrong with it is a part of the answer."""
    with held.use(stop) as database:
        try:
            result = database.run(sql, seconds=seconds, max_rows=max_rows, bindings=bound_for(database, sql, given))
        except Error as err:
            if stop.is_set() or err.kind in _NO_ANSWER:
                raise
            return failed_answer(question, sql, err, database.schema)
        if follow is not None and question.strip():
            follow(database, question, sql, result)
        made = Answer(question, sql, result=result, way=result_line(result), given=tuple((given or {}).items()))
        return replace(with_rows(made), explanation=_explained(sql))


def follower(app: "App", thread_id: str) -> Follow:
    """Puts a statement that the user has changed into the thread: the next question follows that one."""

    def follow(database: "Database", question: str, sql: str, result: "Result") -> None:
        from rushlight.assistant.sql.answer import SqlAnswer
        from rushlight.assistant.sql.linking import Linked
        from rushlight.assistant.sql.threads import SqlThreads

        threads = SqlThreads(app.store)
        try:
            thread = threads.find(database, thread_id)
        except Error as err:
            if err.kind != "no-thread":
                raise
            return
        threads.add(
            database, thread, SqlAnswer(question, sql, result, (), Linked((), (), {}, ()), None, result.seconds)
        )

    return follow


def bound_for(database: "Database", sql: str, given: Mapping[str, str] | None) -> "dict[str, Cell] | None":
    """The values of a statement's parameters, checked; None for one without."""
    from rushlight.assistant.sql.parameters import bound, names_in, parameters_of

    names = names_in(sql)
    if not names:
        return None
    known = {name: value for name, value in (given or {}).items() if name in names}
    return bound(parameters_of(sql, database.schema), known)


def parameter_rows(held: Held, stop: Stop, sql: str) -> tuple[ParameterRow, ...]:
    """The parameters of a statement with what they may be."""
    from rushlight.assistant.sql.parameters import choices_of, parameters_of

    with held.use(stop) as database:
        known = database.known()
        found = parameters_of(sql, known.schema)
        return tuple(ParameterRow(one.name, one.kind, choices=choices_of(one, known)) for one in found)


def failed_answer(question: str, sql: str, err: Error, schema: "Schema") -> Answer:
    """The error in place of the rows, with a hint for people who have the page before them."""
    hint = hint_for(err.message, schema) or err.hint or ""
    if err.kind == "sql-timeout":
        hint = text("Ask for less, or give it more time.")
    elif err.kind == "bad-parameter":
        hint = text("Fill in the fields below the statement.")
    return Answer(
        question, sql, explanation=_explained(sql), problem=err.message, hint=hint, problem_kind=err.kind or "error"
    )


def scans(held: Held, stop: Stop, sql: str) -> AdviceRow:
    """What SQLite reads as a whole for a statement, where an index could spare that. Quick: only the plan is read."""
    from rushlight.assistant.sql.advising import candidates, read_plan

    with held.use(stop) as database:
        if len(database.sources) != 1 or database.dialect != "sqlite":
            return AdviceRow()
        try:
            plan = read_plan(database, sql)
        except Error:
            return AdviceRow()
        names = {index.table.lower() for index in candidates(sql, plan, database.schema)}
        tables = [one for one in database.schema.tables if one.name.lower() in names]
        large = [one for one in tables if one.n_rows is None or one.n_rows >= _LARGE]
    if not large:
        return AdviceRow()
    if large[0].n_rows is None:
        words = text("SQLite reads all of {table}; an index might spare that.", table=large[0].name)
    else:
        words = text(
            "SQLite reads all {n} rows of {table}; an index might spare that.",
            n=f"{large[0].n_rows:,}",
            table=large[0].name,
        )
    return AdviceRow("scans", words, lines=tuple("  " * step.depth + step.detail for step in plan))


def advise(app: "App", held: Held, stop: Stop, sql: str) -> AdviceRow:
    """Indexes tried on a copy, and timed."""
    from rushlight.assistant.sql.advising import Adviser

    with held.use(stop) as database, Adviser(database, app.paths.cache) as adviser:
        forget = stop.on_set(adviser.close)
        try:
            found = adviser.advise(sql)
        finally:
            forget()
    return _advice_row(found)


def export(held: Held, stop: Stop, answer: Answer, path: Path, *, replace_it: bool) -> int:
    """All rows of its statement into a file; how many there were."""
    from rushlight.assistant.sql.export import export_rows

    _refuse_present(path, replace_it)
    with held.use(stop) as database:
        bindings = bound_for(database, answer.sql, dict(answer.given))
        found = database.stream(answer.sql, seconds=_EXPORT_S, max_rows=_EXPORT_ROWS, bindings=bindings)
        return export_rows(found, path, replace=replace_it)


def draw(answer: Answer, path: Path, png_of: Callable[[str], bytes] | None, *, replace_it: bool = True) -> None:
    """The chart of an answer as a file, whole or not at all."""
    from rushlight.assistant.sql.chart_svg import draw_chart

    if answer.chart is None or answer.result is None:
        raise Error(text("There is no chart to write."), kind="bad-chart")
    _refuse_present(path, replace_it)
    drawn = draw_chart(answer.chart, answer.result, answer.question)
    if path.suffix.lower() == ".png" and png_of is None:
        raise Error(text("A PNG is drawn by the window."), hint=text("Write it as .svg."), kind="bad-chart")
    made = drawn.encode() if png_of is None or path.suffix.lower() != ".png" else png_of(drawn)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        staged.write_bytes(made)
        staged.replace(path)
    except OSError as err:
        raise Error(
            text("The file {file} cannot be written: {reason}.", file=path, reason=err.strerror or ""),
            hint=text("Choose another folder."),
            kind="cannot-write",
        ) from err
    finally:
        staged.unlink(missing_ok=True)


def keep(app: "App", held: Held, stop: Stop, answer: Answer) -> str:
    """Accept the pair of question and statement; the id of the example."""
    from rushlight.assistant.sql.limits import TRIED_S
    from rushlight.assistant.sql.memory import SqlMemory

    with held.use(stop) as database:
        source = "corrected" if answer.is_own else "accepted"
        asked = answer.whole or answer.question
        return SqlMemory(app.store).accept(database, asked, answer.sql, source, seconds=TRIED_S).id


def forget(app: "App", database: "Database", example_id: str) -> None:
    """An example less; one that is gone already is no fault."""
    from rushlight.assistant.sql.memory import SqlMemory

    try:
        SqlMemory(app.store).remove(database, [example_id])
    except Error as err:
        if err.kind != "no-example":
            raise


def stored(app: "App", database: "Database", model: str) -> tuple[tuple[ExampleRow, ...], tuple[ThreadRow, ...], str]:
    """What the store holds of this database: examples, earlier threads, the adapter that answers. Needs no worker."""
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.sql.taught import taught
    from rushlight.assistant.sql.threads import SqlThreads

    examples = tuple(
        ExampleRow(one.id, one.question, one.sql, one.source) for one in SqlMemory(app.store).pairs(database)
    )
    threads = tuple(ThreadRow(one.id, one.title, one.updated_at) for one in SqlThreads(app.store).of(database))
    return examples, threads, taught(app, database, model).adapter


def thread_answers(app: "App", database: "Database", thread_id: str) -> tuple[Answer, ...]:
    """The questions of an earlier thread; their rows are read when they are shown."""
    from rushlight.assistant.sql.threads import SqlThreads

    thread = SqlThreads(app.store).find(database, thread_id)
    return tuple(Answer(turn.question, turn.sql, is_stored=True) for turn in thread.turns)


def forget_thread(app: "App", database: "Database", thread_id: str) -> None:
    """The questions of an earlier thread go."""
    from rushlight.assistant.sql.threads import SqlThreads

    try:
        SqlThreads(app.store).remove(database, [thread_id])
    except Error as err:
        if err.kind != "no-thread":
            raise


def _refuse_present(path: Path, replace_it: bool) -> None:
    """Raises `Error(kind="file-exists")` where a file would be written over that nobody was asked about."""
    if not replace_it and path.exists():
        raise Error(
            text("The file {file} is there already.", file=path),
            hint=text("Choose another name."),
            kind="file-exists",
        )


def _of_question(found: "SqlAnswer", schema: "Schema") -> Answer:
    if found.open:
        return Answer(found.question, "", choices=tuple(ChoiceRow(one.said, one.choices) for one in found.open))
    others = tuple(
        OtherRow(
            one.sql,
            plural("{count} sample gave {rows}", "{count} samples gave {rows}", one.n_votes, rows=_rows(one.n_rows)),
        )
        for one in found.alternatives
        if one.sql != found.sql
    )
    if found.result is None:
        err = found.error or Error(text("No query was found that can be run."), kind="sql-error")
        return replace(failed_answer(found.question, found.sql, err, schema), way=way_text(found), others=others)
    made = Answer(
        found.question,
        found.sql,
        found.whole,
        found.result,
        explanation=_explained(found.sql),
        way=f"{result_line(found.result)} · {way_text(found)}",
        unclear=tuple(map(question_back, found.unclear)),
        others=others,
        kept_id=found.remembered.id if found.remembered is not None else "",
    )
    return with_rows(made)


def with_rows(answer: Answer) -> Answer:
    """With what the rows say, and the charts that fit them."""
    from rushlight.assistant.sql.charts import charts_for

    result = answer.result
    if result is None:
        return answer
    charts = charts_for(result)
    return replace(answer, sentence=statement(result), charts=charts, chart=charts[0] if charts else None)


def _explained(sql: str) -> str:
    from rushlight.assistant.sql.explain import explain

    return explanation(explain(sql))


def _rows(n: int) -> str:
    return plural("{count} row", "{count} rows", n)


def _advice_row(found: "Advice") -> AdviceRow:
    from rushlight.assistant.sql.advising import create_statement

    lines = ["  " * step.depth + step.detail for step in found.plan]
    for one in found.tried:
        name = f"{one.index.table}({', '.join(one.index.columns)})"
        if one.problem:
            lines.append(text("{index}: cannot be made: {problem}", index=name, problem=one.problem))
        elif not one.used:
            lines.append(text("{index}: would not be used", index=name))
        else:
            lines.append(
                text("{index}: {time} with it, {before} without", index=name, time=_time(one.seconds),
                     before=_time(found.before))
            )  # fmt: skip
    best = found.best
    if best is None:
        n = len(found.tried)
        words = plural("{count} index was tried; none helps.", "{count} indexes were tried; none helps.", n)
        return AdviceRow("tried", words if n else text("No index would help that is not there already."), "",
                         tuple(lines))  # fmt: skip
    name = f"{best.index.table}({', '.join(best.index.columns)})"
    if found.before is not None and best.seconds:
        words = text(
            "An index on {index} made this query {times} times faster on a copy.",
            index=name,
            times=f"{found.before / best.seconds:.1f}",
        )
    else:
        words = text("With an index on {index} this query came to its end on a copy.", index=name)
    return AdviceRow("tried", words, create_statement(best.index), tuple(lines))


def _time(seconds: float | None) -> str:
    if seconds is None:
        return text("too long")
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
