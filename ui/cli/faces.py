"""The verbs that open a face: `tui`, the terminal app, and `gui`, the window. Knows which of them can open here."""

import os
import socket
import sys
from pathlib import Path

import click

from rushlight import Error
from rushlight.ui.words import text

_X_PORT = 6000
_CONNECT_S = 1.0


def has_display(environ: "os._Environ[str] | dict[str, str]" = os.environ) -> bool:
    """Whether a window could open. Qt ends the process where there is no display, so it is looked at before."""
    if sys.platform in ("darwin", "win32") or environ.get("QT_QPA_PLATFORM", "") in ("offscreen", "minimal"):
        return True
    wayland = environ.get("WAYLAND_DISPLAY")
    if wayland and _answers(Path(environ.get("XDG_RUNTIME_DIR", "/run"), wayland)):
        return True
    display = environ.get("DISPLAY", "")
    host, colon, number = display.rpartition(":")
    number = number.partition(".")[0]
    if not colon or not number.isdecimal():
        return False
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"  # the place is fixed by X
        return _answers(Path(path)) or (sys.platform == "linux" and _answers_at("\0" + path))
    try:
        with socket.create_connection((host, _X_PORT + int(number)), _CONNECT_S):  # as with `ssh -X`
            return True
    except (OSError, OverflowError):
        return False


def _answers(path: Path) -> bool:
    return _answers_at(str(path))


def _answers_at(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_CONNECT_S)
        try:
            sock.connect(address)
        except (OSError, ValueError):
            return False
    return True


def open_terminal_app(argv: list[str]) -> int:
    """The terminal app, where standard input and output are a terminal that can draw it."""
    from rushlight.ui.cli.output import is_terminal

    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        raise Error(
            text("The terminal app needs a terminal."),
            hint=text('For scripts there is: rushlight ask "…"'),
            kind="no-terminal",
        )
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise Error(
            text("This terminal cannot draw the terminal app (TERM is {name}).", name=os.environ.get("TERM") or '""'),
            hint=text("Line by line works everywhere: rushlight chat"),
            kind="no-terminal",
        )
    from rushlight.ui.tui.main import main

    return main(argv)


@click.command()
@click.argument("conversation", required=False, metavar="[CONVERSATION]")
def tui(conversation: str | None) -> int:
    """The terminal app: conversations, models, jobs and settings.

    CONVERSATION is an id or a part of one; without it, the one that was open last.

    \b
    Example:
      $ rushlight tui
    Ctrl+P finds every action, F5 lists the keys, Ctrl+Q leaves.
    """
    return open_terminal_app([conversation] if conversation else [])


@click.command()
@click.argument("conversation", required=False, metavar="[CONVERSATION]")
def gui(conversation: str | None) -> int:
    """The window. If it is open already, it comes to the front.

    CONVERSATION is an id or a part of one; without it, the one that was open last.

    \b
    Example:
      $ rushlight gui &
    Ctrl+K finds everything, Ctrl+/ lists the keys.
    """
    arguments: list[str] = []
    if conversation:
        from rushlight.assistant.paths import find_paths
        from rushlight.ui.cli.find_conversation import find_conversation
        from rushlight.ui.desk.background import open_face_app

        with open_face_app(find_paths()) as app:
            arguments = ["--conversation", find_conversation(app.conversations, conversation).id]
    if not has_display():
        raise Error(
            text("There is no display to open a window on."),
            hint=text("In a terminal use: rushlight tui"),
            kind="no-display",
        )
    from rushlight.ui.gui.main import main

    return main(arguments)
