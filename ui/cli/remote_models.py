"""`rushlight models add-remote` and `remote-token`: models that run on other machines."""

import os
import re

import click

from rushlight import Error, Stop
from rushlight.ui.cli.output import print_json, say, tell
from rushlight.ui.words import text

_TOKEN = click.option(
    "--token-from-env", "variable", metavar="VARIABLE", default="",
    help=text("Take the token from this environment variable. It is kept in a file that only you can read."),
)  # fmt: skip


@click.command(
    "add-remote",
    epilog=text("""\b
    A session:
      $ rushlight models add-remote big http://192.168.1.20:8000 --token-from-env BIG_TOKEN --allow
      Attention: http://192.168.1.20:8000/v1 is not encrypted; others on the way can read along.
      big was added. What is written to it leaves this machine: it goes to http://192.168.1.20:8000/v1.
      $ rushlight ask -m big "What is the capital of France?"
      Note: This answer comes from http://192.168.1.20:8000/v1: what is written leaves this machine.
      Paris."""),
    help=text(
        "Take in a model that runs on another machine, under NAME: any server with OpenAI's interface (Rushlight, "
        "llama.cpp, vLLM, ...) at URL. What is written to it leaves this machine, so remote models are off until you "
        "allow them."
    ),
)  # fmt: skip
@click.argument("name")
@click.argument("url")
@click.option("--model", "model", default="", help=text("What it is called there; needed where there are several."))
@_TOKEN
@click.option("--purpose", type=click.Choice(["chat", "embedding"]), default="chat", show_default=True,
              help=text("What it is for."))  # fmt: skip
@click.option("--context", "n_ctx", type=click.IntRange(0, 2**31 - 1), default=0,
              help=text("Tokens that it holds, where its machine does not say so."))  # fmt: skip
@click.option("--allow", is_flag=True, help=text("Allow remote models from now on (the setting engine.allow_remote)."))
@click.option("--no-check", is_flag=True, help=text("Do not ask that machine for it now."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def add_remote(
    name: str,
    url: str,
    model: str,
    variable: str,
    purpose: str,
    n_ctx: int,
    allow: bool,
    no_check: bool,
    as_json: bool,
) -> int:
    from rushlight.assistant.app import open_app
    from rushlight.assistant.models import remotes
    from rushlight.assistant.models.model import check_id
    from rushlight.assistant.settings_file import set_setting

    token = _token(variable)
    check_id(name)
    url = remotes.check_url(url)
    with open_app() as app:
        app.catalogue.refuse_taken(name)
        is_allowed = allow or app.settings.flag("engine.allow_remote")
        if is_allowed and not no_check:
            found_model, found_ctx = _looked_at(url, model, token)
            model, n_ctx = found_model, n_ctx or found_ctx
        added = remotes.add_remote(app.catalogue, name, url, model=model, token=token, purpose=purpose, n_ctx=n_ctx)
        if allow:
            set_setting(app.paths, "engine.allow_remote", "true")
    if not remotes.is_private_way(url):
        tell(text("Attention: {url} is not encrypted; others on the way can read along.", url=url))
    if as_json:
        print_json({"id": added.id, "url": url, "model": model, "purpose": purpose, "n_ctx": n_ctx,
                    "is_remote": True, "allowed": is_allowed})  # fmt: skip
        return 0
    say(text("{id} was added. What is written to it leaves this machine: it goes to {url}.", id=added.id, url=url))
    if not is_allowed:
        say(text("Remote models are off. Allow them with: rushlight settings set engine.allow_remote true"))
    return 0


@click.command("remote-token", help=text("Give a remote model another token, or take its token away."))
@click.argument("name")
@_TOKEN
@click.option("--remove", is_flag=True, help=text("Forget its token."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def remote_token(name: str, variable: str, remove: bool, as_json: bool) -> int:
    from rushlight.assistant.app import open_app
    from rushlight.assistant.models import remote_tokens

    if remove == bool(variable):
        raise click.UsageError(text("Give --token-from-env or --remove."))
    token = _token(variable)
    with open_app() as app:
        model = app.catalogue.find(name)
        if not model.is_remote:
            raise Error(text("{id} runs on this machine; it has no token.", id=model.id), kind="not-remote")
        remote_tokens.keep(app.paths, model.id, token)
    if as_json:
        print_json({"id": model.id, "has_token": bool(token)})
    elif token:
        say(text("The token of {id} is kept in a file that only you can read.", id=model.id))
    else:
        say(text("The token of {id} was forgotten.", id=model.id))
    return 0


def _token(variable: str) -> str:
    if not variable:
        return ""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable) is None:
        raise Error(
            text("--token-from-env takes the name of an environment variable, not the token itself."),
            hint=text("As in: BIG_TOKEN=... rushlight models add-remote big URL --token-from-env BIG_TOKEN"),
            kind="usage",
        )
    token = os.environ.get(variable, "").strip()
    if not token:
        raise Error(
            text("The environment variable {variable} is empty or not set.", variable=variable),
            hint=text("Set it to the token that the other machine expects."),
            kind="bad-token",
        )
    return token


def _looked_at(url: str, model: str, token: str) -> tuple[str, int]:
    """(the model's name there, how many tokens it holds), as the other machine says it."""
    from rushlight.assistant.engine.remote import Place, RemoteEngine

    engine = RemoteEngine(Place(url, model, token), wait_s=20)
    try:
        listed = engine.look(Stop())
    finally:
        engine.close()
    names = ", ".join(one.name for one in listed[:20]) or text("none")
    if model:
        found = [one for one in listed if one.name == model]
        if not found:
            raise Error(
                text("{url} has no model called {model}; it lists: {names}.", url=url, model=model, names=names),
                hint=text("Name one of them with --model, or add --no-check."),
                kind="remote-not-found",
            )
    else:
        found = list(listed)
        if len(found) != 1:
            raise Error(
                text("{url} has {count} models: {names}.", url=url, count=len(found), names=names),
                hint=text("Name one of them with --model."),
                kind="remote-not-found",
            )
    return found[0].name, found[0].n_ctx
