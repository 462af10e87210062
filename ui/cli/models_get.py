"""`rushlight models import`, `find`, `download` and `downloads`: how model files come into the catalogue."""

from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.assistant.paths import with_home
from rushlight.ui.cli.models_use import AS_JSON, opened_app, progress
from rushlight.ui.cli.output import print_json, print_table, say, size_text, tell
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.discover import Place
    from rushlight.assistant.models.importing import How, Imported

_BACKGROUND = click.option(
    "--background", is_flag=True, help=text("Do it in the background, and print the id of the job; see: rushlight jobs")
)


@click.command(
    "import",
    help=text(
        "Take a GGUF file in. It is copied unless told otherwise; what is there already is not taken twice. Prints the "
        "id. With --from-app, SOURCE is a name that `models find` shows, used in place unless told otherwise."
    ),
)
@click.argument("source")
@click.option("--copy", "how", flag_value="copy", help=text("Copy it into Rushlight's models folder (the default)."))
@click.option("--move", "how", flag_value="move", help=text("Move it there."))
@click.option("--in-place", "how", flag_value="in-place", help=text("Leave it where it is and use it there."))
@click.option("--from-app", is_flag=True, help=text("SOURCE is a model of another program, such as ollama:llama3:8b."))
@click.option("--id", "model_id", default="", help=text("The id to give it, instead of one made from the file."))
@click.option("--alias", default="", help=text("Another name for it."))
@_BACKGROUND
@AS_JSON
def import_(
    source: str, how: "How | None", from_app: bool, model_id: str, alias: str, background: bool, as_json: bool
) -> int:
    from rushlight.assistant.models.importing import import_model

    with opened_app() as app, progress() as (stop, on_progress):
        path = with_home(source).absolute()
        if from_app:
            from rushlight.assistant.models.discover import find_reference

            found = find_reference(_places(app), source)
            path, how = found.path, how or "in-place"
            alias = alias or _free_alias(app, found.name)
        if background:
            arguments = {"path": str(path.absolute()), "how": how or "copy", "model_id": model_id,
                         "alias": alias}  # fmt: skip
            return _start_job(app, "model-import", arguments, as_json)
        imported = import_model(
            app.catalogue, path, how=how or "copy", model_id=model_id, alias=alias, stop=stop, on_progress=on_progress
        )
    return _print_imported(imported, as_json)


@click.command(
    help=text(
        "GGUF files that other programs keep on this machine: LM Studio, Ollama, Jan, GPT4All, "
        "llama.cpp, the Hugging Face cache, and the folders of models.search_folders."
    )
)
@AS_JSON
def find(as_json: bool) -> int:
    from rushlight.assistant.models.discover import find_models
    from rushlight.ui.cli.model_views import found_json

    with opened_app() as app:
        known = {file.path.resolve() for model in app.models for file in model.files}
        # Our own folder last: only what no model of the catalogue uses is news there.
        found = [one for one in find_models(_places(app)) if one.app != "rushlight" or one.path.resolve() not in known]
    if as_json:
        print_json([found_json(one, one.path.resolve() in known) for one in found])
        return 0
    if not found:
        say(text("No other program's GGUF files were found."))
        return 0
    rows = []
    for one in found:
        state = text("imported") if one.path.resolve() in known else "" if one.complete else text("parts missing")
        rows.append([one.reference, size_text(one.size_bytes), state])
    print_table([text("MODEL"), text("SIZE"), text("STATE")], rows, right=(1,))
    tell(text("Use one with: rushlight models import --from-app MODEL"))
    return 0


