"""The job that converts a Hugging Face folder to a GGUF file.

It writes as fast as the disk and has no checkpoint: after a kill it begins anew. So it pauses by waiting.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy


class QuantConvert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant convert` is told."""

    source: str  # absolute
    target: str  # absolute
    type_name: str = "F16"
    name: str = ""


class QuantConvertKind:
    name = "quant-convert"
    arguments = QuantConvert
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantConvert) -> str:
        return f"Convert {Path(arguments.source).name}"

    def run(self, context: JobContext, arguments: QuantConvert) -> Iterator[JobEvent]:
        from rushlight.quant.convert.to_gguf import convert

        made = convert(
            Path(arguments.source),
            Path(arguments.target),
            arguments.type_name,
            name=arguments.name,
            stop=context.stop,
            on_progress=context.tell,
        )
        for sentence in made.notices:
            yield Notice("converted", sentence)
        yield JobResult(
            {
                "path": str(made.path),
                "architecture": made.architecture,
                "type": made.type_name,
                "tensors": made.n_tensors,
                "parameters": made.n_parameters,
                "size_bytes": made.size_bytes,
                "notices": list(made.notices),
            }
        )

    def clean(self, context: JobContext, arguments: QuantConvert, *, for_good: bool) -> None:
        from rushlight.quant.whole_file import remove_leftovers

        if Path(arguments.target).parent.is_dir():
            remove_leftovers(Path(arguments.target).parent)


KIND = QuantConvertKind()
