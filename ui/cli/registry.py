"""`rushlight registry`: adapters, what they learned from, which of them serve, and taking it back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_json, say
from rushlight.ui.cli.registry_compare import compare
from rushlight.ui.cli.registry_export import export
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

_EPILOG = text("""\b
A session:
  $ rushlight registry list
  NAME               SCOPE                 STATE      BASE                         ADDED
  clinic-1a2b3c4d-1  sql:clinic-1a2b3c4d   candidate  smollm2-135m-instruct.q4_1   2026-11-25 18:10
  $ rushlight evaluate clinic-1a2b3c4d-1
  $ rushlight registry promote clinic-1a2b3c4d-1
  $ rushlight registry lineage clinic-1a2b3c4d-1
  $ rushlight registry rollback sql:clinic-1a2b3c4d""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_NAME = click.argument("name", metavar="NAME")


@click.group(
    epilog=_EPILOG,
    help=text(
        "Adapters: what they learned from, how they did, and which of them serve. An adapter is loaded only in its "
        "scope: chat, or one database. It is promoted when its evaluation let it through, and taken back in a moment."
    ),
)
def registry() -> None:
    """The noun; its verbs follow."""


registry.add_command(compare)
registry.add_command(export)


@registry.command("list", help=text("Adapters, the newest first."))
@click.option("--scope", default="", metavar="SCOPE", help=text("Only of this scope: chat, sql:clinic-1a2b3c4d"))
@_AS_JSON
def list_(scope: str, as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import adapter_json, print_adapters

    with _app() as app:
        found = app.registry.adapters(scope)
    if as_json:
        print_json([adapter_json(one) for one in found])
    elif found:
        print_adapters(found)
    else:
        say(text("There are no adapters yet. Teach something: rushlight teach"))
    return 0


@registry.command(help=text("One adapter: where it serves, how it did, and answers side by side."))
@_NAME
@_AS_JSON
def show(name: str, as_json: bool) -> int:
    from rushlight.assistant.registry.votes import Votes
    from rushlight.ui.cli.registry_views import adapter_json, evaluation_json, print_adapter, votes_json

    with _app() as app:
        adapter = app.registry.find(name)
        evaluation, tally = app.registry.evaluation(adapter), Votes(app.store).tally(adapter)
    if as_json:
        told = None if evaluation is None else evaluation_json(evaluation)
        print_json({**adapter_json(adapter), "evaluation": told, "votes": votes_json(tally)})
    else:
        print_adapter(adapter, evaluation, tally)
    return 0


@registry.command(
    help=text(
        "Where an adapter, or a model trained here, comes from: its run, its lessons, the chats and files they are of."
    )
)
@_NAME
@_AS_JSON
def lineage(name: str, as_json: bool) -> int:
    from rushlight import Error
    from rushlight.ui.cli.registry_views import lineage_json, print_lineage, print_run, run_json

    with _app() as app:
        try:
            found = app.registry.lineage(name)
        except Error:
            run = app.registry.run_that_made(app.catalogue.find(name).sha256) if _is_model(app, name) else None
            if run is None:
                raise
            if as_json:
                print_json(run_json(run))
            else:
                print_run(run, app.conversations)
            return 0
        if as_json:
            print_json(lineage_json(found))
        else:
            print_lineage(found, app.conversations)
    return 0


@registry.command(
    help=text("Let an adapter serve its scope from the next question on, if its evaluation let it through.")
)
@_NAME
@_AS_JSON
def promote(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import change_json, change_text

    with _app() as app:
        change = app.registry.promote(name)
    if as_json:
        print_json(change_json(change))
    else:
        say(change_text(change))
    return 0


@registry.command(
    help=text("Take the last promotion of a scope back. SCOPE may be the name of the adapter that serves.")
)
@click.argument("scope", metavar="SCOPE")
@_AS_JSON
def rollback(scope: str, as_json: bool) -> int:
    from rushlight import Error
    from rushlight.assistant.registry.scopes import check_scope
    from rushlight.ui.cli.registry_views import change_json, change_text

    with _app() as app:
        base = ""
        try:
            check_scope(scope)
        except Error:
            named = app.registry.find(scope)
            if named.state != "promoted":
                raise Error(
                    text("{name} does not serve, so there is nothing to take back.", name=named.name),
                    hint=text("See: rushlight registry list"),
                    kind="nothing-promoted",
                ) from None
            scope, base = named.scope, named.base_sha256
        change = app.registry.rollback(scope, base)
    if as_json:
        print_json(change_json(change))
    else:
        say(change_text(change))
    return 0


@registry.command(help=text("Put a candidate away without deleting it."))
@_NAME
@_AS_JSON
def retire(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import adapter_json

    with _app() as app:
        adapter = app.registry.retire(name)
    if as_json:
        print_json(adapter_json(adapter))
    else:
        say(text("{name} is put away.", name=adapter.name))
    return 0


@registry.command(help=text("Delete an adapter that does not serve, with its evaluations and votes."))
@_NAME
@_AS_JSON
def remove(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import adapter_json

    with _app() as app:
        adapter = app.registry.remove(name)
    if as_json:
        print_json(adapter_json(adapter))
    else:
        say(text("{name} was removed.", name=adapter.name))
    return 0


@registry.command(
    help=text("Take in an adapter that was made elsewhere, as a candidate: a GGUF file. It has to be evaluated, too.")
)
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--base", required=True, metavar="MODEL", help=text("The model of the catalogue that it belongs to."))
@click.option("--scope", default="chat", show_default=True, metavar="SCOPE", help=text("Where it may be loaded."))
@click.option("--name", default="", metavar="NAME", help=text("What it is called."))
@click.option("--licence", default="", metavar="WORD", help=text("Its licence, such as Apache-2.0."))
@_AS_JSON
def add(file: Path, base: str, scope: str, name: str, licence: str, as_json: bool) -> int:
    from rushlight.assistant.registry.adapter_files import digest_of
    from rushlight.assistant.registry.values import NewAdapter
    from rushlight.ui.cli.registry_views import adapter_json

    with _app() as app:
        model, path = app.catalogue.find(base), with_home(file).absolute()
        run = app.registry.run_that_made(digest_of(path))
        adapter = app.registry.add_adapter(
            NewAdapter(
                path, scope, model.sha256, model.id, name=name, licence=licence or model.license,
                run_id=run.id if run is not None else "",
            )
        )  # fmt: skip
    if as_json:
        print_json(adapter_json(adapter))
    else:
        say(text("{name} is a candidate for {scope}.", name=adapter.name, scope=adapter.scope))
    return 0


@registry.command(help=text("Trainings, the newest first, with the lessons that they used."))
@_AS_JSON
def runs(as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import print_runs, run_json

    with _app() as app:
        found = app.registry.runs()
    if as_json:
        print_json([run_json(one) for one in found])
    elif found:
        print_runs(found)
    else:
        say(text("There are no runs yet. Teach something: rushlight teach"))
    return 0


@registry.command(help=text("Promotions and what was taken back, the newest first."))
@click.option("--scope", default="", metavar="SCOPE", help=text("Only of this scope: chat, sql:clinic-1a2b3c4d"))
@_AS_JSON
def history(scope: str, as_json: bool) -> int:
    from rushlight.ui.cli.registry_views import print_history, promotion_json

    with _app() as app:
        found = app.registry.history(scope)
    if as_json:
        print_json([promotion_json(one) for one in found])
    elif found:
        print_history(found)
    else:
        say(text("Nothing was promoted yet."))
    return 0


def _is_model(app: "App", name: str) -> bool:
    from rushlight import Error

    try:
        app.catalogue.find(name)
    except Error:
        return False
    return True


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()
