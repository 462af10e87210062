"""`rushlight sql`: databases, CSV, Parquet and Excel files: look at them, read them, export what was read."""

from pathlib import Path
from typing import Any

import click

from rushlight.ui.cli.output import print_json, say, tell
from rushlight.ui.cli.sql_advice import advise
from rushlight.ui.cli.sql_examples import accept, examples
from rushlight.ui.cli.sql_options import AS_JSON, FILE, FILES, REPLACE, SECONDS, WITH, opened
from rushlight.ui.words import plural, text

_EPILOG = text("""\b
A session:
  $ rushlight sql open clinic.db
  clinic.db (sqlite) as clinic
  TABLE         ROWS  COLUMNS
  doctor          12  doctor_id, name, specialty, hired_on
  visit          900  visit_id, patient_id, doctor_id, day, fee_eur, diagnosis
  $ rushlight sql run clinic.db "SELECT specialty, count(*) AS n FROM doctor GROUP BY 1"
  specialty    n
  cardiology   3
  dermatology  2
  $ rushlight sql ask clinic.db "How many doctors are there in each specialty?"
  $ rushlight sql accept clinic.db
Files are opened for reading only; SQLite itself refuses everything else.""")


@click.group(
    epilog=_EPILOG,
    help=text("Read databases (SQLite), CSV, Parquet and Excel files. Nothing can be written through it."),
)
def sql() -> None:
    """The noun; its verbs follow."""


sql.add_command(accept)
sql.add_command(advise)
sql.add_command(examples)


@sql.command("open", help=text("Open files and list their tables. What is no database is imported into the cache."))
@FILES
@AS_JSON
def open_(files: tuple[str, ...], as_json: bool) -> int:
    from rushlight.ui.cli.sql_views import print_sources, print_tables, schema_json, source_json

    with opened(files) as database:
        if as_json:
            print_json({"files": [source_json(one) for one in database.sources], **schema_json(database.schema)})
            return 0
        print_sources(database.sources)
        if database.schema.tables:
            print_tables(database.schema)
        else:
            say(text("There are no tables in it."))
    return 0


@sql.command(help=text("Tables, columns, keys, comments and some values."))
@FILES
@click.option("--table", "names", metavar="NAME", multiple=True, help=text("Only this table."))
@AS_JSON
def schema(files: tuple[str, ...], names: tuple[str, ...], as_json: bool) -> int:
    from rushlight.ui.cli.sql_views import print_schema, schema_json

    with opened(files) as database:
        known = database.known()
        shown = known.schema if not names else _only(known.schema, names)
    if as_json:
        print_json(schema_json(shown))
    elif shown.tables:
        print_schema(shown)
    else:
        say(text("There are no tables in it."))
    return 0


@sql.command(help=text("Run one statement that reads."))
@FILE
@click.argument("statement", metavar="STATEMENT")
@WITH
@click.option(
    "-n",
    "--rows",
    type=click.IntRange(1, 10_000),
    default=1_000,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@SECONDS
@AS_JSON
def run(file: str, statement: str, others: tuple[str, ...], rows: int, seconds: float | None, as_json: bool) -> int:
    from rushlight.assistant.sql.limits import STATEMENT_S
    from rushlight.ui.cli.sql_views import print_result, result_json

    with opened((file, *others)) as database:
        result = database.run(statement, seconds=seconds or STATEMENT_S, max_rows=rows)
    if as_json:
        print_json({"sql": statement, **result_json(result)})
    else:
        print_result(result)
    return 0


@sql.command(
    help=text(
        "Ask a question: a model writes the query, which is shown and run. Under a grammar made from the tables, no "
        "query can name what is not there."
    )
)
@FILE
@click.argument("question", metavar="QUESTION")
@WITH
@click.option("-m", "--model", default="", metavar="NAME", help=text("The model that writes the query."))
@click.option("--free", is_flag=True, help=text("Write without the grammar: any SQL, checked by running it."))
@click.option("--once", is_flag=True, help=text("Do not try again where the query fails or finds nothing."))
@click.option("--no-examples", is_flag=True, help=text("Leave out what was accepted before."))
@click.option(
    "--chart",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE.svg",
    help=text("Draw the rows as a chart, where one fits them."),
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
    free: bool,
    once: bool,
    no_examples: bool,
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
    from rushlight.ui.cli.interrupt import InterruptStops
    from rushlight.ui.cli.output import ProgressLine
    from rushlight.ui.cli.sql_chart import chart_line, check_target, write_chart
    from rushlight.ui.cli.sql_views import answer_json, print_answer

    if chart is not None:
        check_target(chart, replace)
    line = ProgressLine()
    with open_app() as app, open_database((file, *others), app.paths) as database, InterruptStops(Stop()) as stop:
        app.begin()
        memory = SqlMemory(app.store)
        try:
            answer = ask_database(
                app,
                database,
                question,
                model=model,
                memory=None if no_examples else memory,
                free=free,
                correct=not once,
                seconds=seconds or STATEMENT_S,
                stop=stop,
                on_progress=lambda progress: line.show(text(progress.what)),
            )
        finally:
            line.clear()
        if no_examples and answer.result is not None:
            memory.asked(database, question, answer.sql)
        if accepted and answer.result is not None and answer.remembered is None:
            memory.accept(database, question, answer.sql)
    kind = write_chart(chart, answer) if chart is not None and answer.result is not None else ""
    if as_json:
        print_json({**answer_json(answer), "chart": kind or None})
    else:
        print_answer(answer)
        if chart is not None and answer.result is not None:
            tell(chart_line(chart, kind))
    return 0 if answer.result is not None else 1


@sql.command(
    help=text("Run one statement that reads and write its rows to a file: .csv, .tsv, .md or .parquet by its ending.")
)
@FILE
@click.argument("statement", metavar="STATEMENT")
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path, dir_okay=False))
@WITH
@SECONDS
@REPLACE
@AS_JSON
def export(
    file: str,
    statement: str,
    target: Path,
    others: tuple[str, ...],
    seconds: float | None,
    replace: bool,
    as_json: bool,
) -> int:
    from rushlight.assistant.sql.export import export_rows

    with opened((file, *others)) as database:
        found = database.stream(statement, seconds=seconds or 60.0, max_rows=50_000_000)
        n_rows = export_rows(found, target, replace=replace)
    if as_json:
        print_json({"file": str(target), "rows": n_rows})
    else:
        tell(plural("{count} row was written to {file}.", "{count} rows were written to {file}.", n_rows, file=target))
    return 0


def _only(schema: Any, names: tuple[str, ...]) -> Any:
    import difflib

    from rushlight import Error
    from rushlight.assistant.sql.values import Schema

    found = []
    for name in names:
        table = schema.table(name)
        if table is None:
            near = difflib.get_close_matches(name, [one.name for one in schema.tables], n=1)
            raise Error(
                text("There is no table {name}.", name=name),
                hint=text("Did you mean {name}?", name=near[0]) if near else "",
                kind="no-table",
            )
        found.append(table)
    return Schema(tuple(found))
