"""The job that compares quantized files with the model they were made of: quality over a text, size, speed, memory.

Beside them may stand what llama.cpp's own quantizer makes with the very same types, so of the same size: those files
lie in the job's folder until the figures are there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.assistant.jobs.kinds.model_memory import loaded_bytes

N_TOKENS = 8_192
_N_CTX = 512
_CALIBRATION_WINDOWS = 64
_BY_LLAMA = "llama-{}.gguf"


class QuantCompare(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant compare` is told."""

    reference: str  # absolute
    others: list[str]  # absolute
    texts: list[str] = []
    chats: bool = False
    documents: list[str] = []  # the user's own, of which a part is kept for looking at what came of it
    n_tokens: int = N_TOKENS
    speed: bool = True
    with_llama: bool = False  # also what llama.cpp's own quantizer loses with the same types
    plot: str = ""  # absolute: an SVG to draw
    n_threads: int = 0


class QuantCompareKind:
    name = "quant-compare"
    arguments = QuantCompare
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: QuantCompare) -> str:
        return f"Compare {Path(arguments.reference).name} with {len(arguments.others)} files"

    def memory_bytes(self, arguments: QuantCompare) -> int:
        return loaded_bytes([arguments.reference, *arguments.others])

    def run(self, context: JobContext, arguments: QuantCompare) -> Iterator[JobEvent]:
        from rushlight.quant.compare import compare

        notice = quant_parts.given_text(arguments.texts, arguments.chats, arguments.documents)
        if notice is not None:
            yield notice
        text, name = quant_parts.text_for(
            context.app, arguments.texts, arguments.chats, "evaluate", arguments.documents
        )
        n_threads = quant_parts.threads(context.app, arguments.n_threads)
        reference, others = Path(arguments.reference), [Path(one) for one in arguments.others]
        rivals = _by_llama(context, arguments, n_threads) if arguments.with_llama else []
        found = compare(
            reference,
            [*others, *rivals],
            text,
            n_ctx=_N_CTX,
            most_windows=max(1, arguments.n_tokens // _N_CTX),
            n_threads=n_threads,
            keep=context.folder / "scores.npz",
            stop=context.stop,
            on_progress=context.tell,
        )
        rows = [_file_row(reference, perplexity=found[0].reference_perplexity)]
        for path, one in zip([*others, *rivals], found, strict=True):
            rows.append(
                _file_row(
                    path,
                    by_llama=path in rivals,
                    perplexity=one.perplexity,
                    divergence=one.divergence,
                    divergence_error=one.divergence_error,
                    divergence_99=one.divergence_99,
                    divergence_max=one.divergence_max,
                    agreement=one.agreement,
                    change_rms=one.change_rms,
                )
            )
        if arguments.speed:
            _add_speeds(context, [row for row in rows if not row.get("by_llama")], n_threads)
        if arguments.plot:
            _draw(rows, Path(arguments.plot))
        _remove(rivals)
        yield JobResult(
            {
                "text": name,
                "positions": found[0].n_positions,
                "models": rows,
                "plot": arguments.plot,
            }
        )

    def clean(self, context: JobContext, arguments: QuantCompare, *, for_good: bool) -> None:
        if arguments.plot:
            quant_parts.clean_beside(Path(arguments.plot))
        (context.folder / "scores.npz").unlink(missing_ok=True)
        _remove(context.folder.glob(_BY_LLAMA.format("*")))


def _by_llama(context: JobContext, arguments: QuantCompare, n_threads: int) -> list[Path]:
    """A file by ggml's quantizer for each compared one, with its types, and an importance matrix as ours would have."""
    from rushlight.quant import imatrix, quantize
    from rushlight.quant.export_proof import mixture_of
    from rushlight.quant.gguf_check import check

    reference = Path(arguments.reference)
    text, _ = quant_parts.text_for(context.app, [], arguments.chats, "calibrate", arguments.documents)
    matrix, made, seen = None, [], set[tuple[tuple[str, str], ...]]()
    for other in arguments.others:
        file = check(Path(other))
        types = {tensor.name: tensor.type_name for tensor in file.tensors}
        key = tuple(sorted(types.items()))
        if key in seen:
            continue
        seen.add(key)
        target = context.folder / _BY_LLAMA.format(len(seen))
        made.append(target)
        if target.exists():
            continue
        if matrix is None:
            matrix = imatrix.collect(
                reference, text, n_ctx=_N_CTX, most_windows=_CALIBRATION_WINDOWS, n_threads=n_threads,
                stop=context.stop, on_progress=context.tell,
            )  # fmt: skip
        quantize.make(
            reference, target, mixture_of(file), types=types, importance=matrix, n_threads=n_threads, by="ggml",
            stop=context.stop, on_progress=context.tell,
        )  # fmt: skip
    return made


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _file_row(path: Path, *, by_llama: bool = False, **figures: float) -> dict[str, Any]:
    from rushlight.quant.export_proof import mixture_of
    from rushlight.quant.gguf_check import check
    from rushlight.quant.proof_file import read_proof

    file = check(path)
    proof = read_proof(path)
    return {
        "path": str(path),
        "type": mixture_of(file),
        "size_bytes": file.size_bytes,
        **figures,
        "proof": None if proof is None else proof.state,
        "by_llama": by_llama,
    }


def _add_speeds(context: JobContext, rows: list[dict[str, Any]], n_threads: int) -> None:
    from rushlight import Progress
    from rushlight.quant.speed import measure

    for done, row in enumerate(rows):
        context.tell(Progress("Timing", done, len(rows), "models"))
        speed = measure(Path(row["path"]), n_threads=n_threads, stop=context.stop)
        row |= {
            "load_s": speed.load_s,
            "prefill_tokens_s": speed.prefill,
            "decode_tokens_s": speed.decode,
            "memory_bytes": speed.memory_bytes,
        }


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    from rushlight.quant.compare_plot import Point, draw
    from rushlight.quant.whole_file import whole_file

    points = [
        Point(
            row["type"] if row["by_llama"] else Path(row["path"]).stem,
            row["size_bytes"],
            row["divergence"],
            row.get("decode_tokens_s"),
            by_llama=row["by_llama"],
        )
        for row in rows
        if "divergence" in row
    ]
    with whole_file(path) as file:
        file.write(draw(points, Path(rows[0]["path"]).stem).encode())


KIND = QuantCompareKind()
