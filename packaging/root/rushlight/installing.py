"""How packages come into the environment in which this program runs, as a hint says it: to be pasted into a shell."""

import sys


def pip_line(*packages: str) -> str:
    """The command that installs them where this program finds them, whatever folder one is in.

    pip_line("rushlight[sql]")  # /home/me/rushlight/.venv/bin/python -m pip install "rushlight[sql]"
    """
    return " ".join([_quoted(sys.executable or "python"), "-m", "pip", "install", *map(_quoted, packages)])


def _quoted(word: str) -> str:
    """As both sh and Windows' shells take it."""
    return word if all(c.isalnum() or c in "/\\:._-=" for c in word) else f'"{word}"'
