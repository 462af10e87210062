"""Loss and gradients of one supervised batch, by the loop and everything under it, held against TRL's SFTTrainer."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rushlight.trainer.config import checked
from rushlight.trainer.data.masks import Tokens

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
N = 9
ROWS = {"one row": 1024, "several rows": 80}


@pytest.fixture(autouse=True, params=["torch", "onednn"])
def library(request: pytest.FixtureRequest) -> Iterator[None]:
    from rushlight.trainer import products

    products.use(request.param)
    if products.used() != request.param:
        pytest.skip("this build of torch does not let oneDNN be called")
    yield
    products.use("torch")


def examples() -> list[Tokens]:
    """Of all lengths; most share a beginning, some answer twice, one has nothing but its end to learn."""
    chance = np.random.default_rng(5)
    beginning = chance.integers(3, 93, 14)
    found = []
    for number in range(N):
        asked, said = (chance.integers(3, 93, chance.integers(1, 16)) for _ in range(2))
        ids = np.concatenate([beginning if number % 4 else beginning[:0], asked, said, [2]])
        trained = np.arange(len(ids)) >= len(ids) - 1 - len(said)
        if number % 3 == 0:
            again = np.concatenate([chance.integers(3, 93, 5), chance.integers(3, 93, 4), [2]])
            ids, trained = np.concatenate([ids, again]), np.concatenate([trained, np.arange(10) >= 5])
        if number == 7:
            trained = np.arange(len(ids)) == len(ids) - 1
        found.append(Tokens(ids, trained))
    return found


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<bos>": 1, "<eos>": 2, **{f"w{n}": n + 3 for n in range(90)}}
    model = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=model, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>")


def base() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rushlight.trainer import attention

    attention.register()
    torch.manual_seed(3)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=93, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2, attn_implementation="eager",
    ))  # fmt: skip


def filled(model: Any) -> dict[str, Any]:
    """The trained weights by name; those of an adapter the same in every model, and none of them zero."""
    import torch

    chance = torch.Generator().manual_seed(5)
    found = {name: one for name, one in sorted(model.named_parameters()) if one.requires_grad}
    for name, one in found.items():
        if "lora_A" in name or "lora_B" in name:
            one.data = torch.randn(one.shape, generator=chance) * 0.1
    model.zero_grad()
    return found


@pytest.mark.parametrize("row_tokens", ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "full"])
def test_a_batch_is_what_trl_makes_of_it(method: str, row_tokens: int, tmp_path: Path) -> None:
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from trl import SFTConfig, SFTTrainer

    from rushlight.trainer import attention
    from rushlight.trainer.backends.peft import made_ready
    from rushlight.trainer.loop import Training
    from rushlight.trainer.recipes.supervised import Supervised

    config = checked({
        "model": "m", "out": "o", "method": method, "data": {"train": ["d"]}, "machine": {"device": "cpu"},
        **({} if method == "full" else {"adapter": {"rank": 4, "alpha": 8}}),
    })  # fmt: skip
    theirs, mine = base(), base()
    mine.set_attn_implementation(attention.NAME)
    loaded = made_ready(mine, config, "cpu", "float32")
    assert (loaded.packing, loaded.head is None) == ("segments", False)
    recipe = Supervised(examples())
    training = Training(loaded, recipe, config, tmp_path, row_tokens=row_tokens, n_threads=1)
    our_weights = filled(loaded.model)
    loss, batch, _ = training.gradients(list(range(N)))
    assert batch.total("n_tokens") < batch.total("n_read") and (len(batch.rows) > 1) == (row_tokens < 1024)

    if method != "full":
        theirs = get_peft_model(theirs, LoraConfig(
            r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", use_rslora=method == "rslora",
            use_dora=method == "dora",
        ))  # fmt: skip
    rows = [{"input_ids": one.ids.tolist(), "labels": np.where(one.trained, one.ids, -100).tolist()}
            for one in recipe.examples]  # fmt: skip
    settings = SFTConfig(
        output_dir=str(tmp_path / "trl"), per_device_train_batch_size=N, bf16=False, gradient_checkpointing=False,
        use_cpu=True, report_to="none", disable_tqdm=True, max_length=None,
    )  # fmt: skip
    trainer = SFTTrainer(theirs, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer())
    their_weights = filled(trainer.model.train())
    (inputs,), n_targets = trainer.get_batch_samples(iter(trainer.get_train_dataloader()), 1, trainer.args.device)
    expected = trainer.compute_loss(trainer.model, copy.copy(inputs), num_items_in_batch=n_targets)
    expected.backward()
    assert int(n_targets) == batch.total("n_targets")
    assert abs(loss - float(expected.detach())) < 1e-5
    assert our_weights.keys() == their_weights.keys() and len(our_weights) > 15
    for name, one in our_weights.items():
        other = their_weights[name].grad
        assert float(other.abs().max()) > 1e-4, f"{name} learns nothing"
        assert float((one.grad - other).abs().max()) < 1e-5, name
