"""Which tensor gets which type, so that a file of a given size loses least: from measured sensitivity, not from rules.

Tensors of one kind in one part of the depth are a group. Each group is quantized alone and the KL divergence of the
model measured; that is shared out to the group's tensors, and to other types, by how large the weighted error of the
tensor is in each type (near the weights in hand divergence grows with squared error). Then bits go where a byte brings
most. Knows files, types and text; llama.cpp says which tensors may be quantized at all.
"""

import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from rushlight import Error, Progress, Stop
from rushlight.quant import compare, ggml, quantize
from rushlight.quant.block_encoding import PLAIN, encode_rows, fits, relative_importance
from rushlight.quant.blocks.format import Floats
from rushlight.quant.encoding import decode
from rushlight.quant.gguf_copy import head_size, padded, size_as
from rushlight.quant.gguf_tensors import GgufRows, GgufTensors
from rushlight.quant.gguf_values import TensorInfo
from rushlight.quant.imatrix import ImportanceMatrix
from rushlight.quant.whole_file import work_folder

CANDIDATES: Final = ("Q2_K", "Q3_K", "Q4_0", "IQ4_NL", "Q4_K", "Q5_0", "Q5_K", "Q6_K", "Q8_0")
PROBES: Final = ("Q3_K", "IQ4_NL")  # what a group is quantized to alone: the first that its rows allow
N_PARTS: Final = 3  # of the depth
HEAD_RESERVE_BYTES: Final = 4096  # keys that are added
_SAMPLED_ROWS: Final = 128
_AT_ONCE: Final = 6  # models open side by side
_LAYER: Final = re.compile(r"blk\.(\d+)\.(.+)")


