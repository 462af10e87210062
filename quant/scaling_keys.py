"""Scales that were folded into a GGUF file, as keys of that file: a proof needs them to hold its weights against those
of its source. Other programs leave keys alone that they do not know.
"""

import zipfile
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Error
from rushlight.quant.blocks.format import Floats
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_values import GgufFile, LongArray
from rushlight.quant.gguf_write import Value
from rushlight.quant.scaling import Scaling, places
from rushlight.quant.whole_file import whole_file

_PREFIX: Final = "rushlight.scale."


def scaling_keys(scaling: Scaling) -> dict[str, Value]:
    """The keys for `quantize.make`: an array of float32 for each place that is scaled."""
    return {_PREFIX + name: [float(one) for one in scale] for name, scale in scaling.scales.items()}


def scaling_of(file: GgufFile) -> Scaling | None:
    """The scaling that a file says it was made with; None where it has none. An `Error` where it is damaged."""
    found: dict[str, Floats] = {}
    for key, value in file.metadata.items():
        if key.startswith(_PREFIX):
            held = value.load() if isinstance(value, LongArray) else value
            try:
                found[key.removeprefix(_PREFIX)] = np.asarray(held, np.float32)
            except (TypeError, ValueError):
                raise _damaged(file, key) from None
    if not found:
        return None
    known = places(file, file.tensors)
    if unknown := sorted(set(found) - {place.name for place in known}):
        raise _damaged(file, _PREFIX + unknown[0])
    try:
        return Scaling(found, known)
    except ValueError as error:
        raise _damaged(file, f"{_PREFIX}{error}") from None


def keep_scaling(path: Path, scaling: Scaling) -> None:
    """Write scales to a file of numpy's, whole or not at all."""
    with whole_file(path) as file:
        np.savez(file, **scaling.scales)  # type: ignore[arg-type]


def kept_scaling(path: Path, model: Path) -> Scaling | None:
    """The scaling of `model` that was kept there; None where none was, or it is of another model."""
    try:
        # opened here: np.load leaves a file open that it cannot read
        with path.open("rb") as file_of_numpy, np.load(file_of_numpy, allow_pickle=False) as kept:
            found = {name: np.asarray(kept[name], np.float32) for name in kept.files}
        with GgufTensors(model) as opened:
            return Scaling(found, places(opened.file, (one.info for one in opened.tensors.values())))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def _damaged(file: GgufFile, key: str) -> Error:
    return Error(
        f"{file.path.name} is damaged: {key[:120]} holds no scales of this model.",
        "Make the file again from its source.",
        kind="bad-file",
    )
