"""Losses and gradients of DPO, KTO and ORPO on one batch, held against TRL's own."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.trainer.data.masks import Tokens

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
N, BETA = 6, 0.3


def rows(n: int) -> list[dict[str, str]]:
    chance = np.random.default_rng(5)

    def words(low: int, high: int) -> str:
        return " ".join(f"w{chance.integers(90)}" for _ in range(chance.integers(low, high)))

    system = words(12, 13)  # longer than what is worth sharing
    return [{"prompt": f"{system} {words(1, 9)}", "chosen": " " + words(1, 9), "rejected": " " + words(1, 9)}
            for _ in range(n)]  # fmt: skip


def word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n + 3 for n in range(90)}}
    model = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    model.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=model, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>")


def models() -> tuple[Any, Any]:
    """(one that has been trained, as it was before)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rushlight.trainer import attention

    attention.register()
    torch.manual_seed(3)
    base = LlamaForCausalLM(LlamaConfig(
        vocab_size=93, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
    ))  # fmt: skip
    now = copy.deepcopy(base)
    with torch.no_grad():
        for weight in now.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)
    return now, base


class Ours:
    """Our loss of a batch, by the same seams as the loop's."""

    def __init__(self, model: Any, base: Any, alone: bool) -> None:
        from rushlight.trainer import attention

        self.model, self._base, self._alone = copy.deepcopy(model), copy.deepcopy(base), alone
        for one in (self.model, self._base):
            one.set_attn_implementation(attention.NAME)

    def loss(self, recipe: Any, tmp_path: Path) -> tuple[float, Any]:
        import torch

        from rushlight.trainer.reference import refer
        from rushlight.trainer.run import Watch

        refer(tmp_path, recipe, lambda pack: self._losses(self._base, pack).detach(), row_tokens=120,
              alone=self._alone, share=True, watch=Watch())  # fmt: skip
        batch = recipe.batch(recipe.order(0, N, 0), 120, alone=self._alone)
        with torch.no_grad():
            shares = recipe.shares(batch, lambda pack: self._losses(self.model, pack))
        total, sums = 0.0, {}
        for row in batch.rows:
            loss, told = recipe.loss(row, lambda pack: self._losses(self.model, pack), shares)
            loss.backward()
            total += float(loss.detach())
            sums = {name: sums.get(name, 0.0) + value for name, value in told.items()}
        return total, recipe.figures(sums)

    @staticmethod
    def _losses(model: Any, pack: Any) -> Any:
        from rushlight.trainer.attention import Layout, attending
        from rushlight.trainer.scoring import losses_of

        layout = Layout(pack.segments)
        with attending(layout):
            return losses_of(model, pack, layout)


def check(trainer: Any, batch: Any, ours: Ours, recipe: Any, tmp_path: Path, told: Mapping[str, str]) -> None:
    theirs = trainer.compute_loss(trainer.model, batch)
    theirs.backward()
    found, figures = ours.loss(recipe, tmp_path)
    assert abs(found - float(theirs.detach())) < 1e-5
    for mine, other in zip(ours.model.parameters(), trainer.model.parameters(), strict=True):
        assert float((mine.grad - other.grad).abs().max()) < 1e-5
    metrics = trainer._metrics["train"] if hasattr(trainer, "_metrics") else trainer._stored_metrics["train"]
    for name, other in told.items():
        assert figures[name] == pytest.approx(metrics[other][-1], abs=1e-5), name


def settings(tmp_path: Path) -> dict[str, Any]:
    return {
        "output_dir": str(tmp_path / "trl"), "beta": BETA, "bf16": False, "gradient_checkpointing": False,
        "use_cpu": True, "per_device_train_batch_size": N, "report_to": "none", "disable_tqdm": True,
    }  # fmt: skip


def tokens(ids: Any, attended: Any, answer: Any) -> Tokens:
    kept = attended.bool()
    return Tokens(ids[kept].numpy(), answer[kept].bool().numpy())


