"""Passthrough: layers of several models one upon the other, unchanged ("frankenmerges"; Kim et al. 2023, depth
up-scaling, arXiv:2312.15166)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rushlight import Error
from rushlight.quant.rows import Rows
from rushlight.trainer.merge.check import sizes
from rushlight.trainer.merge.config import Slice
from rushlight.trainer.merge.sources import Source

_LAYER: Final = re.compile(r"^(.*?\b(?:layers|h|layer|blocks|blk))\.(\d+)\.(.*)$")
_COUNTS: Final = ("num_hidden_layers", "n_layer", "num_layers")
_PER_LAYER_LISTS: Final = ("layer_types",)
_SHOWN: Final = 3


def layer_of(name: str) -> int | None:
    """The layer that a tensor belongs to; None for embeddings, the last norm and the head."""
    match = _LAYER.match(name)
    return int(match[2]) if match else None


def n_layers_of(settings: Mapping[str, Any]) -> int:
    for key in _COUNTS:
        if isinstance(settings.get(key), int):
            return int(settings[key])
    return 0


def stack(parts: Sequence[tuple[Source, Slice]], rest: Source) -> tuple[dict[str, Any], list[tuple[str, Rows]]]:
    """The settings and tensors of the stacked model; what belongs to no layer comes from `rest`."""
    problems = []
    for source, part in parts:
        count = n_layers_of(source.settings)
        if part.layers[1] > count:
            problems.append(f"{source.name} has {count} layers, not {part.layers[1]}")
    if problems:
        raise Error("Cannot stack layers: " + "; ".join(problems) + ".", "Change [[slices]].", kind="bad-config")
    problems = _unlike(parts, rest)
    if problems:
        if len(problems) > _SHOWN:
            problems[_SHOWN:] = [f"{len(problems) - _SHOWN} more tensors differ in shape"]
        raise Error(
            "Cannot stack layers: " + "; ".join(problems) + ".",
            "Layers fit on each other when their models have the same sizes. Change [[slices]] or 'base'.",
            kind="unlike-models",
        )
    tensors = [(name, rows) for name, rows in rest.tensors.items() if layer_of(name) is None]
    lists: dict[str, list[Any]] = {
        key: [] for key in _PER_LAYER_LISTS if all(isinstance(source.settings.get(key), list) for source, _ in parts)
    }
    n_before = 0
    for source, part in parts:
        first, last = part.layers
        for name, rows in source.tensors.items():
            match = _LAYER.match(name)
            if match and first <= int(match[2]) < last:
                tensors.append((f"{match[1]}.{int(match[2]) - first + n_before}.{match[3]}", rows))
        for key, values in lists.items():
            values += source.settings[key][first:last]
        n_before += last - first
    settings = dict(rest.settings)
    settings.update({key: n_before for key in _COUNTS if key in settings})
    settings.update(lists)
    return settings, tensors


def _unlike(parts: Sequence[tuple[Source, Slice]], rest: Source) -> list[str]:
    """What in these layers has a shape that no layer of `rest` has: embedding, head and settings are those of `rest`.
    Its own layers may differ from each other, as those of models do that attend in two ways."""
    known: dict[tuple[str, str], set[tuple[int, ...]]] = {}
    for name, rows in rest.tensors.items():
        if match := _LAYER.match(name):
            known.setdefault((match[1], match[3]), set()).add(tuple(rows.shape))
    found: dict[tuple[str, str], str] = {}
    for source, part in parts:
        for name, rows in source.tensors.items():
            match = _LAYER.match(name)
            if match is None or not part.layers[0] <= int(match[2]) < part.layers[1]:
                continue
            wanted = known.get((match[1], match[3]), set())
            if wanted and tuple(rows.shape) not in wanted:
                there = " or ".join(sizes(one) for one in sorted(wanted))
                said = f"{match[3][:80]} is {sizes(tuple(rows.shape))} in {source.name}, {there} in {rest.name}"
                found.setdefault((source.name, match[3]), said)
    return list(found.values())
