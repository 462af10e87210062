"""`rushlight serve`: the HTTP server, until Ctrl+C."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rushlight import Error
from rushlight.ui.cli.output import json_text, say
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.server.http_server import Place
    from rushlight.assistant.server.token import Token

_EPILOG = text("""\b
A session:
  $ rushlight serve
  Serving on http://127.0.0.1:11811 (OpenAI's interface below /v1, Anthropic's at /v1/messages).
  The token is in ~/.local/share/rushlight/server-token; clients send it as their API key.
  Ctrl+C ends it.""")


@click.command(
    epilog=_EPILOG,
    help=text(
        "Serve the models of this machine to other programs, through the interfaces of OpenAI and Anthropic. Only this "
        "machine reaches it, and only with the token."
    ),
)
@click.option("--port", type=click.IntRange(0, 65535), help=text("The port; 0: any free one. Default: server.port."))
@click.option("--host", default="127.0.0.1", show_default=True,
              help=text("The address; others than loopback need a token of your own in RUSHLIGHT_TOKEN."))  # fmt: skip
@click.option("--socket", "socket_path", type=click.Path(path_type=Path, dir_okay=False),
              help=text("Serve on a UNIX socket at this path instead."))  # fmt: skip
@click.option("--show-token", is_flag=True, help=text("Print the token too."))
@click.option("--json", "as_json", is_flag=True, help=text("Print one line of JSON when it is ready."))
@click.option("--leash", is_flag=True, hidden=True)  # of a face that begins it: see assistant/server/leash.py
def serve(port: int | None, host: str, socket_path: Path | None, show_token: bool, as_json: bool, leash: bool) -> int:
    from rushlight import __version__
    from rushlight.assistant.app import open_app
    from rushlight.assistant.paths import find_paths
    from rushlight.assistant.server.application import make_application
    from rushlight.assistant.server.figures import Figures
    from rushlight.assistant.server.http_server import HttpServer, listen, listen_unix
    from rushlight.assistant.server.leash import hold
    from rushlight.assistant.server.running import Note, announce
    from rushlight.assistant.server.service import Limits, Service
    from rushlight.assistant.server.token import find_token
    from rushlight.assistant.settings import load_settings

    if socket_path is not None and port is not None:
        raise Error(text("--port and --socket cannot be used together."), kind="usage")
    paths = find_paths()
    settings = load_settings(paths)
    token = find_token(paths)
    if socket_path is not None:
        place = listen_unix(socket_path.absolute())
    else:
        place = listen(host, settings.number("server.port") if port is None else port, token_given=token.given)
    figures = Figures()
    limits = Limits(n_waiting=settings.number("server.queue"))
    service = Service(lambda: open_app(paths), limits, figures)
    application = make_application(
        service,
        figures,
        token=token.text,
        names=[*place.names, *settings.text("server.names").split()],
        origins=settings.text("server.origins").split(),
        any_host=place.is_unix,
    )
    notes: list[Note] = []

    def started() -> None:
        starter_pid = os.getppid() if leash else 0
        notes.append(announce(paths, place.url, token, version=__version__, starter_pid=starter_pid))
        _greet(place, token, show_token=show_token, as_json=as_json)

    server = HttpServer(application, place, on_started=started, on_ending=service.stop_all, is_alone=True)
    if leash:
        hold(0, server.end)
    try:
        server.run()
    finally:
        for note in notes:
            note.withdraw()
        if place.is_unix and socket_path is not None:
            socket_path.unlink(missing_ok=True)
    return 0


def _greet(place: "Place", token: "Token", *, show_token: bool, as_json: bool) -> None:
    import sys

    from rushlight.assistant.server.token import VARIABLE

    if as_json:
        facts = {"address": place.url, "token_file": str(token.file or ""), "pid": os.getpid()}
        if show_token:
            facts["token"] = token.text
        sys.stdout.write(json_text(facts).replace("\n", "").replace("  ", "") + "\n")
    else:
        say(text("Serving on {address} (OpenAI's interface below /v1, Anthropic's at /v1/messages).",
                 address=place.url))  # fmt: skip
        if show_token:
            say(text("The token is {token}; clients send it as their API key.", token=token.text))
        elif token.file is not None:
            say(text("The token is in {path}; clients send it as their API key.", path=token.file))
        else:
            say(text("The token is that of {variable}; clients send it as their API key.", variable=VARIABLE))
        say(text("Ctrl+C ends it."))
    sys.stdout.flush()
