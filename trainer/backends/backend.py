"""The seam: what a backend supplies. It loads a model whose trained weights have names; it trains nothing itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from rushlight.trainer.config import TrainConfig
from rushlight.trainer.head import Head

Packing: TypeAlias = Literal["segments", "dense", "alone"]
"""How a model keeps packed examples apart: by our attention, by a mask, or not at all (then each gets its own row)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model, ready to be trained."""

    model: Any
    device: str
    dtype: str  # of the computation
    packing: Packing
    is_adapter: bool
    head: Head | None = None  # the model in two parts, where it has them

    def trained(self) -> dict[str, Any]:
        """The weights that are trained, by name, always in the same order."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def n_parameters(self) -> tuple[int, int]:
        """(trained, all)."""
        trained = sum(weight.numel() for weight in self.trained().values())
        return trained, sum(_size(weight) for weight in self.model.parameters())


def _size(weight: Any) -> int:
    state = getattr(weight, "quant_state", None)  # 4-bit weights are stored as pairs
    return int(state.shape.numel()) if state is not None else int(weight.numel())


class TrainBackend(Protocol):
    """A library that supplies models."""

    name: str

    def load(self, folder: Path, config: TrainConfig, device: str, dtype: str) -> Loaded:
        """The model in `folder` with what `config.method` adds to it. Raises `Error`."""

    def save(self, loaded: Loaded, folder: Path) -> None:
        """The adapter, or the whole model, into `folder`, which is there and empty."""
