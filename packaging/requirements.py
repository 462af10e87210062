"""Print the requirements that pyproject.toml declares: `requirements.py [base|build|EXTRA]...`.

The Makefile installs them before the wheel itself, so that a change of our sources never asks the index again.
llama-cpp-python is left out where `build_llama.py` has put its wheel already (`--without NAME`).
"""

import re
import sys
import tomllib
from pathlib import Path


def requirements(kinds: list[str], without: set[str]) -> list[str]:
    """The requirement lines of the named kinds, in the file's order."""
    data = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())
    lines: list[str] = []
    for kind in kinds:
        if kind == "base":
            lines += data["project"]["dependencies"]
        elif kind == "build":
            lines += data["build-system"]["requires"]
        else:
            lines += data["project"]["optional-dependencies"][kind]
    return [line for line in lines if re.split(r"[<>=!~ \[;]", line, maxsplit=1)[0] not in without]


def main(argv: list[str]) -> None:
    without = {arg.removeprefix("--without=") for arg in argv if arg.startswith("--without=")}
    print("\n".join(requirements([arg for arg in argv if not arg.startswith("--")], without)))


if __name__ == "__main__":
    main(sys.argv[1:])
