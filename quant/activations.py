"""Sums over the inputs of weights while llama.cpp runs a text: what importance matrices and error feedback are made of.

The native collector hangs on llama.cpp's evaluation callback and needs no Python while a text runs. Where it is not
compiled, or is not wanted, ctypes and numpy do the same, slowly. Knows products and sums, no model and no text:
`ggml.RunningModel` takes one of these and shows it every product.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rushlight import Error, native
from rushlight.quant.blocks.format import Floats
from rushlight.quant.ggml_tensor import Product

By = Literal["native", "numpy"]


@dataclass(frozen=True, slots=True)
class MomentKind:
    """What moments are the sum of: the inputs' own products, those of their running means within a text, and those of
    a text's first input, which counts `first` times as often as there are inputs."""

    own: float = 1.0
    mean: float = 0.0
    first: float = 0.0


@dataclass(slots=True)
class Squares:
    """Sums of the squares of a weight's inputs (experts, columns), and the rows each expert has seen (experts,)."""

    sums: NDArray[np.float64]
    counts: NDArray[np.int64]


class Activations:
    """Squares of the inputs of some weights, moments of those of others. Moments are for weights without experts."""

    def __init__(
        self,
        squares: Iterable[str] = (),
        moments: Mapping[str, MomentKind] | None = None,
        *,
        n_threads: int = 1,
        by: By = "native",
    ) -> None:
        self._squares: dict[str, Squares | None] = dict.fromkeys(squares)
        self._kinds = dict(moments or {})
        self._moments: dict[str, Floats] = {}
        self._owners: dict[str, str] = {}
        self._owner_at: dict[tuple[int, MomentKind], str] = {}
        self._n_threads = n_threads
        self._is_native = by == "native" and native.COMPILED
        self.native: native.ActivationSums | None = None

    def connect(self, is_host_address: int) -> None:
        """Called by the model that will run. `is_host_address`: ggml's function that knows the processor's memory."""
        if not self._is_native or self.native is not None:
            return
        self.native = native.ActivationSums(is_host_address, self._n_threads)
        for name in self._squares:
            self.native.want_squares(name)
        for name, kind in self._kinds.items():
            self.native.want_moments(name, kind.own, kind.mean, kind.first)

    def begin_pass(self) -> None:
        """Before each text: which products share their inputs is found anew."""
        self._owner_at.clear()
        if self.native is not None:
            self.native.begin_pass()

    def check(self) -> None:
        """After each text: raise what ended it."""
        if self.native is not None and self.native.problem:
            raise _unusable(self.native.problem)

    def wants(self, name: str) -> bool:
        return name in self._squares or name in self._kinds

    def see(self, product: Product) -> None:
        """Add what one product shows, in numpy."""
        name = product.weight
        if name in self._squares:
            found = squares_of(product)
            known = self._squares[name]
            if known is None:
                self._squares[name] = found
            elif known.sums.shape != found.sums.shape:
                raise _unusable(f"the inputs of {name} change their size")
            else:
                known.sums += found.sums
                known.counts += found.counts
        kind = self._kinds.get(name)
        if kind is not None and product.experts is None:
            place = (product.address, kind)
            owner = self._owners.setdefault(name, self._owner_at.setdefault(place, name))
            if owner == name and len(product.inputs):
                added = moments_of(np.ascontiguousarray(product.inputs), kind, name)
                self._moments[name] = self._moments[name] + added if name in self._moments else added

    def squares(self) -> dict[str, Squares]:
        """The squares of every weight that was seen."""
        if self.native is None:
            return {name: found for name, found in self._squares.items() if found is not None}
        result = {}
        for name in self.native.names():
            shape = self.native.shape(name)
            found = result[name] = Squares(np.empty(shape), np.empty(shape[0], np.int64))
            self.native.copy_squares(name, found.sums, found.counts)
        return result

    def take_moments(self) -> dict[str, Floats]:
        """The (columns, columns) moments of every weight that was seen, once. Weights with the same inputs share one
        array: that of the first of them."""
        if self.native is None:
            return {name: self._moments[owner] for name, owner in self._owners.items() if owner in self._moments}
        names = self.native.names_of_moments()
        owners = {name: self.native.owner(name) for name in names}
        arrays: dict[str, Floats] = {}
        for owner in dict.fromkeys(owners.values()):
            n = self.native.columns(owner)
            arrays[owner] = np.empty((n, n), np.float32)
            self.native.take_moments(owner, arrays[owner])
        return {name: arrays[owner] for name, owner in owners.items()}


def squares_of(product: Product) -> Squares:
    """The squares of one product alone."""
    squares = np.square(product.inputs, dtype=np.float64)
    found = Squares(np.zeros((product.n_matrices, product.inputs.shape[1])), np.zeros(product.n_matrices, np.int64))
    if product.experts is None:
        found.sums[0], found.counts[0] = squares.sum(axis=0), len(squares)
    else:
        if len(product.experts) and not 0 <= product.experts.min() <= product.experts.max() < product.n_matrices:
            raise _unusable(f"{product.weight} has no expert {product.experts.max()}")
        for expert in np.unique(product.experts):
            rows = product.experts == expert
            found.sums[expert], found.counts[expert] = squares[rows].sum(axis=0), int(rows.sum())
    if not np.isfinite(found.sums).all():
        raise _unusable(f"the inputs of {product.weight} are no finite numbers")
    return found


def moments_of(inputs: Floats, kind: MomentKind, name: str = "a weight") -> Floats:
    """The moments of one text's inputs, (rows, columns)."""
    if not np.isfinite(inputs).all():
        raise _unusable(f"the inputs of {name} are no finite numbers")
    n, columns = inputs.shape
    found = np.zeros((columns, columns), np.float32)
    if kind.own:
        found += np.float32(kind.own) * (inputs.T @ inputs)
    if kind.mean:
        means = (np.cumsum(inputs, axis=0, dtype=np.float64) / np.arange(1, n + 1)[:, None]).astype(np.float32)
        found += np.float32(kind.mean) * (means.T @ means)
    if kind.first and n:
        found += np.float32(kind.first * n) * np.outer(inputs[0], inputs[0])
    return found


def _unusable(what: str) -> Error:
    return Error(
        f"Cannot calibrate with this model: {what}.",
        "The model is damaged, or it needs other software.",
        kind="bad-file",
    )
