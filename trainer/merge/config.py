"""What a merge is told: a TOML file, read into typed values with every problem reported at once.

Knows which method wants which settings; opens no model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import msgspec

from rushlight import Error
from rushlight.trainer.typed import converted, read_toml

Number: TypeAlias = float | list[float]  # a list is spread over the layers, from the first to the last
Method: TypeAlias = Literal[
    "linear",
    "slerp",
    "task_arithmetic",
    "ties",
    "dare_linear",
    "dare_ties",
    "della_linear",
    "della",
    "model_stock",
    "passthrough",
]
METHODS: Final[tuple[str, ...]] = get_args(Method)
NEED_BASE: Final = frozenset(METHODS) - {"linear", "slerp", "passthrough"}  # models; an adapter's base is no change
NEED_DENSITY: Final = frozenset({"ties", "dare_linear", "dare_ties", "della_linear", "della"})
DTYPES: Final = ("F32", "F16", "BF16")
GGUF_TYPES: Final = (*DTYPES, "Q8_0")


class Merged(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One model that goes in."""

    model: str  # a folder, a GGUF file, or whatever `resolve` knows
    weight: Number = 1.0
    density: Number = 1.0  # the share of changes that is kept
    epsilon: float = 0.1  # DELLA: how far a row's shares may lie from the density


class Slice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Layers of one model, for `passthrough`: from the first up to, but not including, the last."""

    model: str
    layers: tuple[int, int]


class MergeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A merge."""

    method: Method
    out: str  # a folder to make, or a file that ends in .gguf
    base: str = ""
    models: list[Merged] = []
    slices: list[Slice] = []
    tokenizer: str = ""  # the model whose tokenizer and chat template go into the result; the base, else the first
    dtype: str = ""  # F32, F16 or BF16 (Q8_0 too for a GGUF file); as the base's if not given
    normalize: bool | None = None  # divide by the sum of weights; linear, ties, dare_ties and della do by default
    rescale: bool = True  # DARE and DELLA: what is kept is enlarged by what was dropped
    scale: float = 1.0  # of the merged change before it is added to the base; lambda in the papers
    t: Number = 0.5  # slerp: 0 is the first model, 1 the second
    filter_wise: bool = False  # model_stock: an angle for each row instead of one for each tensor
    rank: int = 0  # adapters: the rank of the result; 0 keeps all of a linear merge, and the highest rank of others
    seed: int = 0

    @property
    def normalizes(self) -> bool:
        if self.normalize is not None:
            return self.normalize
        return self.method in ("linear", "ties", "dare_ties", "della")

    def names(self) -> list[str]:
        """Every model that is named, once each, the base first."""
        named = [self.base, *(one.model for one in self.models), *(one.model for one in self.slices), self.tokenizer]
        return list(dict.fromkeys(name for name in named if name))


def read_config(path: Path, changes: Sequence[str] = ()) -> MergeConfig:
    """The file's merge, with `changes` such as "models.0.weight=0.3" applied first. Paths stay as they are written."""
    return checked(read_toml(path, changes, what="merge", example="models.0.weight=0.3"), path.name)


def checked(said: Mapping[str, Any], where: str = "the merge") -> MergeConfig:
    """`said` as a merge; an `Error` that lists everything that is wrong with it."""
    problems: list[str] = []
    config = converted(said, MergeConfig, problems)
    if config is not None:
        problems += _problems(config)
        if not problems:
            return config
    raise Error(
        f"Cannot use {where}: " + "; ".join(problems) + ".",
        "See docs/merge.md for what each method wants.",
        kind="bad-config",
    )


def _problems(config: MergeConfig) -> list[str]:
    found: list[str] = []
    method = config.method
    types = GGUF_TYPES if config.out.lower().endswith(".gguf") else DTYPES
    if config.dtype and config.dtype not in types:
        found.append(f"dtype {config.dtype[:20]!r} must be one of {', '.join(types)}")
    wanted = {"slerp": 2, "model_stock": 2, "passthrough": 0}.get(method, 1)
    if method == "passthrough":
        if not config.slices:
            found.append("passthrough needs [[slices]]")
        if config.models:
            found.append("passthrough takes [[slices]], not [[models]]")
    elif len(config.models) < wanted or (method == "slerp" and len(config.models) != 2):
        exactly = "exactly" if method == "slerp" else "at least"
        found.append(f"{method} needs {exactly} {wanted} [[models]], {len(config.models)} given")
    if method != "passthrough" and config.slices:
        found.append("[[slices]] belong to passthrough")
    for index, one in enumerate(config.models):
        found += _number(one.weight, f"models.{index}: weight", -100.0, 100.0)
        found += _number(one.density, f"models.{index}: density", 0.0, 1.0)
        if method.startswith("della"):
            shares = one.density if isinstance(one.density, list) else [one.density]
            pruned = [share for share in shares if share < 1]
            if pruned and (min(pruned) - one.epsilon <= 0 or max(pruned) + one.epsilon >= 1):
                found.append(f"models.{index}: density - epsilon must be above 0 and density + epsilon below 1")
        if method not in NEED_DENSITY and one.density != 1.0:
            found.append(f"models.{index}: {method} has no density")
    for index, part in enumerate(config.slices):
        if not 0 <= part.layers[0] < part.layers[1]:
            found.append(f"slices.{index}: layers must be [first, last] with 0 <= first < last")
    found += _number(config.t, "t", 0.0, 1.0)
    if config.rank < 0:
        found.append("rank must not be negative")
    plain = [one.weight for one in config.models if not isinstance(one.weight, list)]
    if (
        method == "linear"
        and config.normalizes
        and len(plain) == len(config.models)
        and plain
        and abs(sum(plain)) < 1e-8
    ):
        found.append("the weights add up to 0: nothing could be divided by that (normalize = false)")
    return found


def _number(value: Number, name: str, low: float, high: float) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values:
        return [f"{name} is an empty list"]
    bad = [one for one in values if not low <= one <= high]
    return [f"{name} must lie between {low:g} and {high:g}, found {bad[0]:g}"] if bad else []


def at_layer(value: Number, layer: int | None, n_layers: int) -> float:
    """A setting at one layer: a list is spread evenly over the layers and read between its entries. Tensors that
    belong to no layer take the middle of a list."""
    if not isinstance(value, list):
        return float(value)
    share = 0.5 if layer is None or n_layers < 2 else layer / (n_layers - 1)
    place = share * (len(value) - 1)
    low = min(int(place), len(value) - 1)
    high = min(low + 1, len(value) - 1)
    return value[low] + (value[high] - value[low]) * (place - low)
