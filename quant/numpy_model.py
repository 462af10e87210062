"""A language model in plain numpy, read from a Hugging Face folder layer by layer: slow, obvious, and independent of
llama.cpp. What an exported file is held against.

    T tokens, C width, H heads, K heads of keys, D size of a head, F width of the middle
    x (T, C) -> norm -> q (T, H, D), k and v (T, K, D) -> rope -> softmax(q k / sqrt(D)) v -> + x
    x (T, C) -> norm -> gated middle -> + x

Llama, Mistral, Qwen 2 and Qwen 3. Knows no torch; memory is one matrix at a time.
"""

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np

from rushlight import Error
from rushlight.quant.convert.config import Config
from rushlight.quant.convert.family import family_of_config
from rushlight.quant.convert.rope import llama3_factors
from rushlight.quant.convert.to_gguf import open_weights
from rushlight.quant.rows import Floats, Rows, slabs, whole

FAMILIES: Final = ("llama", "qwen2", "qwen3")
_ROPES: Final = ("default", "linear", "llama3")


class NumpyModel:
    """An open model. `tokenize` needs the package tokenizers."""

    def __init__(self, folder: Path) -> None:
        config = Config.read(folder)
        family = family_of_config(config)
        self._config = config.with_defaults(family.defaults)
        rope = self._config.rope()
        is_mixture = self._config.n_experts > 0
        if family.gguf not in FAMILIES or rope["rope_type"] not in _ROPES or is_mixture:
            raise Error(
                f"Cannot compute {config.architecture} here.",
                "Its logits must come from the program that made it.",
                kind="unsupported",
            )
        self._folder = folder
        self._tokenizer: Any = None
        self._stack = contextlib.ExitStack()
        stored = self._stack.enter_context(open_weights(folder))
        self._weights = {family.renamed(name): rows for name, rows in stored.items()}
        self._tied = bool(config.get("tie_word_embeddings", default=family.tied_by_default))
        size = self._config.head_size
        base = float(rope["rope_theta"])
        frequencies = 1.0 / base ** (np.arange(0, size, 2, dtype=np.float64) / size)
        if rope["rope_type"] == "linear":
            frequencies /= float(rope["factor"])
        elif rope["rope_type"] == "llama3":
            frequencies /= llama3_factors(rope, size)
        self._frequencies = frequencies

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text, nothing put around it."""
        if self._tokenizer is None:
            self._tokenizer = open_tokenizer(self._folder)
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def logits(self, token_ids: Sequence[int]) -> Floats:
        """(T, vocabulary)"""
        config = self._config
        n_tokens = len(token_ids)
        embedding = self._weights["model.embed_tokens.weight"]
        x = np.concatenate([embedding.rows(token, token + 1) for token in token_ids])  # (T, C)
        angles = np.outer(np.arange(n_tokens), self._frequencies)  # (T, D/2)
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        for layer in range(config.n_layers):
            at = f"model.layers.{layer}."
            x = x + self._attend(at, self._norm(at + "input_layernorm", x), cos, sin)
            h = self._norm(at + "post_attention_layernorm", x)
            gate = self._linear(at + "mlp.gate_proj", h)  # (T, F)
            x = x + self._linear(at + "mlp.down_proj", gate / (1 + np.exp(-gate)) * self._linear(at + "mlp.up_proj", h))
        x = self._norm("model.norm", x)
        return _times(x, embedding if self._tied else self._weights["lm_head.weight"])

    def _attend(self, at: str, h: Floats, cos: Floats, sin: Floats) -> Floats:
        config = self._config
        n_tokens, size = len(h), config.head_size
        q = self._linear(at + "self_attn.q_proj", h).reshape(n_tokens, -1, size)  # (T, H, D)
        k = self._linear(at + "self_attn.k_proj", h).reshape(n_tokens, -1, size)  # (T, K, D)
        v = self._linear(at + "self_attn.v_proj", h).reshape(n_tokens, -1, size)
        if at + "self_attn.q_norm.weight" in self._weights:
            q, k = self._norm(at + "self_attn.q_norm", q), self._norm(at + "self_attn.k_norm", k)
        q, k = _rotated(q, cos, sin), _rotated(k, cos, sin)
        groups = q.shape[1] // k.shape[1]
        k, v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
        q, k, v = (part.transpose(1, 0, 2) for part in (q, k, v))  # (H, T, D)
        scores = q @ k.transpose(0, 2, 1) / np.float32(math.sqrt(size))  # (H, T, T)
        scores[:, np.triu(np.ones((n_tokens, n_tokens), bool), 1)] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ v).transpose(1, 0, 2).reshape(n_tokens, -1)
        return self._linear(at + "self_attn.o_proj", mixed)

    def _norm(self, name: str, x: Floats) -> Floats:
        """RMSNorm, Zhang and Sennrich 2019 (arXiv:1910.07467)."""
        weight = whole(self._weights[name + ".weight"])
        epsilon = np.float32(self._config.number("rms_norm_eps", default=1e-6))
        scaled: Floats = x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight
        return scaled

    def _linear(self, name: str, x: Floats) -> Floats:
        out = _times(x, self._weights[name + ".weight"])
        bias = self._weights.get(name + ".bias")
        return out if bias is None else out + whole(bias)

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> "NumpyModel":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _times(x: Floats, matrix: Rows) -> Floats:
    return np.concatenate([x @ slab.T for slab in slabs(matrix)], axis=1)


def _rotated(x: Floats, cos: Floats, sin: Floats) -> Floats:
    """RoPE over the pairs (i, i + D/2) of x (T, H, D)."""
    half = x.shape[-1] // 2
    first, second, cos, sin = x[..., :half], x[..., half:], cos[:, None], sin[:, None]
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def open_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer.json in Hugging Face's own library."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise Error(
            "Cannot prove the tokenizer: the package tokenizers is not installed.",
            "Install Rushlight with the extra “quant”.",
            kind="not-installed",
        ) from None
    path = folder / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise Error(f"Cannot open {path}: {str(error)[:200]}.", "The folder is damaged.", kind="bad-file") from None
