"""The last step of `make run`: the window where there is a display, the terminal app in a terminal, else one answer.

Run with the interpreter of .venv.
"""

import importlib.util
import os
import sys
from pathlib import Path

RUSHLIGHT = Path(sys.executable).with_name("rushlight")


def verb(*, display: bool, terminal: bool) -> list[str]:
    """The command line's arguments that open the best face there is."""
    if display:
        return ["gui"]
    return ["tui"] if terminal else ["ask", "What is the capital of France?"]


def main() -> None:
    from rushlight.ui.cli.faces import has_display

    display = has_display() and importlib.util.find_spec("PySide6") is not None
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    os.execv(RUSHLIGHT, [str(RUSHLIGHT), *verb(display=display, terminal=terminal)])


if __name__ == "__main__":
    main()
