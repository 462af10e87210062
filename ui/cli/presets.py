"""`rushlight presets`: system prompts and options under a name, for `ask -p`, `chat -p` and `/preset`."""

from typing import TYPE_CHECKING, Any

import click

from rushlight.ui.cli import chat_options
from rushlight.ui.cli.output import print_json, print_table, say
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.chat.presets import Preset

_EPILOG = text("""\b
A session:
  $ rushlight presets save brief -s "Answer in one sentence." -o temperature 0.3
  $ rushlight presets list
  NAME   OPTIONS          SYSTEM PROMPT
  brief  temperature=0.3  Answer in one sentence.
  $ rushlight ask -p brief "Why is the sky blue?\"""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))


@click.group(epilog=_EPILOG, help=text("System prompts and options under a name, for `ask -p` and `chat -p`."))
def presets() -> None:
    """The noun; its verbs follow."""


@presets.command("list", help=text("All of them, by name."))
@_AS_JSON
def list_(as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import beginning

    with _app() as app:
        found = app.presets.list()
    if as_json:
        print_json([_json_of(one) for one in found])
        return 0
    if not found:
        say(text("There is no preset yet. Make one: rushlight presets save NAME -s TEXT -o NAME VALUE"))
        return 0
    print_table(
        [text("NAME"), text("OPTIONS"), text("SYSTEM PROMPT")],
        [[one.name, _options_of(one), _system_of(one, lambda system: beginning(system, 60))] for one in found],
    )
    return 0


@presets.command(help=text("One preset, whole."))
@click.argument("name")
@_AS_JSON
def show(name: str, as_json: bool) -> int:
    with _app() as app:
        one = app.presets.get(name)
    if as_json:
        print_json(_json_of(one))
        return 0
    say(one.name)
    say(text("Options: {options}", options=_options_of(one) or text("(none)")))
    say(text("System prompt: {system}", system=_system_of(one, str)))
    return 0


@presets.command(help=text("Make it, or replace the one of that name."))
@click.argument("name")
@chat_options.SYSTEM
@chat_options.pairs(text("An option of the sampler or the engine; see: rushlight ask --help"))
@_AS_JSON
def save(name: str, system: str | None, pairs: tuple[tuple[str, str], ...], as_json: bool) -> int:
    if system is None and not pairs:
        raise click.UsageError(text("Give a system prompt with -s, options with -o, or both."))
    with _app() as app:
        saved = app.presets.save(name, system=system, options=dict(pairs))
    if as_json:
        print_json(_json_of(saved))
    else:
        say(text("Saved as {name}. Use it with: rushlight chat -p {name}", name=saved.name))
    return 0


@presets.command(help=text("Remove it. Conversations that took it keep what they took."))
@click.argument("name")
def remove(name: str) -> int:
    with _app() as app:
        app.presets.delete(name)
    say(text("{name} is removed.", name=name))
    return 0


@presets.command(help=text("The file that holds them, with the conversations."))
@_AS_JSON
def path(as_json: bool) -> int:
    from rushlight.ui.cli.store_path import tell_store_path

    return tell_store_path(as_json)


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()


def _options_of(preset: "Preset") -> str:
    return " ".join(f"{name}={value}" for name, value in preset.options.items())


def _system_of(preset: "Preset", shown: Any) -> str:
    if preset.system is None:
        return text("(that of the settings)")
    return shown(preset.system) if preset.system else text("(nothing)")


def _json_of(preset: "Preset") -> dict[str, Any]:
    return {"name": preset.name, "system": preset.system, "options": preset.options, "updated_at": preset.updated_at}
