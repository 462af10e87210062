"""Sampler defaults of a model: from its GGUF metadata, or set by the user. Knows the fields and their bounds."""

import math
from collections.abc import Mapping

from rushlight import Error

# Field of Sampling -> (whole number?, least, most). The engine has the same fields; bounds refuse nonsense early.
BOUNDS: dict[str, tuple[bool, float, float]] = {
    "temperature": (False, 0.0, 5.0),
    "temperature_range": (False, 0.0, 5.0),
    "temperature_exponent": (False, 0.0, 10.0),
    "top_k": (True, 0, 1_000_000),
    "top_p": (False, 0.0, 1.0),
    "min_p": (False, 0.0, 1.0),
    "typical_p": (False, 0.0, 1.0),
    "top_n_sigma": (False, -1.0, 100.0),
    "xtc_probability": (False, 0.0, 1.0),
    "xtc_threshold": (False, 0.0, 1.0),
    "dry_multiplier": (False, 0.0, 100.0),
    "dry_base": (False, 1.0, 100.0),
    "dry_allowed_length": (True, 0, 10_000),
    "dry_penalty_last_n": (True, -1, 1_000_000),
    "repeat_penalty": (False, 0.01, 10.0),
    "frequency_penalty": (False, -10.0, 10.0),
    "presence_penalty": (False, -10.0, 10.0),
    "penalty_last_n": (True, -1, 1_000_000),
    "mirostat": (True, 0, 2),
    "mirostat_tau": (False, 0.0, 100.0),
    "mirostat_eta": (False, 0.0, 10.0),
    "min_keep": (True, 1, 10_000),
    "seed": (True, -1, 2**32 - 1),
}

# GGUF key -> our field. The file's `sequence` is not taken over: our chain has one order.
_FILE_KEYS = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_k": "top_k",
    "general.sampling.top_p": "top_p",
    "general.sampling.min_p": "min_p",
    "general.sampling.xtc_probability": "xtc_probability",
    "general.sampling.xtc_threshold": "xtc_threshold",
    "general.sampling.penalty_last_n": "penalty_last_n",
    "general.sampling.penalty_repeat": "repeat_penalty",
    "general.sampling.mirostat": "mirostat",
    "general.sampling.mirostat_tau": "mirostat_tau",
    "general.sampling.mirostat_eta": "mirostat_eta",
}


def from_metadata(metadata: Mapping[str, object]) -> dict[str, float]:
    """The defaults that the model card put into the file; values that make no sense are left out."""
    found: dict[str, float] = {}
    for key, name in _FILE_KEYS.items():
        value = metadata.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and _problem(name, value) == "":
            found[name] = typed(name, value)
    return found


def parse(name: str, text: str) -> float:
    """The number of a user's `name=text`. Raises `Error` naming the field, its bounds or the nearest field."""
    if name not in BOUNDS:
        import difflib

        near = difflib.get_close_matches(name, BOUNDS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Fields: {', '.join(BOUNDS)}."
        raise Error(f"There is no sampler field {name!r}.", hint=hint, kind="bad-sampling")
    try:
        value = float(text)
    except ValueError:
        raise Error(
            f"The sampler field {name} needs a number, not {text!r}.",
            hint=f"For example: {name}={_example(name)}",
            kind="bad-sampling",
        ) from None
    problem = _problem(name, value)
    if problem:
        raise Error(f"The sampler field {name} cannot be {text}: {problem}.", kind="bad-sampling")
    return typed(name, value)


def typed(name: str, value: float) -> float:
    """Whole-number fields as `int`, the rest as `float`."""
    return int(value) if BOUNDS[name][0] else float(value)


def _problem(name: str, value: float) -> str:
    whole, least, most = BOUNDS[name]
    if not math.isfinite(value) or not least <= value <= most:
        return f"it must lie between {least:g} and {most:g}"
    if whole and value != int(value):
        return "it must be a whole number"
    return ""


def _example(name: str) -> str:
    return {"temperature": "0.7", "top_k": "40", "top_p": "0.95"}.get(name, f"{BOUNDS[name][1]:g}")
