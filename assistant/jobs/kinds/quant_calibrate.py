"""The job that collects an importance matrix over a text. It goes on after the last finished part of the text."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.assistant.jobs.kinds.model_memory import loaded_bytes

N_TOKENS = 65_536  # beyond this a matrix hardly changes
_N_CTX = 512


class QuantCalibrate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant calibrate` is told."""

    model: str  # absolute
    target: str  # absolute
    texts: list[str] = []
    chats: bool = False
    documents: list[str] = []  # the user's own, of which a part is kept for looking at what came of it
    n_tokens: int = N_TOKENS
    old_form: bool = False
    n_threads: int = 0


class QuantCalibrateKind:
    name = "quant-calibrate"
    arguments = QuantCalibrate
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: QuantCalibrate) -> str:
        return f"Calibrate {Path(arguments.model).name}"

    def memory_bytes(self, arguments: QuantCalibrate) -> int:
        return loaded_bytes([arguments.model])

    def run(self, context: JobContext, arguments: QuantCalibrate) -> Iterator[JobEvent]:
        from rushlight.quant import calibrating, imatrix

        notice = quant_parts.given_text(arguments.texts, arguments.chats, arguments.documents)
        if notice is not None:
            yield notice
        text, name = quant_parts.text_for(
            context.app, arguments.texts, arguments.chats, "calibrate", arguments.documents
        )
        matrix = calibrating.collect_in_parts(
            Path(arguments.model),
            text,
            context.folder,
            dataset=name,
            done_parts=int(context.checkpoint or 0),
            n_ctx=_N_CTX,
            most_windows=max(1, arguments.n_tokens // _N_CTX),
            n_threads=quant_parts.threads(context.app, arguments.n_threads),
            stop=context.stop,
            on_progress=context.tell,
            on_part=context.save_checkpoint,
        )
        target = Path(arguments.target)
        (imatrix.write_old if arguments.old_form else imatrix.write)(matrix, target)
        yield JobResult(
            {
                "path": str(target),
                "text": name,
                "tensors": len(matrix.entries),
                "windows": matrix.n_chunks,
                "tokens": matrix.n_chunks * matrix.chunk_size,
                "size_bytes": target.stat().st_size,
            }
        )

    def clean(self, context: JobContext, arguments: QuantCalibrate, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))
        quant_parts.clean_beside(context.folder / "part")


KIND = QuantCalibrateKind()
