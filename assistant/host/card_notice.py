"""Says when a model does not compute where one might expect: falling back to the processor is never silent."""

from collections.abc import Sequence

from rushlight.assistant.engine.frames import Ready
from rushlight.assistant.host.need import Need
from rushlight.assistant.host.refusal import size_text

_SILENCE = "engine.gpu_layers = 0 asks for the processor alone."


def card_notice(n_asked: int, ready: Ready, needs: Sequence[Need], build: str) -> str:
    """`n_asked` layers (-1: as many as fit) were wanted on the card; "" where nobody will be surprised."""
    n_all, n_there = ready.n_layers + 1, ready.gpu_layers
    n_wanted = n_all if n_asked < 0 else min(n_asked, n_all)
    if n_there >= n_wanted or (n_asked < 0 and not build):
        return ""
    if not build:
        return (
            f"Nothing is on a graphics card, though {n_asked} layers were asked for (engine.gpu_layers): llama.cpp "
            "is built here for the processor alone."
        )
    if not any(need.n_layers for need in needs):
        return (
            f"It computes on the processor: llama.cpp is built for {build} here, but finds no graphics card. {_SILENCE}"
        )
    wanted = next((need for need in needs if need.gpu_layers >= n_wanted), None)
    room = f" All of them need {size_text(wanted.card_bytes)} there." if wanted is not None and n_asked < 0 else ""
    if not n_there:
        return f"It computes on the processor: the graphics card has no room for any of its {n_all} layers.{room}"
    return (
        f"{n_there} of {n_all} layers are on the graphics card, the others on the processor: there was no more room."
        f"{room}"
    )
