"""Steps of a job that each are kept when they are done: killed or paused, it goes on with the first that is not.

One of them trains, and keeps checkpoints of its own inside. Knows jobs; neither lessons nor adapters.
"""

import json
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rushlight import Progress
from rushlight.assistant.jobs.kind import JobContext, JobEvent

BACK_SAID: Final = "Way back: "  # before what a practice tells of the way back, where it takes the same steps once more
BACK_RUN: Final = "way-back"  # what the folder of its run is called, before the number of the job
TRAINING_PATIENCE_S: Final = 8.0  # to the end of a row, and for a checkpoint
_TRAINING: Final = "train"
_MOST_TRIES: Final = 1_000
_STOPPED: Final = "stopped.json"  # how far one had come that was cancelled


def keep_stopped(context: JobContext, *, for_good: bool) -> None:
    """For `clean`: a cancelled job loses its checkpoint; begun again, it is to find what it had done."""
    if for_good and context.checkpoint and context.folder.is_dir():
        from rushlight.quant.whole_file import whole_file

        with whole_file(context.folder / _STOPPED) as file:
            file.write(json.dumps(context.checkpoint).encode())


def without_what_is_gone(done: dict[str, Any], adapters: Container[str]) -> dict[str, Any]:
    """What was done, for a job that is begun again: an adapter that was removed meanwhile is kept and proven anew."""
    kept = done.get("keep")
    if kept is None or kept["adapter"] in adapters:
        return done
    return {name: one for name, one in done.items() if name not in ("keep", "evaluate", "promote")}


def run_folder(runs: Path, name: str, job_id: str) -> Path:
    """Where the job trains: a folder that is not there, also where an earlier try of the same job has left one. Faces
    find it by the end of its name, and take the last one."""
    tries = (f"{name}{f'.{n}' if n > 1 else ''}-{job_id[-6:]}" for n in range(1, _MOST_TRIES))
    return next(folder for one in tries if not (folder := runs / one).exists())


def read_stopped(context: JobContext) -> dict[str, Any]:
    """What `keep_stopped` has kept: {"done", "inner"}. Raises OSError, ValueError or TypeError where there is none."""
    return dict(json.loads((context.folder / _STOPPED).read_bytes()))


def inside(context: JobContext, name: str, said: str = "") -> JobContext:
    """A job within a job: with a folder of its own in the other's, and its checkpoint inside that one's, which is kept
    as it is beside. `said` stands before what it tells."""
    outer = dict(context.checkpoint or {})
    folder = context.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    known = outer.get(name)

    def tell(event: JobEvent) -> None:
        context.tell(replace(event, what=f"{said}{event.what}") if isinstance(event, Progress) else event)

    def save(checkpoint: str) -> None:
        context.save_checkpoint({**(context.checkpoint or {}), name: json.loads(checkpoint)})

    return JobContext(
        context.app, context.job_id, folder, context.stop, checkpoint=None if known is None else json.dumps(known),
        tell=tell, save=save, further=context.got_further, ask_memory=context.need_memory,
    )  # fmt: skip


class KeptSteps:
    """`state` is what such a job has kept before: {"done": what each step came to, "inner": how far training is}."""

    def __init__(self, context: JobContext, state: Mapping[str, Any]) -> None:
        self._context, self._app = context, context.app
        self._done: dict[str, Any] = dict(state.get("done", {}))
        self._inner: Any = state.get("inner")

    @contextmanager
    def _step(self, name: str) -> "Iterator[dict[str, Any] | None]":
        """What the step comes to, to be filled; None where it is done already. Kept with the time that it took."""
        if name in self._done:
            yield None
            return
        began = time.monotonic()
        step: dict[str, Any] = {"began": began}
        # What a killed process had trained before; this one's own seconds are added to it while it trains.
        before = self._trained_s() if name == _TRAINING else 0.0
        yield step
        del step["began"]
        self._done[name] = {**step, "seconds": round(before + time.monotonic() - began, 2)}
        self._save()
        if name == _TRAINING:
            self._context.need_memory(0)  # what comes next asks models, which need it

    def _save(self) -> None:
        kept = self._context.checkpoint if isinstance(self._context.checkpoint, dict) else {}
        self._context.save_checkpoint({**kept, "done": self._done, "inner": self._inner})

    def _seconds(self) -> dict[str, float]:
        return {name: float(one["seconds"]) for name, one in self._done.items()}

    def _trained_s(self) -> float:
        return float(self._inner.get("seconds", 0.0)) if isinstance(self._inner, dict) else 0.0

    def _run_id(self) -> str:
        """Under which what is trained stands in the registry."""
        return self._context.job_id

    def _training(self) -> JobContext:
        """What the training is given to work with: its checkpoint lies inside this job's."""
        whole = self._context
        began, before = time.monotonic(), self._trained_s()

        def save(checkpoint: str) -> None:
            self._inner = {"checkpoint": json.loads(checkpoint), "seconds": before + time.monotonic() - began}
            self._save()

        known = self._inner.get("checkpoint") if isinstance(self._inner, dict) else None
        return JobContext(
            whole.app, self._run_id(), whole.folder, whole.stop,
            checkpoint=None if known is None else json.dumps(known),
            tell=whole.tell, save=save, further=whole.got_further, ask_memory=whole.need_memory,
        )  # fmt: skip
