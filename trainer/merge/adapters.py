"""Merging LoRA adapters of one base: their changes, module by module, as one adapter again.

A weighted sum of B_i A_i is B A exactly, with the matrices side by side; a smaller rank is the nearest in the sense of
least squares (Eckart, Young 1936). What prunes or elects works on the changes themselves, which have full rank
afterwards, and is brought back to a rank the same way. GGUF adapters and PEFT folders; the result is what went in.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, Progress, Stop
from rushlight.quant.adapters import gguf_products, peft_products
from rushlight.quant.convert.config import read_json
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_write import NamedRows, Value, write_gguf
from rushlight.quant.rows import Array, Floats, whole
from rushlight.quant.safetensors_file import write_safetensors
from rushlight.quant.whole_file import whole_file, whole_folder
from rushlight.trainer.merge.config import MergeConfig, at_layer
from rushlight.trainer.merge.inputs import Inputs
from rushlight.trainer.merge.merge import METHODS
from rushlight.trainer.merge.passthrough import layer_of

_EXACT: Final = ("linear", "task_arithmetic")
_LARGE: Final = 1536  # above, the largest singular values are found by random projection instead of all of them
_MORE: Final = 16  # columns of the projection beyond the rank
_ROUNDS: Final = 4

Product = tuple[Floats, Floats, float]  # A (r, C), B (R, r), and the factor of B A


@dataclass(frozen=True, slots=True)
class MergedAdapter:
    """What was made."""

    out: Path
    n_modules: int
    rank: int
    lost: float  # the largest share of a module's change that the rank could not hold, 0 to 1


def are_adapters(paths: Sequence[Path]) -> bool:
    """Whether these are adapters, by what lies there; an `Error` where some are and some are models."""
    kinds = {path: _is_adapter(path) for path in paths}
    if all(kinds.values()):
        return bool(paths)
    if any(kinds.values()):
        adapter = next(path for path, is_one in kinds.items() if is_one)
        model = next(path for path, is_one in kinds.items() if not is_one)
        raise Error(
            f"Cannot merge: {adapter.name} is an adapter, {model.name} a model.",
            "Merge models with models, and adapters with adapters.",
            kind="unlike-models",
        )
    return False


def _is_adapter(path: Path) -> bool:
    if path.is_dir():
        return (path / "adapter_config.json").exists()
    return path.suffix.lower() == ".gguf" and check(path).kind == "adapter"


def merge_adapters(
    config: MergeConfig,
    paths: Mapping[str, Path],
    out: Path,
    *,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> MergedAdapter:
    """Merge the adapters of `config.models` into `out`. Their base is zero change, so `base` is not named."""
    if config.method in ("passthrough", "slerp", "model_stock") or config.base:
        raise Error(
            f"Cannot merge adapters: {'a base is named' if config.base else config.method + ' is for models'}.",
            "Use linear, task_arithmetic, ties, dare_linear, dare_ties, della_linear or della, without a base.",
            kind="bad-config",
        )
    sources = [paths[one.model] for one in config.models]
    folders = {path.is_dir() for path in sources}
    if len(folders) > 1 or out.suffix.lower().endswith(".gguf") == folders.pop():
        raise Error(
            "Cannot merge adapters: GGUF files and PEFT folders are mixed.",
            "Bring all into one form first: rushlight quant adapter.",
            kind="unlike-models",
        )
    products = [(peft_products if path.is_dir() else gguf_products)(path) for path in sources]
    modules = list(dict.fromkeys(module for one in products for module in one))
    _refuse_unlike(config, products, modules)
    n_layers = 1 + max((layer_of(f"{module}.weight") or 0 for module in modules), default=0)
    made: dict[str, tuple[Floats, Floats]] = {}
    lost = 0.0
    for index, module in enumerate(modules):
        if stop is not None:
            stop.check()
        made[module], missing = _merged(config, products, module, n_layers)
        lost = max(lost, missing)
        if on_progress is not None:
            on_progress(Progress("Merging", index + 1, len(modules), "modules"))
    if out.suffix.lower() == ".gguf":
        _write_gguf(out, sources[0], made, stop)
    else:
        _write_peft(out, sources[0], made, config)
    return MergedAdapter(out, len(made), max(a.shape[0] for a, _ in made.values()), lost)


def _refuse_unlike(config: MergeConfig, products: Sequence[Mapping[str, Product]], modules: Sequence[str]) -> None:
    problems = []
    for module in modules:
        shapes = {
            one.model: (product[module][1].shape[0], product[module][0].shape[1])
            for one, product in zip(config.models, products, strict=True)
            if module in product
        }
        if len(set(shapes.values())) > 1:
            said = ", ".join(f"{rows} x {columns} in {name}" for name, (rows, columns) in shapes.items())
            problems.append(f"{module[:80]} is {said}")
    if problems:
        more = f"; and {len(problems) - 1} more modules" if len(problems) > 1 else ""
        raise Error(
            f"Cannot merge: {problems[0]}{more}.",
            "Adapters can be merged when they have one base.",
            kind="unlike-models",
        )


def _merged(
    config: MergeConfig, products: Sequence[Mapping[str, Product]], module: str, n_layers: int
) -> tuple[tuple[Floats, Floats], float]:
    """A and B of one module, and the share of its change that was lost to the rank."""
    layer = layer_of(f"{module}.weight")
    weights = [at_layer(one.weight, layer, n_layers) for one in config.models]
    there = [index for index, product in enumerate(products) if module in product]
    if config.method in _EXACT:
        total = sum(weights) if config.normalizes else 1.0
        parts = [(products[i][module], weights[i] / total * config.scale) for i in there]
        a = np.concatenate([product[0] for product, _ in parts])
        b = np.concatenate([product[1] * np.float32(product[2] * weight) for product, weight in parts], axis=1)
        if not config.rank or config.rank >= a.shape[0]:
            return (np.ascontiguousarray(a), np.ascontiguousarray(b)), 0.0
        q_b, r_b = np.linalg.qr(b.astype(np.float64))
        q_a, r_a = np.linalg.qr(a.T.astype(np.float64))
        u, s, vt = np.linalg.svd(r_b @ r_a.T)
        return _cut(q_b @ u, s, vt @ q_a.T, config.rank, float((s**2).sum()))
    shape = next((p[module][1].shape[0], p[module][0].shape[1]) for p in products if module in p)
    changes = [
        p[module][1] @ p[module][0] * np.float32(p[module][2]) if module in p else np.zeros(shape, np.float32)
        for p in products
    ]
    inputs = Inputs(
        module,
        tuple(Array(change) for change in changes),
        tuple(weights),
        Array(np.zeros(shape, np.float32)),
        tuple(at_layer(one.density, layer, n_layers) for one in config.models),
        tuple(one.epsilon for one in config.models),
        config.normalizes,
        config.rescale,
        config.scale,
        seed=config.seed,
    )
    change = whole(METHODS[config.method](inputs))
    rank = config.rank or max(products[i][module][0].shape[0] for i in there)
    rank = min(rank, *shape)
    u, s, vt = _largest(change.astype(np.float64), rank)
    return _cut(u, s, vt, rank, float((change.astype(np.float64) ** 2).sum()))


def _largest(change: NDArray[np.float64], rank: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Singular values and vectors, at least the `rank` largest (Halko, Martinsson, Tropp 2011, algorithm 4.4)."""
    if min(change.shape) <= _LARGE or min(change.shape) <= rank + _MORE:
        return np.linalg.svd(change, full_matrices=False)
    basis = np.random.default_rng(0).standard_normal((change.shape[1], rank + _MORE))
    q, _ = np.linalg.qr(change @ basis)
    for _ in range(_ROUNDS):
        q, _ = np.linalg.qr(change.T @ q)
        q, _ = np.linalg.qr(change @ q)
    u, s, vt = np.linalg.svd(q.T @ change, full_matrices=False)
    return q @ u, s, vt


