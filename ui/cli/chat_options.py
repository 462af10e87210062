"""Options that `ask` and `chat` share, and what a preset that is named there means.

Knows click and the presets; knows no engine.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.chat.presets import Presets

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]

MODEL: Decorator = click.option(
    "-m", "--model", default="", metavar="NAME", help=text("The model; see: rushlight models list")
)
SYSTEM: Decorator = click.option(
    "-s",
    "--system",
    default=None,
    metavar="TEXT",
    help=text('What the model is told first, in place of the setting chat.system_prompt; "" for nothing.'),
)
PRESET: Decorator = click.option(
    "-p",
    "--preset",
    default=None,
    metavar="NAME",
    help=text("Take system prompt and options of that name; -s and -o go before them. See: rushlight presets list"),
)
REASONING: Decorator = click.option(
    "--reasoning",
    "show_reasoning",
    is_flag=True,
    help=text("Show on standard error what the model thinks before it answers."),
)


def continued(meaning: str) -> Decorator:
    """`-c [ID]`; without an id it is the last conversation."""
    return click.option(
        "-c", "--continue", "continued", is_flag=False, flag_value="last", default=None, metavar="[ID]", help=meaning
    )


def files(meaning: str) -> Decorator:
    """`-a FILE`, repeatable."""
    return click.option("-a", "--attach", "files", multiple=True, metavar="FILE", help=meaning)


def pairs(meaning: str) -> Decorator:
    """`-o NAME VALUE`, repeatable."""
    return click.option("-o", "--option", "pairs", type=(str, str), multiple=True, metavar="NAME VALUE", help=meaning)


def with_preset(
    presets: "Presets", name: str | None, system: str | None, options: Mapping[str, str]
) -> tuple[str | None, dict[str, str]]:
    """System prompt and options of the preset, changed by what was given beside it. An unknown name is an `Error`."""
    if name is None:
        return system, dict(options)
    preset = presets.get(name)
    return (preset.system if system is None else system), {**preset.options, **options}
