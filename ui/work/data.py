"""The job that works on data for training: inspects, cleans, scores, redacts, finds near-duplicates, splits. A killed
one leaves nothing half-made and begins anew."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy


class DataArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight data` is told."""

    step: str
    paths: list[str]  # absolute
    out: str = ""  # absolute; a folder for `split`, nothing for what only looks
    settings: dict[str, Any] = {}


class DataKind:
    name = "data"
    arguments = DataArguments
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: DataArguments) -> str:
        name = Path(arguments.paths[0]).name if arguments.paths else ""
        return f"Data: {arguments.step} {name}"

    def run(self, context: JobContext, arguments: DataArguments) -> Iterator[JobEvent]:
        from rushlight.trainer.data.reading import Watch
        from rushlight.trainer.data.steps import step_of

        result = context.checkpoint
        if result is None:
            step = step_of(arguments.step, arguments.settings)
            watch = Watch(context.stop, context.tell)
            result = step.run([Path(path) for path in arguments.paths], Path(arguments.out), watch)
            context.save_checkpoint(result)
        yield JobResult(result)

    def clean(self, context: JobContext, arguments: DataArguments, *, for_good: bool) -> None:
        if not arguments.out:
            return
        out = Path(arguments.out)
        for name in (out, out / "train.jsonl", out / "held_out.jsonl"):
            name.with_name(name.name + ".part").unlink(missing_ok=True)


KIND = DataKind()
