"""What the commands of `rushlight models` share: the app, their --json, a line of progress that Ctrl+C ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from rushlight import Progress, Stop
from rushlight.ui.cli.output import ProgressLine
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.models.staging import OnProgress

AS_JSON = click.option("--json", "as_json", is_flag=True, help=text("Print JSON."))


def opened_app() -> "App":
    """The app of this user."""
    from rushlight.assistant.app import open_app

    return open_app()


@contextmanager
def progress() -> "Iterator[tuple[Stop, OnProgress]]":
    """A line of progress, and Ctrl+C as a stop that cleans up."""
    from rushlight.ui.cli.interrupt import InterruptStops

    line, stop = ProgressLine(), Stop()

    def report(progress: Progress) -> None:
        line.show(text(progress.what), progress.fraction)

    try:
        with InterruptStops(stop):
            yield stop, report
    finally:
        line.clear()
