"""How one tensor of a GGUF file and those of a Hugging Face model belong together, and what changes on the way.

A rule names both sides: `{i}` is the layer, `{e}` the expert, `{s}` "weight" or "bias". Each change knows both ways.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from rushlight.quant.convert.config import Config
from rushlight.quant.rows import (
    Applied,
    Array,
    Floats,
    Indices,
    Reshaped,
    Rows,
    Transposed,
    cut,
    joined,
    n_rows,
    reordered,
    row_length,
    stacked,
)


class Change(Protocol):
    """What happens to a tensor between the two forms."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows: ...

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]: ...

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        """For adapters: in which order GGUF holds the outputs of this matrix (None: the same). Raises
        NotImplementedError where an adapter of this matrix cannot be carried over."""
        ...


class Same:
    """Nothing happens."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return parts[0]

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [tensor]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        return None


@dataclass(frozen=True, slots=True)
class RopeOrder:
    """RoPE, Su et al. 2021 (arXiv:2104.09864). Hugging Face rotates the pairs (i, i + D/2) of a head, the GGUF of these
    architectures (2i, 2i + 1): the rows of each head are interleaved."""

    of_keys: bool = False

    def _order(self, count: int, config: Config) -> Indices:
        heads = config.n_kv_heads if self.of_keys else config.n_heads
        return np.arange(count).reshape(heads, 2, count // heads // 2).swapaxes(1, 2).reshape(-1)

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return reordered(parts[0], self._order(parts[0].shape[0], config))

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [reordered(tensor, np.argsort(self._order(tensor.shape[0], config)))]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        return self._order(n_outputs, config)


class PlusOne(Same):
    """Gemma's norms multiply by 1 + w; GGUF stores 1 + w."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return Applied(parts[0], _plus_one)

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [Applied(tensor, _minus_one)]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        raise NotImplementedError


def _plus_one(values: Floats) -> Floats:
    return values + np.float32(1)


def _minus_one(values: Floats) -> Floats:
    # exact from 0.5 on; below, a float32 w with that very 1 + w need not exist
    return values - np.float32(1)


class Flipped(Same):
    """GPT-2 keeps its matrices as (inputs, outputs)."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return Transposed(parts[0])

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [Transposed(tensor)]


class FromLog(Same):
    """Mamba stores log(-A), GGUF stores A."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return Applied(parts[0], lambda values: -np.exp(values))

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [Applied(tensor, lambda values: np.log(-values))]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        raise NotImplementedError


class Squeezed(Same):
    """A convolution over one channel at a time: (channels, 1, width) against (channels, width)."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        shape = parts[0].shape
        return Reshaped(parts[0], (shape[0], shape[-1]))

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        return [Reshaped(tensor, (tensor.shape[0], 1, tensor.shape[1]))]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        raise NotImplementedError


class Experts(Same):
    """One matrix for each expert against one tensor of all."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return stacked(parts)

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        parts = [cut(tensor, expert, expert + 1) for expert in range(tensor.shape[0])]
        return [Reshaped(part, part.shape[1:]) for part in parts]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        raise NotImplementedError


class Whole(Same):
    """A vector that some checkpoints keep with more dimensions than it has."""

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return Reshaped(parts[0], (n_rows(parts[0].shape) * row_length(parts[0].shape),))


class WithoutPadding(Same):
    """RoBERTa counts positions from behind its padding token; GGUF from 0."""

    def _offset(self, config: Config) -> int:
        return config.whole("pad_token_id", default=1) + 1

    def to_gguf(self, parts: Sequence[Rows], config: Config) -> Rows:
        return cut(parts[0], self._offset(config), parts[0].shape[0])

    def to_hf(self, tensor: Rows, config: Config) -> list[Rows]:
        unused = Array(np.zeros((self._offset(config), tensor.shape[1]), np.float32))
        return [joined([unused, tensor])]

    def output_order(self, n_outputs: int, config: Config) -> Indices | None:
        raise NotImplementedError


SAME: Final = Same()
ROPE_QUERIES: Final = RopeOrder()
ROPE_KEYS: Final = RopeOrder(of_keys=True)
PLUS_ONE: Final = PlusOne()
FLIPPED: Final = Flipped()
FROM_LOG: Final = FromLog()
SQUEEZED: Final = Squeezed()
EXPERTS: Final = Experts()
WITHOUT_PADDING: Final = WithoutPadding()

SUFFIXES: Final = ("weight", "bias")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a family's table."""

    gguf: str
    hf: str
    change: Change = SAME

    def names(self, layer: int, suffix: str, n_experts: int) -> tuple[str, list[str]]:
        """The name in GGUF, and those in the Hugging Face model."""
        gguf = _filled(self.gguf, layer, suffix)
        hf = _filled(self.hf, layer, suffix)
        if "{e}" not in hf:
            return gguf, [hf]
        return gguf, [hf.replace("{e}", str(expert)) for expert in range(n_experts)]

    @property
    def is_per_layer(self) -> bool:
        return "{i}" in self.gguf

    @property
    def suffixes(self) -> tuple[str, ...]:
        return SUFFIXES if "{s}" in self.gguf else ("",)


def _filled(pattern: str, layer: int, suffix: str) -> str:
    return pattern.replace("{i}", str(layer)).replace("{s}", suffix)
