"""The job that converts a Hugging Face folder to a GGUF file and proves it.

It writes as fast as the disk and has no checkpoint before the file is whole: after a kill it begins anew, or goes on
with the proof. So it pauses by waiting.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts


class QuantConvert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant convert` is told."""

    source: str  # absolute
    target: str  # absolute
    type_name: str = "F16"
    name: str = ""
    mmproj: bool = False
    prove: bool = True
    n_threads: int = 0


class QuantConvertKind:
    name = "quant-convert"
    arguments = QuantConvert
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantConvert) -> str:
        return f"Convert {Path(arguments.source).name}"

    def run(self, context: JobContext, arguments: QuantConvert) -> Iterator[JobEvent]:
        result = context.checkpoint
        if result is None or not Path(arguments.target).exists():
            result = _convert(context, arguments)
            context.save_checkpoint(result)
        for sentence in result["notices"]:
            yield Notice("converted", sentence)
        proof = None
        if arguments.prove and not arguments.mmproj:
            n_threads = quant_parts.threads(context.app, arguments.n_threads)
            proof = quant_parts.prove_export(context, Path(arguments.target), Path(arguments.source), n_threads)
        notice = quant_parts.proof_notice(proof)
        if notice is not None:
            yield notice
        yield JobResult({**result, "proof": quant_parts.proof_json(proof)})

    def clean(self, context: JobContext, arguments: QuantConvert, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))


def _convert(context: JobContext, arguments: QuantConvert) -> dict[str, object]:
    from rushlight.quant.convert.to_gguf import convert
    from rushlight.quant.convert.to_mmproj import convert_mmproj
    from rushlight.quant.proof_file import proof_path

    source, target = Path(arguments.source), Path(arguments.target)
    if arguments.mmproj:
        made = convert_mmproj(source, target, arguments.type_name, stop=context.stop, on_progress=context.tell)
    else:
        made = convert(
            source, target, arguments.type_name, name=arguments.name, stop=context.stop, on_progress=context.tell
        )
    proof_path(target).unlink(missing_ok=True)  # of an earlier file of that name
    return {
        "path": str(made.path),
        "architecture": made.architecture,
        "type": made.type_name,
        "tensors": made.n_tensors,
        "parameters": made.n_parameters,
        "size_bytes": made.size_bytes,
        "notices": list(made.notices),
    }


KIND = QuantConvertKind()
