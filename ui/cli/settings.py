"""`rushlight settings`: every value with its source; set, unset, and the file's path."""

from typing import Any

import click

from rushlight.ui.cli.output import print_json, print_table, say, tell
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight settings set engine.context 4096
  engine.context = 4096
  $ rushlight settings show engine.context
  engine.context = 4096  (settings.toml line 2)
  $ RUSHLIGHT_ENGINE_CONTEXT=2048 rushlight settings list
  NAME                    VALUE  SOURCE
  engine.context          2048   RUSHLIGHT_ENGINE_CONTEXT
  ...""")


@click.group(epilog=_EPILOG, help=text("Show and change settings, and where each value came from."))
def settings() -> None:
    """The noun; its verbs follow."""


@settings.command("list", help=text("All settings with value and source."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def list_(as_json: bool) -> int:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import SETTINGS, problems_error, read_settings

    current, problems = read_settings(find_paths())
    if as_json:
        if problems:
            raise problems_error(problems)
        print_json([_as_json(name, current) for name in SETTINGS])
        return 0
    print_table(
        [text("NAME"), text("VALUE"), text("SOURCE")],
        [[name, _shown(current.value(name)), current.source(name)] for name in SETTINGS],
    )
    if problems:  # what could be read is shown all the same
        raise problems_error(problems)
    return 0


@settings.command(help=text("One setting: value, source, meaning and limits."))
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def show(name: str, as_json: bool) -> int:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import find_setting, problems_error, read_settings

    setting = find_setting(name)
    current, problems = read_settings(find_paths())
    if as_json:
        if problems:
            raise problems_error(problems)
        print_json(_as_json(name, current))
        return 0
    say(f"{name} = {_shown(current.value(name))}  ({current.source(name)})")
    say(text(setting.help))
    say(
        text(
            "It must be {expected}. Default: {default}. Environment: {variable}",
            expected=setting.expects,
            default=_shown(setting.default),
            variable=setting.variable,
        )
    )
    if problems:
        raise problems_error(problems)
    return 0


# A value may begin with a dash: engine.gpu_layers -1.
@settings.command(
    "set", help=text("Write one value into settings.toml."), context_settings={"ignore_unknown_options": True}
)
@click.argument("name")
@click.argument("value")
def set_(name: str, value: str) -> int:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings_file import set_setting

    paths = find_paths()
    accepted = set_setting(paths, name, value)
    say(f"{name} = {_shown(accepted)}")
    _tell_if_hidden(name)
    return 0


@settings.command(help=text("Take one value out of settings.toml, so that the default holds."))
@click.argument("name")
def unset(name: str) -> int:
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import SETTINGS
    from rushlight.assistant.settings_file import unset_setting

    found = unset_setting(find_paths(), name)
    if not found:
        tell(text("{name} was not set in settings.toml.", name=name))
    if name in SETTINGS:
        say(f"{name} = {_shown(SETTINGS[name].default)}")
        _tell_if_hidden(name)
    return 0


@settings.command(help=text("The path of settings.toml, whether it exists or not."))
def path() -> int:
    from rushlight.assistant.paths import find_paths

    say(str(find_paths().settings))
    return 0


def _tell_if_hidden(name: str) -> None:
    """The environment wins over the file; who changes the file should know."""
    import os

    from rushlight.assistant.settings import SETTINGS

    variable = SETTINGS[name].variable
    if variable in os.environ:
        tell(text("Note: {variable} is set in the environment and wins over settings.toml.", variable=variable))


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _as_json(name: str, current: Any) -> dict[str, Any]:
    from rushlight.assistant.settings import SETTINGS

    setting = SETTINGS[name]
    limits = None if setting.minimum is None else [setting.minimum, setting.maximum]
    return {
        "name": name,
        "value": current.value(name),
        "source": current.source(name),
        "type": setting.type_name,
        "default": setting.default,
        "limits": limits,
        "choices": list(setting.choices) or None,
        "environment": setting.variable,
        "help": setting.help,
    }
