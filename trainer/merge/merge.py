"""Merges models: opens them, checks that they fit together, and streams the result tensor by tensor.

The result appears when it is whole. Memory: a few slabs for each model, whatever their size.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Progress, Stop
from rushlight.quant.convert.to_gguf import convert
from rushlight.quant.rows import Rows
from rushlight.quant.safetensors_file import MAX_SHARD_BYTES, write_shards
from rushlight.quant.whole_file import whole_file, whole_folder
from rushlight.trainer.merge import dare, della, linear, model_stock, slerp, task_arithmetic, ties
from rushlight.trainer.merge.check import check_sources
from rushlight.trainer.merge.config import NEED_BASE, MergeConfig, at_layer
from rushlight.trainer.merge.inputs import Inputs, MergeTensor
from rushlight.trainer.merge.passthrough import layer_of, n_layers_of, stack
from rushlight.trainer.merge.sources import Source, open_source

METHODS: Final[Mapping[str, MergeTensor]] = {
    "linear": linear.merge,
    "slerp": slerp.merge,
    "task_arithmetic": task_arithmetic.merge,
    "ties": ties.merge,
    "dare_linear": dare.merge_linear,
    "dare_ties": dare.merge_ties,
    "della_linear": della.merge_linear,
    "della": della.merge_elected,
    "model_stock": model_stock.merge,
}
_BYTES: Final = {"F32": 4, "F16": 2, "BF16": 2, "Q8_0": 1}
_NAMES: Final = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What a merge will make, known before anything is written."""

    out: Path
    architecture: str
    dtype: str
    n_tensors: int
    n_parameters: int
    size_bytes: int
    free_bytes: int
    tokenizer: str
    notices: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    sources: dict[str, Source]
    settings: dict[str, Any]
    tensors: list[tuple[str, Rows]]
    tokenizer: Source
    plan: MergePlan


def merge(
    config: MergeConfig,
    paths: Mapping[str, Path],
    out: Path,
    *,
    shard_bytes: int = MAX_SHARD_BYTES,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> MergePlan:
    """Make the merge at `out`, a new folder or a GGUF file. `paths`: where each model that the config names lies."""
    with contextlib.ExitStack() as stack_of_files:
        job = _open(config, paths, out, stack_of_files)
        if job.plan.size_bytes > job.plan.free_bytes:
            raise Error(
                f"Cannot merge: the result needs {job.plan.size_bytes / 1e9:.1f} GB, {job.plan.free_bytes / 1e9:.1f} "
                f"GB are free at {out.parent}.",
                "Free some space, or choose another place with 'out'.",
                kind="disk",
            )
        folder = out.with_name(f"{out.stem}.merging") if _is_gguf(out) else out
        dtype = job.plan.dtype if job.plan.dtype in _NAMES else "F16"
        if _is_gguf(out):
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        with whole_folder(folder) as staged:
            write_shards(staged, job.tensors, dtype, shard_bytes=shard_bytes, stop=stop, on_progress=on_progress)
            settings = {**job.settings, "dtype": _NAMES[dtype]}
            settings.pop("torch_dtype", None)
            _write_json(staged / "config.json", settings)
            job.tokenizer.write_companions(staged)
            _write_json(staged / "merge.json", _lineage(config, job))
        if _is_gguf(out):
            try:
                convert(folder, out, job.plan.dtype, name=out.stem, stop=stop, on_progress=on_progress)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        return job.plan


def plan(config: MergeConfig, paths: Mapping[str, Path], out: Path) -> MergePlan:
    """Everything that `merge` checks and knows before it writes."""
    with contextlib.ExitStack() as stack_of_files:
        return _open(config, paths, out, stack_of_files).plan


def _is_gguf(path: Path) -> bool:
    return path.suffix.lower() == ".gguf"


def _open(config: MergeConfig, paths: Mapping[str, Path], out: Path, files: contextlib.ExitStack) -> _Open:
    if config.method in NEED_BASE and not config.base:
        raise Error(
            f"Cannot merge: {config.method} needs a 'base', the model that the others were trained from.",
            "Write base = PATH into the file, or pass --set base=PATH.",
            kind="bad-config",
        )
    if not _is_gguf(out) and out.exists():
        raise Error(f"Cannot merge to {out}: it exists already.", "Choose another 'out', or remove it.", kind="exists")
    if not out.parent.is_dir():
        raise Error(f"Cannot merge to {out}: there is no folder {out.parent}.", "Make it first.", kind="bad-config")
    sources = {name: files.enter_context(open_source(name, paths[name])) for name in config.names()}
    used = [sources[name] for name in config.names() if name != config.tokenizer or _is_merged(config, name)]
    first = sources[config.base] if config.base else used[0]
    tokenizer = sources[config.tokenizer or first.name]
    stacked = config.method == "passthrough"
    notices = check_sources([first, *(one for one in used if one is not first)], tokenizer, same_tensors=not stacked)
    if stacked:
        settings, tensors = stack([(sources[part.model], part) for part in config.slices], first)
    else:
        settings, tensors = dict(first.settings), _tensors(config, sources, first)
    dtype = config.dtype or first.dtype
    n_parameters = sum(prod(rows.shape) for _, rows in tensors)
    size = n_parameters * _BYTES[dtype]
    if _is_gguf(out):
        size += n_parameters * _BYTES[dtype if dtype in _NAMES else "F16"]  # the folder it is made of
    free = shutil.disk_usage(out.parent).free
    made = MergePlan(
        out, first.architecture, dtype, len(tensors), n_parameters, size, free, tokenizer.name, list(notices)
    )
    return _Open(sources, settings, tensors, tokenizer, made)


def _is_merged(config: MergeConfig, name: str) -> bool:
    return name in (config.base, *(one.model for one in config.models), *(one.model for one in config.slices))


def _tensors(config: MergeConfig, sources: Mapping[str, Source], first: Source) -> list[tuple[str, Rows]]:
    method = METHODS[config.method]
    n_layers = n_layers_of(first.settings)
    found: list[tuple[str, Rows]] = []
    for name in first.tensors:
        layer = layer_of(name)
        inputs = Inputs(
            name,
            tuple(sources[one.model].tensors[name] for one in config.models),
            tuple(at_layer(one.weight, layer, n_layers) for one in config.models),
            sources[config.base].tensors[name] if config.base else None,
            tuple(at_layer(one.density, layer, n_layers) for one in config.models),
            tuple(one.epsilon for one in config.models),
            config.normalizes,
            config.rescale,
            config.scale,
            at_layer(config.t, layer, n_layers),
            config.filter_wise,
            config.seed,
        )
        found.append((name, method(inputs)))
    return found


def _lineage(config: MergeConfig, job: _Open) -> dict[str, Any]:
    """What went in, for whoever asks later where the model came from."""
    import msgspec

    return {
        "made_by": "rushlight merge",
        "config": msgspec.to_builtins(config),
        "models": {name: str(source.path) for name, source in job.sources.items()},
        "notices": job.plan.notices,
    }


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as file:
        file.write(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "replace"))
