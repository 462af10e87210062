"""What the verbs of `rushlight teach` may be told."""

from typing import Any

import click

from rushlight.ui.words import text

MODEL = click.option("-m", "--model", default="", metavar="NAME", help=text("The model that learns."))
MINUTES = click.option(
    "--minutes", type=click.FloatRange(1, 10_000), default=15.0, show_default=True, metavar="N",
    help=text("For all of it: making examples, training, export, evaluation.")
)  # fmt: skip
EXAMPLES = click.option(
    "--examples", type=click.IntRange(0, 200_000), default=0, metavar="N",
    help=text("Train on so many examples, however long that takes.")
)  # fmt: skip
PROMOTE = click.option(
    "--promote", is_flag=True, help=text("Let the adapter serve if the gate lets it through.")
)  # fmt: skip
YES = click.option("--yes", is_flag=True, help=text("Do not show the lesson first and ask."))
NAME = click.option("--name", default="", metavar="TEXT", help=text("What the lesson is called."))
SET = click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE",
    help=text("A setting of the training: --set adapter.rank=8; docs/train.md explains them.")
)  # fmt: skip
PLAN = click.option(
    "--plan", "only_plan", is_flag=True, help=text("Only say how much memory and time it would take; nothing is kept.")
)  # fmt: skip
REHEARSE = click.option(
    "--no-rehearse", "rehearse", is_flag=True, flag_value=False, default=True,
    help=text("Learn the examples alone: of a lesson for chats, not also what the model says to other things already.")
)  # fmt: skip
SEED = click.option("--seed", type=click.IntRange(0, 2**31), default=0, metavar="N", help=text("Of chance."))
GO_ON = click.option(
    "--go-on", is_flag=True,
    help=text("Train the adapter further that has learned this lesson: the one that serves, else the newest.")
)  # fmt: skip
FROM_SCRATCH = click.option(
    "--from-scratch", "practised", is_flag=True, flag_value=False, default=True,
    help=text("Begin with the model alone, though it has practised.")
)  # fmt: skip


def settings_of(changes: tuple[str, ...]) -> dict[str, Any]:
    """What was set; all that is wrong with it is told now."""
    from rushlight.ui.work.teach_settings import check_settings, read_settings

    pairs = [one.partition("=") for one in changes]
    if any(not sign or not key.strip() for key, sign, _ in pairs):
        raise click.UsageError(text("--set takes KEY=VALUE, such as adapter.rank=8."))
    found = read_settings({key: value for key, _, value in pairs})
    check_settings(found)
    return found
