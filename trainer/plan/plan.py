"""A training's plan: memory by part, time, and what to lower where it does not fit."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from rushlight import Error
from rushlight.trainer import heap, products
from rushlight.trainer.beginning import parted
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.pack import Pack
from rushlight.trainer.plan.cores import cores_are_shared
from rushlight.trainer.plan.kept import Lower, Part, Plan
from rushlight.trainer.plan.shape import Shape, read_settings, shape_of
from rushlight.trainer.plan.trial import Costs, Trial
from rushlight.trainer.recipes.recipe import Recipe
from rushlight.trainer.schedule import n_steps_of

_ROWS: Final = (512, 1024, 2048)  # tokens of a row that are tried
_FASTER: Final = 0.97  # larger rows, or fewer threads, must save this much of the time
_MUCH_FASTER: Final = 0.67  # 16-bit weights lose digits: only for a third less time
_ROUNDED_FASTER: Final = 0.9  # numbers rounded only as they are multiplied: for a tenth less time
_LOOKED_AT: Final = 48  # steps whose rows are laid out; the others cost what these do on average
_GAPS: Final = 0.05  # of the activations: rows of other lengths leave gaps in the heap; measured 0 to 0.3
_COLD: Final = 1.08  # the weights of a few layers stay in the cache, those of all do not; measured 1.06 to 1.2
_BUFFERS_BYTES: Final = 48 << 20  # of oneDNN and the like
_FORWARD: Final = 1 / 3  # of a row's time, without the backward pass


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to run the training: how its rows are laid out, and what they cost."""

    device: str
    dtype: str
    n_threads: int
    row_tokens: int
    costs: Costs
    step_rows: Sequence[Sequence[Pack]]
    learns_beginning: bool

    def looked_s(self, shape: Shape) -> float:
        """Seconds of the steps that were laid out."""
        return _COLD * sum(self.costs.row_s(shape, self.n_worked(row), row.n_targets) for row in self.rows)

    def n_worked(self, row: Pack) -> int:
        """As many tokens, computed there and back, take as long as the row."""
        return row.n_tokens - round((1 - _FORWARD) * self.n_only_read(row))

    def n_only_read(self, row: Pack) -> int:
        """Tokens of a beginning that nothing is learned from."""
        parts = None if self.learns_beginning else parted(row)
        return 0 if parts is None else parts[0].n_tokens

    @property
    def rows(self) -> list[Pack]:
        return [row for rows in self.step_rows for row in rows]


def make_plan(config: TrainConfig, folder: Path, recipe: Recipe, longest: int, device: str, *, place: Path) -> Plan:
    """Try for a moment, and work out what the training takes. `folder` needs settings only, no weights; `place` is on
    the disk that checkpoints are written to."""
    import peft  # noqa: F401 - loaded before memory is looked at, as in a training
    import transformers  # noqa: F401

    began = time.perf_counter()
    program = _resident_bytes()
    heap.keep_freed_memory()  # as a training does
    with products.using(""):
        return _made(config, folder, recipe, longest, device, place, program, began)


def _made(
    config: TrainConfig, folder: Path, recipe: Recipe, longest: int, device: str, place: Path, program: int,
    began: float,
) -> Plan:  # fmt: skip
    settings = read_settings(folder)
    shape = shape_of(settings, config)
    way = _choose(config, settings, shape, recipe, longest, device)
    n_steps = n_steps_of(recipe.n_examples, min(config.steps.batch, recipe.n_examples), config.steps.epochs,
                         config.steps.most)  # fmt: skip
    share = n_steps / max(1, len(way.step_rows))
    memory = (Part("program", program), *_memory(config, shape, way))
    memory = (*memory, *_loading(folder, shape, config, device, memory))
    total = int(sum(one.amount for one in memory))
    return Plan(
        device=device, dtype=way.dtype, n_threads=way.n_threads, row_tokens=way.row_tokens,
        n_examples=recipe.n_examples, n_steps=n_steps,
        computed_tokens=round(share * sum(row.n_tokens for row in way.rows)),
        trained_tokens=round(share * sum(row.n_targets for row in way.rows)), memory=memory,
        seconds=_seconds(config, shape, recipe, way, n_steps, place),
        lower=tuple(_lower(config, shape, recipe, way, longest, total)), trial_s=time.perf_counter() - began,
        products=products.used() if device == "cpu" else "",
    )  # fmt: skip


