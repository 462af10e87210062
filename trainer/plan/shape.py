"""A model without its weights: how many numbers it has, and how many of them a training changes.

Built on torch's meta device from the settings alone, so a model of any size is looked at in a moment.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from rushlight import Error
from rushlight.trainer.backends.peft import is_language
from rushlight.trainer.config import TrainConfig

_NF4: Final = 0.5 + 1 / 64 + 4 / (64 * 256)  # bytes a weight: two in a byte, a scale for 64, a scale of 256 scales
_BYTES: Final = {"float32": 4, "bfloat16": 2}


@dataclass(frozen=True, slots=True)
class Shape:
    """Counts of numbers."""

    n_layers: int
    width: int
    n_vocab: int
    n_weights: int
    n_linear: int  # of those, in the linear layers that an adapter is added to; QLoRA keeps them in 4 bits
    n_trained: int

    def weights_bytes(self, method: str, dtype: str) -> int:
        if method == "full":
            return 4 * self.n_weights  # trained weights are kept in 32 bits
        each = _BYTES[dtype]
        if method == "qlora":
            return int(_NF4 * self.n_linear) + each * (self.n_weights - self.n_linear)
        return each * self.n_weights


def read_settings(folder: Path) -> Any:
    """The settings of the model in a folder, as transformers has them."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise Error(
            f"Cannot plan for {folder.name}: {str(error).splitlines()[0][:300]}",
            "The folder must hold a text model that transformers knows.",
            kind="bad-file",
        ) from None


def shape_of(settings: Any, config: TrainConfig) -> Shape:
    """The counts of a model with these settings, trained as `config` says."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(settings)
    text, head = settings.get_text_config(), model.get_output_embeddings()
    n_weights = sum(one.numel() for one in model.parameters())
    linear = {name: one for name, one in model.named_modules() if is_linear(one) and one is not head}
    wanted = set(config.adapter.modules)
    chosen = [one for name, one in linear.items()
              if is_language(name) and (not wanted or name.rpartition(".")[2] in wanted)]  # fmt: skip
    n_trained = n_weights
    if config.method != "full":
        per_output = 1 if config.method == "dora" else 0
        n_trained = sum(config.adapter.rank * sum(one.weight.shape) + per_output * max(one.weight.shape[0], 1)
                        for one in chosen)  # fmt: skip
    return Shape(
        n_layers=int(text.num_hidden_layers), width=int(text.hidden_size), n_vocab=int(text.vocab_size),
        n_weights=n_weights, n_linear=sum(one.weight.numel() for one in linear.values()), n_trained=n_trained,
    )  # fmt: skip


def is_linear(module: Any) -> bool:
    return isinstance(module, torch.nn.Linear) or type(module).__name__ == "Conv1D"
