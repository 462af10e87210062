"""`rushlight sql threads`: questions to a database that followed one another, with the beginning of their rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from rushlight.ui.cli.output import print_json, print_table, say, tell
from rushlight.ui.cli.sql_options import AS_JSON, FILE, WITH, short_ids
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.sql.database import Database
    from rushlight.assistant.sql.threads import SqlThreads, Thread


@click.group(help=text("Questions to a database that followed one another: list, show, remove."))
def threads() -> None:
    """The noun; its verbs follow."""


@threads.command("list", help=text("The threads about this database, the newest first."))
@FILE
@WITH
@AS_JSON
def list_(file: str, others: tuple[str, ...], as_json: bool) -> int:
    with _threads((file, *others)) as (threads, database):
        found = threads.of(database)
    if as_json:
        print_json({"threads": [{"id": one.id, "title": one.title, "updated_at": one.updated_at} for one in found]})
    elif found:
        names = short_ids([one.id for one in found])
        print_table([text("ID"), text("FIRST QUESTION")], [[names[one.id], one.title] for one in found])
    else:
        say(text("Nothing has been asked of it yet."))
    return 0


@threads.command(help=text("The questions of a thread with their queries and first rows."))
@FILE
@click.argument("thread_id", metavar="ID")
@WITH
@AS_JSON
def show(file: str, thread_id: str, others: tuple[str, ...], as_json: bool) -> int:
    with _threads((file, *others)) as (threads, database):
        thread = threads.find(database, thread_id)
    if as_json:
        print_json(_json(thread))
        return 0
    for i, turn in enumerate(thread.turns):
        if i:
            say()
        say(turn.question)
        say(turn.sql)
        print_table(list(turn.columns), [["NULL" if cell is None else cell for cell in row] for row in turn.rows])
        if turn.n_rows > len(turn.rows):
            tell(text("the first {n} rows, there are more", n=len(turn.rows)))
    return 0


@threads.command(help=text("Forget threads, by the ids that `list` shows."))
@FILE
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@WITH
def remove(file: str, ids: tuple[str, ...], others: tuple[str, ...]) -> int:
    with _threads((file, *others)) as (threads, database):
        n = threads.remove(database, ids)
    tell(plural("{count} thread is forgotten.", "{count} threads are forgotten.", n))
    return 0


def _json(thread: "Thread") -> dict[str, Any]:
    return {
        "id": thread.id,
        "title": thread.title,
        "updated_at": thread.updated_at,
        "turns": [
            {
                "question": turn.question,
                "whole": turn.whole,
                "sql": turn.sql,
                "columns": list(turn.columns),
                "first_rows": [list(row) for row in turn.rows],
                "rows": turn.n_rows,
                "more": turn.more,
                "asked_at": turn.asked_at,
            }
            for turn in thread.turns
        ],
    }


@contextmanager
def _threads(files: tuple[str, ...]) -> "Iterator[tuple[SqlThreads, Database]]":
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.database import open_database
    from rushlight.assistant.sql.threads import SqlThreads
    from rushlight.assistant.store.database import open_store

    paths = find_paths()
    with open_database(files, paths) as database:
        store = open_store(paths)
        try:
            yield SqlThreads(store), database
        finally:
            store.close()
