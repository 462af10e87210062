"""A program for tests: trains a tiny model again and again until it is done, killed at chosen moments.

    killed_run.py MODEL DATA OUT METHOD MOMENT...      MOMENT: step:N, weights:N, rename:N (of the checkpoint of step N)

METHOD may begin with a recipe, as in dpo/lora; reference:N is a moment at which the untrained model is asked.

Each attempt is a fork of this process, so that torch is imported once; one thread, so that forking is safe.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from rushlight import Progress
from rushlight.assistant.engine.template import compile_template
from rushlight.trainer import checkpoint
from rushlight.trainer.config import checked
from rushlight.trainer.run import Places, Watch, prepare, train


def main(model: str, data: str, out: str, method: str, *moments: str) -> None:
    import torch

    torch.set_num_threads(1)
    recipe, _, method = method.rpartition("/")
    adapter = {} if method == "full" else {"adapter": {"rank": 4, "dropout": 0.1}}
    config = checked({
        "model": "m", "out": "o", "method": method, "recipe": recipe or "supervised", **adapter,
        "data": {"train": ["d"]},
        "steps": {"batch": 4, "rate": 1e-2, "epochs": 9, "most": 24, "row_tokens": 256},
        "machine": {"threads": 1, "device": "cpu"}, "keep": {"every": 2},
    })  # fmt: skip
    places = Places(Path(model), (Path(data),), (), Path(out))
    prepare(config, places, render=lambda template, said: compile_template(template)(said, 1 << 20))
    for moment in [*moments, ""]:
        child = os.fork()
        if child == 0:
            what, _, step = moment.partition(":")
            outcome = train(config, places, _killer(what, int(step or 0)))
            print(json.dumps(outcome), flush=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        print(json.dumps({"moment": moment, "killed": was_killed, "kept": len(checkpoint.checkpoints(places.out))}))
        assert was_killed == bool(moment), status


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killer(what: str, step: int) -> Watch:
    import safetensors.torch

    if what in ("step", "reference"):

        def at_step(event: Progress) -> None:
            if event.done == step and event.what.startswith("Asking") == (what == "reference"):
                _die()

        return Watch(on_progress=at_step)
    if what == "weights":  # when the weights of a checkpoint are written and the moments are not
        write = safetensors.torch.save_file

        def half(tensors: Any, path: Any, *more: Any) -> None:
            if "optimizer" in str(path) and f"step-{step:08}" in str(path):
                _die()
            write(tensors, path, *more)

        safetensors.torch.save_file = half  # type: ignore[assignment]
    if what == "rename":  # when all is written and nothing has its name
        rename = Path.rename

        def unnamed(self: Path, target: Any) -> Path:
            if f"step-{step:08}" in str(target):
                _die()
            return rename(self, target)

        Path.rename = unnamed  # type: ignore[assignment, method-assign]
    return Watch()


if __name__ == "__main__":
    main(*sys.argv[1:])