@click.command(
    help=text(
        "Download a model from the hub (download.endpoint) and import it. NAME is org/repo, org/repo:Q4_K_M, "
        "hf://org/repo/file.gguf, or a link of the hub. Stopped, it goes on from there when called again."
    )
)
@click.argument("name")
@click.option("--files", "only_list", is_flag=True, help=text("Only list the GGUF files of the repository."))
@click.option("--id", "model_id", default="", help=text("The id to give it."))
@click.option("--alias", default="", help=text("Another name for it."))
@_BACKGROUND
@AS_JSON
def download(name: str, only_list: bool, model_id: str, alias: str, background: bool, as_json: bool) -> int:
    from rushlight.assistant.models.hub import parse_hub_name

    with opened_app() as app:
        endpoint, proxy = app.settings.text("download.endpoint"), app.settings.text("download.proxy")
        wanted = parse_hub_name(name, endpoint)
        if background and not only_list:
            arguments = {"name": name, "endpoint": endpoint, "proxy": proxy, "model_id": model_id, "alias": alias}
            return _start_job(app, "model-download", arguments, as_json)
        with progress() as (stop, on_progress):
            if not only_list:
                from rushlight.assistant.models.fetching import fetch_model

                imported = fetch_model(
                    app.catalogue,
                    wanted,
                    endpoint=endpoint,
                    proxy=proxy,
                    model_id=model_id,
                    alias=alias,
                    stop=stop,
                    on_progress=on_progress,
                )
                return _print_imported(imported, as_json)
            from rushlight.assistant.models.download import Hub

            with Hub(endpoint, proxy=proxy, stop=stop, on_progress=on_progress) as hub:
                files = hub.files(wanted)
    if as_json:
        print_json([{"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in files])
    else:
        print_table(
            [text("FILE"), text("SIZE")], [[file.path, size_text(file.size_bytes)] for file in files], right=(1,)
        )
    return 0


@click.group(help=text("Unfinished downloads: list and remove them."))
def downloads() -> None:
    """The noun; its verbs follow."""


@downloads.command("list", help=text("Downloads that were begun and not finished."))
@AS_JSON
def list_downloads(as_json: bool) -> int:
    from rushlight.assistant.models.partials import list_partials
    from rushlight.ui.cli.model_views import partial_json

    with opened_app() as app:
        partials = list_partials(app.paths)
    if as_json:
        print_json([partial_json(partial) for partial in partials])
    elif not partials:
        say(text("No unfinished downloads."))
    else:
        print_table(
            [text("ID"), text("NAME"), text("DONE"), text("OF"), text("STATE")],
            [
                [
                    partial.id,
                    partial.name,
                    size_text(partial.done_bytes),
                    size_text(partial.size_bytes),
                    text("running") if partial.running else text("stopped"),
                ]
                for partial in partials
            ],
            right=(2, 3),
        )
    return 0


@downloads.command("remove", help=text("Delete an unfinished download, named by its id or name."))
@click.argument("name")
@AS_JSON
def remove_download(name: str, as_json: bool) -> int:
    from rushlight.assistant.models.partials import remove_partial

    with opened_app() as app:
        partial = remove_partial(app.paths, name)
    if as_json:
        print_json({"id": partial.id, "freed_bytes": partial.done_bytes})
    else:
        say(text("{name} was removed; {size} are free again.", name=partial.name, size=size_text(partial.done_bytes)))
    return 0


def _start_job(app: "App", kind: str, arguments: dict[str, str], as_json: bool) -> int:
    from rushlight.ui.cli.job_views import print_started

    return print_started(app.jobs.start(kind, arguments), as_json)


def _places(app: "App") -> "tuple[Place, ...]":
    """Other programs' folders and the user's, then our own, where a killed import may have left a complete file."""
    from rushlight.assistant.models.discover import Place, known_places

    places = known_places(app.settings.text("models.search_folders"))
    return (*places, Place("rushlight", app.paths.models))


def _free_alias(app: "App", name: str) -> str:
    """The name by which another program knows a model, if it can be an alias and is free."""
    from rushlight.assistant.models.model import ID_PATTERN

    if ID_PATTERN.fullmatch(name) is None or name.startswith("-"):
        return ""
    try:
        app.catalogue.refuse_taken(name)
    except Error:
        return ""
    return name


def _print_imported(imported: "Imported", as_json: bool) -> int:
    from rushlight.ui.cli.model_views import model_json

    if as_json:
        print_json(
            {
                **model_json(imported.model),
                "already_there": imported.already_there,
                "notices": [{"kind": notice.kind, "text": notice.text} for notice in imported.notices],
            }
        )
        return 0
    if imported.already_there:
        tell(text("This model is in the catalogue already."))
    for notice in imported.notices:
        tell(notice.text)
    say(imported.model.id)
    return 0