def _choose(config: TrainConfig, settings: Any, shape: Shape, recipe: Recipe, longest: int, device: str) -> _Way:
    """Threads, number format and row size: what the config says, else what is fastest."""
    said = config.machine
    usual = config.steps.row_tokens or max(1024, longest)
    dtype = said.dtype if said.dtype != "auto" else "bfloat16" if device == "cuda" else "float32"
    trial = Trial(settings, shape, config, device, dtype)
    laid = {usual: _laid_out(config, recipe, usual, alone=trial.is_alone)}
    largest = _largest(laid[usual])
    n_threads = said.threads or torch.get_num_threads()
    # Where no core is shared, half of the threads is only faster while other programs are busy: that passes.
    if not said.threads and device == "cpu" and n_threads > 1 and cores_are_shared():
        n_threads = _fewest_threads(trial, largest, n_threads)
    torch.set_num_threads(n_threads)
    if said.dtype == "auto" and device == "cpu" and config.method not in ("full", "qlora"):
        trial = _shorter_numbers(trial, Trial(settings, shape, config, device, "bfloat16"), largest)
        if trial.dtype == "float32":
            products.use(_faster_products(trial, largest))
    sizes = {usual} if config.steps.row_tokens or trial.is_alone else {usual, *(n for n in _ROWS if n >= longest)}
    row_tokens, best_s = 0, math.inf
    seen: set[tuple[int, ...]] = set()
    for size in sorted(sizes):
        rows = laid.setdefault(size, _laid_out(config, recipe, size, alone=trial.is_alone))
        row, lengths = _largest(rows), tuple(one.n_tokens for packs in rows for one in packs)
        if lengths in seen:
            continue  # the same rows as before
        seen.add(lengths)
        seconds = trial.quick(row) / row.n_tokens * sum(lengths)
        if seconds < _FASTER * best_s:
            row_tokens, best_s = size, seconds
    packs = [row for rows in laid[row_tokens] for row in rows]
    costs = trial.costs(packs)
    return _Way(device, trial.dtype, n_threads, row_tokens, costs, laid[row_tokens], config.steps.learn_beginning)


