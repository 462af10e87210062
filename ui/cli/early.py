"""Starts the host for `ask` before its command line is parsed, so that both happen at the same time.

A cold question spends most of its time in processes that start one after the other; importing click and reading
the options need not come before them. A wrong guess costs a host that ends by itself after some seconds.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rushlight import Error

if TYPE_CHECKING:
    from rushlight.assistant.app import App

_app: "App | None" = None


def begin(argv: Sequence[str]) -> None:
    """Open the app and start its host if this is a question. What goes wrong is said later, when it is used."""
    global _app
    if len(argv) < 2 or argv[0] != "ask" or "--help" in argv:
        return
    from rushlight.assistant.app import open_app

    if _app is not None:  # of a command line that was wrong
        _app.close()
    try:
        _app = open_app()
        _app.begin()
    except Error:
        _app = None


def take_app() -> "App":
    """The app that was opened early, or a new one. Raises `Error` for bad settings."""
    global _app
    app, _app = _app, None
    if app is None:
        from rushlight.assistant.app import open_app

        app = open_app()
    return app
