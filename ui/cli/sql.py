"""`rushlight sql`: databases, CSV, Parquet and Excel files: look at them, read them, export what was read."""

from pathlib import Path
from typing import Any

import click

from rushlight.ui.cli.output import print_json, say, tell
from rushlight.ui.cli.sql_advice import advise
from rushlight.ui.cli.sql_ask import ask
from rushlight.ui.cli.sql_dashboard import dashboard
from rushlight.ui.cli.sql_examples import accept, examples
from rushlight.ui.cli.sql_options import AS_JSON, FILE, FILES, REPLACE, SECONDS, WITH, opened
from rushlight.ui.cli.sql_saved import saved
from rushlight.ui.cli.sql_threads import threads
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
  $ rushlight sql ask clinic.db "only cardiology" --follow
  $ rushlight sql accept clinic.db
Files are opened for reading only; SQLite itself refuses everything else.""")


@click.group(
    epilog=_EPILOG,
    help=text("Read databases (SQLite), CSV, Parquet and Excel files. Nothing can be written through it."),
)
def sql() -> None:
    """The noun; its verbs follow."""


for _verb in (ask, accept, advise, examples, threads, saved, dashboard):
    sql.add_command(_verb)


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
        "Run one statement that reads and write its rows to a file: .csv, .tsv, .md or .parquet by its ending, or a "
        "chart of them: .svg or .png."
    )
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

    if target.suffix.lower() in (".svg", ".png"):
        return _export_chart((file, *others), statement, target, seconds or 60.0, replace, as_json)
    with opened((file, *others)) as database:
        found = database.stream(statement, seconds=seconds or 60.0, max_rows=50_000_000)
        n_rows = export_rows(found, target, replace=replace)
    if as_json:
        print_json({"file": str(target), "rows": n_rows})
    else:
        tell(plural("{count} row was written to {file}.", "{count} rows were written to {file}.", n_rows, file=target))
    return 0


def _export_chart(
    files: tuple[str, ...], statement: str, target: Path, seconds: float, replace: bool, as_json: bool
) -> int:
    from rushlight.assistant.sql.limits import MAX_ROWS
    from rushlight.ui.cli.sql_chart import chart_line, check_target, write_chart

    check_target(target, replace)
    with opened(files) as database:
        result = database.run(statement, seconds=seconds, max_rows=MAX_ROWS)
    kind = write_chart(target, result, "")
    if as_json:
        print_json({"file": str(target) if kind else None, "chart": kind or None, "rows": len(result.rows)})
    else:
        tell(chart_line(target, kind))
    return 0 if kind else 1


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
