"""What `doctor` says of graphics cards: which there are, which the engine can use, what keeps it from one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rushlight.ui.cli.doctor_checks import Check
from rushlight.ui.cli.output import size_text
from rushlight.ui.words import text


def engine_gpu(info: dict[str, Any]) -> Check:
    """The cards that models can be put on; a card that the engine cannot use is worth a warning."""
    from rushlight.assistant.host.cards import cards_from, gpu_build

    build, cards = gpu_build(), cards_from(info)
    if cards:
        found = [
            text("{name}: {free} of {total} free", name=card.name, free=size_text(card.free_bytes),
                 total=size_text(card.total_bytes)) + (text(", shared with the processor") if card.is_shared else "")
            for card in cards
        ]  # fmt: skip
        return Check("engine gpu", "ok", text("built for {build}; {cards}", build=build, cards="; ".join(found)))
    if build:
        return Check(
            "engine gpu",
            "warn",
            text("built for {build}, but it finds no graphics card; models run on the processor", build=build),
            text("Install the card's driver, or be content: engine.gpu_layers = 0 says so."),
        )
    present = _nvidia() + [name for name in _vulkan() if "llvmpipe" not in name]
    if present:
        return Check(
            "engine gpu",
            "warn",
            text("built for the processor only; not used: {cards}", cards="; ".join(present)),
            text("Build llama.cpp for the card: make run GPU=vulkan, or GPU=cuda."),
        )
    return Check("engine gpu", "ok", text("built for the processor only"))


def check_graphics() -> Iterator[Check]:
    found = _nvidia() + _vulkan()
    nodes = sorted(Path("/dev/dri").glob("renderD*")) if Path("/dev/dri").is_dir() else []
    unreadable = [str(node) for node in nodes if not os.access(node, os.R_OK | os.W_OK)]
    if unreadable:
        yield Check(
            "graphics",
            "warn",
            text("{nodes} cannot be opened", nodes=", ".join(unreadable)),
            text("Add yourself to its group: sudo usermod -aG render,video $USER"),
        )
    elif found or nodes:
        yield Check("graphics", "ok", "; ".join(found) or ", ".join(str(node) for node in nodes))
    else:
        yield Check("graphics", "ok", text("none found; models run on the processor"))


def _output_of(command: list[str]) -> str:
    import shutil
    import subprocess

    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _nvidia() -> list[str]:
    lines = _output_of(["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"])
    return [line.strip() for line in lines.splitlines() if line.strip()]


def _vulkan() -> list[str]:
    names = []
    for line in _output_of(["vulkaninfo", "--summary"]).splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "deviceName":
            names.append(f"Vulkan: {value.strip()}")
    return names
