"""`rushlight evaluate`: an adapter against its base, on its own suite and under the guards of its scope."""

from pathlib import Path
from typing import Any

import click

from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import print_json, print_table
from rushlight.ui.cli.quant_jobs import as_json as _as_json
from rushlight.ui.cli.quant_jobs import background as _background
from rushlight.ui.cli.quant_jobs import run_job, threads
from rushlight.ui.words import text

_EPILOG = text("""\b
A session:
  $ rushlight evaluate clinic-1a2b3c4d-1
  Suite clinic, 160 items: 83.1% right, 2.5% without it; the difference lies between +74.4% and +86.9%.
  $ rushlight evaluate polite-2 --suite polite.jsonl --judge qwen3-4b
  $ rushlight registry promote clinic-1a2b3c4d-1
  $ rushlight evaluate polite-2 --tasks my_task --include ~/tasks""")


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
@click.option(
    "--tasks", default="", metavar="NAME,NAME",
    help=text("Instead of a suite: tasks of the evaluation harness. NAME may then be a model of the catalogue, too.")
)  # fmt: skip
@click.option(
    "--include", type=click.Path(exists=True, file_okay=False, path_type=Path), default=None, metavar="FOLDER",
    help=text("With --tasks: a folder of tasks of yours.")
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=0), default=0, metavar="N", help=text("With --tasks: N items of each.")
)
@click.option("--no-guards", is_flag=True, help=text("Only the suite. Nothing is promoted on that alone."))
@threads
@_background
@_as_json
def evaluate(
    name: str, suite: Path | None, judge: str, tasks: str, include: Path | None, limit: int, no_guards: bool,
    n_threads: int, background: bool, as_json: bool,
) -> int:  # fmt: skip
    from rushlight.assistant.app import open_app

    if tasks:
        return _tasks(name, tasks, include, limit, background=background, as_json=as_json)

    with open_app() as app:
        adapter = app.registry.find(name)  # a wrong name is told before a job begins
        if judge:
            judge = app.model(judge).id
    arguments = {
        "adapter": adapter.name, "suite": "" if suite is None else str(with_home(suite).absolute()), "judge": judge,
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


def _tasks(name: str, tasks: str, include: Path | None, limit: int, *, background: bool, as_json: bool) -> int:
    """The harness' tasks, with the adapter of that name and without, or of a model."""
    from rushlight import Error
    from rushlight.assistant.app import open_app

    with open_app() as app:
        try:
            named = {"adapter": app.registry.find(name).name}
        except Error as unknown:
            try:
                named = {"model": app.model(name).id}
            except Error:
                raise unknown from None
    arguments = {
        **named, "tasks": [one.strip() for one in tasks.split(",") if one.strip()], "limit": limit,
        "include": "" if include is None else str(with_home(include).absolute()),
    }  # fmt: skip
    return run_job("evaluate-tasks", arguments, _show_tasks, background=background, as_json=as_json)


def _show_tasks(made: dict[str, Any]) -> None:
    base, adapter = made["tasks"]["base"], made["tasks"].get("adapter")
    head = [text("TASK"), "", made["model"]] + ([made["adapter"]] if adapter is not None else [])
    rows = []
    for task, figures in base.items():
        for name, value in figures.items():
            other = [] if adapter is None else [f"{adapter.get(task, {}).get(name, float('nan')):.4f}"]
            rows.append([task, name, f"{value:.4f}", *other])
    print_table(head, rows, right=(2, 3))
