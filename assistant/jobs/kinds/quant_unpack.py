"""The job that unpacks a GGUF file into a Hugging Face folder. It has no checkpoint; it pauses by waiting."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy


class QuantUnpack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant unpack` is told."""

    source: str  # absolute
    target: str  # absolute; must not exist yet
    dtype: str = "F32"


class QuantUnpackKind:
    name = "quant-unpack"
    arguments = QuantUnpack
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantUnpack) -> str:
        return f"Unpack {Path(arguments.source).name}"

    def run(self, context: JobContext, arguments: QuantUnpack) -> Iterator[JobEvent]:
        from rushlight.quant.unpack import unpack

        made = unpack(
            Path(arguments.source),
            Path(arguments.target),
            arguments.dtype,
            stop=context.stop,
            on_progress=context.tell,
        )
        for sentence in made.notices:
            yield Notice("unpacked", sentence)
        yield JobResult(
            {
                "path": str(made.folder),
                "architecture": made.architecture,
                "tensors": made.n_tensors,
                "parameters": made.n_parameters,
                "notices": list(made.notices),
            }
        )

    def clean(self, context: JobContext, arguments: QuantUnpack, *, for_good: bool) -> None:
        from rushlight.quant.whole_file import remove_leftovers

        if Path(arguments.target).parent.is_dir():
            remove_leftovers(Path(arguments.target).parent)


KIND = QuantUnpackKind()
