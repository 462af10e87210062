"""`rushlight host`: what the background process holds, and its end."""

from typing import TYPE_CHECKING, Any

import click

from rushlight import Error
from rushlight.ui.cli.output import print_json, print_table, say, size_text
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.host.client import HostClient
    from rushlight.assistant.host.protocol import EngineStatus, HostStatus

_EPILOG = text("""\b
A session:
  $ rushlight host status
  The host runs (process 4711, 2 min).
  MODEL                             STATE  MEMORY    CONTEXT  UNUSED
  SmolLM2-135M-Instruct.Q4_1.gguf   ready  312.4 MB     8192    14 s
  $ rushlight host stop
  The host has ended.""")


@click.group(
    epilog=_EPILOG,
    help=text(
        "Look at or stop the background process that holds loaded models. It starts with the first question and "
        "ends by itself when nothing uses it."
    ),
)
def host() -> None:
    """The noun; its verbs follow."""


@host.command(help=text("Whether the host runs, and the models it holds."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def status(as_json: bool) -> int:
    client = running_host()
    if client is None:
        if as_json:
            print_json({"running": False})
        else:
            say(text("No host is running. It starts with the first question."))
        return 0
    with client:
        found = client.status()
    if as_json:
        print_json(status_json(found))
        return 0
    say(text("The host runs (process {pid}, {time}).", pid=found.pid, time=duration(found.running_s)))
    if not found.engines:
        say(text("No model is loaded."))
        return 0
    print_table(
        [text("MODEL"), text("STATE"), text("MEMORY"), text("CONTEXT"), text("UNUSED")],
        [
            [
                _file_name(one),
                one.state,
                size_text(one.resident_bytes),
                str(_context(one)),
                text("in use") if one.in_use else duration(one.unused_s),
            ]
            for one in found.engines
        ],
        right=(2, 3, 4),
    )
    return 0


@host.command(help=text("End the host with all its models; what is being answered is cut off."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def stop(as_json: bool) -> int:
    client = running_host()
    unfinished: list[str] = []
    if client is not None:
        unfinished = _unfinished_jobs()
        with client:
            client.shutdown()
    if as_json:
        print_json({"stopped": client is not None, "unfinished_jobs": unfinished})
        return 0
    say(text("The host has ended.") if client is not None else text("No host is running."))
    if unfinished:
        say(plural("{count} job is not done: it goes on when Rushlight is used again, at once where it is followed.",
                   "{count} jobs are not done: they go on when Rushlight is used again, at once where one is followed.",
                   len(unfinished)))  # fmt: skip
        say(text("To end one for good: rushlight jobs cancel {id}", id=unfinished[0]))
    return 0


def _unfinished_jobs() -> list[str]:
    """Their ids, in short; none where nobody can look."""
    from rushlight.assistant.app import open_app
    from rushlight.assistant.jobs.job import ACTIVE
    from rushlight.ui.cli.chat_views import short_id

    try:
        with open_app() as app:
            return [short_id(one.id) for one in app.jobs.list(states=ACTIVE)]
    except Error:
        return []


def running_host() -> "HostClient | None":
    """The host if there is one; none is started, and broken settings do not matter here."""
    from rushlight.assistant.host.client import connect
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.settings import read_settings

    paths = find_paths()
    try:
        return connect(paths, read_settings(paths)[0], start=False)
    except Error as err:
        if err.kind == "no-host":
            return None
        raise


def status_json(found: "HostStatus") -> dict[str, Any]:
    """The shape of `host status --json`."""
    return {
        "running": True,
        "pid": found.pid,
        "version": found.version,
        "running_s": round(found.running_s, 1),
        "faces": found.n_fronts,
        "free_bytes": found.free_bytes,
        "models": [
            {
                "path": one.load.path,
                "pid": one.pid,
                "state": one.state,
                "in_use": one.in_use,
                "resident_bytes": one.resident_bytes,
                "context": _context(one),
                "unused_s": round(one.unused_s, 1),
                "keep_alive_s": one.keep_alive_s,
            }
            for one in found.engines
        ],
    }


def _context(one: "EngineStatus") -> int:
    return one.ready.n_ctx if one.ready else one.load.n_ctx


def _file_name(one: "EngineStatus") -> str:
    return one.load.path.replace("\\", "/").rsplit("/", 1)[-1]


def duration(seconds: float) -> str:
    """A time in words: 14 s, 2 min, 1 hour."""
    if seconds < 60:
        return text("{count} s", count=int(seconds))
    if seconds < 3600:
        return text("{count} min", count=int(seconds / 60))
    return plural("{count} hour", "{count} hours", int(seconds / 3600))
