"""Make build/tree/rushlight: links to the folders under their installed names, so that mypy can follow them.

Editable installs work through an import hook that type checkers cannot read. The links are made from the very
table of pyproject.toml that makes the wheel.
"""

import shutil
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]["wheel"]["packages"]
    tree = ROOT / "build" / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    package = tree / "rushlight"
    package.mkdir(parents=True)
    for name, folder in table.items():
        source = ROOT / folder
        if name == "rushlight":
            for file in source.iterdir():
                if file.name != "__pycache__":
                    (package / file.name).symlink_to(file)
        else:
            (tree / name).symlink_to(source)


if __name__ == "__main__":
    main()
