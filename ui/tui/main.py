"""`rushlight tui`: the terminal app from its first line to its exit code.

A fault of ours is logged and the app begins again where it was; a second one soon after ends it with two lines.
"""

import sys
import time
from collections.abc import Sequence

from rushlight.ui.words import text

_SOON_S = 20.0


def main(argv: Sequence[str]) -> int:
    """Run until the user leaves. `argv`: a conversation to open, by its id, a part of it or its title; or nothing.

    Raises `Error` where there is no such conversation, before the screen is taken.
    """
    from rushlight.assistant.paths import find_paths
    from rushlight.ui.desk.background import open_face_app

    paths = find_paths()
    wanted = ""
    if argv:
        from rushlight.ui.cli.find_conversation import find_conversation

        with open_face_app(paths) as assistant:
            wanted = find_conversation(assistant.conversations, argv[0]).id
    while True:
        from rushlight.ui.tui.application import RushlightTerminal

        app = RushlightTerminal(lambda: open_face_app(paths), paths, wanted)
        began_s = time.monotonic()
        try:
            app.run()
        finally:
            app.finish()
        if app.crash is None:
            return app.return_code or 0
        from rushlight.ui.cli.crash_log import write_crash

        log = write_crash(app.crash, ["tui"])
        if time.monotonic() - began_s < _SOON_S:
            sys.stderr.write(
                text("The terminal app ended because of a fault in Rushlight. What you wrote is kept.") + "\n"
            )
            if log is not None:
                sys.stderr.write(text("What happened is written in {path}.", path=str(log)) + "\n")
            return 1
        wanted = ""  # it remembers which chat was open
