"""`rushlight sql ask`: a question, what it may mean asked back, the query shown and run, follow-ups in a thread."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, tell, tell_error
from rushlight.ui.cli.sql_options import AS_JSON, FILE, REPLACE, SECONDS, WITH
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.sql.ambiguity import Ambiguity
    from rushlight.assistant.sql.answer import SqlAnswer
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.sql.taught import Taught
    from rushlight.assistant.sql.threads import SqlThreads, Thread


@click.command(
    help=text(
        "Ask a question: a model writes the query, which is shown and run. Under a grammar made from the tables, no "
        "query can name what is not there."
    )
)
@FILE
@click.argument("question", metavar="QUESTION")
@WITH
@click.option("-m", "--model", default="", metavar="NAME", help=text("The model that writes the query."))
@click.option("-f", "--follow", is_flag=True, help=text("Follow the last question to this database: “only 2024”."))
@click.option("--thread", "thread_id", default="", metavar="ID", help=text("Follow the last question of this thread."))
@click.option(
    "--choose",
    "choices",
    metavar="WORD=MEANING",
    multiple=True,
    help=text("What a word of the question means, where it can mean several things: Sweden=port.country"),
)
@click.option(
    "--ask-back/--guess",
    "ask_back",
    default=None,
    help=text("Ask first what could mean several things, or let the model guess. In a terminal it is asked."),
)
@click.option(
    "--samples",
    type=click.IntRange(0, 9),
    default=0,
    metavar="N",
    help=text("Let the model write N more queries, and take the rows on which most of them agree."),
)
@click.option("--free", is_flag=True, help=text("Write without the grammar: any SQL, checked by running it."))
@click.option("--once", is_flag=True, help=text("Do not try again where the query fails or finds nothing."))
@click.option("--no-examples", is_flag=True, help=text("Leave out what was accepted before."))
@click.option("--no-adapter", is_flag=True, help=text("Leave out what was taught or practised, and promoted."))
@click.option(
    "--chart",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help=text("Draw the rows as a chart, where one fits them: .svg or .png."),
)
@REPLACE
@click.option("--accept", "accepted", is_flag=True, help=text("Accept the answer if there is one."))
@SECONDS
@AS_JSON
def ask(
    file: str,
    question: str,
    others: tuple[str, ...],
    model: str,
    follow: bool,
    thread_id: str,
    choices: tuple[str, ...],
    ask_back: bool | None,
    samples: int,
    free: bool,
    once: bool,
    no_examples: bool,
    no_adapter: bool,
    chart: Path | None,
    replace: bool,
    accepted: bool,
    seconds: float | None,
    as_json: bool,
) -> int:
    from rushlight import Stop
    from rushlight.assistant.app import open_app
    from rushlight.assistant.sql.asking import ask_database
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.limits import STATEMENT_S
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.sql.taught import Taught, taught
    from rushlight.assistant.sql.threads import SqlThreads
    from rushlight.ui.cli.interrupt import InterruptStops
    from rushlight.ui.cli.output import ProgressLine
    from rushlight.ui.cli.sql_chart import check_target

    if chart is not None:
        check_target(chart, replace)
    chosen = _given(choices)
    talks = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    asks_back = ask_back if ask_back is not None else talks
    line = ProgressLine()
    with open_app() as app, open_database((file, *others), app.paths) as database:
        app.begin()
        memory, threads = SqlMemory(app.store), SqlThreads(app.store)
        thread = _thread(threads, database, follow, thread_id)
        who = Taught(model) if no_adapter else taught(app, database, model)

        def answered() -> "SqlAnswer":
            with InterruptStops(Stop()) as stop:
                try:
                    return ask_database(
                        app,
                        database,
                        question,
                        model=who.model,
                        lora=who.lora,
                        form=who.form,
                        back=who.back,
                        memory=None if no_examples else memory,
                        thread=thread,
                        follows=True if thread is not None else None,
                        chosen=chosen if asks_back or chosen else None,
                        samples=samples,
                        free=free,
                        correct=not once,
                        seconds=seconds or STATEMENT_S,
                        stop=stop,
                        on_progress=lambda progress: line.show(text(progress.what)),
                    )
                finally:
                    line.clear()

        refusal: Error | None = None
        answer = _settled(answered, chosen, talks=talks, asks_back=asks_back)
        if answer.result is not None:
            thread = threads.add(database, thread, answer)
            if no_examples:
                memory.asked(database, answer.whole, answer.sql)
            refusal = _accepted(memory, database, answer, seconds) if accepted else None
    status = _print(answer, thread, who, chart, as_json)
    if refusal is not None:  # what was answered is told all the same
        tell_error(refusal)
        return 1
    return status


def _accepted(memory: "SqlMemory", database: "Database", answer: "SqlAnswer", seconds: float | None) -> Error | None:
    """Keep the answer's query, which is run once more; why it could not be kept."""
    from rushlight.assistant.sql.limits import MAX_STATEMENT_S, STATEMENT_S

    if answer.remembered is not None:
        return None
    try:
        limit = min(2 * (seconds or STATEMENT_S), MAX_STATEMENT_S)  # it took nearly all of them, perhaps
        memory.accept(database, answer.whole, answer.sql, seconds=limit)
    except Error as err:
        return err
    return None


