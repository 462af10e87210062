"""The training loop: one for all recipes and backends. Rows in, better weights out, and a checkpoint to go on from.

A training that was killed and goes on ends with the same bits, on a processor in float32, as one in one go: every
step depends on the weights, AdamW's moments, the number of the step and the count of threads, all of which are kept.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import torch

from rushlight import Error, Progress, Stop
from rushlight.trainer import checkpoint, products
from rushlight.trainer.attention import Layout, attending
from rushlight.trainer.backends.backend import Loaded
from rushlight.trainer.beginning import behind_beginning
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.crew import Alone, Crew
from rushlight.trainer.data.pack import Pack, padded
from rushlight.trainer.metrics import MetricsFile
from rushlight.trainer.recipes.recipe import Batch, Figures, Recipe
from rushlight.trainer.schedule import n_steps_of, rate_at, seed_at
from rushlight.trainer.scoring import losses_of
from rushlight.trainer.spoken import LEAST_S, SHARE, HeldOutAnswers
from rushlight.trainer.steps_in_time import StepsInTime

# What a line of the metrics has beside the figures of its recipe.
_OF_THE_LOOP: Final = frozenset({
    "step", "loss", "rate", "gradient", "trained_tokens", "tokens", "computed_tokens", "rows", "seconds",
    "trained_tokens_per_s", "held_out", "answers",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended."""

    state: Literal["done", "paused"]
    step: int
    n_steps: int
    loss: float  # of the last step
    held_out: float | None
    trained_tokens: int
    seconds: float
    figures: Figures = field(default_factory=dict)  # what the recipe said of the last step and of held-out examples


class _Interrupted(Exception):
    """A step was left between two rows."""


