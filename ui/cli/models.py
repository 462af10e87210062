"""`rushlight models`: list, show, verify, remove, other names, the default model; and the group of the others."""

import sys
from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.cli.models_get import download, downloads, find, import_
from rushlight.ui.cli.models_memory import fit, load, ps, unload
from rushlight.ui.cli.models_options import sampling, set_
from rushlight.ui.cli.models_use import AS_JSON, opened_app, progress
from rushlight.ui.cli.output import is_terminal, print_json, print_table, say, size_text, tell
from rushlight.ui.cli.remote_models import add_remote, remote_token
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.models.model import Model

_EPILOG = text("""\b
A session:
  $ rushlight models import SmolLM2-135M-Instruct.Q4_1.gguf --alias smol
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1
  $ rushlight models list
  MODEL                                       SIZE     PARAMETERS  TYPE  CONTEXT  ALIASES
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1 *  98.4 MB      134.5M  Q4_1     8192  smol
  $ rushlight models fit smol --context 2048
  It fits: it needs 235.4 MiB of memory (92.1 MiB weights, 45.0 MiB for 2,048 tokens ...
  $ rushlight models load smol --plan
  It fits: 388 MiB of memory (94 MiB weights, 180 MiB for 8,192 tokens of context, ...
  $ rushlight models verify smol
  HuggingFaceTB/SmolLM2-135M-Instruct@Q4_1  ok""")


@click.group(
    epilog=_EPILOG,
    help=text(
        "Model files: take them in, list, show, verify and remove them; load them and see what they take. A model is "
        "named by its id, an alias, or any beginning of its name that only it has."
    ),
)
def models() -> None:
    """The noun; its verbs follow."""


for command in (
    import_, find, download, downloads, fit, load, unload, ps, set_, sampling, add_remote, remote_token,
):  # fmt: skip
    models.add_command(command)


@models.command("list", help=text("All models; * marks the one that answers when none is named."))
@AS_JSON
def list_(as_json: bool) -> int:
    from rushlight.ui.cli.model_views import model_json, model_row

    with opened_app() as app:
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
@AS_JSON
def show(name: str, only_template: bool, as_json: bool) -> int:
    from rushlight.assistant.models.facts import text as metadata_text
    from rushlight.quant.gguf_check import check
    from rushlight.ui.cli.model_views import model_json, show_model

    with opened_app() as app:
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
@AS_JSON
def verify(name: str, every: bool, as_json: bool) -> int:
    from rushlight.assistant.models.verify import OK, Verdict, hash_all, refreshed

    if bool(name) == every:
        raise click.UsageError(text("Name one model, or give --all."))
    verdicts: list[tuple[Model, Verdict]] = []
    with opened_app() as app:
        wanted = app.models if every else (app.catalogue.find(name),)
        for model in wanted:
            with progress() as (stop, on_progress):
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
@AS_JSON
def remove(name: str, yes: bool, as_json: bool) -> int:
    with opened_app() as app:
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
@AS_JSON
def alias(name: str, alias_name: str, removed: str, as_json: bool) -> int:
    with opened_app() as app:
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
@AS_JSON
def default(name: str, as_json: bool) -> int:
    with opened_app() as app:
        model = app.catalogue.alias(name, "default") if name else app.catalogue.default()
    if as_json:
        print_json({"id": model.id, "path": str(model.path)})
    else:
        say(model.id)
    return 0


@models.command(help=text("Where models are kept; with NAME, the path of that model's file."))
@click.argument("name", required=False, default="")
@AS_JSON
def path(name: str, as_json: bool) -> int:
    with opened_app() as app:
        found = app.catalogue.find(name).path if name else app.paths.models
    if as_json:
        print_json({"path": str(found)})
    else:
        say(str(found))
    return 0


def _confirmed(question: str) -> bool:
    """Ask on stderr; everything but yes is no."""
    from rushlight.assistant.safety.plain import plain_line

    return click.confirm(plain_line(question), default=False, err=True)
