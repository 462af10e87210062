"""The job that holds a file against its source, on demand, and leaves the result beside it. Short: it begins anew."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.assistant.jobs.kinds.model_memory import loaded_bytes


class QuantProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant proof` is told."""

    path: str  # absolute
    source: str  # absolute
    base: str = ""  # absolute, for adapters
    n_threads: int = 0


class QuantProofKind:
    name = "quant-proof"
    arguments = QuantProof
    pause: PauseBy = "hold"
    may_freeze = True

    def title(self, arguments: QuantProof) -> str:
        return f"Prove {Path(arguments.path).name}"

    def memory_bytes(self, arguments: QuantProof) -> int:
        return loaded_bytes([arguments.path, arguments.source], at_once=2)

    def run(self, context: JobContext, arguments: QuantProof) -> Iterator[JobEvent]:
        path, source = Path(arguments.path), Path(arguments.source)
        n_threads = quant_parts.threads(context.app, arguments.n_threads)
        if arguments.base:
            from rushlight.quant.adapter_proof import prove_adapter

            base = Path(arguments.base)
            proof = prove_adapter(path, source, base, n_threads=n_threads, stop=context.stop, on_progress=context.tell)
        else:
            proof = quant_parts.prove_export(context, path, source, n_threads)
        notice = quant_parts.proof_notice(proof)
        if notice is not None:
            yield notice
        yield JobResult({"path": str(path), "proof": quant_parts.proof_json(proof)})

    def clean(self, context: JobContext, arguments: QuantProof, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.path))


KIND = QuantProofKind()
