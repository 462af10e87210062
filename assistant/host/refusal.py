"""Why something cannot be loaded now, in words: what it needs, what is free, who holds the rest, what can be done."""

from collections.abc import Sequence

from rushlight import Error
from rushlight.assistant.host.arbiter import Arbiter, Verdict
from rushlight.assistant.host.need import Claim, Need

_MIB = 1024 * 1024
_GIB = 1024 * _MIB
_CELL_STEP = 256  # a context is rounded up to this
_LEAST_CONTEXT = 512


def does_not_fit(
    name: str, verdict: Verdict, claims: Sequence[Claim], arbiter: Arbiter, *, kv_type: str = "", other: bool = False
) -> Error:
    """The refusal of a model. `other`: the same file is loaded and in use with other settings."""
    kind, beginning = "out-of-memory", f"Cannot load {name}: it needs"
    if other:
        kind, beginning = "busy", f"{name} is in use with other settings, and a second one does not fit: it needs"
    message = f"{beginning} {need_text(verdict.need)}; {free_text(verdict, arbiter)}."
    if claims:
        message += f" {holders_text(claims)}"
    hints = lower_hints(verdict, arbiter, kv_type)
    if any(claim.in_use for claim in claims):
        names = ", ".join(sorted({claim.name for claim in claims if claim.in_use}))
        hints.append(f"wait until what is in use is done: {names}")
    return Error(message, hint=_sentence(hints), kind=kind)


def cannot_have(name: str, verdict: Verdict, claims: Sequence[Claim], arbiter: Arbiter) -> Error:
    """The refusal of other work that asked for memory."""
    message = f"{name} needs {need_text(verdict.need)}; {free_text(verdict, arbiter)}."
    if claims:
        message += f" {holders_text(claims)}"
    hints = ["Close other programs", *_budget_hints(verdict, arbiter)]
    return Error(message, hint=_sentence(hints), kind="out-of-memory")


def need_text(need: Need) -> str:
    """9.1 GiB (8.2 GiB weights, 512 MiB for 8,192 tokens of context, 300 MiB to compute)."""
    parts = []
    if need.weights_bytes:
        parts.append(f"{size_text(need.weights_bytes)} weights")
    if need.context_bytes:
        parts.append(f"{size_text(need.context_bytes)} for {need.n_ctx:,} tokens of context")
    if need.compute_bytes:
        parts.append(f"{size_text(need.compute_bytes)} to compute")
    if need.card_bytes:
        parts.append(f"{size_text(need.card_bytes)} of all on the graphics card")
    return f"{size_text(need.main_bytes)} of memory" + (f" ({', '.join(parts)})" if parts else "")


def free_text(verdict: Verdict, arbiter: Arbiter) -> str:
    """5.8 GiB are free, within the budget and beside the reserve."""
    limits = []
    if arbiter.limits.reserve_bytes:
        limits.append(f"beside the {size_text(arbiter.limits.reserve_bytes)} that memory.reserve_mib keeps")
    if arbiter.budget_bytes:
        limits.append(f"within the {size_text(arbiter.budget_bytes)} that {_budget_setting(arbiter)} allows")
    found = f"{size_text(verdict.free_bytes)} are free"
    if verdict.need.card_bytes:
        found += f" and {size_text(verdict.free_card_bytes)} on the graphics card"
    return found + (f" ({', '.join(limits)})" if limits else "")


def holders_text(claims: Sequence[Claim]) -> str:
    """Who holds the rest, the largest first."""
    held = sorted(claims, key=lambda claim: -claim.held_bytes)
    parts = [
        f"{claim.name} {size_text(claim.held_bytes)} ({'in use' if claim.in_use else 'idle'})" for claim in held[:5]
    ]
    more = f" and {len(held) - 5} more" if len(held) > 5 else ""
    return f"Held by: {', '.join(parts)}{more}."


def lower_hints(verdict: Verdict, arbiter: Arbiter, kv_type: str) -> list[str]:
    """What to lower, with numbers where they help."""
    need, shortage = verdict.need, verdict.need.main_bytes - verdict.free_bytes
    hints = ["Choose a smaller quantization"]
    if need.card_bytes > verdict.free_card_bytes:
        hints = ["Put fewer layers on the card (engine.gpu_layers, -1 = as many as fit)"]
    if need.context_bytes and need.n_ctx:
        n_ctx = need.n_ctx * (need.context_bytes - shortage) // need.context_bytes // _CELL_STEP * _CELL_STEP
        hints.append(f"lower engine.context to {n_ctx}" if n_ctx >= _LEAST_CONTEXT else "lower engine.context")
        if kv_type == "f16":
            hints.append(f"set engine.kv_type to q8_0 (saves {size_text(need.context_bytes * 15 // 32)})")
    return hints + _budget_hints(verdict, arbiter)


def _budget_hints(verdict: Verdict, arbiter: Arbiter) -> list[str]:
    budget = arbiter.budget_bytes
    return [f"raise {_budget_setting(arbiter)}"] if budget and verdict.need.main_bytes > verdict.free_bytes else []


def _budget_setting(arbiter: Arbiter) -> str:
    limits = arbiter.limits
    is_mib = limits.budget_bytes and arbiter.budget_bytes == limits.budget_bytes
    return "memory.budget_mib" if is_mib else "memory.budget_percent"


def _sentence(hints: Sequence[str]) -> str:
    return ", ".join(hints[:-1]) + (", or " if len(hints) > 1 else "") + hints[-1].removeprefix("or ") + "."


def size_text(size_bytes: int) -> str:
    """A size as people read it."""
    if size_bytes >= _GIB:
        return f"{size_bytes / _GIB:.1f} GiB"
    return f"{round(size_bytes / _MIB)} MiB"
