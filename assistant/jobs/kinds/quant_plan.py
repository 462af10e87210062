"""The job that finds which tensor gets which type under a budget. What was measured of a group is its checkpoint."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rushlight import Error
from rushlight.assistant.jobs.kind import JobContext, JobEvent, JobResult, PauseBy
from rushlight.assistant.jobs.kinds import quant_parts
from rushlight.assistant.jobs.kinds.model_memory import loaded_bytes

_N_CTX = 512


class QuantPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `rushlight quant plan` is told. One of `size_bytes`, `card_bytes` and `like` is given."""

    model: str  # absolute
    target: str  # absolute: the plan's file
    size_bytes: int = 0
    card_bytes: int = 0
    n_ctx: int = 8192  # of a model on a card
    kv_type: str = "f16"
    like: str = ""  # a mixture whose size is not to be exceeded
    imatrix: str = ""
    texts: list[str] = []
    chats: bool = False
    documents: list[str] = []  # the user's own, of which a part is kept for looking at what came of it
    n_windows: int = 4
    n_threads: int = 0


class QuantPlanKind:
    name = "quant-plan"
    arguments = QuantPlan
    pause: PauseBy = "exit"
    may_freeze = True

    def title(self, arguments: QuantPlan) -> str:
        return f"Plan {Path(arguments.model).name}"

    def memory_bytes(self, arguments: QuantPlan) -> int:
        return loaded_bytes([arguments.model])

    def run(self, context: JobContext, arguments: QuantPlan) -> Iterator[JobEvent]:
        from rushlight.quant import imatrix, plan
        from rushlight.quant.plan_file import write_plan

        model = Path(arguments.model)
        matrix = imatrix.read(Path(arguments.imatrix)) if arguments.imatrix else None
        budget = budget_of(arguments, has_importance=matrix is not None)
        notice = quant_parts.given_text(arguments.texts, arguments.chats, arguments.documents)
        if notice is not None:
            yield notice
        text, _ = quant_parts.text_for(context.app, arguments.texts, arguments.chats, "calibrate", arguments.documents)
        trials = _trials(context)
        trials.mkdir(exist_ok=True)
        found = plan.make_plan(
            model,
            text,
            budget,
            importance=matrix,
            n_ctx=_N_CTX,
            most_windows=arguments.n_windows,
            n_threads=quant_parts.threads(context.app, arguments.n_threads),
            folder=trials,
            known=dict(context.checkpoint or {}),
            on_measured=context.save_checkpoint,
            stop=context.stop,
            on_progress=context.tell,
        )
        write_plan(found, Path(arguments.target), model.name)
        counts: dict[str, int] = {}
        for kind in found.types.values():
            counts[kind] = counts.get(kind, 0) + 1
        yield JobResult(
            {
                "path": arguments.target,
                "budget_bytes": budget,
                "size_bytes": found.size_bytes,
                "expected_divergence": found.expected_divergence,
                "types": counts,
                "groups": dict(found.group_divergences),
            }
        )

    def clean(self, context: JobContext, arguments: QuantPlan, *, for_good: bool) -> None:
        quant_parts.clean_beside(Path(arguments.target))
        shutil.rmtree(_trials(context), ignore_errors=True)


def _trials(context: JobContext) -> Path:
    return context.folder / "trials"


def budget_of(arguments: QuantPlan, *, has_importance: bool = False) -> int:
    """The largest file that is allowed."""
    from rushlight.assistant.models.fit import estimate
    from rushlight.quant import quantize
    from rushlight.quant.gguf_check import check

    if arguments.like:
        types = quantize.types_of(Path(arguments.model), arguments.like, has_importance=has_importance)
        return quantize.size_of(Path(arguments.model), types) + plan_margin()
    if arguments.size_bytes:
        return arguments.size_bytes
    if not arguments.card_bytes:
        raise Error("A plan needs a budget.", "Give one of --size, --card and --like.", kind="bad-arguments")
    fit = estimate(check(Path(arguments.model)), n_ctx=arguments.n_ctx, kv_type=arguments.kv_type)
    beside = fit.kv_bytes + fit.compute_bytes + CARD_RESERVE_BYTES
    if beside >= arguments.card_bytes:
        raise Error(
            f"A card of {arguments.card_bytes / 1e9:.1f} GB holds no context of {arguments.n_ctx:,} tokens with this "
            f"model: that and the computation take {beside / 1e9:.1f} GB.",
            "Allow less context, or --kv-type q8_0.",
            kind="too-small",
        )
    return arguments.card_bytes - beside


CARD_RESERVE_BYTES = 300 << 20  # driver, kernels, the display


def plan_margin() -> int:
    """What `make_plan` puts aside for keys that a file does not have yet."""
    from rushlight.quant.plan import HEAD_RESERVE_BYTES

    return HEAD_RESERVE_BYTES


KIND = QuantPlanKind()
