"""A few layers of a model, with random weights: a layer costs the same wherever it stands and whatever is in it.

The vocabulary is cut as well; the head is measured by itself.
"""

import copy
import dataclasses
from typing import Any, Final

import torch

from rushlight.trainer.attention import NAME, Layout, attending, register
from rushlight.trainer.backends.backend import Loaded
from rushlight.trainer.backends.peft import made_ready
from rushlight.trainer.config import TrainConfig
from rushlight.trainer.data.pack import Pack
from rushlight.trainer.plan.shape import is_linear
from rushlight.trainer.scoring import losses_of

N_VOCAB: Final = 512


def small_model(settings: Any, n_layers: int, config: TrainConfig, device: str, dtype: str) -> Loaded:
    """The first `n_layers` of the model with these settings, ready to be trained as `config` says."""
    from transformers import AutoModelForCausalLM

    register()
    cut = copy.deepcopy(settings)
    text = cut.get_text_config()
    text.num_hidden_layers, text.vocab_size = n_layers, min(N_VOCAB, int(text.vocab_size))
    for name in ("layer_types", "mlp_layer_types", "no_rope_layers"):
        if isinstance(listed := getattr(text, name, None), list):
            setattr(text, name, listed[:n_layers])
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(text, name, None)
    stored = torch.float32 if config.method == "full" else getattr(torch, dtype)
    try:
        model = AutoModelForCausalLM.from_config(cut, dtype=stored, attn_implementation=NAME)
    except ValueError as error:
        if "attn" not in str(error) and "attention" not in str(error):
            raise
        model = AutoModelForCausalLM.from_config(cut, dtype=stored)
    if config.method == "qlora":
        _quantize(model, stored)
    return made_ready(model.to(device), config, device, dtype)


def _quantize(model: Any, stored: Any) -> None:
    """Linear layers but the head into 4 bits, as transformers has them loaded."""
    import bitsandbytes as bnb

    head = model.get_output_embeddings()
    for name, module in list(model.named_modules()):
        if not is_linear(module) or module is head:
            continue
        n_out, n_in = module.weight.shape
        packed = bnb.nn.Linear4bit(
            n_in, n_out, bias=module.bias is not None, compute_dtype=stored, compress_statistics=True,
            quant_type="nf4",
        )  # fmt: skip
        packed.weight = bnb.nn.Params4bit(module.weight.data, requires_grad=False, quant_type="nf4",
                                          compress_statistics=True, module=packed)  # fmt: skip
        if module.bias is not None:
            packed.bias = module.bias
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, packed)
    model.is_loaded_in_4bit = True  # PEFT puts layers of another kind around those of such a model


def with_ids_below(pack: Pack, n_vocab: int) -> Pack:
    """The same row in another vocabulary."""
    return dataclasses.replace(pack, ids=pack.ids % n_vocab, targets=pack.targets % n_vocab)


def forward(loaded: Loaded, pack: Pack) -> Any:
    layout = Layout(pack.segments)
    half = loaded.dtype == "bfloat16" and not loaded.is_adapter
    with attending(layout), torch.autocast(loaded.device, torch.bfloat16, enabled=half):
        return losses_of(loaded.model, pack, layout, dense=loaded.packing == "dense", head=loaded.head).sum()


def backward(loaded: Loaded, pack: Pack, loss: Any) -> None:
    with attending(Layout(pack.segments)):
        loss.backward()
