"""The job that unpacks a GGUF file into a Hugging Face folder and proves it. It has no checkpoint before the folder is
whole; it pauses by waiting."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts


class QuantUnpack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant unpack` is told."""

    source: str  # absolute
    target: str  # absolute; must not exist yet
    dtype: str = "F32"
    prove: bool = True
    n_threads: int = 0


class QuantUnpackKind:
    name = "quant-unpack"
    arguments = QuantUnpack
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantUnpack) -> str:
        return f"Unpack {Path(arguments.source).name}"

    def run(self, context: JobContext, arguments: QuantUnpack) -> Iterator[JobEvent]:
        result = context.checkpoint
        if result is None or not Path(arguments.target).is_dir():
            result = _unpack(context, arguments)
            context.save_checkpoint(result)
        for sentence in result["notices"]:
            yield Notice("unpacked", sentence)
        proof = None
        if arguments.prove:
            n_threads = quant_parts.threads(context.app, arguments.n_threads)
            proof = quant_parts.prove_export(context, Path(arguments.target), Path(arguments.source), n_threads)
        notice = quant_parts.proof_notice(proof)
        if notice is not None:
            yield notice
        yield JobResult({**result, "proof": quant_parts.proof_json(proof)})

    def clean(self, context: JobContext, arguments: QuantUnpack, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))


def _unpack(context: JobContext, arguments: QuantUnpack) -> dict[str, object]:
    from rushlight.quant.unpack import unpack

    made = unpack(
        Path(arguments.source),
        Path(arguments.target),
        arguments.dtype,
        stop=context.stop,
        on_progress=context.tell,
    )
    return {
        "path": str(made.folder),
        "architecture": made.architecture,
        "tensors": made.n_tensors,
        "parameters": made.n_parameters,
        "notices": list(made.notices),
    }


KIND = QuantUnpackKind()
