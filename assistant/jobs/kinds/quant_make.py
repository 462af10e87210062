"""The job that quantizes a GGUF file and proves it: by search, with error feedback (and scales folded in before it), or
by ggml; also for the user's own use, where it calibrates on their chats and documents first and looks at others of them
afterwards.

Tensors that took long are kept until the file is whole, so a killed job goes on after the last one.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from rushlight import Error
from rushlight.assistant.events import Notice
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.assistant.jobs.kinds.model_memory import WORK_BYTES

if TYPE_CHECKING:
    from rushlight.quant.imatrix import ImportanceMatrix
    from rushlight.quant.quantize import Encoder
    from rushlight.quant.scaling import Scaling
    from rushlight.quant.texts import Part

_N_CTX = 512
_CALIBRATION_WINDOWS = 128  # 65,536 tokens; a quarter of that loses 15 % more with error feedback
_SCALING_WINDOWS = 64
_EVALUATION_WINDOWS = 16


Method: TypeAlias = Literal["search", "gptq", "smoothquant", "ggml"]
FEEDS_BACK: Final = ("gptq", "smoothquant")  # methods that look at a text


class QuantMake(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant make` is told."""

    source: str  # absolute
    target: str  # absolute
    type_name: str = ""  # may be left out with a plan
    method: Method = "search"
    imatrix: str = ""
    plan: str = ""
    texts: list[str] = []
    chats: bool = False
    documents: list[str] = []  # the user's own, of which a part is kept for looking at what came of it
    for_my_use: bool = False  # on chats, documents, or both; without either on chats
    prove: bool = True
    n_threads: int = 0


class QuantMakeKind:
    name = "quant-make"
    arguments = QuantMake
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: QuantMake) -> str:
        return f"Quantize {Path(arguments.source).name} to {arguments.type_name or 'a plan'}"

    def memory_bytes(self, arguments: QuantMake) -> int:
        return WORK_BYTES * (4 if arguments.method in FEEDS_BACK else 1)

    def run(self, context: JobContext, arguments: QuantMake) -> Iterator[JobEvent]:
        work = _Work(context, arguments)
        yield from work.warnings()
        state: dict[str, Any] = dict(context.checkpoint or {})
        if "result" not in state or not work.target.exists():
            state = {"parts": state.get("parts", 0)}
            state["result"] = work.make(state)
            context.save_checkpoint(state)
        shutil.rmtree(_kept(context), ignore_errors=True)
        proof = None
        if arguments.prove:
            proof = quant_parts.prove_export(context, work.target, work.source, work.n_threads)
        notice = quant_parts.proof_notice(proof)
        if notice is not None:
            yield notice
        result = {**state["result"], "proof": quant_parts.proof_json(proof)}
        if arguments.for_my_use:
            result["own_use"] = work.own_use()
        yield JobResult(result)

    def clean(self, context: JobContext, arguments: QuantMake, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))
        if for_good:
            shutil.rmtree(_kept(context), ignore_errors=True)


