"""Steps of DPO by TRL and by us, turn by turn in one process, on the same pairs: prints seconds of each and losses.

    python trl_dpo.py MODEL_FOLDER PAIRS.jsonl STEPS

Both train a LoRA adapter of rank 16 in float32 with reference log-probabilities that were computed before; TRL pads 16
pairs to their longest, we lay them out in rows. Needs the extra train-test.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STEPS: dict[str, Any] = {"batch": 16, "rate": 2e-5, "schedule": "constant", "warmup": 0.0}


def rival(model: Path, lines: list[dict[str, str]], folder: Path) -> Any:
    """A function that makes one step on each call."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    chats = [{"prompt": [{"role": "user", "content": one["prompt"]}],
              **{side: [{"role": "assistant", "content": one[side]}] for side in ("chosen", "rejected")}}
             for one in lines]  # fmt: skip
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(model, dtype="float32"),
        args=DPOConfig(
            output_dir=str(folder), bf16=False, gradient_checkpointing=False, use_cpu=True, learning_rate=2e-5,
            per_device_train_batch_size=16, report_to="none", disable_tqdm=True, precompute_ref_log_probs=True,
        ),
        train_dataset=Dataset.from_list(chats), processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )  # fmt: skip
    batches = iter(trainer.get_train_dataloader())
    trainer.create_optimizer()
    trainer.model.train()

    def step() -> float:
        loss = trainer.compute_loss(trainer.model, next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()
        return float(loss.detach())

    return step


def ours(model: Path, lines: list[dict[str, str]], folder: Path) -> Any:
    from rushlight.assistant.engine.template import compile_template
    from rushlight.trainer.backends.peft import BACKEND
    from rushlight.trainer.config import checked
    from rushlight.trainer.loop import Training
    from rushlight.trainer.recipes.choose import choose_recipe
    from rushlight.trainer.reference import refer
    from rushlight.trainer.run import Places, Watch, prepare, usable_threads

    config = checked({"model": "m", "out": "o", "recipe": "dpo", "data": {"train": ["t"]}, "steps": STEPS,
                      "machine": {"device": "cpu"}})  # fmt: skip
    data = folder / "pairs.jsonl"
    data.write_text("".join(json.dumps(one) + "\n" for one in lines))
    places = Places(model, (data,), (), folder / "run")
    prepare(config, places, render=lambda template, said: compile_template(template)(said, 1 << 20))
    recipe, _ = choose_recipe(config, places.out / "examples.safetensors")
    loaded = BACKEND.load(model, config, "cpu", "float32")
    training = Training(loaded, recipe, config, places.out, row_tokens=1024, n_threads=usable_threads())
    refer(places.out, recipe, training.look_at_base, row_tokens=1024, alone=loaded.packing == "alone", share=True,
          watch=Watch())  # fmt: skip
    return lambda: training.one_step(2e-5)["loss"]


def main(model: str, data: str, n_steps: str) -> None:
    import torch

    from rushlight.trainer import products
    from rushlight.trainer.run import usable_threads

    torch.set_num_threads(usable_threads())
    products.use(products.best())
    lines = [json.loads(line) for line in Path(data).read_text().splitlines()][: 16 * (int(n_steps) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ours").mkdir()
        sides = {
            "trl": rival(Path(model), lines, Path(folder) / "trl"),
            "ours": ours(Path(model), lines, Path(folder) / "ours"),
        }
        losses = {name: step() for name, step in sides.items()}  # a warm-up
        spent: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(int(n_steps)):
            for name in sorted(sides, reverse=bool(number % 2)):
                began = time.perf_counter()
                sides[name]()
                spent[name].append(time.perf_counter() - began)
    print(json.dumps({**spent, "losses": losses}))


if __name__ == "__main__":
    main(*sys.argv[1:])
