"""`rushlight evaluate`: an adapter against its base, on its own suite and under the guards of its scope."""

from pathlib import Path
from typing import Any

import click

from rushlight.ui.cli.output import print_json
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import run_job, threads
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight evaluate clinic-1a2b3c4d-1
  Suite clinic, 160 items: 83.1% right, 2.5% without it; the difference lies between +74.4% and +86.9%.
  $ rushlight evaluate polite-2 --suite polite.jsonl --judge qwen3-4b
  $ rushlight registry promote clinic-1a2b3c4d-1""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Evaluate an adapter as it would be served: both it and its base answer a suite, and what the base can do must "
        "not be lost. Ends with 1 where the gate does not let it through."
    ),
)
@click.argument("name", metavar="NAME")
@click.option(
    "--suite", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=None, metavar="FILE",
    help=text("The suite, see docs/learn.md; without one, that of its training."),
)  # fmt: skip
@click.option("--judge", default="", metavar="MODEL", help=text("The model that judges items without a right answer."))
@click.option("--no-guards", is_flag=True, help=text("Only the suite. Nothing is promoted on that alone."))
@threads
@_background
@_as_json
def evaluate(
    name: str, suite: Path | None, judge: str, no_guards: bool, n_threads: int, background: bool, as_json: bool
) -> int:
    from rushlight.assistant.app import open_app

    with open_app() as app:
        adapter = app.registry.find(name)  # a wrong name is told before a job begins
        if judge:
            judge = app.model(judge).id
    arguments = {
        "adapter": adapter.name, "suite": "" if suite is None else str(suite.expanduser().absolute()), "judge": judge,
        "guards": not no_guards, "n_threads": n_threads,
    }  # fmt: skip
    passed: list[bool] = []

    def show(report: dict[str, Any]) -> None:
        from rushlight.ui.cli.registry_views import print_report

        passed.append(bool(report["passed"]))
        if as_json:
            print_json(report)
        else:
            print_report(report)

    code = run_job("evaluate", arguments, show, background=background, as_json=as_json and background)
    return code or int(passed == [False])
