"""`rushlight jobs`: look at background work, follow it, and pause, resume, cancel, retry or remove it."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error, Stop
from rushlight.ui.cli.output import ProgressLine, print_json, say, tell
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.jobs.jobs import Jobs

_EPILOG = text("""\b
A session:
  $ rushlight models import Qwen3-8B-Q4_K_M.gguf --background
  06h14p0x2v9e3kq8my
  $ rushlight jobs list
  ID      STATE    DONE  LEFT  STARTED           TITLE
  3kq8my  running   42%  0:07  2026-11-24 10:20  Import Qwen3-8B-Q4_K_M.gguf
  $ rushlight jobs pause 3kq8my
  “Import Qwen3-8B-Q4_K_M.gguf” is paused.
  $ rushlight jobs resume 3kq8my
  “Import Qwen3-8B-Q4_K_M.gguf” is running.
  $ rushlight jobs follow 3kq8my
  “Import Qwen3-8B-Q4_K_M.gguf” is done.""")

_AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
_IDS = click.argument("names", metavar="ID...", nargs=-1, required=True)
_ID = click.argument("name", metavar="ID", default="last", required=False)
_SETTLE_S = 3.0  # an order is carried out within one; what is shown then is what is so


@click.group(
    epilog=_EPILOG,
    help=text(
        "Work that goes on in the background, whoever asked for it. ID is an id, a beginning or end of it of four "
        "characters or more, a title, or `last`."
    ),
)
def jobs() -> None:
    """The noun; its verbs follow."""


@jobs.command("list", help=text("The jobs asked for last."))
@click.option("-u", "--unfinished", is_flag=True, help=text("Only those that are not over."))
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@_AS_JSON
def list_(unfinished: bool, limit: int, as_json: bool) -> int:
    from rushlight.assistant.jobs.job import OVER, STATES
    from rushlight.ui.cli.job_views import job_json, print_jobs

    with _app() as app:
        states = [state for state in STATES if state not in OVER] if unfinished else None
        found = app.jobs.list(states=states, limit=limit + 1)
    if as_json:
        print_json([job_json(job) for job in found[:limit]])
        return 0
    if found:
        print_jobs(found[:limit])
    else:
        say(text("No job is unfinished.") if unfinished else text("There is no job yet."))
    if len(found) > limit:
        tell(text("There are more; see them with: -n {count}", count=limit * 2))
    return 0


@jobs.command(help=text("Everything that is known of one job."))
@_ID
@_AS_JSON
def show(name: str, as_json: bool) -> int:
    from rushlight.ui.cli.job_views import job_json, show_job

    with _app() as app:
        job = _find(app, name)
    if as_json:
        print_json(job_json(job))
    else:
        show_job(job)
    return 0


@jobs.command(help=text("Where logs of jobs are kept; with ID, the folder of that job."))
@click.argument("name", metavar="[ID]", default="", required=False)
@_AS_JSON
def path(name: str, as_json: bool) -> int:
    with _app() as app:
        found = app.paths.jobs / _find(app, name).id if name else app.paths.jobs
    if as_json:
        print_json({"path": str(found)})
    else:
        say(str(found))
    return 0


@jobs.command(help=text("What a job, its process and its host had to say: the last lines."))
@_ID
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    metavar="N",
    help=text("At most so many."),
)
@_AS_JSON
def log(name: str, lines: int, as_json: bool) -> int:
    with _app() as app:
        job = _find(app, name)
        written = app.jobs.log(job.id, tail_lines=lines)
    if as_json:
        print_json({"id": job.id, "log": written})
    elif written:
        say(written)
    else:
        tell(text("Nothing was said."))
    return 0


@jobs.command(
    help=text(
        "Watch a job until it is over. Ctrl+C ends the watching only; the job goes on. Exit code 0 if it is done, "
        "1 if it failed or was cancelled."
    )
)
@_ID
@click.option("--events", type=click.Choice(["jsonl"]), help=text("Print each change as a line of JSON."))
@_AS_JSON
def follow(name: str, events: str | None, as_json: bool) -> int:
    from rushlight.ui.cli.chat_views import short_id
    from rushlight.ui.cli.interrupt import InterruptStops
    from rushlight.ui.cli.job_views import job_json, progress_line

    stop, line = Stop(), ProgressLine()
    with _app() as app:
        job = _find(app, name)
        try:
            with InterruptStops(stop):
                for job in app.jobs.follow(job.id, stop):  # noqa: B020 - the last one is what it came to
                    if events:
                        _print_line({"event": "job", **job_json(job)})
                    else:
                        line.show(progress_line(job))
        finally:
            line.clear()
    if not job.is_over:
        tell(text("“{title}” goes on. Look again with: rushlight jobs follow {id}",
                  title=job.title, id=short_id(job.id)))  # fmt: skip
        return 130
    if as_json and not events:
        print_json(job_json(job))
    elif not events:
        _say_end(job)
    return 0 if job.state == "done" else 1


@jobs.command(help=text("Have jobs stop within a second; `resume` lets them go on, after a restart too."))
@_IDS
@_AS_JSON
def pause(names: Sequence[str], as_json: bool) -> int:
    return _order(names, as_json, lambda jobs, job: jobs.pause(job.id))


@jobs.command(help=text("Have paused jobs go on."))
@_IDS
@_AS_JSON
def resume(names: Sequence[str], as_json: bool) -> int:
    return _order(names, as_json, lambda jobs, job: jobs.resume(job.id))


@jobs.command(help=text("End jobs for good. What they left half-made is removed."))
@_IDS
@_AS_JSON
def cancel(names: Sequence[str], as_json: bool) -> int:
    return _order(names, as_json, lambda jobs, job: jobs.cancel(job.id))


@jobs.command(help=text("Start jobs again that failed or were cancelled; failed ones go on from where they were."))
@_IDS
@_AS_JSON
def retry(names: Sequence[str], as_json: bool) -> int:
    return _order(names, as_json, lambda jobs, job: jobs.retry(job.id))


@jobs.command(
    context_settings={"ignore_unknown_options": True},  # -5 is a number
    help=text("Change a job's priority, -100 to 100; of those that wait, the highest goes first. 0 is usual."),
)
@click.argument("name", metavar="ID")
@click.argument("priority", type=int)
@_AS_JSON
def priority(name: str, priority: int, as_json: bool) -> int:
    return _order([name], as_json, lambda jobs, job: jobs.set_priority(job.id, priority))


@jobs.command(help=text("Forget jobs that are over, with their logs. What they made stays."))
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--over", is_flag=True, help=text("All that are over."))
@_AS_JSON
def remove(names: Sequence[str], over: bool, as_json: bool) -> int:
    if bool(names) == over:
        raise click.UsageError(text("Name jobs, or give --over."))
    with _app() as app:
        if over:
            n_removed = app.jobs.clear()
        else:
            found = [_find(app, name) for name in names]
            for job in found:
                app.jobs.remove(job.id)
            n_removed = len(found)
    if as_json:
        print_json({"removed": n_removed})
    else:
        say(plural("{count} job was removed.", "{count} jobs were removed.", n_removed))
    return 0


def _app() -> "App":
    from rushlight.assistant.app import open_app

    return open_app()


def _find(app: "App", name: str) -> "Job":
    if name != "last":
        return app.jobs.find(name)
    found = app.jobs.latest()
    if found is None:
        raise Error(
            text("There is no job yet."),
            hint=text("Start one with: rushlight models import FILE --background"),
            kind="job-not-found",
        )
    return found


def _order(names: Sequence[str], as_json: bool, give: "Callable[[Jobs, Job], Job]") -> int:
    """The same order to each of these jobs; all are looked up before the first is given."""
    from rushlight.ui.cli.job_views import job_json, state_word

    with _app() as app:
        changed = [give(app.jobs, job) for job in [_find(app, name) for name in names]]
        settled = [_settled(app.jobs, job) for job in changed]
    if as_json:
        print_json([job_json(job) for job in settled])
        return 0
    for job in settled:
        say(text("“{title}” is {state}.", title=job.title, state=state_word(job.state)))
    return 0


def _settled(jobs: "Jobs", job: "Job") -> "Job":
    """The job once it has obeyed, as far as that is soon."""
    end_s = time.monotonic() + _SETTLE_S
    while job.state in ("pausing", "cancelling") and time.monotonic() < end_s:
        time.sleep(0.02)
        job = jobs.get(job.id)
    return job


def _say_end(job: "Job") -> None:
    from rushlight.ui.cli.job_views import state_word

    for notice in job.notices:
        tell(notice)
    if job.state == "failed":
        tell(text("“{title}” failed: {message}", title=job.title, message=job.message))
        if job.hint:
            tell(job.hint)
    else:
        say(text("“{title}” is {state}.", title=job.title, state=state_word(job.state)))


def _print_line(value: dict[str, Any]) -> None:
    import json

    sys.stdout.write(json.dumps(value) + "\n")  # ASCII only, so safe for a terminal
    sys.stdout.flush()
