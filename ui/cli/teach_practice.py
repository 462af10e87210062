"""`rushlight teach practice`: once for a model, before it is taught databases."""

from typing import Any

import click

from rushlight.ui.cli.output import print_json, say
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import run_job
from rushlight.ui.cli.teach_options import EXAMPLES, MODEL, SEED, SET, settings_of
from rushlight.ui.words import text


@click.command(
    help=text(
        "A model practises on databases that are made up: each database that you teach it later begins with what it "
        "learned from them. Once is enough; another time it goes on, with other databases."
    )
)
@MODEL
@click.option(
    "--minutes", type=click.FloatRange(1, 10_000), default=30.0, show_default=True, metavar="N",
    help=text("For all of it: making examples, training, export.")
)  # fmt: skip
@EXAMPLES
@SEED
@click.option(
    "--from-scratch", "anew", is_flag=True,
    help=text("Begin with nothing, though the model has practised: else it goes on from there, with other databases.")
)  # fmt: skip
@SET
@_background
@_as_json
def practice(
    model: str, minutes: float, examples: int, seed: int, anew: bool, changes: tuple[str, ...], background: bool,
    as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.app import open_app

    with open_app() as app:
        found = app.model(model).id
    arguments = {
        "model": found, "minutes": minutes, "examples": examples, "seed": seed, "anew": anew,
        "settings": settings_of(changes),
    }  # fmt: skip

    def shown(made: dict[str, Any]) -> None:
        if as_json:
            print_json(made)
        else:
            _print_practised(made)

    return run_job("practise", arguments, shown, background=background, as_json=as_json and background)


def _print_practised(made: dict[str, Any]) -> None:
    from rushlight.ui.cli.job_views import clock_text

    times = made["seconds"]
    if made["start"]:
        say(text("Went on from {adapter}, with other databases.", adapter=made["start"]))
    say(text("Practised on {n} examples in {time}; all of it took {all}.", n=f"{made['plan']['n_seen']:,}",
             time=clock_text(times["train"]), all=clock_text(sum(times.values()))))  # fmt: skip
    say(text("{model} begins with {adapter} when it is taught a database: rushlight teach database FILE",
             model=made["base"], adapter=made["adapter"]))  # fmt: skip
