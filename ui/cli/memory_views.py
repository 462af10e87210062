"""How `rushlight models` shows memory: what loading would take, what is loaded. JSON shapes, sentences and tables."""

from typing import TYPE_CHECKING, Any

from rushlight.ui.cli.host import duration
from rushlight.ui.cli.output import print_table, say
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.host.protocol import EngineStatus, HostStatus, LoadPlan

_MIB = 1024 * 1024


def plan_json(model_id: str, plan: "LoadPlan") -> dict[str, Any]:
    """The shape of `models load --plan --json`."""
    from msgspec import to_builtins

    return {"id": model_id, **to_builtins(plan)}


def show_plan(model_id: str, plan: "LoadPlan") -> None:
    """What it takes, whom it would cost, what is free; where it does not fit, why and what to do."""
    parts = text(
        "{weights} weights, {context} for {count} tokens of context, {compute} to compute",
        weights=memory_text(plan.weights_bytes),
        context=memory_text(plan.context_bytes),
        count=f"{plan.n_ctx:,}",
        compute=memory_text(plan.compute_bytes),
    )
    need = memory_text(plan.main_bytes)
    match plan.state:
        case "loaded":
            say(text("{id} is loaded: {need} of memory ({parts}).", id=model_id, need=need, parts=parts))
        case "fits":
            say(text("{id} fits: {need} of memory ({parts}).", id=model_id, need=need, parts=parts))
        case "unloads":
            names = ", ".join(holder.name for holder in plan.holders if holder.goes)
            say(text("{id} fits once {names} is unloaded, which happens by itself: {need} of memory ({parts}).",
                     id=model_id, names=names, need=need, parts=parts))  # fmt: skip
        case _:
            say(plan.message)
            if plan.hint:
                say(plan.hint)
    if plan.parked_bytes:
        say(text("Up to {size} more for resting conversations.", size=memory_text(plan.parked_bytes)))
    if plan.n_layers:
        say(
            text(
                "On the graphics card: {some} of {all} layers, {size}; {free} are free there.",
                some=plan.gpu_layers,
                all=plan.n_layers,
                size=memory_text(plan.card_bytes),
                free=memory_text(plan.free_card_bytes),
            )
        )
    say(_free_text(plan.free_bytes, plan.reserve_bytes, plan.budget_bytes))
    if plan.holders:
        print_table(
            [text("HELD BY"), text("MEMORY"), text("CARD"), text("UNUSED"), ""],
            [
                [
                    holder.name,
                    memory_text(holder.main_bytes),
                    memory_text(holder.card_bytes) if holder.card_bytes else "",
                    text("in use") if holder.in_use else duration(holder.unused_s),
                    text("would be unloaded") if holder.goes else "",
                ]
                for holder in plan.holders
            ],
            right=(1, 2, 3),
        )


def _free_text(free_bytes: int, reserve_bytes: int, budget_bytes: int) -> str:
    free = memory_text(free_bytes) if free_bytes < 1 << 60 else text("an unknown amount")
    if budget_bytes:
        return text(
            "{free} are free within the budget of {budget}, beside a reserve of {reserve}.",
            free=free,
            budget=memory_text(budget_bytes),
            reserve=memory_text(reserve_bytes),
        )
    return text("{free} are free, beside a reserve of {reserve}.", free=free, reserve=memory_text(reserve_bytes))


def loaded_json(one: "EngineStatus", model_id: str) -> dict[str, Any]:
    """One loaded model in `models ps --json` and `models load --json`."""
    return {
        "id": model_id,
        "path": one.path,
        "pid": one.pid,
        "state": one.state,
        "memory_bytes": one.resident_bytes,
        "need_bytes": one.need_bytes,
        "parked_bytes": one.parked_bytes,
        "card_bytes": one.card_bytes,
        "gpu_layers": one.ready.gpu_layers if one.ready else 0,
        "layers": one.ready.n_layers + 1 if one.ready else 0,
        "runs_on": one.ready.devices if one.ready else "",
        "notice": one.ready.notice if one.ready else "",
        "context": one.ready.n_ctx if one.ready else one.load.n_ctx,
        "embeddings": one.load.embeddings,
        "in_use": one.in_use,
        "users": one.n_fronts,
        "prompt_tokens_per_s": round(one.prompt_per_s, 1),
        "tokens_per_s": round(one.decode_per_s, 1),
        "idle_s": round(one.unused_s, 1),
        "expires_s": _expires_s(one),
        "keep_alive_s": one.keep_alive_s,
    }


def show_loaded(found: "HostStatus", ids: dict[str, str]) -> None:
    """The table of `models ps`; `ids` by path."""
    print_table(
        [
            text("MODEL"), text("MEMORY"), text("CONTEXT"), text("RUNS ON"), text("USERS"), text("TOKENS/S"),
            text("IDLE"), text("EXPIRES"),
        ],
        [
            [
                ids.get(one.path, file_name(one.path)),
                memory_text(one.resident_bytes),
                str(one.ready.n_ctx if one.ready else one.load.n_ctx),
                runs_on(one),
                str(one.n_fronts),
                f"{one.decode_per_s:.1f}" if one.decode_per_s else "",
                _state_text(one),
                _expires_text(one),
            ]
            for one in found.engines
        ],
        right=(1, 2, 4, 5, 6),
    )  # fmt: skip


def runs_on(one: "EngineStatus") -> str:
    """CPU; Vulkan0 (…), 12 of 31 layers."""
    if one.ready is None or not one.ready.gpu_layers:
        return text("processor") if one.ready is not None else ""
    n_all = one.ready.n_layers + 1
    where = one.ready.devices or text("graphics card")
    if one.ready.gpu_layers >= n_all:
        return where
    return text("{where}, {some} of {all} layers", where=where, some=one.ready.gpu_layers, all=n_all)


def file_name(path: str) -> str:
    """What stands for a model that the catalogue does not know."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def memory_text(size_bytes: int) -> str:
    """Memory as people read it, in the units of the settings: 235 MiB, 9.1 GiB."""
    if size_bytes >= 1024 * _MIB:
        return f"{size_bytes / _MIB / 1024:.1f} GiB"
    return f"{round(size_bytes / _MIB)} MiB"


def _state_text(one: "EngineStatus") -> str:
    if one.state != "ready":
        return text("loading") if one.state in ("starting", "loading") else text("ending")
    return text("in use") if one.in_use else duration(one.unused_s)


def _expires_s(one: "EngineStatus") -> float | None:
    if one.keep_alive_s < 0 or one.in_use or one.state != "ready":
        return None
    return round(max(0.0, one.keep_alive_s - one.unused_s), 1)


def _expires_text(one: "EngineStatus") -> str:
    left_s = _expires_s(one)
    if left_s is not None:
        return text("in {time}", time=duration(left_s))
    return text("never") if one.keep_alive_s < 0 else text("{time} after use", time=duration(one.keep_alive_s))
