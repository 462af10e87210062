"""Which backend trains, and on what: as the config says, or what this machine has."""

import importlib.util

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.trainer.backends.backend import TrainBackend
from rushlight.trainer.backends.packages import need_packages
from rushlight.trainer.backends.peft import BACKEND
from rushlight.trainer.config import TrainConfig


def choose_device(config: TrainConfig) -> str:
    """ "cuda" where there is a card that torch can use and nothing else was asked for, else "cpu"."""
    need_packages()
    import torch

    has_card = torch.cuda.is_available()
    if config.machine.device == "cuda" and not has_card:
        raise Error(
            "There is no CUDA device that torch can use.",
            'Set machine.device = "cpu", or install torch with CUDA.',
            kind="no-device",
        )
    return "cpu" if config.machine.device == "cpu" or not has_card else "cuda"


def choose_backend(config: TrainConfig, device: str) -> TrainBackend:
    """unsloth where a CUDA device and the package are there, else peft."""
    has_unsloth = importlib.util.find_spec("unsloth") is not None
    if config.machine.backend == "unsloth" and not (has_unsloth and device == "cuda"):
        raise Error(
            "unsloth needs a CUDA device." if has_unsloth else "unsloth is not installed.",
            'Set machine.backend = "peft"' + ("." if has_unsloth else f", or: {pip_line('rushlight[cuda]')}"),
            kind="missing-package",
        )
    if config.machine.backend == "unsloth" or (config.machine.backend == "auto" and device == "cuda" and has_unsloth):
        from rushlight.trainer.backends.unsloth import BACKEND as UNSLOTH

        return UNSLOTH
    return BACKEND
