"""Loading as a page shows it: what it would take and whom it would cost, how a model is loaded, how it runs now.

Turns what the host says into words. Knows no widget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.figures import context_text, duration_text, size_text, speed_text
from rushlight.ui.words import plural, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.host.protocol import EngineStatus, LoadPlan

PlanState: TypeAlias = Literal["loaded", "fits", "unloads", "does-not-fit"]
_UNKNOWN = 1 << 60  # bytes that the host says are free where the system does not say


@dataclass(frozen=True, slots=True)
class PlanRow:
    """What loading a model would take."""

    model_id: str
    label: str
    state: PlanState
    sentence: str  # "It fits once X is unloaded, which happens by itself."
    lines: tuple[str, ...]  # memory, card, what is free, who holds what


@dataclass(frozen=True, slots=True)
class Live:
    """A loaded model as it runs now."""

    in_use: bool
    speed: float  # tokens a second of its last answer; 0 = none yet
    text: str  # "on the processor · 4k context · 2 users · goes in 4 min"


def plan_of(app: "App", model_id: str, label: str) -> PlanRow:
    """Ask the host; nothing is loaded."""
    model = app.catalogue.find(model_id)
    plan = app.host.plan(app.load_settings(model, embeddings=model.purpose != "chat"))
    return plan_row(plan, model_id, label)


def plan_row(plan: "LoadPlan", model_id: str, label: str) -> PlanRow:
    """The host's plan in words."""
    match plan.state:
        case "loaded":
            state: PlanState = "loaded"
            sentence = text("It is loaded.")
        case "fits":
            state, sentence = "fits", text("It fits.")
        case "unloads":
            names = ", ".join(plain_line(one.name) for one in plan.holders if one.goes)
            state, sentence = "unloads", text("It fits once {names} is unloaded, which happens by itself.", names=names)
        case _:
            state, sentence = "does-not-fit", plain_line(f"{plan.message} {plan.hint}")
    lines = [
        text("{need} of memory: {weights} weights, {context} for {count} tokens of context, {compute} to compute",
             need=size_text(plan.main_bytes), weights=size_text(plan.weights_bytes),
             context=size_text(plan.context_bytes), count=f"{plan.n_ctx:,}", compute=size_text(plan.compute_bytes)),
    ]  # fmt: skip
    if plan.parked_bytes:
        lines.append(text("Up to {size} more for resting conversations", size=size_text(plan.parked_bytes)))
    if plan.n_layers:
        lines.append(
            text("On the graphics card: {some} of {all} layers, {size}; {free} are free there", some=plan.gpu_layers,
                 all=plan.n_layers, size=size_text(plan.card_bytes), free=size_text(plan.free_card_bytes))
        )  # fmt: skip
    if plan.free_bytes < _UNKNOWN:
        lines.append(text("{free} are free, beside a reserve of {reserve}", free=size_text(plan.free_bytes),
                          reserve=size_text(plan.reserve_bytes)))  # fmt: skip
    if plan.budget_bytes:
        lines.append(text("All together may hold {budget}", budget=size_text(plan.budget_bytes)))
    for one in plan.holders:
        note = text("would be unloaded") if one.goes else text("in use") if one.in_use else ""
        held = f"{plain_line(one.name)}: {size_text(one.main_bytes)}"
        lines.append(f"{held} · {note}" if note else held)
    return PlanRow(model_id, label, state, sentence, tuple(lines))


def live_of(engines: "Sequence[EngineStatus]") -> dict[str, Live]:
    """By file, those that are ready."""
    return {one.load.path: _live(one) for one in engines if one.state == "ready"}


def _live(one: "EngineStatus") -> Live:
    ready = one.ready
    parts = []
    if ready is not None:
        n_all = ready.n_layers + 1
        where = plain_line(ready.devices) or text("the graphics card")
        if not ready.gpu_layers:
            parts.append(text("on the processor"))
        elif ready.gpu_layers >= n_all:
            parts.append(text("on {where}", where=where))
        else:
            some = ready.gpu_layers
            parts.append(text("on {where}, {some} of {all} layers", where=where, some=some, all=n_all))
        parts.append(text("{count} context", count=context_text(ready.n_ctx)))
        if ready.notice:
            parts.append(plain_line(ready.notice))
    if one.decode_per_s:
        parts.append(text("last answer {speed}", speed=speed_text(one.decode_per_s)))
    if one.in_use:
        parts.append(plural("answers {count} user", "answers {count} users", max(1, one.n_fronts)))
    elif one.keep_alive_s < 0:
        parts.append(text("stays"))
    else:
        left_s = max(0.0, one.keep_alive_s - one.unused_s)
        parts.append(text("goes in {time}", time=duration_text(left_s)))
    return Live(one.in_use, one.decode_per_s, " · ".join(parts))


@dataclass(frozen=True, slots=True)
class LoadOption:
    """One option of how a model is loaded: its name, words, what it must be, and the values it may have."""

    name: str
    title: str
    expects: str
    choices: tuple[str, ...] = ()


def load_options() -> tuple[LoadOption, ...]:
    """All of them, the most asked for first."""
    from rushlight.assistant.models.load_defaults import OPTIONS
    from rushlight.assistant.settings import find_setting

    titles = {
        "context": text("Context in tokens"),
        "gpu_layers": text("Layers on the card"),
        "kv_type": text("How the context is stored"),
        "keep_alive_s": text("Seconds it stays unused"),
        "slots": text("Answers at once"),
        "threads": text("Threads"),
        "batch": text("Tokens read at once"),
        "flash_attention": text("Flash attention"),
        "kv_ram_mib": text("MiB for resting conversations"),
    }
    known = [name for name in titles if name in OPTIONS] + [name for name in OPTIONS if name not in titles]
    found = []
    for name in known:
        setting = find_setting(OPTIONS[name])
        found.append(LoadOption(name, titles.get(name, name), setting.expects, setting.choices))
    return tuple(found)
