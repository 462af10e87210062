"""`rushlight sql advise`: what SQLite does for a statement, and which indexes would help, tried on a copy."""

from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, print_table, say, size_text, tell
from rushlight.ui.cli.sql_options import AS_JSON, FILE, SECONDS
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.sql.advising import Advice, PlanStep
    from rushlight.assistant.sql.database import Database

_MOST = 12  # statements, where none is named


@click.command(
    help=text(
        "Say how a statement is run, and which indexes would make it faster: they are tried on a copy and timed. "
        "Without a STATEMENT: accepted queries and the keys between tables. The database is not changed."
    )
)
@FILE
@click.argument("statement", metavar="[STATEMENT]", default="")
@SECONDS
@AS_JSON
def advise(file: str, statement: str, seconds: float | None, as_json: bool) -> int:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.advising import STATEMENT_S, Adviser
    from rushlight.assistant.sql.database import open_database

    paths = find_paths()
    found: list[Advice] = []
    with open_database((file,), paths) as database, Adviser(database, paths.cache) as adviser:
        for one in [statement] if statement.strip() else _statements(database):
            try:
                found.append(adviser.advise(one, seconds=min(seconds or STATEMENT_S, 60.0)))
            except Error as err:
                if statement.strip() or err.kind not in ("sql-error", "sql-refused", "sql-memory", "sql-too-big"):
                    raise
                tell(text("Left out: {question} ({problem})", question=one, problem=err.message))
    if as_json:
        print_json({"advice": [_advice_json(one) for one in found]})
    elif not found:
        say(text("Nothing has been accepted for it, and no large table has a key to another one."))
    else:
        for i, advice in enumerate(found):
            if i:
                say()
            _print_advice(advice)
    return 0


def _statements(database: "Database") -> list[str]:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.sql.advising import key_statements
    from rushlight.assistant.sql.memory import SqlMemory
    from rushlight.assistant.store.database import open_store

    store = open_store(find_paths())
    try:
        accepted = [one.sql for one in SqlMemory(store).pairs(database)]
    finally:
        store.close()
    return list(dict.fromkeys([*accepted[: _MOST // 2], *key_statements(database.schema)]))[:_MOST]


def _print_advice(advice: "Advice") -> None:
    from rushlight.assistant.sql.advising import create_statement

    say(advice.sql)
    for step in advice.plan:
        say("  " * (step.depth + 1) + step.detail + _meaning(step))
    if advice.tried:
        print_table(
            [text("INDEX ON"), text("TIME"), text("WITHOUT"), text("SIZE"), ""],
            [
                [
                    f"{one.index.table} ({', '.join(one.index.columns)})",
                    _time_text(one.seconds) if one.used else "",
                    _time_text(advice.before),
                    size_text(one.size_bytes),
                    text("cannot be made: {problem}", problem=one.problem)
                    if one.problem
                    else ""
                    if one.used
                    else text("would not be used"),
                ]
                for one in advice.tried
            ],
            right=[1, 2, 3],
        )
    best = advice.best
    if best is not None:
        tell(text("This index helps; make it with another program:"))
        say(create_statement(best.index))
    elif advice.tried:
        tell(
            plural("{count} index was tried; none helps.", "{count} indexes were tried; none helps.", len(advice.tried))
        )
    else:
        tell(text("No index would help that is not there already."))


def _meaning(step: "PlanStep") -> str:
    if step.kind == "scan":
        return "  ← " + text("reads all of it")
    if step.kind == "automatic":
        return "  ← " + text("makes an index for this run alone")
    if step.kind == "sort":
        return "  ← " + text("sorts")
    return ""


def _time_text(seconds: float | None) -> str:
    if seconds is None:
        return text("too long")
    return f"{seconds * 1000:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _advice_json(advice: "Advice") -> dict[str, Any]:
    from rushlight.assistant.sql.advising import create_statement

    return {
        "sql": advice.sql,
        "plan": [
            {"depth": step.depth, "kind": step.kind, "table": step.table, "detail": step.detail} for step in advice.plan
        ],
        "seconds": advice.before,
        "tried": [
            {
                "create": create_statement(one.index),
                "used": one.used,
                "seconds": one.seconds,
                "making_seconds": one.making_seconds,
                "size_bytes": one.size_bytes,
                "problem": one.problem,
            }
            for one in advice.tried
        ],
        "best": create_statement(advice.best.index) if advice.best is not None else None,
    }
