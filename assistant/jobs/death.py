"""Why a job's process died, as an `Error` for people: from its exit status and the last lines that it printed."""

import signal

from rushlight import Error
from rushlight.assistant.host.death import last_words

_HINT = "See its log (rushlight jobs log), then start it again with retry; it goes on from its checkpoint."


def died(status: int | None, tail: str, *, out_of_memory: bool) -> Error:
    """`status`: exit code, minus a signal's number, None = unknown."""
    quote = last_words(tail)
    said = f" It said last: {quote}" if quote else ""
    if status == -signal.SIGKILL and out_of_memory:
        return Error(
            "The job ran out of memory: the system killed its process (signal 9).",
            hint="Close other programs or unload models, then start it again with retry.",
            kind="out-of-memory",
        )
    if status is not None and status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "unknown"
        return Error(f"The job's process was killed by signal {-status} ({name}).{said}", hint=_HINT, kind="job-died")
    ended = "for an unknown reason" if status is None else f"with exit code {status}"
    return Error(f"The job's process ended {ended} without a result.{said}", hint=_HINT, kind="job-died")
