"""How background jobs look in a terminal, and as JSON. Knows the values of `assistant.jobs`; changes none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.ui.cli.chat_views import moment, short_id
from rushlight.ui.cli.output import print_table, say
from rushlight.ui.desk.figures import amount_text, rate_text
from rushlight.ui.desk.job_words import what_text
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Job, JobState


def state_word(state: "JobState") -> str:
    """The state, for people."""
    match state:
        case "waiting":
            return text("waiting")
        case "running":
            return text("running")
        case "pausing":
            return text("pausing")
        case "paused":
            return text("paused")
        case "cancelling":
            return text("cancelling")
        case "done":
            return text("done")
        case "failed":
            return text("failed")
        case "cancelled":
            return text("cancelled")


def clock_text(seconds: float) -> str:
    """0:09, 12:30, 1:05:00."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def progress_text(job: "Job") -> str:
    """How far it is: 42%, or what is done where nobody knows the total."""
    if job.fraction is not None:
        # Rounded down: 100% is what is done.
        return f"{int(job.fraction * 100)}%"
    return amount_text(job.done, None, job.unit)


def progress_line(job: "Job") -> str:
    """One line of a job at work: “Copying 42%, 98.1 MB/s, 0:12 left”."""
    parts = [f"{what_text(job.what) or state_word(job.state)} {progress_text(job)}".rstrip()]
    if job.state != "running" and job.what:
        parts.append(state_word(job.state))
    if job.rate:
        parts.append(rate_text(job.rate, job.unit))
    if job.remaining_s is not None:
        parts.append(text("{time} left", time=clock_text(job.remaining_s)))
    return ", ".join(parts)


def print_jobs(jobs: "Sequence[Job]") -> None:
    """A table, one line a job."""
    print_table(
        [text("ID"), text("STATE"), text("DONE"), text("LEFT"), text("STARTED"), text("TITLE")],
        [
            [
                short_id(job.id),
                state_word(job.state),
                progress_text(job),
                "" if job.remaining_s is None else clock_text(job.remaining_s),
                moment(job.started_at or job.created_at),
                job.title,
            ]
            for job in jobs
        ],
        right=(2, 3),
    )


def show_job(job: "Job") -> None:
    """Everything that people want to know of one job."""
    say(text("{title}, {state}", title=job.title, state=state_word(job.state)))
    say(text("Id: {id}   kind: {kind}   priority: {priority}", id=job.id, kind=job.kind, priority=job.priority))
    if not job.is_over and (job.what or job.done):
        say(text("Progress: {line}", line=progress_line(job)))
    say(text("Asked for: {time}", time=moment(job.created_at)))
    if job.started_at is not None:
        say(text("Begun: {time}", time=moment(job.started_at)))
    if job.ended_at is not None:
        took = "" if job.started_at is None else clock_text(max(0.0, job.ended_at - job.started_at))
        say(text("Ended: {time}   took {took}", time=moment(job.ended_at), took=took or "-"))
    if job.n_restarts:
        say(
            plural(
                "It went on {count} time after its process or its host had died.",
                "It went on {count} times after its process or its host had died.",
                job.n_restarts,
            )
        )
    for notice in job.notices:
        say(text("Notice: {notice}", notice=notice))
    if job.message:
        say(text("Reason: {message}", message=job.message))
        if job.hint:
            say(job.hint)
    for name, value in job.arguments.items():
        if value not in ("", None, False):
            say(f"  {name} = {value}")
    for name, value in job.result.items():
        if value not in ("", None, [], False):
            say(f"  → {name} = {value if not isinstance(value, list) else len(value)}")


def job_json(job: "Job") -> dict[str, Any]:
    """All of a job."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "priority": job.priority,
        "what": job.what,
        "done": job.done,
        "total": job.total,
        "unit": job.unit,
        "fraction": job.fraction,
        "rate": job.rate,
        "remaining_s": job.remaining_s,
        "message": job.message,
        "hint": job.hint,
        "error_kind": job.error_kind,
        "notices": list(job.notices),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "restarts": job.n_restarts,
        "arguments": job.arguments,
        "result": job.result,
    }


def print_started(job: "Job", as_json: bool) -> int:
    """What `--background` says: the id on stdout, how to go on beside it. The exit code."""
    from rushlight.ui.cli.output import print_json, tell

    if as_json:
        print_json(job_json(job))
    else:
        say(job.id)
        tell(text("“{title}” goes on in the background: rushlight jobs follow {id}", title=job.title,
                  id=short_id(job.id)))  # fmt: skip
    return 0