class _Work:
    """One quantization; the fields are what it was told, `make` its steps in order."""

    def __init__(self, context: JobContext, arguments: QuantMake) -> None:
        self.context, self.arguments = context, arguments
        self.source, self.target = Path(arguments.source), Path(arguments.target)
        self.n_threads = quant_parts.threads(context.app, arguments.n_threads)
        if arguments.method == "ggml" and arguments.for_my_use:
            raise Error("--for-my-use calibrates, then searches or feeds errors back.", kind="bad-arguments")
        if arguments.for_my_use and arguments.texts:
            raise Error(
                "--for-my-use looks at your chats and documents.", "Name files by --documents.", kind="bad-arguments"
            )

    def warnings(self) -> Iterator[Notice]:
        from rushlight.quant.export_proof import mixture_of
        from rushlight.quant.gguf_check import check

        kind = mixture_of(check(self.source))
        if kind not in ("F32", "F16", "BF16"):
            yield Notice("requantized", f"{self.source.name} is quantized itself ({kind}); what that lost stays lost.")
        if self.arguments.method in FEEDS_BACK and not self.arguments.for_my_use:
            notice = quant_parts.given_text(self.arguments.texts, self.arguments.chats, self.arguments.documents)
            if notice is not None:
                yield notice

    def make(self, state: dict[str, Any]) -> dict[str, Any]:
        from rushlight.quant import quantize
        from rushlight.quant.proof_file import proof_path
        from rushlight.quant.scaling_keys import scaling_keys

        mixture, types = self._types()
        if self.arguments.method == "smoothquant":
            self._can_scale()
        importance = self._importance(state)
        if types is None:
            types = quantize.types_of(self.source, mixture, has_importance=importance is not None)
        scaling = self._scaling(types) if self.arguments.method == "smoothquant" else None
        made = quantize.make(
            self.source,
            self.target,
            mixture,
            types=types,
            importance=importance,
            n_threads=self.n_threads,
            by="ggml" if self.arguments.method == "ggml" else "best",
            encoder=self._encoder(types, state, importance, scaling),
            keys=scaling_keys(scaling) if scaling is not None else None,
            stop=self.context.stop,
            on_progress=self.context.tell,
        )
        proof_path(self.target).unlink(missing_ok=True)  # of an earlier file of that name
        counts: dict[str, int] = {}
        for kind in made.types.values():
            counts[kind] = counts.get(kind, 0) + 1
        return {
            "path": str(made.path),
            "type": self.arguments.type_name or "plan",
            "method": self.arguments.method,
            "types": counts,
            "size_bytes": made.size_bytes,
            "bits_per_weight": made.bits_per_weight,
        }

    def _types(self) -> tuple[str, dict[str, str] | None]:
        """(the mixture that the file is said to be, types by tensor where a plan names them)"""
        from rushlight.quant import quantize
        from rushlight.quant.plan_file import read_plan

        given = self.arguments.type_name
        if not self.arguments.plan:
            quantize.file_type_of(given)
            return given, None
        types = dict(read_plan(Path(self.arguments.plan)).types)
        return given or quantize.nearest_mixture(self.source, types), types

    def _importance(self, state: dict[str, Any]) -> "ImportanceMatrix | None":
        from rushlight.quant import calibrating, imatrix

        if self.arguments.imatrix:
            return imatrix.read(Path(self.arguments.imatrix))
        if not self.arguments.for_my_use:
            return None

        def on_part(n_parts: int) -> None:
            state["parts"] = n_parts
            self.context.save_checkpoint(state)

        text, name = self._text()
        return calibrating.collect_in_parts(
            self.source,
            text,
            self.context.folder,
            dataset=name,
            done_parts=int(state["parts"]),
            n_ctx=_N_CTX,
            most_windows=_CALIBRATION_WINDOWS,
            n_threads=self.n_threads,
            stop=self.context.stop,
            on_progress=self.context.tell,
            on_part=on_part,
        )

    def _can_scale(self) -> None:
        """Said before anything is calibrated, which may take long."""
        from rushlight.quant.gguf_check import check
        from rushlight.quant.scaling import places

        file = check(self.source)
        places(file, file.tensors)

    def _scaling(self, types: dict[str, str]) -> "Scaling":
        """The scales of a job are found once: what is kept of its tensors was made with them."""
        from rushlight.quant.fitted_scaling import find_scaling
        from rushlight.quant.scaling_keys import keep_scaling, kept_scaling

        path = self.context.folder / "scales.npz"
        known = kept_scaling(path, self.source)
        if known is not None:
            return known
        text, _ = self._text()
        found = find_scaling(
            self.source, text, types, feeds_back=True, n_ctx=_N_CTX, most_windows=_SCALING_WINDOWS,
            n_threads=self.n_threads, stop=self.context.stop, on_progress=self.context.tell,
        )  # fmt: skip
        keep_scaling(path, found)
        return found

    def _encoder(
        self, types: dict[str, str], state: dict[str, Any], importance: "ImportanceMatrix | None",
        scaling: "Scaling | None",
    ) -> "Encoder | None":  # fmt: skip
        if self.arguments.method not in FEEDS_BACK:
            return None
        from rushlight.quant.gptq import ErrorFeedback
        from rushlight.quant.kept_rows import KeptRows
        from rushlight.quant.scaling import ScaledEncoder

        text, _ = self._text()
        encoder: Encoder = ErrorFeedback(
            self.source,
            text,
            types,
            scaling=scaling,
            n_ctx=_N_CTX,
            most_windows=_CALIBRATION_WINDOWS,
            n_threads=self.n_threads,
            stop=self.context.stop,
            on_progress=self.context.tell,
        )
        if scaling is not None:
            encoder = ScaledEncoder(scaling, importance, inner=encoder, n_threads=self.n_threads)
        return KeptRows(encoder, _kept(self.context), lambda n_kept: self.context.save_checkpoint(state))

    def _text(self, part: "Part" = "calibrate") -> tuple[str, str]:
        told = self.arguments
        chats = told.chats or (told.for_my_use and not told.documents)
        return quant_parts.text_for(self.context.app, told.texts, chats, part, told.documents)

    def own_use(self) -> dict[str, Any]:
        """How far the file is from its source on the user's own text that it was not calibrated on."""
        from rushlight.quant.compare import compare

        text, name = self._text("evaluate")
        (found,) = compare(
            self.source,
            [self.target],
            text,
            n_ctx=_N_CTX,
            most_windows=_EVALUATION_WINDOWS,
            n_threads=self.n_threads,
            keep=self.context.folder / "own-use.npz",
            stop=self.context.stop,
            on_progress=self.context.tell,
        )
        return {
            "text": name,
            "positions": found.n_positions,
            "divergence": found.divergence,
            "divergence_error": found.divergence_error,
            "divergence_99": found.divergence_99,
            "agreement": found.agreement,
            "perplexity": found.perplexity,
            "source_perplexity": found.reference_perplexity,
        }


def _kept(context: JobContext) -> Path:
    return context.folder / "tensors"


KIND = QuantMakeKind()