@dataclass(frozen=True, slots=True)
class Choice:
    """One type for one tensor: what it costs, and the divergence it is expected to bring."""

    type_name: str
    size_bytes: int
    loss: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The types of all tensors, the size of the file they make, and the divergence expected of it."""

    types: Mapping[str, str]
    size_bytes: int
    expected_divergence: float
    group_divergences: Mapping[str, float]  # as measured, each group alone


def choose(choices: Mapping[str, Sequence[Choice]], budget_bytes: int) -> dict[str, Choice]:
    """One choice for each tensor within the budget: along the convex hull of each tensor the best loss per byte first
    (optimal but for the last step), then what still fits."""
    hulls = {name: _hull(options) for name, options in choices.items()}
    at = dict.fromkeys(hulls, 0)
    spent = sum(hull[0].size_bytes for hull in hulls.values())
    if spent > budget_bytes:
        raise Error(
            f"These types make at least {spent:,} bytes, more than the {budget_bytes:,} allowed.",
            "Allow a larger file, or smaller types.",
            kind="too-small",
        )
    steps = []
    for name, hull in hulls.items():
        for i, (one, other) in enumerate(pairwise(hull)):
            gain = (one.loss - other.loss) / max(1, other.size_bytes - one.size_bytes)
            steps.append((-gain, name, i, other.size_bytes - one.size_bytes))
    for _, name, i, cost in sorted(steps):
        if at[name] == i and spent + cost <= budget_bytes:
            at[name], spent = i + 1, spent + cost
    return {name: hulls[name][i] for name, i in at.items()}


def _hull(options: Iterable[Choice]) -> list[Choice]:
    """The choices that are best for some price of a byte, smallest first."""
    hull: list[Choice] = []
    for option in sorted(options, key=lambda one: (one.size_bytes, one.loss)):
        if hull and option.loss >= hull[-1].loss:
            continue
        while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-2], option):
            hull.pop()
        hull.append(option)
    if not hull:
        raise ValueError("a tensor without a choice")
    return hull


def _slope(one: Choice, other: Choice) -> float:
    return (one.loss - other.loss) / (other.size_bytes - one.size_bytes)


def group_of(name: str, n_layers: int) -> str:
    """The kind of a tensor and its part of the depth."""
    match = _LAYER.fullmatch(name)
    if match is None:
        return name.removesuffix(".weight")
    part = int(match[1]) * N_PARTS // max(1, n_layers)
    return f"{match[2].removesuffix('.weight')} {part + 1}/{N_PARTS}"


def relative_error(tensor: GgufRows, type_name: str, importance: Floats | None, n_threads: int = 1) -> float:
    """The weighted squared error of a tensor in a type, as a part of its weighted squares; some of its rows stand for
    all."""
    columns = tensor.info.shape[0]
    n_rows = tensor.info.n_elements // columns
    wanted = np.unique(np.linspace(0, n_rows - 1, min(n_rows, _SAMPLED_ROWS)).astype(int))
    values = np.concatenate([tensor.rows(int(row), int(row) + 1) for row in wanted])
    by_column = None if importance is None else importance.reshape(-1, columns).mean(axis=0)
    again = decode(encode_rows(values, type_name, by_column, n_threads=n_threads), type_name).reshape(values.shape)
    weights = np.ones(columns) if by_column is None else relative_importance(by_column).astype(np.float64)
    squares = float((weights * values.astype(np.float64) ** 2).sum())
    return float((weights * (again.astype(np.float64) - values) ** 2).sum()) / squares if squares > 0 else 0.0


def make_plan(
    source: Path,
    text: str,
    budget_bytes: int,
    *,
    importance: ImportanceMatrix | None = None,
    candidates: Sequence[str] = CANDIDATES,
    n_ctx: int = 512,
    most_windows: int = 4,
    n_threads: int = 1,
    folder: Path | None = None,
    known: Mapping[str, float] | None = None,
    on_measured: Callable[[dict[str, float]], None] | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Plan:
    """The best types for a file of at most `budget_bytes`. `folder` is where the trial files lie meanwhile; each is as
    large as the source. `on_measured` hears what is known of the groups so far; given back as `known`, that is not
    measured again."""
    allowed = {name for name, kind in ggml.mixture_types(source, "Q8_0").items() if kind not in PLAIN}
    with GgufTensors(source) as opened:
        tensors = {name: tensor for name, tensor in opened.tensors.items() if name in allowed}
        fixed = [tensor.info for name, tensor in opened.tensors.items() if name not in allowed]
        head_bytes = HEAD_RESERVE_BYTES + head_size(opened.file, [one.info for one in opened.tensors.values()])
        n_layers = 1 + max((int(m[1]) for name in tensors if (m := _LAYER.fullmatch(name))), default=0)
        weighted = {name: importance.importance(name) if importance else None for name in tensors}
        errors: dict[str, dict[str, float]] = {}
        for done, (name, tensor) in enumerate(tensors.items()):
            if stop is not None:
                stop.check()
            usable = [one for one in (*candidates, *PROBES) if fits(tensor.info.shape[0], one)]
            errors[name] = {
                one: relative_error(tensor, one, weighted[name], n_threads) for one in dict.fromkeys(usable)
            }
            if on_progress is not None:
                on_progress(Progress("Looking at weights", done + 1, len(tensors), "tensors"))
        infos = {name: tensor.info for name, tensor in tensors.items()}
    groups: dict[str, dict[str, str]] = {}
    for name, info in infos.items():
        probe = next((one for one in PROBES if fits(info.shape[0], one)), None)
        if probe is not None:
            groups.setdefault(group_of(name, n_layers), {})[name] = probe
    measured = {name: value for name, value in (known or {}).items() if name in groups}
    left = {name: group for name, group in groups.items() if name not in measured}
    _measure(
        measured, source, text, left, importance, n_ctx, most_windows, n_threads, folder, on_measured, stop, on_progress
    )
    choices = {name: _choices(info, errors[name], candidates) for name, info in infos.items()}
    for group, probes in groups.items():
        per_error = measured[group] / max(1e-30, sum(errors[name][probe] for name, probe in probes.items()))
        for name in probes:
            choices[name] = [Choice(one.type_name, one.size_bytes, one.loss * per_error) for one in choices[name]]
    taken = sum(padded(size_as(info, info.type_name)) for info in fixed) + head_bytes
    chosen = choose(choices, budget_bytes - taken)
    return Plan(
        types={name: one.type_name for name, one in chosen.items()},
        size_bytes=taken + sum(one.size_bytes for one in chosen.values()),
        expected_divergence=sum(one.loss for one in chosen.values()),
        group_divergences=measured,
    )


def _choices(info: TensorInfo, errors: Mapping[str, float], candidates: Sequence[str]) -> list[Choice]:
    found = [Choice(one, padded(size_as(info, one)), errors[one]) for one in candidates if one in errors]
    return found or [Choice(info.type_name, padded(size_as(info, info.type_name)), 0.0)]


def _measure(
    measured: dict[str, float], source: Path, text: str, groups: Mapping[str, Mapping[str, str]],
    importance: ImportanceMatrix | None, n_ctx: int, most_windows: int, n_threads: int, folder: Path | None,
    on_measured: Callable[[dict[str, float]], None] | None, stop: Stop | None,
    on_progress: Callable[[Progress], None] | None,
) -> None:  # fmt: skip
    """The divergence of the model with each group quantized alone, into `measured`."""
    n_known = len(measured)
    names = list(groups)
    with work_folder(folder or Path(tempfile.gettempdir()), "rushlight-plan") as place:
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            files = [place / f"{i}.gguf" for i in range(len(some))]
            for group, file in zip(some, files, strict=True):
                quantize.make(
                    source, file, "Q4_0", types=groups[group], importance=importance, n_threads=n_threads, stop=stop
                )
            found = compare.compare(
                source, files, text, n_ctx=n_ctx, most_windows=most_windows, n_threads=n_threads, stop=stop
            )
            measured |= {group: one.divergence for group, one in zip(some, found, strict=True)}
            if on_measured is not None:
                on_measured(measured)
            if on_progress is not None:
                on_progress(Progress("Measuring", len(measured), n_known + len(names), "groups"))