REWARDS = {"reward_chosen": "rewards/chosen", "reward_rejected": "rewards/rejected", "margin": "rewards/margins"}
FORMS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"loss_types": ["sigmoid"]}),
    ({"form": "hinge"}, {"loss_types": ["hinge"]}),
    ({"form": "ipo"}, {"loss_types": ["ipo"]}),
    ({"form": "robust", "smoothing": 0.2}, {"loss_types": ["robust"], "label_smoothing": 0.2}),
    ({"chosen_weight": 0.7}, {"loss_types": ["sigmoid", "sft"], "loss_weights": [1.0, 0.7]}),
]


@pytest.mark.parametrize("alone", [False, True], ids=["packed", "alone"])
def test_dpo(alone: bool, tmp_path: Path) -> None:
    import trl
    from datasets import Dataset

    from rushlight.trainer.recipes.dpo import Dpo

    now, base = models()
    trainer = trl.DPOTrainer(
        now, ref_model=base, args=trl.DPOConfig(**settings(tmp_path)), train_dataset=Dataset.from_list(rows(N)),
        processing_class=word_tokenizer(),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    found = [tokens(*one) for one in zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"],
                                         strict=True)]  # fmt: skip
    pairs = list(zip(found[:N], found[N:], strict=True))
    for mine, theirs in FORMS[:1] if alone else FORMS:
        trainer.model.zero_grad()
        trainer.loss_weights = [1.0]
        for name, value in theirs.items():
            assert hasattr(trainer, name)
            setattr(trainer, name, value)
        recipe = Dpo(pairs, beta=BETA, **mine)
        check(trainer, batch, Ours(*models(), alone), recipe, tmp_path, REWARDS | {"accuracy": "rewards/accuracies"})


@pytest.mark.parametrize("alone", [False, True], ids=["packed", "alone"])
def test_kto(alone: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trl
    from datasets import Dataset

    from rushlight.trainer.recipes import kto

    said = [{"prompt": one["prompt"], "completion": one["chosen"], "label": number % 3 != 1}
            for number, one in enumerate(rows(N))]  # fmt: skip
    now, base = models()
    ours = Ours(now, base, alone)
    more = {"desirable_weight": 1.3, "undesirable_weight": 0.8}
    trainer = trl.KTOTrainer(
        now, ref_model=base, args=trl.KTOConfig(**settings(tmp_path), **more),
        train_dataset=Dataset.from_list(said), processing_class=word_tokenizer(),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    examples = [tokens(*one) for one in zip(batch["input_ids"], batch["attention_mask"], batch["completion_mask"],
                                            strict=True)]  # fmt: skip
    # TRL's circle is the batch in its order; ours is drawn.
    monkeypatch.setattr(kto.Kto, "_circles", ([list(range(N))], []))
    recipe = kto.Kto(examples, batch["label"].tolist(), beta=BETA, good_weight=1.3, bad_weight=0.8, circle=N)
    check(trainer, batch, ours, recipe, tmp_path, REWARDS | {"kl": "kl"})
    assert trainer._metrics["train"]["kl"][-1] > 0


@pytest.mark.parametrize("alone", [False, True], ids=["packed", "alone"])
def test_orpo(alone: bool, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    from rushlight.trainer.recipes.orpo import Orpo

    now, base = models()
    ours = Ours(now, base, alone)
    trainer = ORPOTrainer(
        now, args=ORPOConfig(**settings(tmp_path)), train_dataset=Dataset.from_list(rows(N)),
        processing_class=word_tokenizer(),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    pairs = list(zip(
        *([tokens(*one) for one in zip(batch[f"{side}_input_ids"], batch[f"{side}_attention_mask"],
                                       batch[f"{side}_labels"] != -100, strict=True)]
          for side in ("chosen", "rejected")), strict=True))  # fmt: skip
    recipe = Orpo(pairs, beta=BETA, whole_text=True)
    told = {**REWARDS, "accuracy": "rewards/accuracies", "log_odds": "log_odds_chosen"}
    check(trainer, batch, ours, recipe, tmp_path, told)
