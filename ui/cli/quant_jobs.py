"""How the verbs of `rushlight quant` run: each as a job, followed here or left to the background.

llama.cpp can end a process over a damaged file, so nothing of it runs in this one. What a job comes to is shown by the
verb; knows no verb.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rushlight import Error, Stop
from rushlight.assistant.paths import with_home
from rushlight.ui.cli.output import ProgressLine, print_json, size_text, tell
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.jobs.jobs import Jobs

_CANCEL_S = 10.0  # for a cancelled job to be gone
_LOOK_S = 0.02  # between looks whether it is
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", re.IGNORECASE)

as_json = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
background = click.option(
    "--background", is_flag=True, help=text("Do it in the background, and print the id of the job; see: rushlight jobs")
)
threads = click.option(
    "--threads", "n_threads", type=click.IntRange(0, 64), default=0, metavar="N",
    help=text("Processor threads; 0 takes all there are.")
)  # fmt: skip
no_proof = click.option("--no-proof", is_flag=True, help=text("Do not hold the result against its source afterwards."))
texts = click.option(
    "--text", "texts", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE",
    help=text("Text to work on: a file, or a folder of text files; may be repeated.")
)  # fmt: skip
chats = click.option("--chats", is_flag=True, help=text("Work on your own chats; they stay on this machine."))

documents = click.option(
    "--documents", "documents", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="FILE",
    help=text(
        "Work on documents of yours: a file, or a folder of text files; may be repeated. As with --chats, a quarter of "
        "them is only looked at, never calibrated on."
    )
)  # fmt: skip


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions
    """A size or a count: 5G, 350M, 8k, 4GiB."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value).strip())
        if match is None:
            self.fail(text("{value!r} is no size; expected something like 5G, 350M or 8k.", value=value), param, ctx)
        return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def model_path(name: str) -> Path:
    """A file or folder of that name, or else the file of the model that the catalogue calls so."""
    path = with_home(name)
    if path.exists():
        return path.absolute()
    from rushlight.assistant.app import open_app

    try:
        with open_app() as app:
            return app.catalogue.find(name).path
    except Error as err:
        if err.kind != "model-not-found" or not ("/" in name or name.endswith(".gguf")):
            raise
        # Names look like owner/name@type, so it may have been either.
        raise Error(
            text("There is no file {path}.", path=name), text("Check the path, or name a model: rushlight models list"),
            kind="bad-file") from None  # fmt: skip


def absolute(paths: tuple[Path, ...]) -> list[str]:
    return [str(with_home(path).absolute()) for path in paths]


def run_job(
    kind: str,
    arguments: Mapping[str, Any],
    show: Callable[[dict[str, Any]], None],
    *,
    background: bool,
    as_json: bool,
) -> int:
    """Start the job and follow it; Ctrl+C cancels it. The exit code: 1 where what was made failed its proof."""
    from rushlight.assistant.app import open_app
    from rushlight.ui.cli.chat_views import short_id
    from rushlight.ui.cli.interrupt import InterruptStops
    from rushlight.ui.cli.job_views import print_started, progress_line

    stop, line, n_told = Stop(), ProgressLine(), 0
    with open_app() as app:
        try:
            with InterruptStops(stop):  # the start too: once it is stored, a job goes on whether or not we live
                job = app.jobs.start(kind, arguments)
                if background and not stop.is_set():
                    return print_started(job, as_json)
                for job in app.jobs.follow(job.id, stop):  # noqa: B020 - the last one is what it came to
                    if len(job.notices) > n_told:
                        line.clear()
                        n_told = _tell_notices(job.notices, n_told)
                    line.show(progress_line(job))
        finally:
            line.clear()
        if not job.is_over:
            job = _cancelled(app.jobs, job)
            if job.state == "cancelled":
                tell(text("Stopped. Nothing was left half-made."))
                return 130
            if not job.is_over:
                tell(text("It is still being stopped. Look again with: rushlight jobs show {id}", id=short_id(job.id)))
                return 130
    if job.state != "done":
        raise Error(job.message or text("The job was cancelled."), job.hint, kind=job.error_kind or "cancelled")
    _tell_notices(job.notices, n_told)
    if as_json:
        print_json(job.result)
    else:
        show(job.result)
    proof = job.result.get("proof")
    return 1 if isinstance(proof, dict) and proof.get("state") == "failed" else 0


def _cancelled(jobs: "Jobs", job: "Job") -> "Job":
    """The job after the order to end for good, once it has obeyed, as far as that is soon."""
    try:
        job = jobs.cancel(job.id)
    except Error as err:
        if err.kind != "job-over":  # it came to its own end just before
            raise
        job = jobs.get(job.id)
    end_s = time.monotonic() + _CANCEL_S
    while not job.is_over and time.monotonic() < end_s:
        time.sleep(_LOOK_S)
        job = jobs.get(job.id)
    return job


def _tell_notices(notices: Sequence[str], n_told: int) -> int:
    """Tell those that are new; how many there are."""
    for notice in notices[n_told:]:
        tell(text(notice))
    return len(notices)


def proof_word(proof: Mapping[str, Any] | None) -> str:
    """What came of a proof, in a word or two."""
    if proof is None:
        return text("not proven")
    state = proof["state"]
    return text("proven") if state == "passed" else text("failed its proof") if state == "failed" else text(
        "proven in part"
    )  # fmt: skip


def shown(path: object) -> str:
    """A path as one would type it here."""
    found = Path(str(path))
    return str(found.relative_to(Path.cwd())) if found.is_relative_to(Path.cwd()) else str(found)


def made_line(path: object, *parts: object, size_bytes: float | None = None, proof: Mapping[str, Any] | None) -> str:
    """One line for what was made: its path, what it is, its size, its proof."""
    words = [shown(path), *(str(part) for part in parts)]
    if size_bytes is not None:
        words.append(size_text(size_bytes))
    return "  ".join([*words, proof_word(proof)])
