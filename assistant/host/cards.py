"""The graphics cards that llama.cpp as it is installed here can compute on, and what they have free.

Asked of `nvidia-smi`, or of a process that loads llama.cpp and ends (`_engine-info`): neither the host nor a front
process loads native model code. Where llama.cpp was built for the processor alone nothing is started.
"""

import json
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rushlight.assistant.host.spawn import own_command
from rushlight.assistant.models.memory import Gpu, nvidia_gpus

_ASK_S = 60.0
_BACKENDS = ("cuda", "hip", "musa", "vulkan", "sycl", "metal", "opencl", "cann")


def gpu_build() -> str:
    """What kind of card llama.cpp was built for: "vulkan", "cuda", ...; "" is the processor alone."""
    spec = find_spec("llama_cpp")  # told by its files
    if spec is None or spec.origin is None:
        return ""
    names = [file.name for file in (Path(spec.origin).parent / "lib").glob("*ggml-*")]
    return next((backend for backend in _BACKENDS if any(f"ggml-{backend}" in name for name in names)), "")


def usable_cards() -> tuple[Gpu, ...]:
    """Those that would be used: llama.cpp takes cards with memory of their own, and others only without these."""
    build = gpu_build()
    if not build:
        return ()
    cards = nvidia_gpus() if build == "cuda" else ()  # quicker than a context on the card
    cards = cards or cards_from(engine_info())
    return tuple(card for card in cards if not card.is_shared) or cards


def engine_info() -> dict[str, Any]:
    """What `_engine-info` says; {} where it says nothing."""
    try:
        done = subprocess.run(
            own_command("_engine-info"), stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=False
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return found if isinstance(found, dict) else {}


def cards_from(info: dict[str, Any]) -> tuple[Gpu, ...]:
    """The cards in an answer of `_engine-info`."""
    if info.get("can_offload") is not True:
        return ()
    return tuple(
        Gpu(
            f"{device['name']} ({device['description']})",
            int(device["total_bytes"]),
            int(device["free_bytes"]),
            bool(device["is_shared"]),
        )
        for device in info.get("devices", ())
        if device["kind"] != "cpu"
    )
