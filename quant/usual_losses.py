"""What tensor types have cost known models: mean KL divergence from the unquantized model, and where that was measured.

For forecasts: the model in hand will lose something else, small models more than large ones. Knows names and numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model whose types were measured; `losses` in nats by type."""

    name: str
    n_weights: int
    source: str  # who measured it, over which text
    losses: Mapping[str, float]


KNOWN: Final = (
    # tools/perplexity/README.md of llama.cpp, importance matrix over WikiText-2's training part where it has one.
    KnownModel(
        "Llama 3 8B",
        8_030_000_000,
        "llama.cpp, WikiText-2",
        {
            "Q8_0": 0.00136, "Q6_K": 0.00545, "Q5_K_M": 0.0108, "Q4_K_M": 0.0282, "Q4_K_S": 0.0320, "IQ4_XS": 0.0363,
            "Q4_0": 0.0719, "Q3_K_M": 0.0844, "IQ3_XXS": 0.184, "Q2_K": 0.332, "IQ2_XXS": 0.812,
        },
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UsualLoss:
    """What a type has cost one model."""

    divergence: float
    model: str
    source: str


def usual_loss(type_name: str, n_weights: int) -> UsualLoss | None:
    """What the type has cost the known model that is nearest in size; None where no one has measured it."""
    having = [model for model in KNOWN if type_name in model.losses]
    if not having:
        return None
    nearest = min(having, key=lambda model: abs(math.log(model.n_weights / max(1, n_weights))))
    return UsualLoss(nearest.losses[type_name], nearest.name, nearest.source)
