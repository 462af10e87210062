"""Models by unsloth, on CUDA. It patches torch and transformers for the whole process and must be imported before
them, so it is used in a job's process that trains and does nothing else."""

import os
import sys
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.trainer.backends.backend import Loaded
from rushlight.trainer.backends.packages import need_packages
from rushlight.trainer.backends.peft import BACKEND as PEFT
from rushlight.trainer.config import TrainConfig

_OFFLINE = {
    "UNSLOTH_DISABLE_STATISTICS": "1", "UNSLOTH_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
}  # fmt: skip


def set_up() -> None:
    """Import unsloth first, told to ask nobody. Does nothing where it is there already."""
    if "unsloth" in sys.modules:
        return
    os.environ.update(_OFFLINE)
    if "transformers" in sys.modules or "peft" in sys.modules:
        raise Error(
            "unsloth must be the first of its kind in a process, and transformers was imported before it.",
            'Set machine.backend = "peft".',
            kind="bad-order",
        )
    import unsloth  # noqa: F401


class UnslothBackend:
    name = "unsloth"

    def load(self, folder: Path, config: TrainConfig, device: str, dtype: str) -> Loaded:
        need_packages("transformers", "peft", "unsloth")
        set_up()
        import torch
        from unsloth import FastLanguageModel

        n_bits = {"load_in_4bit": config.method == "qlora", "full_finetuning": config.method == "full"}
        model, _ = FastLanguageModel.from_pretrained(
            str(folder), max_seq_length=config.data.max_tokens, dtype=getattr(torch, dtype), local_files_only=True,
            **n_bits,
        )  # fmt: skip
        recompute: Any = "unsloth" if config.machine.recompute else False
        if config.method != "full":
            wanted = config.adapter
            more = {"target_modules": list(wanted.modules)} if wanted.modules else {}
            model = FastLanguageModel.get_peft_model(
                model, r=wanted.rank, lora_alpha=wanted.alpha, lora_dropout=wanted.dropout,
                use_rslora=config.method == "rslora", use_dora=config.method == "dora",
                use_gradient_checkpointing=recompute, random_state=config.steps.seed, **more,
            )  # fmt: skip
        # unsloth's own attention knows nothing of our rows: an example to a row is what it computes rightly.
        return Loaded(model, device, dtype, "alone", config.method != "full")

    def save(self, loaded: Loaded, folder: Path) -> None:
        PEFT.save(loaded, folder)


BACKEND = UnslothBackend()
