"""The job that carries a LoRA adapter over, from PEFT's folder to a GGUF file or back, and proves it."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts


class QuantAdapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant adapter` is told."""

    source: str  # absolute: a folder or a file
    base: str  # absolute
    target: str  # absolute
    prove: bool = True
    n_threads: int = 0


class QuantAdapterKind:
    name = "quant-adapter"
    arguments = QuantAdapter
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantAdapter) -> str:
        return f"Carry over {Path(arguments.source).name}"

    def run(self, context: JobContext, arguments: QuantAdapter) -> Iterator[JobEvent]:
        from rushlight.quant.adapter_proof import prove_adapter

        result = context.checkpoint
        target = Path(arguments.target)
        if result is None or not target.exists():
            result = _carry(context, arguments)
            context.save_checkpoint(result)
        proof = None
        if arguments.prove:
            proof = prove_adapter(
                target,
                Path(arguments.source),
                Path(arguments.base),
                n_threads=quant_parts.threads(context.app, arguments.n_threads),
                stop=context.stop,
                on_progress=context.tell,
            )
        notice = quant_parts.proof_notice(proof)
        if notice is not None:
            yield notice
        yield JobResult({**result, "proof": quant_parts.proof_json(proof)})

    def clean(self, context: JobContext, arguments: QuantAdapter, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))


def _carry(context: JobContext, arguments: QuantAdapter) -> dict[str, object]:
    from rushlight.quant.adapters import adapter_to_gguf, adapter_to_peft
    from rushlight.quant.proof_file import proof_path

    source, base, target = Path(arguments.source), Path(arguments.base), Path(arguments.target)
    carry = adapter_to_gguf if source.is_dir() else adapter_to_peft
    made = carry(source, base, target, stop=context.stop)
    proof_path(target).unlink(missing_ok=True)
    return {
        "path": str(made.path),
        "architecture": made.architecture,
        "matrices": made.n_matrices,
        "ranks": list(made.ranks),
        "alpha": made.alpha,
    }


KIND = QuantAdapterKind()
