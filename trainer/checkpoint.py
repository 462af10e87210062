"""Checkpoints: what a training goes on from after a kill, bit for bit. safetensors and JSON only.

    checkpoints/step-00000050/  weights.safetensors    the trained weights
                                optimizer.safetensors  AdamW's two moments of each
                                state.json             step, threads, versions, how far the metrics were written

The order of examples and all chance follow from the seed and the number of the step, so nothing of them is kept.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from rushlight import Error
from rushlight.quant.whole_file import remove_leftovers, whole_folder

_NAME: Final = re.compile(r"step-(\d{8,})")


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says beside weights and moments."""

    step: int  # steps done
    n_threads: int
    dtype: str
    row_tokens: int
    metrics_bytes: int
    products: Literal["torch", "onednn", "rounded"] = "torch"  # by which library
    trained_tokens: int = 0
    seconds: float = 0.0
    n_steps: int = 0  # in all, where they follow from the time; 0: as planned
    versions: dict[str, str] = {}


def save(run: Path, state: State, weights: Mapping[str, Any], optimizer: Any, *, keep: int) -> Path:
    """A new checkpoint in the run's folder, on the disk when this returns; older ones than the last `keep` go."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder = run / "checkpoints" / f"step-{state.step:08}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    if folder.exists():
        return folder
    moments = {}
    for name, weight in weights.items():
        for key, value in optimizer.state.get(weight, {}).items():
            moments[f"{name}::{key}"] = value.detach().cpu().contiguous()
    try:
        with whole_folder(folder) as staged:
            save_file({name: one.detach().cpu().contiguous() for name, one in weights.items()},
                      staged / "weights.safetensors")  # fmt: skip
            save_file(moments, staged / "optimizer.safetensors")
            (staged / "state.json").write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    except (SafetensorError, Error) as error:
        raise Error(
            f"Cannot write the checkpoint of step {state.step}: {str(error)[:300]}",
            "Make room on the disk, then go on with: rushlight train CONFIG --resume. The checkpoint before it is "
            "whole.",
            kind="disk",
        ) from None
    for old in checkpoints(run)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first. What is not whole has no name yet."""
    folder = run / "checkpoints"
    if not folder.is_dir():
        return []
    found = [(int(match[1]), one) for one in folder.iterdir() if (match := _NAME.fullmatch(one.name))]
    return [one for _, one in sorted(found)]


def read_state(folder: Path) -> State:
    try:
        return msgspec.json.decode((folder / "state.json").read_bytes(), type=State)
    except (OSError, msgspec.DecodeError) as error:
        raise _damaged(folder, error) from None


def load(folder: Path, weights: Mapping[str, Any], optimizer: Any) -> None:
    """Weights and moments of the checkpoint into those that are given."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        stored, moments = (load_file(folder / f"{name}.safetensors") for name in ("weights", "optimizer"))
    except (OSError, SafetensorError) as error:
        raise _damaged(folder, error) from None
    if stored.keys() != weights.keys():
        odd = sorted(stored.keys() ^ weights.keys())[0]
        raise Error(
            f"Cannot go on from {folder.name}: its weights are not those that are trained now, such as {odd[:80]!r}.",
            "The model or the method was changed; begin a new run under another name.",
            kind="bad-checkpoint",
        )
    with torch.no_grad():
        for name, weight in weights.items():
            if stored[name].shape != weight.shape:
                raise _damaged(folder, ValueError(f"{name} has the shape {tuple(stored[name].shape)}"))
            weight.copy_(stored[name])
    for label, value in moments.items():
        name, _, key = label.rpartition("::")
        if name not in weights:
            raise _damaged(folder, KeyError(name))
        # AdamW keeps its count of steps on the processor, whatever the device of the weights.
        optimizer.state[weights[name]][key] = value.clone() if key == "step" else value.to(weights[name].device).clone()


def _damaged(folder: Path, error: Exception) -> Error:
    return Error(
        f"Cannot go on from {folder.name}: it is damaged ({str(error)[:160]}).",
        f"Remove {folder}; the training then goes on from the checkpoint before it.",
        kind="bad-checkpoint",
    )


def write_json(path: Path, value: Any) -> None:
    from rushlight.quant.whole_file import whole_file

    with whole_file(path) as file:
        file.write(json.dumps(value, indent=2, ensure_ascii=False).encode())
