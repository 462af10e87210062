"""`rushlight models`: import, list, show, verify, remove, names and sampler defaults, find, download, fit."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error, Progress, Stop
from rushlight.ui.cli.output import ProgressLine, is_terminal, print_json, print_table, say, size_text, tell
from rushlight.ui.cli.remote_models import add_remote, remote_token
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.discover import Place
    from rushlight.assistant.models.importing import How, Imported
    from rushlight.assistant.models.memory import Memory
    from rushlight.assistant.models.model import Model
    from rushlight.assistant.models.staging import OnProgress

_EPILOG = text("""\b
A session:
  $ rushlight models import SmolLM2-135M-Instruct.Q4_1.gguf --alias smol
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1
  $ rushlight models list
  MODEL                                       SIZE     PARAMETERS  TYPE  CONTEXT  ALIASES
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1 *  98.4 MB      134.5M  Q4_1     8192  smol
  $ rushlight models fit smol --context 2048
  It fits: it needs 235.4 MiB of memory (92.1 MiB weights, 45.0 MiB for 2,048 tokens ...
  $ rushlight models verify smol
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1  ok""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_BACKGROUND = click.option(
    "--background", is_flag=True, help=text("Do it in the background, and print the id of the job; see: rushlight jobs")
)


@click.group(
    epilog=_EPILOG,
    help=text(
        "Model files: take them in, list, show, verify and remove them. A model is named by its id, an alias, or any "
        "beginning of its name that only it has."
    ),
)
def models() -> None:
    """The noun; its verbs follow."""


models.add_command(add_remote)
models.add_command(remote_token)


@models.command(
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
@_AS_JSON
def import_(
    source: str, how: "How | None", from_app: bool, model_id: str, alias: str, background: bool, as_json: bool
) -> int:
    from rushlight.assistant.models.importing import import_model

    with _app() as app, _progress() as (stop, on_progress):
        path = Path(source)
        if from_app:
            from rushlight.assistant.models.discover import find_reference

            found = find_reference(_places(app), source)
            path, how = found.path, how or "in-place"
            alias = alias or _free_alias(app, found.name)
        if background:
            arguments = {"path": str(path.expanduser().absolute()), "how": how or "copy", "model_id": model_id,
                         "alias": alias}  # fmt: skip
            return _start_job(app, "model-import", arguments, as_json)
        imported = import_model(
            app.catalogue, path, how=how or "copy", model_id=model_id, alias=alias, stop=stop, on_progress=on_progress
        )
    return _print_imported(imported, as_json)


@models.command("list", help=text("All models; * marks the one that answers when none is named."))
@_AS_JSON
def list_(as_json: bool) -> int:
    from rushlight.ui.cli.model_views import model_json, model_row

    with _app() as app:
        found = app.models
        try:
            default_id = app.catalogue.default().id
        except Error:
            default_id = ""  # none that may answer without being named
    if as_json:
        print_json([{**model_json(model), "default": model.id == default_id} for model in found])
        return 0
    if not found:
        from rushlight.assistant.models.catalogue import HOW_TO_IMPORT

        say(text("There is no model yet."))
        say(HOW_TO_IMPORT)
        return 0
    print_table(
        [text("MODEL"), text("SIZE"), text("PARAMETERS"), text("TYPE"), text("CONTEXT"), text("ALIASES")],
        [model_row(model, default_id) for model in found],
        right=(1, 2, 4),
    )
    return 0


@models.command(help=text("Everything that is known of one model."))
@click.argument("name")
@click.option("--template", "only_template", is_flag=True, help=text("Print only the chat template."))
@_AS_JSON
def show(name: str, only_template: bool, as_json: bool) -> int:
    from rushlight.assistant.models.facts import text as metadata_text
    from rushlight.quant.gguf_check import check
    from rushlight.ui.cli.model_views import model_json, show_model

    with _app() as app:
        model = app.catalogue.find(name)
        sources = app.catalogue.sampling_sources(model)
        seen = app.catalogue.templates_seen(model.id)
    template = ""
    if model.is_remote and only_template:
        raise Error(text("{id} runs on another machine; its template is not here.", id=model.id), kind="remote-model")
    if model.path.is_file():
        template = metadata_text(check(model.path), "tokenizer.chat_template", limit=None)
    elif only_template:
        raise Error(
            text("The file of {id} is gone: {path}.", id=model.id, path=model.path),
            hint=text("Import it again."),
            kind="model-missing",
        )
    if as_json:
        print_json(
            {**model_json(model), "chat_template": template, "sampling_sources": sources, "templates_seen": list(seen)}
        )
    elif only_template:
        say(template)
    else:
        show_model(model, sources, len(template.encode("utf-8", "surrogatepass")))
        if len(seen) > 1:
            tell(text("Attention: {count} different chat templates have been imported under this id.", count=len(seen)))
    return 0


@models.command(help=text("Read every byte of a model and compare it with what was imported."))
@click.argument("name", required=False, default="")
@click.option("--all", "every", is_flag=True, help=text("All models."))
@_AS_JSON
def verify(name: str, every: bool, as_json: bool) -> int:
    from rushlight.assistant.models.verify import OK, Verdict, hash_all, refreshed

    if bool(name) == every:
        raise click.UsageError(text("Name one model, or give --all."))
    verdicts: list[tuple[Model, Verdict]] = []
    with _app() as app:
        wanted = app.models if every else (app.catalogue.find(name),)
        for model in wanted:
            with _progress() as (stop, on_progress):
                verdict = hash_all(model, stop, on_progress)
            verdicts.append((model, verdict))
            if verdict.state == OK and refreshed(model) != model.files:
                # Touched, restored from a backup: the content is the same, so the quick look may pass again.
                app.catalogue.relocate(model.id, refreshed(model), model.owned)
    if as_json:
        print_json(
            [
                {"id": model.id, "state": verdict.state, "path": str(verdict.path), "detail": verdict.detail}
                for model, verdict in verdicts
            ]
        )
    for model, verdict in () if as_json else verdicts:
        say(f"{model.id}  {verdict.state}")
        if verdict.state != OK:
            tell(f"  {verdict.path}: {verdict.detail}")
    return 0 if all(verdict.state == OK for _, verdict in verdicts) else 1


@models.command(help=text("Forget a model. Its file is deleted too, unless it is used in place."))
@click.argument("name")
@click.option("--yes", is_flag=True, help=text("Do not ask."))
@_AS_JSON
def remove(name: str, yes: bool, as_json: bool) -> int:
    with _app() as app:
        model = app.catalogue.find(name)
        if model.owned and not yes:
            question = text("Delete {path} ({size})?", path=model.path, size=size_text(model.size_bytes))
            if not is_terminal(sys.stdin):
                raise Error(
                    text("Removing {id} deletes its file; that needs a yes.", id=model.id),
                    hint=text("Add --yes."),
                    kind="needs-yes",
                )
            if not _confirmed(question):
                tell(text("Nothing was removed."))
                return 1
        app.catalogue.remove(model.id)
    if as_json:
        print_json({"id": model.id, "deleted": model.owned, "path": str(model.path)})
    elif model.owned:
        say(text("{id} was removed and its file deleted.", id=model.id))
    elif model.is_remote:
        say(text("{id} was forgotten, and its token with it.", id=model.id))
    else:
        say(text("{id} was forgotten; its file stays at {path}.", id=model.id, path=model.path))
    return 0


@models.command(help=text("Give a model another name; --remove takes one back; without ALIAS, list all."))
@click.argument("name", required=False, default="")
@click.argument("alias_name", metavar="[ALIAS]", required=False, default="")
@click.option("--remove", "removed", metavar="ALIAS", default="", help=text("Take this alias back."))
@_AS_JSON
def alias(name: str, alias_name: str, removed: str, as_json: bool) -> int:
    with _app() as app:
        if removed:
            if name:
                raise click.UsageError(text("--remove takes the alias alone."))
            app.catalogue.remove_alias(removed)
        elif name and alias_name:
            app.catalogue.alias(name, alias_name)
        elif name:
            raise click.UsageError(text("Give the alias too: models alias {name} ALIAS", name=name))
        aliases = [(one, model.id) for model in app.models for one in model.aliases]
    if as_json:
        print_json([{"alias": one, "id": model_id} for one, model_id in sorted(aliases)])
    elif removed:
        say(text("The alias {alias} was removed.", alias=removed))
    elif name:
        say(text("{alias} now stands for {id}.", alias=alias_name, id=dict(aliases)[alias_name]))
    else:
        print_table([text("ALIAS"), text("MODEL")], [list(pair) for pair in sorted(aliases)])
    return 0


@models.command(help=text("Choose the model that answers when none is named; without NAME, say which it is."))
@click.argument("name", required=False, default="")
@_AS_JSON
def default(name: str, as_json: bool) -> int:
    with _app() as app:
        model = app.catalogue.alias(name, "default") if name else app.catalogue.default()
    if as_json:
        print_json({"id": model.id, "path": str(model.path)})
    else:
        say(model.id)
    return 0


@models.command(
    help=text(
        "GGUF files that other programs keep on this machine: LM Studio, Ollama, Jan, GPT4All, "
        "llama.cpp, the Hugging Face cache, and the folders of models.search_folders."
    )
)
@_AS_JSON
def find(as_json: bool) -> int:
    from rushlight.assistant.models.discover import find_models
    from rushlight.ui.cli.model_views import found_json

    with _app() as app:
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


@models.command(
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
@_AS_JSON
def download(name: str, only_list: bool, model_id: str, alias: str, background: bool, as_json: bool) -> int:
    from rushlight.assistant.models.hub import parse_hub_name

    with _app() as app:
        endpoint, proxy = app.settings.text("download.endpoint"), app.settings.text("download.proxy")
        wanted = parse_hub_name(name, endpoint)
        if background and not only_list:
            arguments = {"name": name, "endpoint": endpoint, "proxy": proxy, "model_id": model_id, "alias": alias}
            return _start_job(app, "model-download", arguments, as_json)
        with _progress() as (stop, on_progress):
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


@models.group(help=text("Unfinished downloads: list and remove them."))
def downloads() -> None:
    """The noun; its verbs follow."""


@downloads.command("list", help=text("Downloads that were begun and not finished."))
@_AS_JSON
def list_downloads(as_json: bool) -> int:
    from rushlight.assistant.models.partials import list_partials
    from rushlight.ui.cli.model_views import partial_json

    with _app() as app:
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
@_AS_JSON
def remove_download(name: str, as_json: bool) -> int:
    from rushlight.assistant.models.partials import remove_partial

    with _app() as app:
        partial = remove_partial(app.paths, name)
    if as_json:
        print_json({"id": partial.id, "freed_bytes": partial.done_bytes})
    else:
        say(text("{name} was removed; {size} are free again.", name=partial.name, size=size_text(partial.done_bytes)))
    return 0


@models.command(help=text("Whether a model fits into memory, before it is loaded. Exit code 1 if it does not."))
@click.argument("name", required=False, default="")
@click.option("--context", "n_ctx", type=click.IntRange(min=0), help=text("Tokens; default engine.context."))
@click.option("--kv", "kv_type", help=text("Number format of the context; default engine.kv_type."))
@click.option("--gpu-layers", "n_gpu_layers", type=click.IntRange(min=-1), help=text("Default engine.gpu_layers."))
@_AS_JSON
def fit(name: str, n_ctx: int | None, kv_type: str | None, n_gpu_layers: int | None, as_json: bool) -> int:
    from rushlight.assistant.models import fit as fitting
    from rushlight.quant.gguf_check import check
    from rushlight.ui.cli.model_views import fit_json

    with _app() as app:
        model = app.model(name)
        settings = app.settings
    if n_ctx is None:
        wanted = settings.number("engine.context")
        n_ctx = min(wanted, model.n_ctx_train) if wanted and model.n_ctx_train else wanted
    kv_type = kv_type or settings.text("engine.kv_type")
    n_gpu_layers = settings.number("engine.gpu_layers") if n_gpu_layers is None else n_gpu_layers
    n_batch, flash = settings.number("engine.batch"), settings.text("engine.flash_attention")
    reserve_bytes = settings.number("memory.reserve_mib") * 1024 * 1024
    files = [check(file.path) for file in model.files]
    memory = _usable_memory(with_gpus=n_gpu_layers != 0)
    found = fitting.estimate(
        files,
        n_ctx=n_ctx,
        kv_type=kv_type,
        n_gpu_layers=n_gpu_layers,
        n_batch=n_batch,
        flash_attention=flash,
        gpu_free_bytes=memory.gpu_free_bytes,
    )
    verdict = fitting.judge(found, memory, reserve_bytes=reserve_bytes)
    largest = fitting.largest_context(
        files,
        memory,
        kv_type=kv_type,
        n_gpu_layers=n_gpu_layers,
        n_batch=n_batch,
        flash_attention=flash,
        reserve_bytes=reserve_bytes,
    )
    if as_json:
        print_json(fit_json(model, found, verdict, largest))
    else:
        say(verdict.sentence)
        say(
            text(
                "Largest context that fits: {count} tokens; layers on the graphics card: {gpu} of {layers}.",
                count=largest,
                gpu=found.gpu_layers,
                layers=found.n_layers + 1,
            )
        )
        if verdict.hint:
            say(verdict.hint)
    return 1 if verdict.state == fitting.TOO_LARGE else 0


@models.command(
    help=text(
        "Sampler defaults of a model, such as temperature=0.7 top_k=40; temperature= takes one back. "
        "Without values, show them."
    )
)
@click.argument("name")
@click.argument("values", nargs=-1, metavar="[FIELD=NUMBER]...")
@_AS_JSON
def sampling(name: str, values: Sequence[str], as_json: bool) -> int:
    from rushlight.assistant.models.sampling_defaults import parse

    changes: dict[str, float | None] = {}
    for value in values:
        field, sign, number = value.partition("=")
        if not sign:
            raise click.UsageError(text("{value!r} is not FIELD=NUMBER.", value=value))
        changes[field.strip()] = parse(field.strip(), number) if number.strip() else None
    with _app() as app:
        model = app.catalogue.set_sampling(name, changes) if changes else app.catalogue.find(name)
        sources = app.catalogue.sampling_sources(model)
    if as_json:
        print_json({"id": model.id, "sampling": model.sampling, "sources": sources})
    elif not model.sampling:
        say(text("{id} has no sampler defaults; it answers greedily.", id=model.id))
    else:
        print_table(
            [text("FIELD"), text("VALUE"), text("SOURCE")],
            [[field, f"{value:g}", sources[field]] for field, value in model.sampling.items()],
            right=(1,),
        )
    return 0


@models.command(help=text("Where models are kept; with NAME, the path of that model's file."))
@click.argument("name", required=False, default="")
@_AS_JSON
def path(name: str, as_json: bool) -> int:
    with _app() as app:
        found = app.catalogue.find(name).path if name else app.paths.models
    if as_json:
        print_json({"path": str(found)})
    else:
        say(str(found))
    return 0


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()


def _start_job(app: "App", kind: str, arguments: dict[str, str], as_json: bool) -> int:
    from rushlight.ui.cli.job_views import print_started

    return print_started(app.jobs.start(kind, arguments), as_json)


def _usable_memory(*, with_gpus: bool) -> "Memory":
    """What is free. A card counts only if the engine was built for it; that is asked in a process of its own."""
    from dataclasses import replace

    from rushlight.assistant.models.memory import available_memory

    memory = available_memory(gpus=with_gpus)
    if not memory.gpus:
        return memory
    import json
    import subprocess

    from rushlight.assistant.host.spawn import own_command

    try:
        done = subprocess.run(own_command("_engine-info"), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        usable = json.loads(done.stdout).get("can_offload") is True
    except (OSError, ValueError, AttributeError, subprocess.SubprocessError):
        usable = False
    return memory if usable else replace(memory, gpus=())


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


@contextmanager
def _progress() -> "Iterator[tuple[Stop, OnProgress]]":
    """A line of progress, and Ctrl+C as a stop that cleans up."""
    from rushlight.ui.cli.interrupt import InterruptStops

    line, stop = ProgressLine(), Stop()

    def report(progress: Progress) -> None:
        line.show(text(progress.what), progress.fraction)

    try:
        with InterruptStops(stop):
            yield stop, report
    finally:
        line.clear()


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


def _confirmed(question: str) -> bool:
    """Ask on stderr; everything but yes is no."""
    from rushlight.assistant.safety.plain import plain_line

    return click.confirm(plain_line(question), default=False, err=True)