def _fewest_threads(trial: Trial, row: Pack, n_threads: int) -> int:
    """Half of the threads where they are faster: two of one core share its arithmetic."""
    spent = {}
    for count in (n_threads, n_threads // 2):
        torch.set_num_threads(count)
        spent[count] = trial.quick(row)
    return n_threads // 2 if spent[n_threads // 2] < _FASTER * spent[n_threads] else n_threads


def _shorter_numbers(trial: Trial, other: Trial, row: Pack) -> Trial:
    """`other` where it is much faster, and was so twice: a busy machine is not to choose it by chance."""
    pairs = [(trial.quick(row), other.quick(row)) for _ in range(2)]
    return other if all(theirs < _MUCH_FASTER * ours for ours, theirs in pairs) else trial


def _faster_products(trial: Trial, row: Pack) -> products.Library:
    """Rounded ones where they save a tenth of the time, and did so twice."""
    usual = products.used()
    if not products.can_round():
        return usual

    def spent(library: products.Library) -> float:
        products.use(library)
        return trial.quick(row)

    pairs = [(spent(usual), spent("rounded")) for _ in range(2)]
    return "rounded" if all(theirs < _ROUNDED_FASTER * ours for ours, theirs in pairs) else usual


def _largest(step_rows: Sequence[Sequence[Pack]]) -> Pack:
    return max((row for rows in step_rows for row in rows), key=lambda row: row.n_tokens)


def _laid_out(config: TrainConfig, recipe: Recipe, row_tokens: int, *, alone: bool) -> list[list[Pack]]:
    """The rows of some steps, spread over the training."""
    batch = min(config.steps.batch, recipe.n_examples)
    n_steps = n_steps_of(recipe.n_examples, batch, config.steps.epochs, config.steps.most)
    n_looked = min(n_steps, _LOOKED_AT)
    found = []
    for number in range(n_looked):
        order = recipe.order(number * n_steps // n_looked, batch, config.steps.seed)
        found.append([pack for row in recipe.batch(order, row_tokens, alone=alone).rows for pack in row.packs])
    return found


def _memory(config: TrainConfig, shape: Shape, way: _Way) -> tuple[Part, ...]:
    trains_head = config.method == "full"
    rows = max(way.costs.row_bytes(shape, row.n_tokens - way.n_only_read(row), row.n_targets, trains_head=trains_head,
                                   recompute=config.machine.recompute) for row in way.rows)  # fmt: skip
    if all(len(step) == 1 for step in way.step_rows):  # gradients take the place of activations that are used up
        rows = max(0, rows - 4 * shape.n_trained)
    adapter = [] if trains_head else [Part("adapter", 4 * shape.n_trained)]
    copies = 2 * shape.n_linear if products.used() == "rounded" and products.keeps_copies() else 0
    return (
        Part("weights", shape.weights_bytes(config.method, way.dtype) + copies), *adapter,
        Part("gradients", 4 * shape.n_trained), Part("optimizer", 8 * shape.n_trained), Part("activations", rows),
        Part("gaps", _GAPS * rows + _BUFFERS_BYTES),
    )  # fmt: skip


def _loading(folder: Path, shape: Shape, config: TrainConfig, device: str, memory: Sequence[Part]) -> tuple[Part, ...]:
    """More than all of that while the weights are copied out of their mapped file, where little is trained."""
    if device != "cpu":
        return ()
    file_bytes = sum(one.stat().st_size for one in folder.glob("*.safetensors")) or 4 * shape.n_weights
    parts = {one.name: one.amount for one in memory}
    needed = file_bytes + parts["weights"] + parts.get("adapter", 0)
    more = needed - sum(amount for name, amount in parts.items() if name != "program")
    return (Part("loading", more),) if more > 0 else ()


def _seconds(
    config: TrainConfig, shape: Shape, recipe: Recipe, way: _Way, n_steps: int, place: Path
) -> tuple[Part, ...]:
    costs, share = way.costs, n_steps / max(1, len(way.step_rows))
    looked_s = way.looked_s(shape)
    found = [Part("steps", looked_s * share + costs.step_s * n_steps)]
    if way.device == "cpu":  # the first step waits for the system to clear what it is the first to write to
        new = sum(one.amount for one in _memory(config, shape, way) if one.name != "weights")
        found.append(Part("start", new * heap.first_touch_s_per_byte()))
    per_token = looked_s / max(1, sum(way.n_worked(row) for row in way.rows)) * _FORWARD

    def looked_at(packs: Sequence[Pack]) -> float:
        return sum(pack.n_tokens for pack in packs) * per_token

    if recipe.n_held_out:
        held_out = sum(
            looked_at([pack for row in recipe.batch(numbers, way.row_tokens, held_out=True).rows for pack in row.packs])
            for numbers in recipe.portions()
        )
        every = config.keep.validate_every
        found.append(Part("evaluation", held_out * (1 + ((n_steps - 1) // every if every else 0))))
    asked = [one for units in recipe.to_refer().values() for unit in units for one in unit]
    if asked:
        found.append(Part("reference", sum(len(one.ids) for one in asked) * per_token))
    n_saved = -(-n_steps // config.keep.every)
    found.append(Part("checkpoints", n_saved * 12 * shape.n_trained / _write_speed(place)))
    return tuple(found)


def _lower(config: TrainConfig, shape: Shape, recipe: Recipe, way: _Way, longest: int, total: int) -> list[Lower]:
    """Settings that make it smaller, those that cost least first."""
    now = sum(one.amount for one in _memory(config, shape, way))

    def with_settings(setting: str, changed: TrainConfig, other: Shape, other_way: _Way) -> Lower:
        return Lower(setting, round(total - now + sum(one.amount for one in _memory(changed, other, other_way))))

    found = []
    if not config.machine.recompute:
        machine = msgspec.structs.replace(config.machine, recompute=True)
        found.append(
            with_settings("machine.recompute = true", msgspec.structs.replace(config, machine=machine), shape, way)
        )
    half = way.row_tokens // 2
    if half >= max(16, longest):
        rows = _laid_out(config, recipe, half, alone=False)
        found.append(
            with_settings(f"steps.row_tokens = {half}", config, shape, replace(way, row_tokens=half, step_rows=rows))
        )
    elif longest > 64:
        most = longest // 2
        rows = [[_shortened(row, most / longest) for row in rows] for rows in way.step_rows]
        found.append(with_settings(f"data.max_tokens = {most}", config, shape, replace(way, step_rows=rows)))
    if config.method != "full" and config.adapter.rank > 4:
        rank = config.adapter.rank // 2
        less = replace(shape, n_trained=shape.n_trained * rank // config.adapter.rank)
        found.append(with_settings(f"adapter.rank = {rank}", config, less, way))
    methods = {"full": ("lora", "qlora")}.get(config.method, () if config.method == "qlora" else ("qlora",))
    for method in methods:
        other = msgspec.structs.replace(config, method=method)
        adapter = shape if config.method != "full" else replace(shape, n_trained=_adapter_size(shape, other))
        found.append(with_settings(f'method = "{method}"', other, adapter, way))
    return sorted((one for one in found if one.total_bytes < 0.98 * total), key=lambda one: -one.total_bytes)


def _adapter_size(shape: Shape, config: TrainConfig) -> int:
    """Roughly: layers are about as wide as they are high."""
    return round(2 * config.adapter.rank * (shape.n_linear / shape.width))


def _shortened(row: Pack, share: float) -> Pack:
    import dataclasses

    n_tokens, n_targets = round(row.n_tokens * share), round(row.n_targets * share)
    return dataclasses.replace(row, ids=row.ids[:n_tokens], targets=row.targets[:n_targets])


def _write_speed(place: Path) -> float:
    """Bytes a second that reach this disk for good."""
    import os

    block = os.urandom(1 << 20) * 8
    while not place.is_dir():
        place = place.parent
    path = place / f".plan-{os.getpid()}"
    began = time.perf_counter()
    try:
        with path.open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Error(f"Cannot write to {place}: {error.strerror}.", "Make room, or set another `out`.",
                    kind="disk-full") from None  # fmt: skip
    finally:
        path.unlink(missing_ok=True)
    return len(block) / max(1e-3, time.perf_counter() - began)


def _resident_bytes() -> int:
    """What this process holds now."""
    import os

    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 400 << 20  # Python with torch and transformers
