"""One side of the training benchmark, in a process of its own: reads a line with the name of a way, trains over the
same examples with it once, and answers with supervised tokens and seconds.

    python train_worker.py rushlight|trl MODEL_FOLDER EXAMPLES.json ROW_TOKENS

EXAMPLES.json holds [{"ids": [...], "labels": [...]}, ...], with -100 for what is not trained. The way "gradients"
answers with the gradients of the first eight, the way "trained" with the first adapter's sum after an epoch.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH, RANK, ALPHA, RATE = 16, 16, 32, 2e-4
N_COMPARED = 8  # examples
Times = tuple[float, float]  # by the clock, and of processors
Step = Callable[[str], tuple[int, Times, dict[str, Any]]]


def main(side: str, folder: str, examples: str, row_tokens: str) -> None:
    told = sys.stdout
    sys.stdout = sys.stderr  # libraries print; answers go to the real one
    data = json.loads(Path(examples).read_text())
    step = (ours if side == "rushlight" else theirs)(Path(folder), data, int(row_tokens))
    for line in sys.stdin:
        n_tokens, seconds, more = step(line.strip())
        told.write(json.dumps({"tokens": n_tokens, "seconds": seconds[0], "cpu_seconds": seconds[1], **more}) + "\n")
        told.flush()


def ours(folder: Path, data: list[dict[str, Any]], row_tokens: int) -> Step:
    import numpy as np
    import torch

    from rushlight.trainer import products
    from rushlight.trainer.backends.peft import BACKEND
    from rushlight.trainer.config import checked
    from rushlight.trainer.data.masks import Tokens
    from rushlight.trainer.loop import Training
    from rushlight.trainer.recipes.supervised import Supervised

    config = checked({
        "model": "m", "out": "o", "data": {"train": ["d"]}, "adapter": {"rank": RANK, "alpha": ALPHA},
        "steps": {"batch": BATCH, "rate": RATE, "schedule": "constant", "warmup": 0.0}, "machine": {"device": "cpu"},
    })  # fmt: skip
    products.use(products.best())
    loaded = BACKEND.load(folder, config, "cpu", "float32")
    examples = [Tokens(np.array(one["ids"], np.int64), np.array(one["labels"]) != -100) for one in data]

    def step(way: str) -> tuple[int, Times, dict[str, Any]]:
        recipe = Supervised(examples, share=way != "apart")
        training = Training(loaded, recipe, config, Path(), row_tokens=row_tokens, n_threads=torch.get_num_threads())
        if way == "gradients":
            _fill(loaded.model, torch)
            training.gradients(list(range(N_COMPARED)))
            return 0, (0.0, 0.0), {"gradients": _firsts(loaded.model)}
        began = _now()
        n_tokens = sum(training.one_step(RATE)["trained_tokens"] for _ in range(training.n_steps))
        return n_tokens, _since(began), {}

    return step


def theirs(folder: Path, data: list[dict[str, Any]], row_tokens: int) -> Step:
    import tempfile

    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    adapter = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, adapter)
    rows = Dataset.from_list([{"input_ids": one["ids"], "labels": one["labels"]} for one in data])
    n_tokens = sum(label != -100 for one in data for label in one["labels"][1:])

    class Clock(TrainerCallback):
        began: Times | None = None
        spent: Times = (0.0, 0.0)

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = self.began or _now()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            assert self.began is not None
            self.spent = _since(self.began)

    def step(way: str) -> tuple[int, Times, dict[str, Any]]:
        packs, clock = way == "bfd", Clock()
        with tempfile.TemporaryDirectory() as out:
            settings = SFTConfig(
                output_dir=out, per_device_train_batch_size=1 if packs else BATCH, num_train_epochs=1,
                gradient_checkpointing=False, bf16=False, use_cpu=True, report_to="none", save_strategy="no",
                logging_steps=1000, packing=packs, packing_strategy="bfd", max_length=row_tokens, disable_tqdm=True,
                train_sampling_strategy="group_by_length" if way == "grouped" else "random",
                learning_rate=RATE, lr_scheduler_type="constant", dataset_num_proc=None,
            )  # fmt: skip
            trainer = SFTTrainer(
                model=model, args=settings, train_dataset=rows, processing_class=tokenizer, callbacks=[clock]
            )
            if way == "gradients":
                _fill(model, torch)
                batch = trainer.data_collator([dict(one) for one in rows.select(range(N_COMPARED))])
                n_items = int((batch["labels"][:, 1:] != -100).sum())
                trainer.compute_loss(model.train(), dict(batch), num_items_in_batch=n_items).backward()
                return 0, (0.0, 0.0), {"gradients": _firsts(model)}
            trainer.train()
        return n_tokens, clock.spent, {}

    return step


def _now() -> Times:
    return time.perf_counter(), time.process_time()


def _since(began: Times) -> Times:
    now = _now()
    return now[0] - began[0], now[1] - began[1]


def _fill(model: Any, torch: Any) -> None:
    """The same adapter on both sides; B begins as zeros, and then A has no gradient."""
    generator = torch.Generator().manual_seed(5)
    for _, one in sorted((name, one) for name, one in model.named_parameters() if one.requires_grad):
        one.data.copy_(torch.randn(one.shape, generator=generator) * 0.02)
    model.zero_grad()


def _firsts(model: Any) -> dict[str, list[float]]:
    """Some of the gradient of each weight."""
    return {name: one.grad.flatten()[:64].tolist() for name, one in model.named_parameters() if one.requires_grad}


if __name__ == "__main__":
    main(*sys.argv[1:])
