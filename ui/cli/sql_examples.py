"""`rushlight sql accept` and `rushlight sql examples`: pairs of question and query that the user found right."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, print_table, say, tell
from rushlight.ui.cli.sql_options import AS_JSON, FILE, REPLACE, SECONDS, WITH, short_ids
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.memory import Kept, SqlMemory

_FAULTS_SHOWN = 10


@click.command(
    help=text(
        "Accept the last answer about a database, so that the same question in other words is answered by its query "
        "and others learn from it. With a STATEMENT the query is corrected by it."
    )
)
@FILE
@click.argument("statement", metavar="[STATEMENT]", default="")
@WITH
@SECONDS
@AS_JSON
def accept(file: str, statement: str, others: tuple[str, ...], seconds: float | None, as_json: bool) -> int:
    with _memory((file, *others)) as (memory, database):
        last = memory.last(database)
        corrected = bool(statement.strip()) and statement.strip() != last.sql
        kept = memory.accept(
            database,
            last.question,
            statement if corrected else last.sql,
            "corrected" if corrected else "accepted",
            seconds=_limit(seconds),
        )
    print_kept(kept, as_json)
    return 0


@click.group(help=text("Accepted questions with their queries: they are answered at once and teach the next one."))
def examples() -> None:
    """The noun; its verbs follow."""


@examples.command("list", help=text("The examples that hold for this database, the newest first."))
@FILE
@WITH
@AS_JSON
def list_(file: str, others: tuple[str, ...], as_json: bool) -> int:
    with _memory((file, *others)) as (memory, database):
        found = memory.pairs(database)
    if as_json:
        print_json({"examples": [kept_json(one) for one in found]})
    elif found:
        names = short_ids([one.id for one in found])
        print_table(
            [text("ID"), text("QUESTION"), text("QUERY"), text("FROM")],
            [[names[one.id], one.question, one.sql, _source_text(one.source)] for one in found],
        )
    else:
        say(text("Nothing has been accepted for it yet."))
    return 0


@examples.command(help=text("Keep a question with the query that is right for it. The query is run first."))
@FILE
@click.argument("question", metavar="QUESTION")
@click.argument("statement", metavar="STATEMENT")
@WITH
@SECONDS
@AS_JSON
def add(file: str, question: str, statement: str, others: tuple[str, ...], seconds: float | None, as_json: bool) -> int:
    with _memory((file, *others)) as (memory, database):
        kept = memory.accept(database, question, statement, seconds=_limit(seconds))
    print_kept(kept, as_json)
    return 0


@examples.command(help=text("Forget examples, by the ids that `list` shows."))
@FILE
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@WITH
def remove(file: str, ids: tuple[str, ...], others: tuple[str, ...]) -> int:
    with _memory((file, *others)) as (memory, database):
        n = memory.remove(database, ids)
    tell(plural("{count} example is forgotten.", "{count} examples are forgotten.", n))
    return 0


@examples.command("import", help=text("Keep the examples of a file: a JSON object a line with question and sql."))
@FILE
@click.argument("source", metavar="EXAMPLES", type=click.Path(path_type=Path, dir_okay=False))
@WITH
@SECONDS
@AS_JSON
def import_(file: str, source: Path, others: tuple[str, ...], seconds: float | None, as_json: bool) -> int:
    from rushlight.assistant.sql.example_files import read_examples

    pairs = read_examples(source)
    n, faults = 0, []
    with _memory((file, *others)) as (memory, database):
        for pair in pairs:
            try:
                memory.accept(database, pair.question, pair.sql, "imported", seconds=_limit(seconds))
                n += 1
            except Error as err:
                if not (err.kind or "").startswith(("sql-", "bad-example")):
                    raise
                faults.append({"question": pair.question, "sql": pair.sql, "problem": err.message})
    if as_json:
        print_json({"kept": n, "left_out": faults})
    else:
        tell(plural("{count} example is kept.", "{count} examples are kept.", n))
        for fault in faults[:_FAULTS_SHOWN]:
            tell(text("Left out: {question} ({problem})", question=fault["question"], problem=fault["problem"]))
        if len(faults) > _FAULTS_SHOWN:
            tell(text("{n} more are left out; --json shows them.", n=len(faults) - _FAULTS_SHOWN))
    return 0 if n or not faults else 1


@examples.command(help=text("Write the examples of a database to a file: a JSON object a line."))
@FILE
@click.argument("target", metavar="TARGET", type=click.Path(path_type=Path, dir_okay=False))
@WITH
@REPLACE
def export(file: str, target: Path, others: tuple[str, ...], replace: bool) -> int:
    from rushlight.assistant.sql.example_files import write_examples

    with _memory((file, *others)) as (memory, database):
        n = write_examples(target, memory.pairs(database), replace=replace)
    tell(plural("{count} example was written to {file}.", "{count} examples were written to {file}.", n, file=target))
    return 0


def print_kept(kept: "Kept", as_json: bool = False) -> None:
    if as_json:
        print_json(kept_json(kept))
    else:
        say(kept.sql)
        tell(
            plural(
                "Kept for “{question}”; it gives {count} row.",
                "Kept for “{question}”; it gives {count} rows.",
                kept.n_rows,
                question=kept.question,
            )
        )


def kept_json(kept: "Kept") -> dict[str, Any]:
    return {
        "id": kept.id,
        "question": kept.question,
        "sql": kept.sql,
        "database": kept.database,
        "schema_sha256": kept.schema_sha256,
        "result_sha256": kept.result_sha256,
        "rows": kept.n_rows,
        "source": kept.source,
        "created_at": kept.created_at,
    }


def _source_text(source: str) -> str:
    return {"accepted": text("accepted"), "corrected": text("corrected"), "imported": text("imported")}[source]


def _limit(seconds: float | None) -> float:
    from rushlight.assistant.sql.limits import STATEMENT_S

    return seconds or STATEMENT_S


@contextmanager
def _memory(files: tuple[str, ...]) -> "Iterator[tuple[SqlMemory, Database]]":
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.store.database import open_store

    paths = find_paths()
    with open_database(files, paths) as database:
        store = open_store(paths)
        try:
            yield SqlMemory(store), database
        finally:
            store.close()
