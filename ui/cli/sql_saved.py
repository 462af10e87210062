"""`rushlight sql saved`: queries under a name, with their files and parameters, run again when they are wanted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.ui.cli.output import error_json, print_json, print_table, say, tell, tell_error
from rushlight.ui.cli.sql_options import AS_JSON, FILE, REPLACE, SECONDS, SET, WITH, given_values
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.paths import Paths
    from rushlight.assistant.sql.parameters import Parameter
    from rushlight.assistant.sql.saved import Rerun, Saved, SqlSaved

_EPILOG = text("""\b
A session:
  $ rushlight sql saved add clinic.db "visits of a year" \\
      "SELECT count(*) AS visits FROM visit WHERE strftime('%Y', day) = :year" --parameter year=2024
  $ rushlight sql saved run "visits of a year" --set year=2023
  $ rushlight sql dashboard add clinic "visits of a year"
  $ rushlight sql dashboard run clinic""")


@click.group(epilog=_EPILOG, help=text("Queries under a name: list, show, add, run, rename, remove."))
def saved() -> None:
    """The noun; its verbs follow."""


@saved.command("list", help=text("All saved queries."))
@AS_JSON
def list_(as_json: bool) -> int:
    with kept_questions() as (kept, _paths):
        found = kept.all()
    if as_json:
        print_json({"saved": [saved_json(one) for one in found]})
    elif found:
        print_table(
            [text("NAME"), text("PARAMETERS"), text("ROWS"), text("FILES")],
            [
                [
                    one.name,
                    ", ".join(map(_parameter_text, one.parameters)),
                    "" if one.last_n_rows is None else f"{one.last_n_rows:,}",
                    ", ".join(Path(file).name for file in one.files),
                ]
                for one in found
            ],
            right=[2],
        )
    else:
        say(text("Nothing has been saved yet."))
    return 0


@saved.command(help=text("One saved query: its text, parameters and files."))
@click.argument("name", metavar="NAME")
@AS_JSON
def show(name: str, as_json: bool) -> int:
    with kept_questions() as (kept, _paths):
        found = kept.find(name)
    if as_json:
        print_json(saved_json(found))
        return 0
    say(found.sql)
    if found.question:
        tell(text("Question: {question}", question=found.question))
    for one in found.parameters:
        tell(text("Parameter: {parameter}", parameter=_parameter_text(one)))
    for file in found.files:
        tell(text("File: {file}", file=file))
    return 0


@saved.command(
    help=text(
        "Save a query under a name: STATEMENT, or the answer to the last question about the file. Parameters are "
        "written :name in it; what is given for them is checked and bound, never spliced into the query."
    )
)
@FILE
@click.argument("name", metavar="NAME")
@click.argument("statement", metavar="[STATEMENT]", default="")
@WITH
@click.option(
    "-p",
    "--parameter",
    "parameters",
    metavar="NAME[:KIND][=DEFAULT]",
    multiple=True,
    help=text("Kind (text, number, date, year) or default of a parameter; the kind is seen from the query else."),
)
@click.option("--question", default="", metavar="TEXT", help=text("The question that it answers."))
@click.option(
    "--chart",
    type=click.Choice(["auto", "none", "bar", "line", "scatter", "histogram"]),
    default="auto",
    show_default=True,
    help=text("How dashboards draw it."),
)
@REPLACE
@SECONDS
@AS_JSON
def add(
    file: str,
    name: str,
    statement: str,
    others: tuple[str, ...],
    parameters: tuple[str, ...],
    question: str,
    chart: str,
    replace: bool,
    seconds: float | None,
    as_json: bool,
) -> int:
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.limits import STATEMENT_S
    from rushlight.assistant.sql.memory import SqlMemory

    wanted = [_wanted(one) for one in parameters]
    with kept_questions() as (kept, paths), open_database((file, *others), paths) as database:
        if not statement.strip():
            last = SqlMemory(kept.store).last(database)
            statement, question = last.sql, question or last.question
        made = kept.save(
            database, name, statement, question=question, parameters=wanted, chart=chart, replace=replace,
            seconds=seconds or STATEMENT_S,
        )  # fmt: skip
    if as_json:
        print_json(saved_json(made))
    else:
        say(made.sql)
        tell(text("Saved as {name}.", name=made.name))
        for one in made.parameters:
            tell(text("Parameter: {parameter}", parameter=_parameter_text(one)))
    return 0


@saved.command(help=text("Run a saved query again."))
@click.argument("name", metavar="NAME")
@SET
@click.option("--file", "files", metavar="FILE", multiple=True, help=text("Run it over these files, not its own."))
@click.option(
    "--export",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="FILE",
    help=text("Write all rows to a file: .csv, .tsv, .md or .parquet, or their chart: .svg or .png."),
)
@REPLACE
@SECONDS
@AS_JSON
def run(
    name: str,
    values: tuple[str, ...],
    files: tuple[str, ...],
    target: Path | None,
    replace: bool,
    seconds: float | None,
    as_json: bool,
) -> int:
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.limits import STATEMENT_S
    from rushlight.assistant.sql.saved import rerun

    given = given_values(values)
    with kept_questions() as (kept, paths):
        found = kept.find(name)
        if target is not None:
            return _export(found, given, files, paths, target, replace, seconds, as_json)
        if not files:
            ran = rerun(kept, paths, found, given, seconds=seconds or STATEMENT_S)
        else:
            with open_database(files, paths) as database:
                ran = rerun(kept, paths, found, given, database=database, seconds=seconds or STATEMENT_S)
    if as_json:
        print_json(rerun_json(ran))
    else:
        print_rerun(ran)
    return 0 if ran.result is not None else 1


@saved.command(help=text("Give a saved query another name."))
@click.argument("name", metavar="NAME")
@click.argument("new_name", metavar="NEW_NAME")
def rename(name: str, new_name: str) -> int:
    with kept_questions() as (kept, _paths):
        tell(text("Saved as {name}.", name=kept.rename(name, new_name).name))
    return 0


@saved.command(help=text("Forget saved queries, also on dashboards. Files and databases stay as they are."))
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> int:
    with kept_questions() as (kept, _paths):
        for found in [kept.find(name) for name in names]:
            kept.remove(found.id)
    tell(plural("{count} saved query is forgotten.", "{count} saved queries are forgotten.", len(names)))
    return 0


def _export(
    found: "Saved",
    given: dict[str, str],
    files: tuple[str, ...],
    paths: "Paths",
    target: Path,
    replace: bool,
    seconds: float | None,
    as_json: bool,
) -> int:
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.export import export_rows
    from rushlight.assistant.sql.parameters import bound
    from rushlight.ui.cli.sql_chart import chart_line, check_target, write_chart

    bindings = bound(found.parameters, given)
    is_chart = target.suffix.lower() in (".svg", ".png")
    if is_chart:
        check_target(target, replace)
    with open_database(files or found.files, paths) as database:
        if is_chart:
            result = database.run(found.sql, seconds=seconds or 60.0, max_rows=10_000, bindings=bindings)
            n_rows = len(result.rows)
        else:
            rows = database.stream(found.sql, seconds=seconds or 60.0, max_rows=50_000_000, bindings=bindings)
            n_rows = export_rows(rows, target, replace=replace)
    kind = ""
    if is_chart:
        kind = write_chart(
            target, result, found.question or found.name, "auto" if found.chart == "none" else found.chart
        )
    if as_json:
        print_json({"file": str(target) if kind or not is_chart else None, "chart": kind or None, "rows": n_rows})
    elif is_chart:
        tell(chart_line(target, kind))
    else:
        tell(plural("{count} row was written to {file}.", "{count} rows were written to {file}.", n_rows, file=target))
    return 0 if kind or not is_chart else 1


def print_rerun(ran: "Rerun") -> None:
    """Its rows, what was given, and whether they are other ones than the last time."""
    from rushlight.ui.cli.sql_views import print_result
    from rushlight.ui.desk.sql_words import statement

    if ran.given:
        tell(", ".join(f"{name} = {value}" for name, value in ran.given.items()))
    if ran.result is None:
        tell_error(ran.error or Error(text("It gave no rows.")))
        return
    print_result(ran.result)
    say(statement(ran.result))
    if ran.is_changed is not None:
        tell(text("Other rows than the last time.") if ran.is_changed else text("The same rows as the last time."))


def rerun_json(ran: "Rerun") -> dict[str, Any]:
    from rushlight.ui.cli.sql_views import result_json
    from rushlight.ui.desk.sql_words import statement

    return {
        "name": ran.saved.name,
        "sql": ran.saved.sql,
        "given": ran.given,
        **(result_json(ran.result) if ran.result is not None else {"columns": [], "rows": None, "more": False}),
        "answer": statement(ran.result) if ran.result is not None else None,
        "changed": ran.is_changed,
        "error": error_json(ran.error)["error"] if ran.error is not None else None,
    }


def saved_json(one: "Saved") -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "question": one.question,
        "sql": one.sql,
        "parameters": [
            {"name": each.name, "kind": each.kind, "default": each.default, "column": each.column}
            for each in one.parameters
        ],
        "files": list(one.files),
        "chart": one.chart,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "last_run_at": one.last_run_at,
        "last_rows": one.last_n_rows,
    }


def _wanted(written: str) -> "Parameter":
    """A parameter as the user describes it: name, name:kind, name=default, name:kind=default."""
    from rushlight.assistant.sql.parameters import Parameter

    head, equals, default = written.partition("=")
    name, _, kind = head.strip().lstrip(":").partition(":")
    return Parameter(name.strip(), kind.strip(), default if equals else None)


def _parameter_text(one: "Parameter") -> str:
    return f"{one.name}:{one.kind}" + ("" if one.default is None else f"={one.default}")


@contextmanager
def kept_questions() -> "Iterator[tuple[SqlSaved, Paths]]":
    """What was saved, and where this user's folders are."""
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.saved import SqlSaved
    from rushlight.assistant.store.database import open_store

    paths = find_paths()
    store = open_store(paths)
    try:
        yield SqlSaved(store), paths
    finally:
        store.close()
