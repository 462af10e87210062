"""Rivals of the benchmarks: each in a virtual environment of its own, outside the checkout, made when first needed.

`rivals/NAME.txt` pins every package. llama-cpp-python is left to packaging/build_llama.py, so that a rival runs the
very build of llama.cpp that Rushlight runs. Nothing here is used by the assistant; of the tests, only a slow one that
drives a client which fits into no environment but its own.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class RivalMissing(Exception):
    """The rival could not be installed; the text says why."""


def rival_python(name: str, *, builds_llama: bool = True) -> Path:
    """The interpreter of the rival's environment, which is made or renewed where needed. Raises RivalMissing.
    `builds_llama`: the rival runs our build of llama.cpp, rather than one of its own."""
    requirements = HERE / f"{name}.txt"
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "rushlight-bench" / name
    python = folder / "bin" / "python"
    build_script = ROOT / "packaging" / "build_llama.py"
    key = hashlib.sha256(requirements.read_bytes() + build_script.read_bytes() + sys.version.encode()).hexdigest()
    stamp = folder / ".key"
    if stamp.exists() and stamp.read_text() == key:
        return python
    print(f"Installing the rival {name} into {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    _pip(python, "install", "--quiet", "--no-deps", "--requirement", str(requirements))
    if builds_llama:
        _build_llama(python, build_script, name)
    stamp.write_text(key)  # last: an environment without it is made anew
    return python


def _build_llama(python: Path, build_script: Path, name: str) -> None:
    gpu = Path(sys.prefix) / ".gpu"  # the choice of `make GPU=...`
    chosen = gpu.read_text().strip() if gpu.exists() else "auto"
    done = subprocess.run([python, build_script, "--gpu", chosen], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RivalMissing(f"llama-cpp-python could not be built for {name}: {done.stderr[-2000:]}")


def _pip(python: Path, *args: str) -> None:
    command = [python, "-m", "pip", "--disable-pip-version-check", *args]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RivalMissing(f"pip {' '.join(args)} failed: {done.stderr[-2000:]}")
