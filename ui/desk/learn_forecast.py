"""What a teaching would take, as values and in words: memory and time by part, what would make it smaller.

Knows the result of the job that plans; starts none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.figures import duration_text, size_text
from rushlight.ui.words import text

Pieces: TypeAlias = tuple[tuple[str, bool], ...]  # of an example: text, and whether it is learned
_CHARS = 600  # of a piece that is shown


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the job that plans has found. `memory` and `seconds` are (part, amount); `lower` is (setting, bytes);
    `examples` are the first ones as the model reads them."""

    n_examples: int
    n_held_out: int
    n_seen: int
    n_steps: int
    batch: int
    step_s: float
    memory: tuple[tuple[str, float], ...]
    seconds: tuple[tuple[str, float], ...]
    total_bytes: float
    available_bytes: float | None
    total_s: float
    lower: tuple[tuple[str, float], ...]
    fits: bool
    examples: tuple[Pieces, ...] = ()


def forecast_of(result: Mapping[str, Any]) -> Forecast | None:
    """None where it cannot be read: of another version."""
    try:
        available = result["available_bytes"]
        return Forecast(
            int(result["examples"]), int(result["held_out"]), int(result["n_seen"]), int(result["n_steps"]),
            int(result["batch"]), float(result["step_s"]), _pairs(result["memory"], "name", "amount"),
            _pairs(result["seconds"], "name", "amount"), float(result["total_bytes"]),
            None if available is None else float(available), float(result["total_s"]),
            _pairs(result["lower"], "setting", "total_bytes"), bool(result["fits"]),
            tuple(map(_pieces, result.get("report", {}).get("pieces", ()))),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def part_words(name: str) -> str:
    """A part of memory or time, for people."""
    words = {
        "program": text("Python, torch and other libraries"),
        "weights": text("weights of the model"),
        "adapter": text("adapter"),
        "gradients": text("gradients"),
        "optimizer": text("moments of the optimizer"),
        "activations": text("activations of a row, at most"),
        "gaps": text("gaps between them, and buffers of libraries"),
        "loading": text("more while it is loaded"),
        "lesson": text("making the examples"),
        "steps": text("steps"),
        "export": text("export and its proof, about"),
        "proof": text("asking base and adapter what is held out"),
    }
    return words.get(name, plain_line(name))


def summary(found: Forecast) -> str:
    """In a sentence or two."""
    said = text(
        "About {time} and {memory} of memory: {seen} of {n} examples in {steps} steps of {batch}, {step} each.",
        time=duration_text(found.total_s), memory=size_text(found.total_bytes), seen=f"{found.n_seen:,}",
        n=f"{found.n_examples:,}", steps=f"{found.n_steps:,}", batch=found.batch, step=f"{found.step_s:.2f} s",
    )  # fmt: skip
    if found.fits:
        return said
    return f"{said} {text('It does not fit: {free} of memory are free.', free=size_text(found.available_bytes or 0))}"


def memory_rows(found: Forecast) -> tuple[tuple[str, str], ...]:
    return tuple((part_words(name), size_text(amount)) for name, amount in found.memory)


def time_rows(found: Forecast) -> tuple[tuple[str, str], ...]:
    return tuple((part_words(name), duration_text(amount)) for name, amount in found.seconds)


def lower_rows(found: Forecast) -> tuple[tuple[str, str], ...]:
    """(setting, memory with it)"""
    return tuple((plain_line(name), size_text(amount)) for name, amount in found.lower)


def _pieces(example: Any) -> Pieces:
    """A long piece is cut in its middle, so that its end is seen, where the answer begins."""
    found = []
    for words, is_learned in example:
        said = plain(str(words))
        if len(said) > _CHARS:
            said = f"{said[: _CHARS // 2]} … {said[-_CHARS // 2 :]}"
        found.append((said, bool(is_learned)))
    return tuple(found)


def _pairs(values: Any, name: str, amount: str) -> tuple[tuple[str, float], ...]:
    return tuple((str(one[name]), float(one[amount])) for one in values)
