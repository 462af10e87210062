"""The job that merges models or adapters. It writes as fast as the disk and has no checkpoint: it pauses by waiting."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts


class MergeArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight merge` is told."""

    config: dict[str, Any]  # as trainer.merge.config.checked takes it
    paths: dict[str, str]  # what each name of it stands for, absolute
    out: str  # absolute
    prove: bool = True


class MergeKind:
    name = "merge"
    arguments = MergeArguments
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: MergeArguments) -> str:
        return f"Merge to {Path(arguments.out).name}"

    def run(self, context: JobContext, arguments: MergeArguments) -> Iterator[JobEvent]:
        out = Path(arguments.out)
        result = context.checkpoint
        if result is None or not out.exists():
            result = _merged(context, arguments, out)
            context.save_checkpoint(result)
        for sentence in result["notices"]:
            yield Notice("merged", sentence)
        yield JobResult(result)

    def clean(self, context: JobContext, arguments: MergeArguments, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.out))


def _merged(context: JobContext, arguments: MergeArguments, out: Path) -> dict[str, Any]:
    from rushlight.trainer.merge.adapters import are_adapters, merge_adapters
    from rushlight.trainer.merge.config import checked
    from rushlight.trainer.merge.merge import merge

    config = checked(arguments.config)
    paths: Mapping[str, Path] = {name: Path(path) for name, path in arguments.paths.items()}
    if are_adapters([paths[one.model] for one in config.models]):
        adapter = merge_adapters(config, paths, out, stop=context.stop, on_progress=context.tell)
        lost = f"The rank holds all but {adapter.lost:.1%} of the change of some module."
        return {
            "path": str(out), "kind": "adapter", "modules": adapter.n_modules, "rank": adapter.rank,
            "lost": adapter.lost, "notices": [lost] if adapter.lost > 0.1 else [],
        }  # fmt: skip
    made = merge(config, paths, out, stop=context.stop, on_progress=context.tell)
    return {**asdict(made), "path": str(out), "out": str(out), "kind": "model"}


KIND = MergeKind()
