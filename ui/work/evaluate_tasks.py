"""The job that asks a model, with and without an adapter, the tasks of the evaluation harness.

It begins anew when it is broken off: the harness keeps nothing in between.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from rushlight import Progress, Stop
from rushlight.assistant.engine.request import LoraUse
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.with_engine import with_engine

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.engine.engine import Engine
    from rushlight.assistant.models.model import Model


class EvaluateTasks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `rushlight evaluate --tasks` is told."""

    tasks: list[str]
    model: str = ""
    adapter: str = ""  # of the registry; its base is asked too
    include: str = ""  # absolute: a folder of tasks
    limit: int = 0  # items of each task; 0 = all
    n_shots: int = -1  # -1 = as the task says


class EvaluateTasksKind:
    name = "evaluate-tasks"
    arguments = EvaluateTasks
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: EvaluateTasks) -> str:
        return f"Evaluate {arguments.adapter or arguments.model} on {', '.join(arguments.tasks)}"

    def run(self, context: JobContext, arguments: EvaluateTasks) -> Iterator[JobEvent]:
        import os

        from rushlight.trainer.evaluate.harness import run_tasks

        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):  # before anything imports them
            os.environ[name] = "1"
        yield Progress("Evaluating", 0)
        app = context.app
        adapter = app.registry.find(arguments.adapter) if arguments.adapter else None
        model = app.model(arguments.model)
        if adapter is not None:
            model = app.catalogue.find_sha256(adapter.base_sha256) or app.model(adapter.base)
        sides = {"base": ()} if adapter is None else {"base": (), "adapter": (adapter.use(),)}
        found = {
            side: run_tasks(
                EngineTexts(app, model, lora, context.stop), arguments.tasks,
                include=Path(arguments.include) if arguments.include else None, limit=arguments.limit or None,
                n_shots=None if arguments.n_shots < 0 else arguments.n_shots, on_progress=context.tell,
            )
            for side, lora in sides.items()
        }  # fmt: skip
        yield JobResult({"model": model.id, "adapter": arguments.adapter, "tasks": found})

    def clean(self, context: JobContext, arguments: EvaluateTasks, *, for_good: bool) -> None:
        """It leaves nothing."""


class EngineTexts:
    """Plain texts asked of a loaded model."""

    def __init__(self, app: "App", model: "Model", lora: Sequence[LoraUse], stop: Stop) -> None:
        self._app, self._model, self._lora, self._stop = app, model, tuple(lora), stop

    def likelihood(self, context: str, continuation: str) -> tuple[float, bool]:
        # The blank belongs to the continuation, or else tokens would be parted where no text parts them.
        blanks = len(context) - len(context.rstrip())
        if blanks:
            context, continuation = context[:-blanks], context[-blanks:] + continuation
        before, whole = self._ids(context), self._ids(context + continuation)
        n_before = min(len(before), len(whole) - 1)
        tokens = self._scored(whole)[max(1, n_before) :]
        greedy = all(not one.top or one.top[0][0] == one.token_id for one in tokens)
        return sum(one.logprob for one in tokens), greedy

    def whole(self, text: str) -> float:
        return float(sum(one.logprob for one in self._scored(self._ids(text))[1:]))

    def generate(self, prompt: str, stops: Sequence[str], max_tokens: int) -> str:
        from rushlight.assistant.engine.request import GenerateRequest
        from rushlight.assistant.events import TextDelta

        request = GenerateRequest(prompt=prompt, max_tokens=max_tokens, stop=tuple(stops)[:16], lora=self._lora)

        def said(engine: "Engine") -> str:
            events = engine.generate(request, self._stop)
            return "".join(event.text for event in events if isinstance(event, TextDelta))

        text = with_engine(self._app, self._model, said, stop=self._stop)
        self._stop.check()
        return text

    def _ids(self, text: str) -> tuple[int, ...]:
        from rushlight.assistant.engine.request import TokenizeRequest

        request = TokenizeRequest(text=text, add_special=True)
        return with_engine(self._app, self._model, lambda engine: engine.tokenize(request), stop=self._stop)

    def _scored(self, token_ids: tuple[int, ...]) -> Any:
        from rushlight.assistant.engine.request import ScoreRequest

        if len(token_ids) < 2:
            return ()
        request = ScoreRequest(token_ids=token_ids, logprobs=1, lora=self._lora)
        return with_engine(
            self._app, self._model, lambda engine: engine.score(request, self._stop), stop=self._stop
        ).tokens  # fmt: skip


KIND = EvaluateTasksKind()
