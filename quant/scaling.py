"""Scales of columns folded into the weights before them: the model stays the same, its weights round better.

A matrix whose columns are multiplied by s gives the same outputs once its inputs are divided by s, and where the
inputs come from a norm, or from rows of another matrix, these take the division: nothing is left to do at run time.
AWQ (Lin et al. 2023, arXiv:2306.00978) and SmoothQuant (Xiao et al. 2022, arXiv:2211.10438) differ only in how they
find s (`awq`, `smoothquant`).

Knows GGUF's names of tensors, and in which architectures a scale passes; finds no scales.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.quant.block_encoding import encode_rows
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.gguf_tensors import GgufRows
from rushlight.quant.gguf_values import GgufFile, TensorInfo
from rushlight.quant.imatrix import ImportanceMatrix
from rushlight.quant.quantize import Encoder
from rushlight.quant.rows import SLAB_BYTES, Rows

# A norm of these is read by the matrices named below and by nothing else, and values and gated products are linear.
ARCHITECTURES: Final = ("llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a scale can be folded: `readers` get their columns multiplied, `givers` what they put out divided."""

    name: str
    givers: tuple[str, ...]  # a norm, or a matrix, with its bias
    readers: tuple[str, ...]
    channel_of: NDArray[np.intp]  # the channel of the giver that each column of the readers comes from

    @property
    def n_channels(self) -> int:
        return int(self.channel_of.max()) + 1

    def by_channel(self, values: Floats) -> Floats:
        """The largest over the columns of each channel."""
        found = np.zeros(self.n_channels, np.float32)
        np.maximum.at(found, self.channel_of, values)
        return found


def places(file: GgufFile, infos: Iterable[TensorInfo]) -> list[Place]:
    """All places of a model; an `Error` for architectures where a scale would not pass."""
    if file.architecture not in ARCHITECTURES:
        raise Error(
            f"Scales cannot be folded into a model of the architecture {file.architecture[:60]!r}.",
            f"Choose error feedback or the search for it. Scales pass in: {', '.join(ARCHITECTURES)}.",
            kind="unsupported",
        )
    shapes = {info.name: info.shape for info in infos}
    found: list[Place] = []

    def add(layer: int, name: str, giver: str, readers: tuple[str, ...], order: NDArray[np.intp] | None = None) -> None:
        prefix = f"blk.{layer}."
        matrices = tuple(f"{prefix}{one}.weight" for one in readers)
        weight = f"{prefix}{giver}.weight"
        if weight not in shapes or any(len(shapes.get(one, ())) != 2 for one in matrices):
            return  # experts, or query, key and value in one: left as they are
        givers = tuple(one for one in (weight, f"{prefix}{giver}.bias") if one in shapes)
        columns = shapes[matrices[0]][0]
        found.append(Place(prefix + name, givers, matrices, np.arange(columns) if order is None else order))

    for layer in range(file.number(f"{file.architecture}.block_count", 0)):
        add(layer, "attn_norm", "attn_norm", ("attn_q", "attn_k", "attn_v"))
        add(layer, "attn_v", "attn_v", ("attn_output",), _value_channels(file, shapes, layer))
        add(layer, "ffn_norm", "ffn_norm", ("ffn_gate", "ffn_up"))
        add(layer, "ffn_up", "ffn_up", ("ffn_down",))
    return found


