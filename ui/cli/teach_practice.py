"""`rushlight teach practice`: before a model is taught databases, or asked about those that nobody teaches it."""

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
@click.option(
    "--promote", is_flag=True,
    help=text("Let it answer questions to databases that nobody taught, if the gate lets it through.")
)  # fmt: skip
@click.option(
    "--way-back", type=click.Choice(["with", "without", "only"]), default="without", show_default=True,
    help=text("An adapter more, which says what question a query answers and so tells likely queries apart: with = in "
              "four tenths of the minutes, of which there should be sixty; only = alone, where it has practised. It "
              "is promoted by itself where the gate lets it through.")
)  # fmt: skip
@SET
@_background
@_as_json
def practice(
    model: str, minutes: float, examples: int, seed: int, anew: bool, promote: bool, way_back: str,
    changes: tuple[str, ...], background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.app import open_app

    with open_app() as app:
        found = app.model(model).id
    arguments = {
        "model": found, "minutes": minutes, "examples": examples, "seed": seed, "anew": anew,
        "promote": promote, "way_back": way_back, "settings": settings_of(changes),
    }  # fmt: skip

    promoted: list[bool] = []

    def shown(made: dict[str, Any]) -> None:
        promoted.append(bool(made.get("promoted", made.get("way_back", {}).get("promoted", False))))
        if as_json:
            print_json(made)
            return
        if "adapter" in made:
            _print_practised(made)
        if "adapter" in made and "way_back" in made:
            say()
        if "way_back" in made:
            _print_way_back(made["way_back"])

    code = run_job("practise", arguments, shown, background=background, as_json=as_json and background)
    return code or int(promote and promoted == [False])


def _print_way_back(made: dict[str, Any]) -> None:
    from rushlight.ui.cli.job_views import clock_text
    from rushlight.ui.cli.registry_views import print_report

    times, n = made["seconds"], f"{made['plan']['n_seen']:,}"
    say(text("The way back, learned from {n} examples in {time}; all of it took {all}.", n=n,
             time=clock_text(times["train"]), all=clock_text(sum(times.values()))))  # fmt: skip
    say()
    print_report(made["report"])
    say()
    if made["promoted"]:
        say(text("From now on {adapter} tells likely queries apart, for all that was learned over {model}.",
                 adapter=made["adapter"], model=made["base"]))  # fmt: skip
    else:
        say(text("{adapter} is kept as a candidate and is not asked.", adapter=made["adapter"]))


def _print_practised(made: dict[str, Any]) -> None:
    from rushlight.ui.cli.job_views import clock_text
    from rushlight.ui.cli.registry_views import print_report

    times = made["seconds"]
    if made["start"]:
        say(text("Went on from {adapter}, with other databases.", adapter=made["start"]))
    say(text("Practised on {n} examples in {time}; all of it took {all}.", n=f"{made['plan']['n_seen']:,}",
             time=clock_text(times["train"]), all=clock_text(sum(times.values()))))  # fmt: skip
    say()
    print_report(made["report"])
    say()
    before = made["before"]
    if made["promoted"]:
        say(text("{adapter} answers from now on where nobody taught {model} the database.", adapter=made["adapter"],
                 model=made["base"]))  # fmt: skip
    elif before is not None and made["report"]["own"]["candidate"] < before:
        say(text("{start} answered {before} % of the same questions rightly, which this one does not reach.",
                 start=made.get("rival") or made["start"], before=round(100 * before)))  # fmt: skip
    elif made["passed"]:
        say(text("To let it answer where nobody taught {model} the database: rushlight registry promote {adapter}",
                 adapter=made["adapter"], model=made["base"]))  # fmt: skip
    else:
        say(text("{adapter} is kept as a candidate and does not serve.", adapter=made["adapter"]))
    say(text("{model} begins with {adapter} when it is taught a database: rushlight teach database FILE",
             model=made["base"], adapter=made["adapter"]))  # fmt: skip
    if not made.get("has_way_back", True):
        say(text("It can learn the way back next, by which likely queries are told apart: rushlight teach practice "
                 "--way-back only"))  # fmt: skip
