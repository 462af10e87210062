"""Quantizes a Hugging Face folder into another one, in the compressed-tensors layout, by GPTQ, AWQ or SmoothQuant.

The inputs of its matrices are seen while llama.cpp runs the model over a text, from a GGUF file that is made for that
and thrown away: columns are the same on both sides. GPTQ and AWQ: 4-bit weights in groups; SmoothQuant: 8-bit weights
and activations. The embedding and the head stay as they are. A job in PyTorch; the folder appears when it is whole.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant import awq, gptq, smoothquant
from rushlight.quant.blocks.format import Floats
from rushlight.quant.compressed_tensors import (
    GROUP,
    Coded,
    Kind,
    Part,
    as_stored,
    coded_parts,
    plain_part,
    quantization_config,
    write_parts,
)
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.family import Family, family_of_config
from rushlight.quant.convert.rule import Change
from rushlight.quant.convert.to_gguf import convert, open_weights
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.moments import Moments, collect_moments
from rushlight.quant.rows import Rows, whole
from rushlight.quant.safetensors_file import StoredTensor
from rushlight.quant.scaling import Scaling, places
from rushlight.quant.whole_file import whole_file, whole_folder, work_folder

Method = Literal["gptq", "awq", "smoothquant"]
METHODS: Final[tuple[Method, ...]] = ("gptq", "awq", "smoothquant")
_MOST_OTHER_BYTES: Final = 64 << 20  # tokenizers and the like


@dataclass(frozen=True, slots=True)
class Compressed:
    """What was made."""

    folder: Path
    method: Method
    n_matrices: int
    size_bytes: int


def compress(
    folder: Path,
    target: Path,
    text: str,
    method: Method = "gptq",
    *,
    group: int = GROUP,
    n_ctx: int = 512,
    most_windows: int | None = None,
    n_threads: int = 1,
    scratch: Path | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Compressed:
    """Quantize the model in `folder` into the new folder `target`, calibrated on `text`."""
    if method not in METHODS:
        raise Error(f"There is no method {method[:20]!r}.", f"Choose one of {', '.join(METHODS)}.", kind="unknown-type")
    gptq.require_torch(method)
    config = Config.read(folder)
    family = family_of_config(config)
    config = config.with_defaults(family.defaults)
    kind: Kind = "int8" if method == "smoothquant" else "int4"
    with work_folder(scratch or Path(tempfile.gettempdir()), "rushlight-compress") as place:
        source = place / "source.gguf"
        with open_weights(folder) as stored:
            dtype = _dtype_of(stored)
        convert(folder, source, dtype, stop=stop, on_progress=on_progress)
        with GgufTensors(source) as opened:
            found_places = places(opened.file, (one.info for one in opened.tensors.values()))
            named = _named(family, config, set(opened.tensors))
            matrices = sorted({name for one in found_places for name in one.readers})
            short = [name for name in matrices if kind == "int4" and opened.tensors[name].shape[1] % group]
            if short:
                raise Error(
                    f"Groups of {group} do not fit: {short[0]} has {opened.tensors[short[0]].shape[1]} columns.",
                    "Choose groups of 64 or 32.",
                    kind="unsupported",
                )
            settings = {"n_ctx": n_ctx, "most_windows": most_windows, "n_threads": n_threads}
            moments: dict[str, Moments] = {}
            if method == "smoothquant":
                scaling = smoothquant.find_scaling(source, text, stop=stop, on_progress=on_progress, **settings)  # type: ignore[arg-type]
            else:
                moments = collect_moments(source, text, matrices, stop=stop, on_progress=on_progress, **settings)  # type: ignore[arg-type]
                scaling = Scaling({}, [])
            if method == "awq":
                rounding = _group_rounding(group, dtype)
                scaling = awq.find_scaling(
                    source, text, dict.fromkeys(matrices, "Q4_0"), moments=moments,
                    roundings=lambda name, type_name: rounding, stop=stop, on_progress=on_progress,
                )  # fmt: skip
            parts = _parts(config, named, dict(opened.tensors), matrices, scaling, moments, method, group, dtype)
            with whole_folder(target) as staged:
                size = write_parts(staged / "model.safetensors", parts, stop=stop, on_progress=on_progress)
                _copy_others(folder, staged)
                about = {
                    **read_json(folder / "config.json"),
                    "quantization_config": quantization_config(kind, group, ["lm_head"]),
                }
                with whole_file(staged / "config.json") as file:
                    file.write(json.dumps(about, indent=2).encode())
    return Compressed(target, method, len(matrices), size)


@dataclass(frozen=True, slots=True)
class _Named:
    """One tensor under both names, and what happens to it on the way back."""

    ours: str
    theirs: str
    change: Change


def _parts(
    config: Config, named: list[_Named], tensors: dict[str, Rows], matrices: list[str], scaling: Scaling,
    moments: dict[str, Moments], method: Method, group: int, dtype: str,
) -> list[Part]:  # fmt: skip
    """All tensors of the new folder, under Hugging Face's names."""
    quantized = set(matrices)
    parts: list[Part] = []
    for one in named:
        ours, theirs = one.ours, one.theirs
        (tensor,) = one.change.to_hf(scaling.scaled(ours, tensors[ours]), config)
        if ours not in quantized:
            parts.append(plain_part(theirs, tensor, dtype))
            continue
        shape = (tensor.shape[0], tensor.shape[1])
        kind: Kind = "int8" if method == "smoothquant" else "int4"
        found = _Coder(tensor, scaling.columns(ours), moments.get(ours), method, group, dtype)
        parts += coded_parts(theirs.removesuffix(".weight"), shape, kind, group, dtype, found)
    return parts


