"""An adapter added into its base model's weights, tensor by tensor: never all of them in memory, never into 4 bits.

LoRA adds a product of two matrices; DoRA (arXiv:2402.09353, eq. 5) then sets the length of each output's weights anew.
"""

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant.adapters import base_of
from rushlight.quant.convert.config import read_json
from rushlight.quant.convert.to_gguf import open_weights
from rushlight.quant.rows import Applied, Floats, Rows, slabs, whole
from rushlight.quant.safetensors_file import SafetensorsFile, write_shards
from rushlight.quant.whole_file import whole_folder

_PART: Final = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>A|B|magnitude_vector)(?:\.weight)?")


@dataclass(frozen=True, slots=True)
class _Sum:
    """The rows of a weight with what the adapter adds to them."""

    base: Rows
    a: Floats  # (r, in)
    b: Floats  # (out, r)
    factor: float
    lengths: Floats | None  # (out,): DoRA's, where an output is a row
    flipped: bool  # the weight is stored (in, out)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def rows(self, start: int, stop: int) -> Floats:
        if self.flipped:
            return self.base.rows(start, stop) + self.factor * (self.a[:, start:stop].T @ self.b.T)
        found = self.base.rows(start, stop) + self.factor * (self.b[start:stop] @ self.a)
        if self.lengths is not None:
            found *= (self.lengths[start:stop] / np.linalg.norm(found, axis=1))[:, None]
        return found.astype(np.float32)


def merge_adapter(
    base: Path,
    adapter: Path,
    target: Path,
    dtype: str,
    *,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> None:
    """The model in `base` with the PEFT adapter in `adapter` in its weights, as the new folder `target`."""
    said = read_json(adapter / "adapter_config.json")
    named = _names_of(base)
    parts: dict[str, dict[str, Rows]] = {}
    with open_weights(base) as weights, SafetensorsFile(adapter / "adapter_model.safetensors") as file:
        for label, stored in file.tensors.items():
            match = _PART.fullmatch(label)
            if match is None:
                raise Error(f"Cannot merge: {label[:80]!r} is no part of LoRA or DoRA.", kind="unsupported")
            parts.setdefault(named(match["module"]), {})[match["side"]] = stored
        tensors: list[tuple[str, Rows]] = []
        for name, rows in weights.items():
            pair = parts.pop(named(name.removesuffix(".weight")), None)
            tensors.append((name, rows if pair is None else _sum(name, rows, pair, said)))
        if parts:
            raise Error(
                f"Cannot merge: the base model has no weight {sorted(parts)[0][:80]!r}.",
                "Is this the model that the adapter was trained on?",
                kind="bad-file",
            )
        with whole_folder(target) as staged:
            write_shards(staged, tensors, dtype, stop=stop, on_progress=on_progress)
            copy_companions(base, staged, dtype)


def _names_of(base: Path) -> Callable[[str], str]:
    """Modules as the rules of the base's family call them: a checkpoint may lack what the model puts before a name, or
    have more. Of a family that we do not know, as they are called."""
    try:
        return base_of(base).module
    except Error as error:
        if error.kind != "unsupported":
            raise
        return lambda name: name


def copy_companions(base: Path, folder: Path, dtype: str) -> None:
    """Settings and tokenizer, everything but weights."""
    import json

    for one in sorted(base.iterdir()):
        if one.suffix in (".json", ".jinja", ".txt", ".model") and "safetensors" not in one.name:
            shutil.copyfile(one, folder / one.name)
    settings = read_json(folder / "config.json")
    settings["dtype"] = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}[dtype]
    settings.pop("torch_dtype", None)
    settings.pop("quantization_config", None)
    (folder / "config.json").write_text(json.dumps(settings, indent=2))


def _sum(name: str, rows: Rows, pair: dict[str, Rows], said: dict[str, Any]) -> Rows:
    a, b = whole(pair["A"]), whole(pair["B"])
    lengths = whole(pair["magnitude_vector"]).reshape(-1) if "magnitude_vector" in pair else None
    flipped = bool(said.get("fan_in_fan_out")) or rows.shape != (b.shape[0], a.shape[1])
    fits = rows.shape == ((a.shape[1], b.shape[0]) if flipped else (b.shape[0], a.shape[1]))
    if not fits or (lengths is not None and lengths.shape != (b.shape[0],)):
        raise Error(f"Cannot merge: the adapter of {name[:80]!r} does not fit its weight.", kind="bad-file")
    rank = a.shape[0]
    factor = float(said["lora_alpha"]) / (math.sqrt(rank) if said.get("use_rslora") else rank)
    if lengths is None or not flipped:
        return _Sum(rows, a, b, factor, lengths, flipped)
    summed = _Sum(rows, a, b, factor, None, flipped)  # an output is a column, whose length all rows tell together
    squares = sum(np.square(slab, dtype=np.float64).sum(axis=0) for slab in slabs(summed))
    scales = (lengths / np.sqrt(squares)).astype(np.float32)
    return Applied(summed, lambda values: values * scales)
