"""Rope settings that a GGUF file holds as a tensor of divisors, back into config.json's words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rushlight import Error
from rushlight.quant.convert.rope import FREQUENCIES, LONG_FACTORS, SHORT_FACTORS, llama3_factors


def rope_from_tensors(settings: dict[str, Any], tensors: dict[str, NDArray[np.float64]]) -> None:
    """Change `rope_parameters` of `settings` to what the tensors say."""
    rope = settings.get("rope_parameters")
    if FREQUENCIES in tensors and rope is not None:
        rope.update(_llama3(rope, settings, tensors[FREQUENCIES]))
    if LONG_FACTORS in tensors and SHORT_FACTORS in tensors and rope is not None:
        rope["rope_type"] = "longrope"
        rope["long_factor"] = [float(str(np.float32(number))) for number in tensors[LONG_FACTORS]]
        rope["short_factor"] = [float(str(np.float32(number))) for number in tensors[SHORT_FACTORS]]
        rope["original_max_position_embeddings"] = settings["original_max_position_embeddings"]


def _llama3(rope: dict[str, Any], settings: dict[str, Any], factors: NDArray[np.float64]) -> dict[str, Any]:
    """The four numbers of Llama 3.1's scaling that give these factors. Its models use few, so they are tried."""
    size = settings["head_dim"]
    largest = float(str(np.float32(factors.max())))
    contexts = sorted(
        {8192, 4096, 2048, 16_384, 32_768, *(1 << power for power in range(5, 18))}, key=lambda n: n != 8192
    )
    for context in contexts:
        for low, high in ((1.0, 4.0), (1.0, 32.0), (1.0, 8.0), (1.0, 2.0)):
            words = {
                "rope_type": "llama3",
                "rope_theta": rope["rope_theta"],
                "factor": largest,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": context,
            }
            if np.allclose(llama3_factors(words, size), factors, rtol=1e-5):
                return words
    raise Error(
        "Cannot unpack: the rope frequencies of this model follow no rule that Hugging Face's library has words for.",
        kind="unsupported",
    )
