"""An adapter that a training goes on from: its matrices take the place of fresh ones. It lies in the run as start/.

What it was trained with must be what this training is told: matrices of another rank do not fit, and another alpha
would make another model of the same ones. Knows PEFT folders, GGUF adapters and their base.
"""

import math
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Stop
from rushlight.quant.adapters import adapter_to_peft
from rushlight.quant.convert.config import read_json
from rushlight.quant.whole_file import whole_folder
from rushlight.trainer.config import TrainConfig

NAME: Final = "start"
_WEIGHTS: Final = "adapter_model.safetensors"
_SETTINGS: Final = "adapter_config.json"
_HINT: Final = "Give [adapter] the settings that it was trained with, or begin anew without adapter.start."


def keep_start(start: Path, base: Path, out: Path, stop: Stop | None = None) -> None:
    """Bring the adapter in `start`, a PEFT folder or a GGUF file for the model in `base`, into the run in `out`: it may
    be removed or trained on elsewhere while this training lasts."""
    if (out / NAME).exists():
        return
    if start.is_file():
        adapter_to_peft(start, base, out / NAME, stop=stop)
        return
    missing = next((name for name in (_SETTINGS, _WEIGHTS) if not (start / name).is_file()), "")
    if missing:
        raise Error(
            f"Cannot go on from {start}: there is no {missing}.",
            "Name a folder that PEFT has saved, or an adapter's GGUF file, under adapter.start.",
            kind="bad-file",
        )
    with whole_folder(out / NAME) as staged:
        for name in (_SETTINGS, _WEIGHTS):
            (staged / name).write_bytes((start / name).read_bytes())


def settings_of(folder: Path) -> dict[str, Any]:
    """`rank`, `alpha` and `modules` of the adapter in a PEFT folder, as [adapter] takes them."""
    said = read_json(folder / _SETTINGS)
    if said.get("alpha_pattern"):
        raise Error(
            "Cannot go on from the adapter: its layers have alphas of their own.", "Begin anew.", kind="unsupported"
        )
    modules = said.get("target_modules")
    names = [modules] if isinstance(modules, str) else [str(one) for one in modules or ()]
    rank = int(said.get("r") or 8)
    # The same product of both matrices, by the plain rule alpha / rank.
    alpha = float(said.get("lora_alpha") or rank) * (math.sqrt(rank) if said.get("use_rslora") else 1.0)
    return {
        "rank": rank, "alpha": alpha,
        "modules": [] if names == ["all-linear"] else sorted({name.rpartition(".")[2] for name in names}),
    }  # fmt: skip


def take_start(model: Any, folder: Path, config: TrainConfig) -> None:
    """Put the matrices of the adapter in `folder` into `model`, which has fresh ones of the same shapes."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    theirs, wanted = settings_of(folder), config.adapter
    alpha = wanted.alpha * (math.sqrt(wanted.rank) if config.method == "rslora" else 1.0)
    if theirs["rank"] != wanted.rank or not math.isclose(theirs["alpha"], alpha, rel_tol=1e-6):
        raise Error(
            f"Cannot go on from the adapter: its rank is {theirs['rank']} and its alpha {theirs['alpha']:g}, this "
            f"training has {wanted.rank} and {alpha:g}.",
            _HINT,
            kind="bad-config",
        )
    try:
        found = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as failure:
        raise Error(
            f"Cannot read the adapter to go on from: {str(failure)[:200]}", "Begin a new run.", kind="bad-file"
        ) from None
    ours = {name: tuple(one.shape) for name, one in get_peft_model_state_dict(model).items()}
    shapes = {name: tuple(one.shape) for name, one in found.items()}
    if shapes != ours:
        odd = sorted(set(ours.items()) ^ set(shapes.items()))[0][0]
        raise Error(
            f"Cannot go on from the adapter: it has {len(shapes) // 2} pairs of matrices, this training "
            f"{len(ours) // 2}, and they differ in {odd[:120]}.",
            _HINT,
            kind="bad-config",
        )
    set_peft_model_state_dict(model, found)
