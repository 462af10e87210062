"""Models by transformers, adapters by PEFT: on processors and on CUDA.

LoRA: Hu et al. 2021 (arXiv:2106.09685); rsLoRA: Kalajdzievski 2023 (2312.03732); DoRA: Liu et al. 2024 (2402.09353);
QLoRA: Dettmers et al. 2023 (2305.14314).
"""

import os
import re
import warnings
from pathlib import Path
from typing import Any, Final

from rushlight import Error
from rushlight.trainer.backends.backend import Loaded
from rushlight.trainer.backends.packages import need_packages
from rushlight.trainer.config import TrainConfig

# The parts of a model that see or hear. Texts never pass through them, and GGUF keeps them in a file of their own.
_NOT_LANGUAGE: Final = (
    r"(?:.*\.)?(?:vision_tower|vision_model|visual|audio_tower|multi_modal_projector|embed_vision|embed_audio)(?:\..*)?"
)


class PeftBackend:
    name = "peft"

    def load(self, folder: Path, config: TrainConfig, device: str, dtype: str) -> Loaded:
        need_packages("transformers", "peft", *(["bitsandbytes"] if config.method == "qlora" else []))
        import torch

        from rushlight.trainer import attention

        attention.register()
        stored = torch.float32 if config.method == "full" else getattr(torch, dtype)
        model = _loaded(folder, stored, device, config)
        return made_ready(model, config, device, dtype)

    def save(self, loaded: Loaded, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if loaded.is_adapter:
                loaded.model.save_pretrained(folder, save_embedding_layers=False)
            else:
                loaded.model.save_pretrained(folder)


def made_ready(model: Any, config: TrainConfig, device: str, dtype: str) -> Loaded:
    """A model of transformers with what is trained of it or beside it."""
    from rushlight.trainer.head import head_of
    from rushlight.trainer.packing_check import packing_of

    model.config.use_cache = False
    if config.method == "qlora":
        _mend_4bit(model)
    packing = packing_of(model)
    if config.method == "full":
        model.requires_grad_(True)
    else:
        model = _with_adapter(model, config)
    if device == "cpu" and dtype == "float32":
        from rushlight.trainer.backends.fused import fuse

        fuse(model)
    if config.machine.recompute:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        if config.method != "full":
            model.enable_input_require_grads()
    model.train()
    return Loaded(model, device, dtype, packing, config.method != "full", head_of(model))


def _loaded(folder: Path, stored: Any, device: str, config: TrainConfig) -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing here may ask the network
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    from rushlight.trainer import attention

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    more: dict[str, Any] = {"dtype": stored, "local_files_only": True, "trust_remote_code": False}
    if config.method == "qlora":
        from transformers import BitsAndBytesConfig

        more["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=stored
        )
        more["device_map"] = {"": device}
    try:
        try:
            model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention.NAME, **more)
        except ValueError as error:
            if "attn" not in str(error) and "attention" not in str(error):
                raise
            model = AutoModelForCausalLM.from_pretrained(folder, **more)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        if "memory" in str(error).lower():
            raise Error(f"Cannot load {folder.name}: the memory is used up.", "Choose qlora, or a smaller model.",
                        kind="out-of-memory") from None  # fmt: skip
        raise Error(
            f"Cannot load {folder.name}: {str(error).splitlines()[0][:300]}",
            "The folder must hold a text model that transformers knows.",
            kind="bad-file",
        ) from None
    if config.method != "qlora":
        model = model.to(device)
    # Weights that still lie in the mapped file begin anywhere; products of them may differ in the last bit from those
    # of weights that begin at a line of the cache. Beside 4-bit weights they would hold the whole file in memory.
    if device == "cpu":
        with torch.no_grad():
            for weight in model.parameters():
                if weight.is_floating_point() and (weight.data_ptr() % 64 or config.method == "qlora"):
                    weight.data = weight.data.clone()
    return model


def _mend_4bit(model: Any) -> None:
    """bitsandbytes 0.50 repacks 4-bit layers at the first evaluation on processors with AVX-512-BF16 and trains them
    without gradients from then on."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _with_adapter(model: Any, config: TrainConfig) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model

    wanted = config.adapter
    linear = [name for name, module in model.named_modules() if _is_linear(module)]
    known = {name.rpartition(".")[2] for name in linear if is_language(name)}
    unknown = [name for name in wanted.modules if name not in known]
    if unknown:
        raise Error(
            f"Cannot train {', '.join(unknown[:5])}: the model has no such linear layers.",
            f"adapter.modules may name {', '.join(sorted(known))}.",
            kind="bad-config",
        )
    torch.manual_seed(config.steps.seed)
    settings = LoraConfig(
        r=wanted.rank,
        lora_alpha=int(wanted.alpha) if wanted.alpha == int(wanted.alpha) else wanted.alpha,
        lora_dropout=wanted.dropout,
        use_rslora=config.method == "rslora",
        use_dora=config.method == "dora",
        target_modules=list(wanted.modules) or "all-linear",
        exclude_modules=None if all(map(is_language, linear)) else _NOT_LANGUAGE,
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model, settings)


def is_language(module: str) -> bool:
    """Whether a module of this name belongs to the part of a model that texts pass through."""
    return re.fullmatch(_NOT_LANGUAGE, module) is None


def _is_linear(module: Any) -> bool:
    return "Linear" in type(module).__name__ or type(module).__name__ == "Conv1D"


BACKEND = PeftBackend()