class Training:
    """One training: made, then `run`."""

    def __init__(
        self, loaded: Loaded, recipe: Recipe, config: TrainConfig, run: Path, *, row_tokens: int, n_threads: int,
        crew: Crew | None = None,
    ) -> None:  # fmt: skip
        self._loaded, self._recipe, self._config, self._run = loaded, recipe, config, run
        self._crew = crew or Alone()
        self._row_tokens, self._n_threads = row_tokens, n_threads
        self._weights = loaded.trained()
        self._optimizer = optimizer_of(self._weights, config)
        self._batch = min(config.steps.batch, recipe.n_examples)
        self.n_steps = n_steps_of(recipe.n_examples, self._batch, config.steps.epochs, config.steps.most)
        self._seconds = 0.0
        self._pace = self._paced(config, recipe.n_examples)
        self._step = self._trained_tokens = self._metrics_bytes = 0
        self._loss = math.nan
        self._held_out: float | None = None
        self._figures: Figures = {}
        self._layout: Layout | None = None  # of the row that was computed last
        self._should_pause: Callable[[], bool] = lambda: False
        self._make_way: Callable[[], None] = lambda: None
        self._waited_s = 0.0  # in this step, for others: no time of training

    def go_on(self, folder: Path, lines: Sequence[Mapping[str, Any]] = ()) -> None:
        """Take up the training where the checkpoint in `folder` left it; `lines` are the metrics until there."""
        state = checkpoint.read_state(folder)
        checkpoint.load(folder, self._weights, self._optimizer)
        self._step, self._metrics_bytes = state.step, state.metrics_bytes
        self._trained_tokens, self._seconds = state.trained_tokens, state.seconds
        self.n_steps = state.n_steps or self.n_steps
        self._pace = self._paced(self._config, self._recipe.n_examples)
        for line in lines:  # where no step is left to be made, its outcome is theirs
            self._loss = line.get("loss", self._loss)
            self._held_out = line.get("held_out", self._held_out)
            self._figures |= {name: value for name, value in line.items() if name not in _OF_THE_LOOP}

    def _paced(self, config: TrainConfig, n_examples: int) -> StepsInTime | None:
        """Several processes look at clocks of their own, so theirs has as many steps as were planned."""
        if not config.steps.seconds or self._crew.size > 1:
            return None
        most = n_steps_of(n_examples, self._batch, config.steps.epochs, 0)
        return StepsInTime(config.steps.seconds, most, self._seconds)

    def run(
        self,
        *,
        should_pause: Callable[[], bool] = lambda: False,
        stop: Stop | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_checkpoint: Callable[[int], None] | None = None,
        on_metrics: Callable[[dict[str, Any]], None] | None = None,
        make_way: Callable[[], None] = lambda: None,
        answers: HeldOutAnswers | None = None,
    ) -> Outcome:
        """Train to the end, or to where `should_pause` says so; there a checkpoint is written first. `make_way` is
        called before every row, and may take its time. `answers` are asked whenever the held-out loss is looked at."""
        self._should_pause, self._make_way = should_pause, make_way
        steps, keep = self._config.steps, self._config.keep
        torch.set_num_threads(self._n_threads)
        saved = self._step
        self._crew.same(self._weights.values())
        is_first = self._crew.rank == 0
        with MetricsFile(self._run / "metrics.jsonl", self._metrics_bytes) if is_first else nullcontext() as metrics:
            while self._step < self.n_steps:
                if any(self._crew.told(bool(should_pause()))):
                    self._save(metrics, saved, on_checkpoint)
                    return self._outcome("paused")
                if stop is not None:
                    stop.check()
                try:
                    figures = self.one_step(rate_at(self._step, self.n_steps, steps.rate, steps.warmup, steps.schedule))
                except _Interrupted:
                    self._save(metrics, saved, on_checkpoint)
                    return self._outcome("paused")
                except Error as error:
                    if error.kind == "out-of-memory":  # the weights are those of the step before
                        self._optimizer.zero_grad(set_to_none=True)
                        self._save(metrics, saved, on_checkpoint)
                    raise
                if self._pace is not None:
                    self._pace.took(figures["seconds"])
                    self.n_steps = self._pace.n_steps(self._step, self.n_steps)
                is_last = self._step == self.n_steps
                if self._recipe.n_held_out and (
                    is_last or (keep.validate_every and self._step % keep.validate_every == 0)
                ):
                    self._held_out, more = self.held_out(stop)
                    told = {f"held_out_{name}": value for name, value in more.items()}
                    figures |= {"held_out": self._held_out, **told}
                    self._figures |= told
                    if answers is not None:
                        figures["answers"] = self._answered(answers)
                if metrics is not None:
                    metrics.write(figures)
                if on_metrics is not None:
                    on_metrics(figures)
                if on_progress is not None:
                    on_progress(Progress("Training", self._step, self.n_steps, "steps"))
                if is_last or self._step % keep.every == 0:
                    saved = self._save(metrics, saved, on_checkpoint)
        return self._outcome("done")

    def held_out(self, stop: Stop | None = None) -> tuple[float, Figures]:
        """The mean loss over the examples that are not trained on, and what the recipe says of them."""
        total = n = 0.0
        sums: Figures = {}
        with self._looking():
            for numbers in self._recipe.portions()[self._crew.rank :: self._crew.size]:
                if stop is not None:
                    stop.check()
                batch = self._batch_of(numbers, held_out=True)
                shares = self._recipe.shares(batch, self._losses, held_out=True)
                for row in batch.rows:
                    loss, figures = self._recipe.loss(row, self._losses, shares, held_out=True)
                    total += float(loss) * shares.weight
                    _add(sums, figures)
                n += shares.weight
        (total, n), sums = self._of_all((total, n), sums)
        return total / max(n, 1.0), self._recipe.figures(sums)

    def _answered(self, answers: HeldOutAnswers) -> list[dict[str, Any]]:
        """What the model says now; nothing where it cannot be asked token by token."""
        with self._looking(), products.using(""):
            try:
                return answers.look(self._loaded.model, max(LEAST_S, SHARE * self._seconds))
            except (TypeError, ValueError, AttributeError, KeyError, IndexError, RuntimeError):
                return []

    def gradients(self, numbers: list[int]) -> tuple[float, Batch, Figures]:
        """The loss of these examples, with its gradient in the trained weights; the rows they were laid out in; and
        what the recipe says of them."""
        batch = self._batch_of(numbers)
        total = 0.0
        sums: Figures = {}
        try:
            shares = self._recipe.shares(batch, self.look)
            for number, row in self._crew.mine(batch.rows):
                began = time.perf_counter()
                self._make_way()
                self._waited_s += time.perf_counter() - began
                if number and self._crew.size == 1 and self._should_pause():
                    raise _Interrupted  # what was computed of this step is computed again
                torch.manual_seed(seed_at(self._config.steps.seed, self._step, number))
                loss, figures = self._recipe.loss(row, self._losses, shares)
                with attending(self._layout) if len(row.packs) == 1 and self._layout else nullcontext():
                    loss.backward()
                total += float(loss.detach())
                _add(sums, figures)
            self._crew.add(self._weights.values())
        except (RuntimeError, MemoryError) as error:
            raise _spoken(error, self._step) from error
        (total,), sums = self._of_all((total,), sums)
        return total, batch, self._recipe.figures(sums)

    def _of_all(self, totals: Sequence[float], sums: Figures) -> tuple[list[float], Figures]:
        """The totals and sums of all processes together."""
        everyone = self._crew.told([list(totals), sums])
        together: Figures = {}
        for _, said in everyone:
            _add(together, said)
        return [sum(said) for said in zip(*(found for found, _ in everyone), strict=True)], together

    def one_step(self, rate: float) -> dict[str, Any]:
        """One step of the optimizer; what is measured of it."""
        self._waited_s, began = 0.0, time.perf_counter()
        numbers = self._recipe.order(self._step, self._batch, self._config.steps.seed)
        loss, batch, figures = self.gradients(numbers)
        gradient = self._clipped()
        if not math.isfinite(loss) or not math.isfinite(gradient):
            raise Error(
                f"The training broke at step {self._step + 1}: its loss is no number any more.",
                "Lower steps.rate, or set steps.clip, and begin anew; the last checkpoint is from before that.",
                kind="diverged",
            )
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._step += 1
        self._loss = loss
        seconds = time.perf_counter() - began - self._waited_s
        n_targets = batch.total("n_targets")
        self._trained_tokens += n_targets
        self._seconds += seconds
        self._figures |= figures
        return {
            "step": self._step, "loss": loss, "rate": rate, "gradient": gradient, "trained_tokens": n_targets,
            "tokens": batch.total("n_read"), "computed_tokens": batch.total("n_tokens"), "rows": len(batch.rows),
            "seconds": round(seconds, 4), "trained_tokens_per_s": round(n_targets / max(seconds, 1e-9), 2), **figures,
        }  # fmt: skip

    def _batch_of(self, numbers: Sequence[int], *, held_out: bool = False) -> Batch:
        alone, size = self._loaded.packing == "alone", self._crew.size
        batch = self._recipe.batch(numbers, self._row_tokens, alone=alone, held_out=held_out)
        if size == 1 or alone or held_out:
            return batch
        fair = -(-batch.total("n_tokens") // size)  # a row of no more than that, so that there is one for each
        return self._recipe.batch(numbers, min(self._row_tokens, fair), alone=alone)

    def _losses(self, pack: Pack) -> Any:
        """The loss of each target of a pack, as recipes ask for it."""
        half = self._loaded.dtype == "bfloat16" and not self._loaded.is_adapter
        with torch.autocast(self._loaded.device, torch.bfloat16) if half else nullcontext():
            pack, layout = self._computed(pack)
            self._layout = layout
            with attending(layout):
                dense, head = self._loaded.packing == "dense", self._loaded.head
                return losses_of(self._loaded.model, pack, layout, dense=dense, head=head)

    def _computed(self, pack: Pack) -> tuple[Pack, Layout]:
        """A row as it is computed: without a shared beginning that is only read, which is computed here."""
        is_read = not self._config.steps.learn_beginning and self._loaded.packing == "segments"
        if is_read and torch.is_grad_enabled():
            parted = behind_beginning(self._loaded.model, pack, self._loaded.head, _laid)
            if parted is not None:
                return parted
        pack = _laid(pack)
        return pack, Layout(pack.segments)

    def look(self, pack: Pack) -> Any:
        """The losses of a pack by the model as it is now."""
        with self._looking():
            return self._losses(pack)

    def look_at_base(self, pack: Pack) -> Any:
        """The same without what is trained beside the model, which is switched off."""
        with self._loaded.model.disable_adapter() if self._loaded.is_adapter else nullcontext():
            return self.look(pack)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """The model as it answers: no gradient, no dropout."""
        self._loaded.model.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self._loaded.model.train()

    def _clipped(self) -> float:
        weights = [one for one in self._weights.values() if one.grad is not None]
        most = self._config.steps.clip or math.inf
        return float(torch.nn.utils.clip_grad_norm_(weights, most))

    def _save(self, metrics: MetricsFile | None, saved: int, on_checkpoint: Callable[[int], None] | None) -> int:
        if metrics is None:  # not the first of a crew, which keeps what all of them have
            return self._step
        if self._step > saved or not checkpoint.checkpoints(self._run):
            state = checkpoint.State(
                step=self._step, n_threads=self._n_threads, dtype=self._loaded.dtype, row_tokens=self._row_tokens,
                products=products.used(), metrics_bytes=metrics.sync(), trained_tokens=self._trained_tokens,
                seconds=self._seconds, n_steps=0 if self._pace is None else self.n_steps,
                versions={"torch": str(torch.__version__)},
            )  # fmt: skip
            checkpoint.save(self._run, state, self._weights, self._optimizer, keep=self._config.keep.last)
        if on_checkpoint is not None:
            on_checkpoint(self._step)
        return self._step

    def _outcome(self, state: Literal["done", "paused"]) -> Outcome:
        return Outcome(
            state, self._step, self.n_steps, self._loss, self._held_out, self._trained_tokens, self._seconds,
            self._figures,
        )  # fmt: skip


def _add(sums: Figures, figures: Figures) -> None:
    for name, value in figures.items():
        sums[name] = sums.get(name, 0.0) + value


def optimizer_of(weights: dict[str, Any], config: TrainConfig) -> Any:
    """AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101). Norms and biases are not pulled to zero."""
    steps = config.steps
    groups = [
        {"params": [one for one in weights.values() if one.dim() > 1], "weight_decay": steps.decay},
        {"params": [one for one in weights.values() if one.dim() <= 1], "weight_decay": 0.0},
    ]
    is_on_cpu = all(one.device.type == "cpu" for one in weights.values())
    groups = [one for one in groups if one["params"]]
    return torch.optim.AdamW(groups, lr=steps.rate, betas=steps.betas, fused=is_on_cpu)


def _spoken(error: Exception, step: int) -> Exception:
    """An `Error` for memory that ran out; other errors are bugs and stay as they are."""
    is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
    if not is_memory:
        return error
    return Error(
        f"The memory is used up at step {step + 1}.",
        "Lower steps.row_tokens or set machine.recompute = true, then go on with: rushlight train CONFIG --resume. A "
        "lower data.max_tokens, or qlora, needs a new run under another `out`.",
        kind="out-of-memory",
    )  # fmt: skip


def _laid(pack: Pack) -> Pack:
    """As it is computed."""
    return padded(pack, products.ROWS) if products.used() == "rounded" else pack
