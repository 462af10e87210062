"""What loading a model would take, told before it is done: the figures, who holds memory, who would be unloaded."""

import time
from collections.abc import Sequence
from pathlib import Path

from rushlight.assistant.engine.request import LoadSettings
from rushlight.assistant.host.arbiter import Arbiter
from rushlight.assistant.host.engine import Engine
from rushlight.assistant.host.need import Claim, Need
from rushlight.assistant.host.protocol import FITS, LOADED, TOO_LARGE, UNLOADS, Holder, LoadPlan
from rushlight.assistant.host.refusal import does_not_fit


def plan_of(
    load: LoadSettings, needs: Sequence[Need], engine: Engine | None, claims: Sequence[Claim], arbiter: Arbiter
) -> LoadPlan:
    """`engine` is the one that has the model with these settings, if there is one."""
    name = Path(load.path).name
    verdict = arbiter.decide(needs, claims)
    need, parked = verdict.need, verdict.parked_bytes
    message = hint = ""
    if engine is not None and engine.granted is not None:
        state, need, parked = LOADED, engine.granted, engine.parked_bytes
    elif verdict.admitted:
        state = FITS
    elif verdict.evict:
        state = UNLOADS
    else:
        state = TOO_LARGE
        refusal = does_not_fit(name, verdict, claims, arbiter, kv_type=load.kv_type)
        message, hint = refusal.message, refusal.hint or ""
    now_s = time.monotonic()
    goes = set(verdict.evict) if state == UNLOADS else set()
    return LoadPlan(
        name=name,
        state=state,
        main_bytes=need.main_bytes,
        parked_bytes=parked,
        card_bytes=need.card_bytes,
        weights_bytes=need.weights_bytes,
        context_bytes=need.context_bytes,
        compute_bytes=need.compute_bytes,
        n_ctx=need.n_ctx,
        gpu_layers=need.gpu_layers,
        n_layers=need.n_layers,
        free_bytes=verdict.free_bytes,
        free_card_bytes=verdict.free_card_bytes,
        reserve_bytes=arbiter.limits.reserve_bytes,
        budget_bytes=arbiter.budget_bytes,
        holders=tuple(
            Holder(
                claim.name,
                claim.held_bytes,
                claim.card_bytes,
                claim.in_use,
                0.0 if claim.in_use else now_s - claim.last_used_s,
                claim.claim_id in goes,
            )
            for claim in claims
        ),
        message=message,
        hint=hint,
    )
