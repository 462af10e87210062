"""The entry point: hidden verbs of background processes, the version, then the verbs of the command line.

Whatever happens below ends here as an exit code: 0 done, 1 could not be done, 2 wrong usage, 130 stopped by Ctrl+C.
Imports almost nothing: workers and host start through this file too, and `--help` is measured.
"""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from rushlight import Error

if TYPE_CHECKING:
    from click import ClickException


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; without `argv`, as the program itself."""
    if argv is not None:
        sys.exit(run(list(argv)))
    # Start-up makes some ten thousand objects that stay: looking for garbage among them costs 10 ms a command.
    gc.set_threshold(50_000, 20, 20)
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            pass  # nobody is left to read it
    # Everything was closed by its owner; taking the interpreter apart as well costs 12 ms a command.
    os._exit(code)


def run(argv: list[str]) -> int:
    """Run one command and return its exit code."""
    if argv and argv[0].startswith("_"):
        hidden = _hidden_verb(argv[0])
        if hidden is not None:
            return hidden(argv[1:])
    _make_streams_safe()
    try:
        code = _run_verb(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        return _leave_broken_pipe()
    except KeyboardInterrupt:
        return 130
    except Error as err:
        return _report(err, argv)
    except Exception as err:
        return _report_bug(err, argv)
    return code


def _hidden_verb(name: str) -> Callable[[list[str]], int] | None:
    """Verbs by which Rushlight starts its own processes. Found before anything else is imported."""
    if name == "_engine":
        from rushlight.assistant.engine.worker import main as engine_main

        return engine_main
    if name == "_host":
        from rushlight.assistant.host.server import main as host_main

        return host_main
    if name == "_job":
        from rushlight.assistant.jobs.worker import main as job_main

        return job_main
    if name == "_templates":
        from rushlight.assistant.engine.template_process import main as templates_main

        return templates_main
    if name == "_sql":
        from rushlight.assistant.sql.worker import main as sql_main

        return sql_main
    if name == "_engine-info":
        from rushlight.ui.cli.engine_info import main as info_main

        return info_main
    if name == "_quant-forecast":
        from rushlight.ui.cli.quant_forecast import main as forecast_main

        return forecast_main
    return None


def _run_verb(argv: list[str]) -> int:
    if argv == ["--version"]:
        from rushlight import __version__

        sys.stdout.write(f"rushlight {__version__}\n")
        return 0
    if not argv:
        from rushlight.ui.cli.output import is_terminal

        if is_terminal(sys.stdin) and is_terminal(sys.stdout):
            return _open_in_terminal()
        argv = ["--help"]
    return _run_click(argv)


def _open_in_terminal() -> int:
    """The terminal app; where the terminal cannot draw it, the chat that goes line by line."""
    if os.environ.get("TERM", "") in ("", "dumb"):
        from rushlight.ui.cli.chat_loop import run_chat

        return run_chat()
    from rushlight.ui.tui.main import main as tui_main

    return tui_main([])


def _run_click(argv: list[str]) -> int:
    from rushlight.ui.cli.early import begin

    begin(argv)
    import click

    from rushlight.ui.cli.verbs import cli

    try:
        code = cli.main(argv, prog_name="rushlight", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as err:  # wrong usage is 2, an unreadable file given as an argument too
        _show_usage_error(err)
        return err.exit_code
    except click.Abort:
        return 130
    except SystemExit as err:  # click's own ending when a pipe breaks
        return err.code if isinstance(err.code, int) else 1


def _show_usage_error(err: "ClickException") -> None:
    """Click's lines on stderr; they quote arguments, which a script may have got from anywhere."""
    from io import StringIO

    from rushlight.ui.cli.output import tell

    lines = StringIO()
    err.show(file=lines)
    tell(lines.getvalue().rstrip("\n"))


def _make_streams_safe() -> None:
    """A terminal or pipe that cannot show a character shows “?”; it does not stop the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _leave_broken_pipe() -> int:
    """The reader of our output has gone (`| head`). Quietly: Python would complain when it flushes at exit."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass
    return 1


def _wants_json(argv: list[str]) -> bool:
    """Whether the command was asked for JSON; what follows “--” is text."""
    end = argv.index("--") if "--" in argv else len(argv)
    return "--json" in argv[:end]


def _report(err: Error, argv: list[str]) -> int:
    from rushlight.ui.cli.output import error_json, print_json, tell_error

    if err.kind == "stopped":  # Ctrl+C, seen by the work itself
        return 130
    if not _wants_json(argv):
        tell_error(err)
        return 1
    try:
        print_json(error_json(err))
        sys.stdout.flush()
    except BrokenPipeError:
        return _leave_broken_pipe()
    return 1


def _report_bug(err: Exception, argv: list[str]) -> int:
    """An exception that is not for people: a short message, the traceback in the log."""
    import traceback

    from rushlight.ui.cli.crash_log import write_crash
    from rushlight.ui.words import text

    if os.environ.get("RUSHLIGHT_DEBUG") == "1":
        traceback.print_exception(err)
    log = write_crash(err, argv)
    message = text("Rushlight has a fault: {kind}: {reason}", kind=type(err).__name__, reason=str(err)[:300])
    hint = (
        text("The details are in {path}. Please report it with that text.", path=log)
        if log
        else text("Run it again with RUSHLIGHT_DEBUG=1 to see the details.")
    )
    return _report(Error(message, hint=hint, kind="bug"), argv)
