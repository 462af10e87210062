"""Rotary positions beyond the trained length: Hugging Face's rope settings into GGUF's keys and tensors, and back."""

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.gguf_values import GgufFile
from rushlight.quant.gguf_write import Value
from rushlight.quant.rows import Floats

_KNOWN: Final = ("default", "linear", "yarn", "llama3", "longrope", "su", "dynamic")
FREQUENCIES: Final = "rope_freqs.weight"
LONG_FACTORS: Final = "rope_factors_long.weight"
SHORT_FACTORS: Final = "rope_factors_short.weight"


def rope_metadata(config: Config) -> dict[str, Value]:
    """`rope.freq_base` and `rope.scaling.*`, without the architecture's prefix."""
    rope = config.rope()
    kind = str(rope["rope_type"])
    if kind not in _KNOWN:
        raise Error(
            f"Cannot convert: the rope type {kind[:40]!r} has no form in GGUF.",
            f"Known: {', '.join(_KNOWN)}.",
            kind="unsupported",
        )
    found: dict[str, Value] = {"rope.freq_base": float(rope["rope_theta"])}
    trained = rope.get("original_max_position_embeddings") or config.get("original_max_position_embeddings")
    if kind == "linear":
        found["rope.scaling.type"] = "linear"
        found["rope.scaling.factor"] = float(rope["factor"])
    elif kind == "yarn":
        found["rope.scaling.type"] = "yarn"
        found["rope.scaling.factor"] = float(rope["factor"])
        found["rope.scaling.original_context_length"] = int(trained or config.whole("max_position_embeddings"))
        for theirs, ours in (
            ("beta_fast", "rope.scaling.yarn_beta_fast"),
            ("beta_slow", "rope.scaling.yarn_beta_slow"),
            ("mscale_all_dim", "rope.scaling.yarn_log_multiplier"),
        ):
            if rope.get(theirs) is not None:
                found[ours] = float(rope[theirs])
    elif kind in ("longrope", "su") and trained:
        longest = config.whole("max_position_embeddings")
        found["rope.scaling.original_context_length"] = int(trained)
        attention = rope.get("attention_factor")
        ratio = longest / int(trained)
        if attention is None:
            attention = math.sqrt(1 + math.log(ratio) / math.log(int(trained))) if ratio > 1 else 1.0
        found["rope.scaling.attn_factor"] = float(attention)
    return found


def rope_tensors(config: Config) -> Iterable[tuple[str, Floats]]:
    """The divisors of the frequencies, where the model has its own for each."""
    rope = config.rope()
    kind = rope["rope_type"]
    if kind == "llama3":
        yield FREQUENCIES, llama3_factors(rope, config.head_size)
    elif kind in ("longrope", "su"):
        size = len(rope["long_factor"])
        if size != len(rope["short_factor"]):
            raise Error("Cannot convert: the long and short rope factors differ in number.", kind="bad-file")
        yield LONG_FACTORS, np.asarray(rope["long_factor"], np.float32)
        yield SHORT_FACTORS, np.asarray(rope["short_factor"], np.float32)


def llama3_factors(rope: dict[str, Any], head_size: int) -> Floats:
    """Llama 3.1's smooth change from unscaled high frequencies to low ones divided by `factor`."""
    factor, low, high = float(rope["factor"]), float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    trained = int(rope["original_max_position_embeddings"])
    frequencies = 1.0 / float(rope["rope_theta"]) ** (np.arange(0, head_size, 2, dtype=np.float64) / head_size)
    wave_lengths = 2 * math.pi / frequencies
    smooth = (trained / wave_lengths - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    factors = np.where(wave_lengths < trained / high, 1.0, np.where(wave_lengths > trained / low, factor, between))
    return factors.astype(np.float32)


def rope_config(file: GgufFile, prefix: str, default_base: float = 10_000.0) -> dict[str, Any]:
    """`rope_parameters` out of the metadata. Frequencies that lie in a tensor are added by `unpack`."""
    base = file.number(f"{prefix}.rope.freq_base", default_base)
    from rushlight.quant.convert.family import shortest

    found: dict[str, Any] = {"rope_type": "default", "rope_theta": shortest(base)}
    scaling = file.text(f"{prefix}.rope.scaling.type", "")
    if scaling in ("linear", "yarn"):
        found["rope_type"] = scaling
        found["factor"] = shortest(file.number(f"{prefix}.rope.scaling.factor", 1.0))
        trained = file.metadata.get(f"{prefix}.rope.scaling.original_context_length")
        if scaling == "yarn" and trained:
            found["original_max_position_embeddings"] = trained
    return {"rope_parameters": found}
