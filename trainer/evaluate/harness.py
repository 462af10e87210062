"""Tasks of EleutherAI's lm-evaluation-harness, asked of a model as it is served, through a subclass of its own `LM`.

The harness is optional (the extra `harness`) and knows thousands of tasks; their data must lie on this
machine: nothing is downloaded. Who answers is whatever fits `Texts`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rushlight import Error, Progress
from rushlight.installing import pip_line

_MOST_TOKENS: Final = 512  # of an answer whose task names no limit


class Texts(Protocol):
    """What the harness asks: plain texts, without a chat around them."""

    def likelihood(self, context: str, continuation: str) -> tuple[float, bool]:
        """The log-probability of the continuation, and whether it would have been written greedily."""

    def whole(self, text: str) -> float:
        """The log-probability of a text from its beginning."""

    def generate(self, prompt: str, stops: Sequence[str], max_tokens: int) -> str:
        """What follows the prompt, greedily, up to a stop that is not a part of it."""


def run_tasks(
    texts: Texts, names: Sequence[str], *, include: Path | None = None, limit: int | None = None,
    n_shots: int | None = None, on_progress: Callable[[Progress], None] = lambda progress: None,
) -> dict[str, dict[str, float]]:  # fmt: skip
    """The figures of each task by name. `include` is a folder of tasks as YAML files, `limit` items of each."""
    harness = _harness()
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=None if include is None else str(include))
    known = set(manager.all_tasks)
    missing = [name for name in names if name not in known]
    if missing:
        import difflib

        near = difflib.get_close_matches(missing[0], sorted(known), 1)
        raise Error(
            f"The harness knows no task {missing[0][:60]!r}.",
            f"Did you mean {near[0]}?" if near else "Tasks of yours are YAML files: --include FOLDER",
            kind="no-such-task",
        )
    try:
        done = harness.simple_evaluate(
            model=harness_model(texts, on_progress), tasks=list(names), task_manager=manager, limit=limit,
            num_fewshot=n_shots, bootstrap_iters=0, log_samples=False,
        )  # fmt: skip
    except (OSError, ConnectionError) as failure:  # data that is not here
        raise Error(
            f"The data of {', '.join(names)} cannot be read: {str(failure)[:200]}.",
            "It is not downloaded. Put it on this machine first, as the task's YAML file names it.",
            kind="no-data",
        ) from None
    return {name: _figures(found) for name, found in sorted(done["results"].items())}


def harness_model(texts: Texts, on_progress: Callable[[Progress], None] = lambda progress: None) -> Any:
    """The harness' view of whoever answers."""
    _harness()
    from lm_eval.api.model import LM

    class Served(LM):
        """One request after the other: what answers them batches by itself."""

        def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
            return [texts.likelihood(*one.args) for one in _told(requests, on_progress)]

        def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
            return [texts.whole(one.args[0]) for one in _told(requests, on_progress)]

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            return [_generated(texts, *one.args) for one in _told(requests, on_progress)]

    return Served()


def _told(requests: Sequence[Any], on_progress: Callable[[Progress], None]) -> Any:
    for done, request in enumerate(requests):
        on_progress(Progress("Evaluating", done, len(requests), "items"))
        yield request


def _generated(texts: Texts, prompt: str, options: dict[str, Any]) -> str:
    stops = options.get("until") or []
    stops = [stops] if isinstance(stops, str) else list(stops)
    max_tokens = int(options.get("max_gen_toks") or options.get("max_tokens") or _MOST_TOKENS)
    said = texts.generate(prompt, [stop for stop in stops if stop], max_tokens)
    for stop in stops:
        said = said.split(stop)[0] if stop else said
    return said


def _figures(found: dict[str, Any]) -> dict[str, float]:
    """Numbers alone, without the names of filters that say nothing: acc, not acc,none."""
    return {
        name.removesuffix(",none"): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and "," in name
    }


def _harness() -> Any:
    try:
        import lm_eval
    except ImportError:
        raise Error(
            "The evaluation harness (lm-eval) is not installed.", f"Install it: {pip_line('rushlight[harness]')}",
            kind="no-harness",
        ) from None  # fmt: skip
    return lm_eval