def _value_channels(file: GgufFile, shapes: Mapping[str, tuple[int, ...]], layer: int) -> NDArray[np.intp] | None:
    """Several heads of queries read one head of values: a channel of the values stands behind several columns."""
    value, out = shapes.get(f"blk.{layer}.attn_v.weight", ()), shapes.get(f"blk.{layer}.attn_output.weight", ())
    if len(value) != 2 or len(out) != 2:
        return None
    n_heads = max(1, file.number(f"{file.architecture}.attention.head_count", 1))
    size = out[0] // n_heads
    repeats = max(1, out[0] // value[1])
    heads, within = np.divmod(np.arange(out[0]), size)
    return (heads // repeats) * size + within


class Scaling:
    """Scales by place, and what they do to each tensor."""

    def __init__(self, scales: Mapping[str, Floats], all_places: Iterable[Place]) -> None:
        self.scales: dict[str, Floats] = {}
        self._columns: dict[str, Floats] = {}
        self._rows: dict[str, Floats] = {}
        for place in all_places:
            scale = scales.get(place.name)
            if scale is None:
                continue
            self.scales[place.name] = scale
            if scale.shape != (place.n_channels,) or not (np.isfinite(scale).all() and (scale > 0).all()):
                raise ValueError(f"{place.name}: no positive scale for each of {place.n_channels} channels")
            for name in place.givers:
                self._rows[name] = scale
            for name in place.readers:
                self._columns[name] = scale[place.channel_of]

    def columns(self, name: str) -> Floats | None:
        """What the columns of a tensor are multiplied by."""
        return self._columns.get(name)

    def touches(self, name: str) -> bool:
        return name in self._columns or name in self._rows

    def scaled(self, name: str, tensor: Rows) -> Rows:
        """A tensor as it is after scaling."""
        if not self.touches(name):
            return tensor
        return _Scaled(tensor, self._rows.get(name), self._columns.get(name))


@dataclass(frozen=True, slots=True)
class _Scaled:
    base: Rows
    divisors: Floats | None  # of rows; of the elements of a vector
    factors: Floats | None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    def rows(self, start: int, stop: int) -> Floats:
        values = self.base.rows(start, stop)
        if self.factors is not None:
            values = values * self.factors
        if self.divisors is not None:
            by_row = len(self.shape) > 1
            values = values / (self.divisors[start:stop, None] if by_row else self.divisors)
        return values


@dataclass(frozen=True, slots=True)
class ScaledTensor:
    """A tensor of a GGUF file, scaled: what encoders take."""

    info: TensorInfo
    scaled: Rows

    def rows(self, start: int, stop: int) -> Floats:
        return self.scaled.rows(start, stop)


class ScaledEncoder:
    """The encoder of `quantize.make` that scales before it rounds. `inner` rounds what it wants to (error feedback,
    with the same scaling), the search the rest."""

    def __init__(
        self,
        scaling: Scaling,
        importance: ImportanceMatrix | None = None,
        *,
        inner: Encoder | None = None,
        n_threads: int = 1,
    ) -> None:
        self._scaling, self._importance, self._inner, self._n_threads = scaling, importance, inner, n_threads

    def __call__(self, tensor: GgufRows, type_name: str) -> Iterator[Bytes] | None:
        name = tensor.info.name
        scaled = ScaledTensor(tensor.info, self._scaling.scaled(name, tensor))
        pieces = self._inner(scaled, type_name) if self._inner is not None else None  # type: ignore[arg-type]
        if pieces is not None or not self._scaling.touches(name):
            return pieces
        return self._pieces(scaled, type_name)

    def _pieces(self, tensor: ScaledTensor, type_name: str) -> Iterator[Bytes]:
        name, columns = tensor.info.name, tensor.info.shape[0]
        importance = self._importance.importance(name) if self._importance is not None else None
        weights = None if importance is None else importance.reshape(-1, columns).mean(axis=0)
        factors = self._scaling.columns(name)
        if weights is not None and factors is not None:
            weights = weights / factors**2
        n_rows = tensor.info.n_elements // columns
        step = max(1, SLAB_BYTES // (4 * columns))
        for start in range(0, n_rows, step):
            yield encode_rows(
                tensor.rows(start, min(start + step, n_rows)), type_name, weights, n_threads=self._n_threads
            )


def no_torch(what: str) -> Error:
    """What is said where torch is missing: the assistant itself runs without."""
    return Error(
        f"{what} needs PyTorch, which is not installed.",
        f"Install it with: {pip_line('rushlight[train]')}. Error feedback and the search for GGUF run without.",
        kind="no-torch",
    )
