"""Starts a crew for a run and waits for it: how far it is, its pause, its errors. Trains nothing itself."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Progress
from rushlight.trainer import checkpoint
from rushlight.trainer.config import Machine, TrainConfig
from rushlight.trainer.crew_member import FOLDER
from rushlight.trainer.run import Places, Watch, read_manifest

_LOOKED_EVERY_S: Final = 0.2
_GRACE_S: Final = 10.0  # for the others, when one has ended


def train_together(config: TrainConfig, places: Places, watch: Watch) -> dict[str, Any]:
    """Let the crew of a prepared run train it; how it ended."""
    out = places.out
    folder = out / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    seen = checkpoint.checkpoints(out)
    told: dict[str, Any] = {}
    with _started(config, out) as crew:
        while any(one.poll() is None for one in crew):
            time.sleep(_LOOKED_EVERY_S)
            if watch.stop is not None:
                watch.stop.check()
            if watch.should_pause():
                (folder / "pause").touch()
            told = _tell(watch, folder, told)
            kept = checkpoint.checkpoints(out)
            if kept and kept[-1:] != seen[-1:] and watch.on_checkpoint is not None:
                watch.on_checkpoint(checkpoint.read_state(kept[-1]).step)
            seen = kept
            if any(one.poll() for one in crew):
                _wait(crew)
                break
        if any(one.poll() != 0 for one in crew):
            raise _problem(folder, [one.poll() for one in crew])
    _tell(watch, folder, told)
    outcome: dict[str, Any] = read_manifest(out)["outcome"]
    shutil.rmtree(folder, ignore_errors=True)
    return outcome


@contextlib.contextmanager
def _started(config: TrainConfig, out: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    machine = config.machine
    python = [sys.executable, "-P", "-m"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "HF_HUB_OFFLINE": "1"}
    commands: list[tuple[list[str], dict[str, str]]] = []
    if machine.launcher == "local":
        alike = env | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(machine.workers)}
        if sys.platform == "linux":
            alike["GLOO_SOCKET_IFNAME"] = "lo"  # whatever the name of this machine stands for
        for rank in range(machine.workers):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            commands.append(([*python, "rushlight.trainer.crew_member", str(out)], alike | own))
    elif machine.launcher == "accelerate":
        launch = [*python, "rushlight.trainer.tied", sys.executable, "-m", "accelerate.commands.launch"]
        commands.append(
            ([*launch, *_for_accelerate(machine), "--module", "rushlight.trainer.crew_member", str(out)], env)
        )
    else:
        commands.append(([
            *python, "rushlight.trainer.tied", *python, "rushlight.trainer.crew_ray", str(out), str(machine.workers),
        ], env))  # fmt: skip
    crew: list[subprocess.Popen[bytes]] = []
    try:
        for number, (command, own_env) in enumerate(commands):
            with (out / FOLDER / f"{number}.log").open("wb") as log:
                crew.append(subprocess.Popen(command, env=own_env, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        yield crew
    finally:
        for one in crew:
            if one.poll() is None:
                one.kill()
            one.wait()


def _wait(crew: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _GRACE_S
    while time.monotonic() < until and any(one.poll() is None for one in crew):
        time.sleep(_LOOKED_EVERY_S)


def _tell(watch: Watch, folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / "progress.json").read_bytes())
    except (OSError, ValueError):
        return told
    if said != told and watch.on_progress is not None:
        watch.on_progress(Progress(said["what"], said["done"], said["total"], said["unit"]))
    return said


def _problem(folder: Path, codes: list[int | None]) -> Error:
    """The first error that one of them told, or that one of them is gone."""
    for path in sorted(folder.glob("error-*.json"), key=lambda one: one.stat().st_mtime):
        with contextlib.suppress(OSError, ValueError):
            said = json.loads(path.read_bytes())
            return Error(said["message"], said["hint"], kind=said["kind"])
    last = ""
    for path in sorted(folder.glob("*.log")):
        lines = path.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()
        last = last or (lines[-1][:200] if lines else "")
    gone = next((code for code in codes if code), None)
    return Error(
        f"One of the training's workers ended ({'killed' if gone and gone < 0 else f'code {gone}'})"
        + (f": {last}" if last else "."),
        f"Look into {folder}; then go on with: rushlight train CONFIG --resume.",
        kind="worker-died",
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _for_accelerate(machine: Machine) -> list[str]:
    """Its own file says what is to start where; without one, the workers start here."""
    if machine.launch_file:
        return ["--config_file", str(Path(machine.launch_file).expanduser())]
    # "multi_gpu" is its name for processes that torch starts, with or without cards; on processors it has only MPI.
    return ["--multi_gpu", "--num_processes", str(machine.workers), "--num_machines", "1", "--mixed_precision", "no",
            "--dynamo_backend", "no", "--main_process_port", str(_free_port())]  # fmt: skip