def _given(choices: tuple[str, ...]) -> dict[str, str]:
    """What was said beforehand: word -> meaning."""
    chosen = {}
    for one in choices:
        said, equals, choice = one.rpartition("=")
        if not equals or not said.strip() or not choice.strip():
            raise Error(
                text("--choose takes WORD=MEANING, not {given!r}.", given=one[:80]),
                hint=text("Such as: --choose Sweden=port.country"),
                kind="usage",
            )
        chosen[said.strip()] = choice.strip()
    return chosen


def _thread(threads: "SqlThreads", database: "Database", follow: bool, thread_id: str) -> "Thread | None":
    """The thread that is followed, if one is."""
    if thread_id:
        return threads.find(database, thread_id)
    if not follow:
        return None
    found = threads.last(database)
    if found is None:
        raise Error(
            text("Nothing has been asked of {file} that could be followed.", file=database.name),
            hint=text("Ask without --follow first."),
            kind="no-thread",
        )
    return found


def _settled(
    answered: "Callable[[], SqlAnswer]", chosen: dict[str, str], *, talks: bool, asks_back: bool
) -> "SqlAnswer":
    """The answer, after everything was asked back that is open. Without somebody to ask it is left open, or any."""
    while True:
        answer = answered()
        if not answer.open:
            return answer
        if asks_back and not talks:
            return answer
        for one in answer.open:
            chosen[one.said] = _chosen(one) if asks_back else ""


def _chosen(one: "Ambiguity") -> str:
    """Which of them is meant; "" for any."""
    from rushlight.ui.desk.sql_words import which

    tell(which(one))
    for number, choice in enumerate(one.choices, 1):
        tell(f"  {number}  {choice}")
    tell(f"  0  {text('any of them')}")
    number = click.prompt(text("Number"), type=click.IntRange(0, len(one.choices)), default=1, err=True)
    return one.choices[number - 1] if number else ""


def _print(answer: "SqlAnswer", thread: "Thread | None", who: "Taught", chart: Path | None, as_json: bool) -> int:
    from rushlight.ui.cli.sql_chart import chart_line, write_chart
    from rushlight.ui.cli.sql_views import answer_json, print_answer

    if not as_json:
        print_answer(answer)
        if who.adapter and answer.tries and answer.remembered is None and not answer.refined:
            words = text("Written with {adapter}, which was taught this database.", adapter=who.adapter)
            if who.is_practice:
                words = text("Written with {adapter}, which practised on other databases.", adapter=who.adapter)
            tell(words)
    kind = ""
    refusal: Error | None = None
    if chart is not None and answer.result is not None:
        try:
            kind = write_chart(chart, answer.result, answer.question)
            if not as_json:
                tell(chart_line(chart, kind))
        except Error as err:  # the answer is there all the same
            refusal = err
    if as_json:
        told = thread.id if thread is not None and answer.result is not None else None
        print_json({**answer_json(answer), "thread": told, "adapter": who.adapter or None, "chart": kind or None})
    if refusal is not None:
        tell_error(refusal)
    return 0 if answer.result is not None and refusal is None else 1
