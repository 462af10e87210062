"""Write packaging/constraints.txt anew: the newest versions that pip resolves for everything pyproject.toml declares.

    .venv/bin/python packaging/lock.py

Left out: `cuda` (unsloth resolves only beside a CUDA build) and `whisper` (brings triton). torch and torchvision stay
ranges, since which build of them is installed is the user's choice.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from requirements import requirements

KINDS = [
    "base",
    "build",
    "gui",
    "documents",
    "sql",
    "duckdb",
    "postgresql",
    "media",
    "train",
    "train-test",
    "cluster",
    "freeze",
    "dev",
]
RANGES = {"torch": "torch>=2.13,<2.15", "torchvision": "torchvision>=0.28,<0.30"}
TARGET = Path(__file__).resolve().parent / "constraints.txt"
HEAD = "# Versions that were resolved and tested together (Python 3.11). Made by packaging/lock.py; do not edit.\n"


def main() -> None:
    lines = requirements(KINDS, without={"llama-cpp-python"})
    # llama-cpp-python needs its source to be fetched and prepared; its own needs are named here instead.
    lines += ["diskcache>=5.6.1", "typing-extensions>=4.5"]
    with tempfile.TemporaryDirectory() as folder:
        wanted, report = Path(folder, "all.txt"), Path(folder, "report.json")
        wanted.write_text("\n".join(lines))
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed",
             "--report", str(report), "-r", str(wanted)],
            check=True,
        )  # fmt: skip
        found = json.loads(report.read_text())["install"]
    pins = {}
    for item in found:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        pins[name.lower()] = RANGES.get(name.lower(), f"{name}=={version.split('+')[0]}")
    TARGET.write_text(HEAD + "\n".join(pins[name] for name in sorted(pins)) + "\n")


if __name__ == "__main__":
    main()
