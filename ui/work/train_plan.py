"""What a training will take, as its job tells it and asks the host for it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.assistant.events import Notice
from rushlight.assistant.host.memory import available_bytes
from rushlight.assistant.jobs.kind import JobContext

if TYPE_CHECKING:
    from rushlight.trainer.plan.kept import Plan

_GB = 1000**3


def granted(context: JobContext, plan: "Plan") -> Iterator[Notice]:
    """Say what is planned, and return when the host has granted the memory. Raises `Error(kind="out-of-memory")` that
    names what to lower."""
    yield Notice("plan", f"Planned: {plan.total_bytes / _GB:.1f} GB of memory, {spoken_time(plan.total_s)} for "
                         f"{plan.n_steps:,} steps, in {plan.numbers}, threads: {plan.n_threads}, "
                         f"{plan.row_tokens:,} tokens a row.")  # fmt: skip
    on_card = plan.device == "cuda"
    try:
        context.need_memory(0 if on_card else plan.beside_program_bytes, plan.beside_program_bytes if on_card else 0)
    except Error as error:
        if error.kind != "out-of-memory":
            raise
        raise Error(error.message, f"{lower_text(plan)} {error.hint}".strip(), kind=error.kind) from None


def lower_text(plan: "Plan") -> str:
    """What would make it smaller, in a sentence."""
    ways = "; ".join(f"{one.setting}: {one.total_bytes / _GB:.1f} GB" for one in reversed(plan.lower))
    return f"It takes {plan.total_bytes / _GB:.1f} GB as it is. Smaller: {ways}." if ways else ""


def spoken_time(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def plan_json(plan: "Plan", report: dict[str, Any]) -> dict[str, Any]:
    """The plan as values, with what there is room for now."""
    import msgspec

    said: dict[str, Any] = msgspec.to_builtins(plan)
    available = available_bytes()
    return {
        **said, "total_bytes": plan.total_bytes, "total_s": plan.total_s, "available_bytes": available,
        "fits": plan.device == "cuda" or available is None or plan.total_bytes <= available,
        "report": {key: report[key] for key in ("train", "held_out", "longest", "pieces") if key in report},
    }  # fmt: skip
