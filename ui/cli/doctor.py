"""`rushlight doctor`: what Rushlight needs on this machine, what is there, and what to do about the rest."""

from collections.abc import Iterator

import click

from rushlight import Error
from rushlight.assistant.paths import Paths, find_paths
from rushlight.ui.cli import doctor_checks as checks
from rushlight.ui.cli.doctor_checks import Check
from rushlight.ui.cli.doctor_graphics import check_graphics
from rushlight.ui.cli.output import ProgressLine, print_json, say
from rushlight.ui.words import plural, text

_EPILOG = text("""\b
A session:
  $ rushlight doctor
  ok    python         3.11.7 (/home/ada/.venv/bin/python)
  ok    engine         llama.cpp b7000 (llama-cpp-python 0.3.36) AVX2 = 1 ...
  warn  sandbox        bubblewrap: bwrap is not installed
                       Tools that run code stay off. On Debian and Ubuntu: apt install bubblewrap
  ...""")
_SPEED_TOKENS = 32


@click.command(
    epilog=_EPILOG,
    help=text(
        "Check Python, libraries, engine, sandbox, graphics, memory, folders, host and models. "
        "Ends with 1 if something that Rushlight needs is missing."
    ),
)
@click.option("--speed", is_flag=True, help=text("Also let the default model write a few tokens and measure it."))
@click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))
def doctor(speed: bool, as_json: bool) -> int:
    found: list[Check] = []
    line = ProgressLine()
    line.show(text("Looking around …"))
    for check in _all_checks(find_paths(), speed):
        found.append(check)
        if not as_json:
            line.clear()
            _show(check)
            line.show(text("Looking around …"))
    line.clear()
    failed = sum(check.state == "fail" for check in found)
    if as_json:
        print_json(checks.as_json(found))
    elif failed:
        say(
            plural(
                "{count} thing that Rushlight needs is missing.",
                "{count} things that Rushlight needs are missing.",
                failed,
            )
        )
    return 1 if failed else 0


def _all_checks(paths: Paths, speed: bool) -> Iterator[Check]:
    yield from checks.check_python()
    yield from checks.check_processor()
    yield from checks.check_libraries()
    yield from checks.check_engine()
    yield from checks.check_native()
    yield from checks.check_sandbox()
    yield from check_graphics()
    yield from checks.check_memory(paths)
    yield from checks.check_folders(paths)
    yield from checks.check_settings(paths)
    yield from _host()
    yield from checks.check_models(paths)
    if speed:
        yield from _speed()


def _host() -> Iterator[Check]:
    from rushlight.ui.cli.host import running_host

    try:
        client = running_host()
        if client is None:
            yield Check("host", "ok", text("not running; it starts with the first question"))
            return
        with client:
            status = client.status()
    except Error as err:
        yield Check("host", "fail", err.message, err.hint)
        return
    yield Check("host", "ok", text("process {pid}, {count} loaded", pid=status.pid, count=len(status.engines)))


def _speed() -> Iterator[Check]:
    """A real answer of the default model, through host and worker."""
    from rushlight.assistant.app import open_app
    from rushlight.ui.cli.answer import Answer

    answer = Answer(show=False)
    try:
        with open_app() as app:
            model = app.model()
            answer.take(
                app.ask(
                    text("Count from one to twenty in words."),
                    model=model,
                    max_tokens=_SPEED_TOKENS,
                    on_progress=answer.on_progress,
                )
            )
    except Error as err:
        yield Check("speed", "fail", err.message, err.hint)
        return
    yield Check("speed", "ok", f"{model.id}: {answer.stats_line()}")


def _show(check: Check) -> None:
    """One line, its further lines and its hint below what was found."""
    first, *rest = check.found.splitlines() or [""]
    say(f"{check.state:<5} {check.name:<15} {first}")
    for more in [*rest, *([check.hint] if check.hint and check.state != "ok" else [])]:
        say(f"{'':<21} {more}")
