"""llama.cpp's samplers in a row, built from names and numbers.

Knows how each sampler is made; which ones a request wants is decided in `sampling`.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

from rushlight.assistant.engine.context import Context
from rushlight.assistant.engine.llama import Model

Stage = tuple[str, tuple[Any, ...]]
"""One sampler by name, with its numbers: ("top_k", (40,))."""


class Chain:
    """A chain in use. The last stage picks the token ("greedy", "dist", "mirostat")."""

    def __init__(self, model: Model, stages: Sequence[Stage]) -> None:
        self._c = model.c
        params = self._c.llama_sampler_chain_default_params()
        params.no_perf = True
        self.handle = self._c.llama_sampler_chain_init(params)
        self._sample = self._c.llama_sampler_sample
        for name, numbers in stages:
            self._c.llama_sampler_chain_add(self.handle, self._make(model, name, numbers))

    def _make(self, model: Model, name: str, numbers: tuple[Any, ...]) -> Any:
        c = self._c
        match name:
            case "logit_bias":
                biases = (c.llama_logit_bias * len(numbers))()
                for i, (token, bias) in enumerate(numbers):
                    biases[i].token, biases[i].bias = token, bias
                return c.llama_sampler_init_logit_bias(model.n_vocab, len(numbers), biases)
            case "penalties" | "mirostat":
                return getattr(c, f"llama_sampler_init_{name}")(model.n_vocab, *numbers)
            case "dry":
                *figures, breakers = numbers
                texts = (ctypes.c_char_p * max(1, len(breakers)))(*(text.encode() for text in breakers))
                return c.llama_sampler_init_dry(model.vocab, *figures, texts, len(breakers))
            case _:
                return getattr(c, f"llama_sampler_init_{name}")(*numbers)

    def sample(self, context: Context, row: int = -1) -> int:
        """Pick a token from an output (-1: the last) and remember it."""
        return self._sample(self.handle, context.handle, row)  # type: ignore[no-any-return]

    def distribution(self, logits: Any) -> tuple[Any, Any]:
        """What the last stage, "dist", would draw from: token ids and their weights, which sum to 1. Draws nothing."""
        import numpy as np

        c, n = self._c, logits.shape[0]
        data = np.zeros(n, dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        data["id"], data["logit"] = np.arange(n), logits
        array = c.llama_token_data_array()
        array.data = ctypes.cast(data.ctypes.data, ctypes.POINTER(c.llama_token_data))
        array.size, array.selected, array.sorted = n, -1, False
        for i in range(c.llama_sampler_chain_n(self.handle) - 1):
            c.llama_sampler_apply(c.llama_sampler_chain_get(self.handle, i), ctypes.byref(array))
        left = data[: array.size]
        weights = np.exp(left["logit"].astype(np.float64) - float(left["logit"].max()))
        return left["id"].copy(), weights / weights.sum()

    def accept(self, token_id: int) -> None:
        """Let the samplers see a token they did not pick: the prompt's, or one a grammar forced."""
        self._c.llama_sampler_accept(self.handle, token_id)

    def close(self) -> None:
        if self.handle:
            self._c.llama_sampler_free(self.handle)
            self.handle = None
