"""LoRA adapters between PEFT's folders and GGUF files, both ways (LoRA: Hu et al. 2021, arXiv:2106.09685).

    PEFT  adapter_config.json, adapter_model.safetensors: MODULE.lora_A.weight (r, in), MODULE.lora_B.weight (out, r)
    GGUF  TENSOR.lora_a (r, in), TENSOR.lora_b (out, r), adapter.lora.alpha; llama.cpp scales by alpha / r

An adapter follows the changes that its base model's weights go through: heads that are reordered have the rows of
B reordered. What GGUF has no form for is refused, never left out.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from rushlight import Error, Stop
from rushlight.quant.convert.config import Config, read_json
from rushlight.quant.convert.family import Family, family_of_config, family_of_gguf
from rushlight.quant.convert.rule import Rule
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_write import NamedRows, Value, write_gguf
from rushlight.quant.rows import Applied, Floats, Rows, reordered, whole
from rushlight.quant.safetensors_file import SafetensorsFile, write_safetensors
from rushlight.quant.whole_file import whole_file, whole_folder

_PREFIX: Final = "base_model.model."
_PART: Final = re.compile(r"(?P<module>.+)\.lora_(?P<side>[AB])(?:\.[A-Za-z0-9_-]+)?\.weight")
_TYPES: Final = ("F32", "F16")


@dataclass(frozen=True, slots=True)
class Adapter:
    """What was made."""

    path: Path
    architecture: str
    n_matrices: int
    ranks: tuple[int, ...]
    alpha: float


@dataclass(frozen=True, slots=True)
class Base:
    """The model an adapter belongs to: known by its Hugging Face folder or by its GGUF file."""

    family: Family
    config: Config

    def module(self, name: str) -> str:
        """A module as the rules call it: models and checkpoints put more before it, such as `language_model.`."""
        return self.family.renamed(f"{name}.weight").removesuffix(".weight")

    def matrices(self) -> Iterator[tuple[str, str, Rule]]:
        """(name in GGUF, module in Hugging Face's model, rule) of every matrix that may carry an adapter."""
        for rule in self.family.rules:
            if "{e}" in rule.hf:
                continue
            for layer in range(self.config.n_layers) if rule.is_per_layer else range(1):
                ours, theirs = rule.names(layer, "weight", 0)
                if ours.endswith(".weight") and theirs[0].endswith(".weight"):
                    yield ours, theirs[0].removesuffix(".weight"), rule


def base_of(path: Path) -> Base:
    """The base model in `path`, a Hugging Face folder (its config.json is enough) or a GGUF file."""
    if path.is_dir():
        config = Config.read(path)
        family = family_of_config(config)
        return Base(family, config.with_defaults(family.defaults))
    file = check(path)
    family = family_of_gguf(file)
    return Base(family, Config(family.config(file), family.defaults))


# ---------------------------------------------------------------- PEFT to GGUF
def adapter_to_gguf(
    folder: Path, base: Path, target: Path, type_name: str = "F32", *, name: str = "", stop: Stop | None = None
) -> Adapter:
    """Convert the PEFT adapter in `folder`; `base` is its base model's folder or GGUF file."""
    if type_name not in _TYPES:
        raise Error(f"Cannot write an adapter as {type_name}.", f"Choose {' or '.join(_TYPES)}.", kind="unknown-type")
    said = read_json(folder / "adapter_config.json")
    _refuse(said)
    known = base_of(base)
    alpha = float(said.get("lora_alpha") or said.get("r") or 1)
    with SafetensorsFile(folder / "adapter_model.safetensors") as file:
        pairs = _pairs(file.tensors)
        full_names = {known.module(full): full for full in pairs}
        tensors: list[NamedRows] = []
        ranks: set[int] = set()
        for ours, module, rule in known.matrices():
            full = full_names.pop(module, None)
            if full is None:
                continue
            a, b = _checked(full, pairs.pop(full))
            rank = a.shape[0]
            ranks.add(rank)
            order = _order(rule, module, b.shape[0], known.config)
            if order is not None:
                b = reordered(b, order)
            factor = _scale(said, full, rank) / (alpha / rank)
            if factor != 1.0:
                b = Applied(b, _Times(factor))
            tensors.append(NamedRows(f"{ours}.lora_a", a, type_name))
            tensors.append(NamedRows(f"{ours}.lora_b", b, type_name))
        if pairs:
            raise Error(
                f"Cannot convert the adapter: {sorted(pairs)[0][:80]!r} has no place in GGUF's {known.family.gguf}.",
                "Is this the model that the adapter was trained on?",
                kind="unsupported",
            )
        if not tensors:
            raise Error("Cannot convert the adapter: it holds no LoRA matrices.", kind="bad-file")
        metadata: dict[str, Value] = {
            "general.architecture": known.family.gguf,
            "general.type": "adapter",
            "general.name": name or folder.resolve().name,
            "adapter.type": "lora",
            "adapter.lora.alpha": alpha,
        }
        write_gguf(target, metadata, tensors, stop=stop, what="Converting")
    return Adapter(target, known.family.gguf, len(tensors) // 2, tuple(sorted(ranks)), alpha)


def peft_products(folder: Path, base: Base | None = None) -> dict[str, tuple[Floats, Floats, float]]:
    """What a PEFT folder adds to each module: A, B and the factor of their product. Modules are called as in the
    folder, or as the rules of `base` call them."""
    said = read_json(folder / "adapter_config.json")
    with SafetensorsFile(folder / "adapter_model.safetensors") as file:
        found = {}
        for module, pair in _pairs(file.tensors).items():
            a, b = _checked(module, pair)
            name = base.module(module) if base is not None else module
            found[name] = whole(a), whole(b), _scale(said, module, a.shape[0])
        return found


def gguf_products(path: Path) -> dict[str, tuple[Floats, Floats, float]]:
    """What a GGUF adapter adds to each tensor, as llama.cpp computes it."""
    with GgufTensors(path) as file:
        alpha = file.file.number("adapter.lora.alpha", 0.0)
        found = {}
        for name, rows in file.tensors.items():
            base, ending = name[: -len(".lora_a")], name[-len(".lora_a") :]
            other = file.tensors.get(f"{base}.lora_b")
            if ending == ".lora_a" and other is not None:
                a = whole(rows)
                found[base] = a, whole(other), alpha / a.shape[0] if alpha else 1.0
        return found


@dataclass(frozen=True, slots=True)
class _Times:
    factor: float

    def __call__(self, values: Floats) -> Floats:
        return values * np.float32(self.factor)


def _refuse(said: Mapping[str, Any]) -> None:
    """What of PEFT's settings GGUF has no form for."""
    reasons = [
        (str(said.get("peft_type", "LORA")).upper() != "LORA", f"it is a {said.get('peft_type')} adapter, not LoRA"),
        (bool(said.get("use_dora")), "it uses DoRA, whose magnitudes GGUF cannot hold"),
        (bool(said.get("modules_to_save")), "it holds whole modules beside LoRA (modules_to_save)"),
        (str(said.get("bias", "none")) != "none", "it trained biases too"),
        (bool(said.get("trainable_token_indices")), "it trained tokens of its own"),
        (bool(said.get("target_parameters")), "it adapts the experts' joined matrices (target_parameters)"),
    ]
    for applies, reason in reasons:
        if applies:
            raise Error(
                f"Cannot convert the adapter: {reason}.",
                "Merge it into its base model and convert that.",
                kind="unsupported",
            )


def _pairs(tensors: Mapping[str, Rows]) -> dict[str, dict[str, Rows]]:
    """module -> its A and B."""
    found: dict[str, dict[str, Rows]] = {}
    for label, rows in tensors.items():
        match = _PART.fullmatch(label)
        if match is None:
            raise Error(
                f"Cannot convert the adapter: {label[:80]!r} is no part of LoRA that GGUF can hold.",
                "Merge it into its base model and convert that; or, if it is a copy of an unchanged embedding, save "
                "the adapter with save_embedding_layers=False.",
                kind="unsupported",
            )
        found.setdefault(match["module"].removeprefix(_PREFIX), {})[match["side"]] = rows
    return found


def _checked(module: str, pair: Mapping[str, Rows]) -> tuple[Rows, Rows]:
    a, b = pair.get("A"), pair.get("B")
    if a is None or b is None or len(a.shape) != 2 or len(b.shape) != 2 or a.shape[0] != b.shape[1]:
        raise Error(
            f"Cannot convert the adapter: the two matrices of {module[:80]!r} do not fit together.",
            "The folder is damaged.",
            kind="bad-file",
        )
    return a, b


def _order(rule: Rule, module: str, n_outputs: int, config: Config) -> Any:
    try:
        return rule.change.output_order(n_outputs, config)
    except NotImplementedError:
        raise Error(
            f"Cannot convert the adapter: GGUF has no form for one of {module[:80]!r}.",
            "Merge it into its base model and convert that.",
            kind="unsupported",
        ) from None


def _pattern(patterns: Any, module: str) -> Any:
    """PEFT's way to say a number for some modules: {regular expression or ending: number}."""
    for pattern, number in patterns.items() if isinstance(patterns, dict) else ():
        if module == pattern or module.endswith(f".{pattern}") or _matches(pattern, module):
            return number
    return None


def _matches(pattern: str, module: str) -> bool:
    try:
        return re.fullmatch(rf"(?:.*\.)?(?:{pattern})", module) is not None
    except re.error:
        return False


def _scale(said: Mapping[str, Any], module: str, rank: int) -> float:
    """What PEFT multiplies B A by."""
    alpha = float(_pattern(said.get("alpha_pattern"), module) or said.get("lora_alpha") or said.get("r") or 1)
    return alpha / math.sqrt(rank) if said.get("use_rslora") else alpha / rank


# ---------------------------------------------------------------- GGUF to PEFT
def adapter_to_peft(path: Path, base: Path, folder: Path, *, stop: Stop | None = None) -> Adapter:
    """Convert the GGUF adapter in `path` into the new folder `folder`, which PEFT loads onto `base`."""
    known = base_of(base)
    with GgufTensors(path) as source:
        if source.file.kind != "adapter":
            raise Error(f"Cannot use {path.name}: it is no adapter.", "Give an adapter's file.", kind="bad-file")
        if source.file.architecture != known.family.gguf:
            raise Error(
                f"Cannot convert {path.name}: it belongs to a model of the architecture {source.file.architecture!r}, "
                f"the base is {known.family.gguf!r}.",
                "Give the model it was made for.",
                kind="bad-file",
            )
        alpha = source.file.number("adapter.lora.alpha", 0.0)
        left: dict[str, Rows] = dict(source.tensors)
        tensors: list[tuple[str, Rows]] = []
        ranks: dict[str, int] = {}
        flipped = False
        for ours, module, rule in known.matrices():
            a, b = left.pop(f"{ours}.lora_a", None), left.pop(f"{ours}.lora_b", None)
            if a is None or b is None:
                continue
            order = _order(rule, module, b.shape[0], known.config)
            if order is not None:
                b = reordered(b, np.argsort(order))
            full = known.family.module_prefix + module
            ranks[full] = a.shape[0]
            flipped = flipped or type(rule.change).__name__ == "Flipped"
            tensors += [(f"{_PREFIX}{full}.lora_A.weight", a), (f"{_PREFIX}{full}.lora_B.weight", b)]
        if left or not ranks:
            label = sorted(left)[0] if left else "nothing"
            raise Error(
                f"Cannot convert {path.name}: {label[:60]!r} has no place in PEFT's adapter of this model.",
                kind="unsupported",
            )
        settings = _settings(ranks, alpha, base, flipped)
        with whole_folder(folder) as staged:
            write_safetensors(staged / "adapter_model.safetensors", tensors, "F32", stop=stop)
            with whole_file(staged / "adapter_config.json") as file:
                file.write(json.dumps(settings, indent=2).encode())
    return Adapter(folder, known.family.gguf, len(ranks), tuple(sorted(set(ranks.values()))), alpha)


def _settings(ranks: dict[str, int], alpha: float, base: Path, flipped: bool) -> dict[str, Any]:
    counts: dict[int, int] = {}
    for rank in ranks.values():
        counts[rank] = counts.get(rank, 0) + 1
    usual = max(counts, key=lambda rank: counts[rank])
    if alpha == 0:  # llama.cpp then does not scale at all
        scale_of = {module: rank for module, rank in ranks.items() if rank != usual}
        alpha = float(usual)
    else:
        scale_of = {}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name,
        "r": usual,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": flipped,
        "target_modules": sorted(set(ranks)),
        "rank_pattern": {module: rank for module, rank in ranks.items() if rank != usual},
        "alpha_pattern": scale_of,
        "inference_mode": True,
    }