@dataclass(frozen=True, slots=True)
class _Coder:
    """Finds the codes of one matrix when it is written."""

    tensor: Rows
    factors: Floats | None
    moments: Moments | None
    method: Method
    group: int
    dtype: str

    def __call__(self) -> Coded:
        values = whole(self.tensor)
        if self.method == "smoothquant":
            return int8_rows(values, self.dtype)
        moments = np.eye(values.shape[1], dtype=np.float32) if self.moments is None else self.moments
        if self.factors is not None:
            moments = moments / np.outer(self.factors, self.factors)
        return gptq.code_groups(values, moments, self.group, self.dtype, feeds_back=self.method == "gptq")


def int8_rows(values: Floats, dtype: str) -> Coded:
    """Each row in int8 with one scale."""
    scales = as_stored((np.abs(values).max(axis=1, keepdims=True) / 127).astype(np.float32), dtype)
    safe = np.where(scales > 0, scales, 1)
    return Coded(np.clip(np.rint(values / safe), -127, 127).astype(np.int8), scales)


def _group_rounding(group: int, dtype: str) -> awq.Rounding:
    """What 4 bits in groups make of weights, without feedback."""

    def rounding(values: Floats, importance: Floats) -> Floats:
        coded = gptq.code_groups(values, np.diag(importance), group, dtype, feeds_back=False)
        return coded.codes.astype(np.float32) * np.repeat(coded.scales, group, axis=1)

    return rounding


def _named(family: Family, config: Config, known: set[str]) -> list[_Named]:
    found = []
    for rule in family.rules:
        for layer in range(config.n_layers) if rule.is_per_layer else range(1):
            for suffix in rule.suffixes:
                ours, theirs = rule.names(layer, suffix, config.n_experts)
                if ours in known and len(theirs) == 1:
                    found.append(_Named(ours, theirs[0], rule.change))
                elif ours in known:
                    raise Error(
                        "A model with experts cannot be written in this layout.",
                        "Make a GGUF file of it instead.",
                        kind="unsupported",
                    )
    return found


def _dtype_of(stored: dict[str, Rows]) -> str:
    """The type that holds every weight exactly."""
    found = {one.dtype for one in stored.values() if isinstance(one, StoredTensor) and len(one.shape) > 1}
    return found.pop() if len(found) == 1 and found <= {"F16", "BF16"} else "F32"


def _copy_others(folder: Path, target: Path) -> None:
    """Tokenizer, template and settings, as they are."""
    for path in sorted(folder.iterdir()):
        if path.name == "config.json" or not path.is_file() or path.suffix not in {".json", ".jinja", ".model", ".txt"}:
            continue
        if path.name.endswith(".safetensors.index.json") or path.stat().st_size > _MOST_OTHER_BYTES:
            continue
        shutil.copyfile(path, target / path.name)
