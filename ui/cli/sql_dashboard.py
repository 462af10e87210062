"""`rushlight sql dashboard`: saved queries side by side, all run again at once."""

from typing import TYPE_CHECKING, Any

import click

from rushlight import Stop
from rushlight.ui.cli.output import print_json, print_table, say, tell
from rushlight.ui.cli.sql_options import AS_JSON, SECONDS, SET, given_values
from rushlight.ui.cli.sql_saved import kept_questions, print_rerun, rerun_json
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.sql.dashboards import Dashboard

_NAME = click.argument("name", metavar="DASHBOARD")


@click.group(help=text("Saved queries side by side: list, show, run, add, drop, rename, remove."))
def dashboard() -> None:
    """The noun; its verbs follow."""


@dashboard.command("list", help=text("All dashboards."))
@AS_JSON
def list_(as_json: bool) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    with kept_questions() as (kept, _paths):
        boards = SqlDashboards(kept.store)
        found = [boards.find(name) for name in boards.names()]
    if as_json:
        print_json({"dashboards": [_json(one) for one in found]})
    elif found:
        print_table(
            [text("NAME"), text("QUERIES")],
            [[one.name, ", ".join(item.saved.name for item in one.items)] for one in found],
        )
    else:
        say(text("There are no dashboards yet."))
    return 0


@dashboard.command(help=text("What is on a dashboard."))
@_NAME
@AS_JSON
def show(name: str, as_json: bool) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    with kept_questions() as (kept, _paths):
        found = SqlDashboards(kept.store).find(name)
    if as_json:
        print_json(_json(found))
        return 0
    print_table(
        [text("QUERY"), text("GIVEN")],
        [[one.saved.name, ", ".join(f"{key}={value}" for key, value in one.given.items())] for one in found.items],
    )
    return 0


@dashboard.command(help=text("Run all queries of a dashboard again. --set gives a parameter to all that have it."))
@_NAME
@SET
@SECONDS
@AS_JSON
def run(name: str, values: tuple[str, ...], seconds: float | None, as_json: bool) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards, run_dashboard
    from rushlight.assistant.sql.limits import STATEMENT_S
    from rushlight.ui.cli.interrupt import InterruptStops

    given = given_values(values)
    answers: list[dict[str, Any]] = []
    failed = 0
    with kept_questions() as (kept, paths), InterruptStops(Stop()) as stop:
        found = SqlDashboards(kept.store).find(name)
        ran_all = run_dashboard(kept.store, paths, found, given, seconds=seconds or STATEMENT_S, stop=stop)
        for number, ran in enumerate(ran_all):
            failed += ran.result is None
            if as_json:
                answers.append(rerun_json(ran))
                continue
            if number:
                say()
            say(ran.saved.name)
            print_rerun(ran)
    if as_json:
        print_json({"dashboard": found.name, "answers": answers})
    elif not found.items:
        say(text("There is nothing on it."))
    return 1 if failed else 0


@dashboard.command(help=text("Put saved queries on a dashboard; a new one where there is none of this name."))
@_NAME
@click.argument("queries", metavar="NAME...", nargs=-1, required=True)
@SET
def add(name: str, queries: tuple[str, ...], values: tuple[str, ...]) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    given = given_values(values)
    with kept_questions() as (kept, _paths):
        boards = SqlDashboards(kept.store)
        chosen = [kept.find(one) for one in queries]
        for one in chosen:
            found = boards.add(name, one, given)
    tell(plural("{name} has {count} query.", "{name} has {count} queries.", len(found.items), name=found.name))
    return 0


@dashboard.command(help=text("Take saved queries off a dashboard; they stay saved."))
@_NAME
@click.argument("queries", metavar="NAME...", nargs=-1, required=True)
def drop(name: str, queries: tuple[str, ...]) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    with kept_questions() as (kept, _paths):
        boards = SqlDashboards(kept.store)
        for one in queries:
            found = boards.drop(name, kept.find(one))
    tell(plural("{name} has {count} query.", "{name} has {count} queries.", len(found.items), name=found.name))
    return 0


@dashboard.command(help=text("Give a dashboard another name."))
@_NAME
@click.argument("new_name", metavar="NEW_NAME")
def rename(name: str, new_name: str) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    with kept_questions() as (kept, _paths):
        tell(text("Saved as {name}.", name=SqlDashboards(kept.store).rename(name, new_name).name))
    return 0


@dashboard.command(help=text("Forget dashboards; their queries stay saved."))
@click.argument("names", metavar="DASHBOARD...", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> int:
    from rushlight.assistant.sql.dashboards import SqlDashboards

    with kept_questions() as (kept, _paths):
        boards = SqlDashboards(kept.store)
        for found in [boards.find(name) for name in names]:
            boards.remove(found.name)
    tell(plural("{count} dashboard is forgotten.", "{count} dashboards are forgotten.", len(names)))
    return 0


def _json(found: "Dashboard") -> dict[str, Any]:
    return {"name": found.name, "queries": [{"name": one.saved.name, "given": one.given} for one in found.items]}