def _cut(
    u: NDArray[Any], s: NDArray[Any], vt: NDArray[Any], rank: int, energy: float
) -> tuple[tuple[Floats, Floats], float]:
    root = np.sqrt(s[:rank])
    a = (root[:, None] * vt[:rank]).astype(np.float32)
    b = (u[:, :rank] * root).astype(np.float32)
    kept = float((s[:rank] ** 2).sum())
    lost = math.sqrt(max(0.0, 1.0 - kept / energy)) if energy > 0 else 0.0
    return (np.ascontiguousarray(a), np.ascontiguousarray(b)), lost


# ---------------------------------------------------------------- writing
def _write_gguf(out: Path, like: Path, made: Mapping[str, tuple[Floats, Floats]], stop: Stop | None) -> None:
    rank = max(a.shape[0] for a, _ in made.values())
    tensors = []
    for module, (a, b) in made.items():
        # llama.cpp scales by alpha / rank of the module; with alpha the largest rank the others are made up for
        tensors.append(NamedRows(f"{module}.lora_a", Array(a), "F32"))
        tensors.append(NamedRows(f"{module}.lora_b", Array(b * np.float32(a.shape[0] / rank)), "F32"))
    metadata: dict[str, Value] = {
        "general.architecture": check(like).metadata["general.architecture"],
        "general.type": "adapter",
        "general.name": out.stem,
        "adapter.type": "lora",
        "adapter.lora.alpha": float(rank),
    }
    write_gguf(out, metadata, tensors, stop=stop, what="Writing")


def _write_peft(out: Path, like: Path, made: Mapping[str, tuple[Floats, Floats]], config: MergeConfig) -> None:
    said = read_json(like / "adapter_config.json")
    ranks = {module: a.shape[0] for module, (a, _) in made.items()}
    rank = max(ranks.values())
    pattern = {module: one for module, one in ranks.items() if one != rank}
    said.update(
        r=rank,
        lora_alpha=rank,
        use_rslora=False,
        rank_pattern=pattern,
        alpha_pattern=dict(pattern),
        target_modules=sorted(made),
    )
    tensors = []
    for module, (a, b) in made.items():
        tensors.append((f"base_model.model.{module}.lora_A.weight", Array(a)))
        tensors.append((f"base_model.model.{module}.lora_B.weight", Array(b)))
    with whole_folder(out) as staged:
        write_safetensors(staged / "adapter_model.safetensors", tensors, "F32")
        with whole_file(staged / "adapter_config.json") as file:
            file.write(json.dumps(said, indent=2).encode())
