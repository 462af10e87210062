"""Packing changes how fast a step is and nothing else."""

import random
from typing import Any

import numpy as np
import pytest

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import Pack, make_packs, padded


def example(ids: list[int], n_read: int) -> Tokens:
    return Tokens(np.array(ids, np.int64), np.arange(len(ids)) >= n_read)


def lesson(seed: int, n: int = 9, n_vocab: int = 300) -> list[Tokens]:
    """Examples of all lengths; most share a beginning of 20 tokens."""
    chance = random.Random(seed)
    beginning = [chance.randrange(n_vocab) for _ in range(20)]
    found = []
    for number in range(n):
        own = [chance.randrange(n_vocab) for _ in range(chance.randrange(4, 40))]
        ids = own if number % 4 == 3 else beginning + own
        found.append(example(ids, max(1, len(ids) - chance.randrange(1, 4))))
    return found


def read_back(pack: Pack) -> dict[int, list[tuple[list[int], int]]]:
    """(what the model has seen, what it is to predict) of each example."""
    found: dict[int, list[tuple[list[int], int]]] = {}
    for place, target, owner in zip(pack.places, pack.targets, pack.owners, strict=True):
        number = next(i for i, one in enumerate(pack.segments) if one.start <= place < one.stop)
        chain = [pack.segments[number]]
        while chain[0].parent >= 0:
            chain.insert(0, pack.segments[chain[0].parent])
        seen = [int(pack.ids[i]) for one in chain for i in range(one.start, one.stop) if i <= place]
        assert pack.positions[place] == len(seen) - 1
        found.setdefault(int(owner), []).append((seen, int(target)))
    return found


@pytest.mark.parametrize("share", [True, False])
def test_each_target_is_predicted_from_its_own_example(share: bool) -> None:
    for seed in range(20):
        examples = lesson(seed)
        packs = make_packs(examples, 128, share=share)
        told = {owner: pairs for pack in packs for owner, pairs in read_back(pack).items()}
        assert sorted(told) == list(range(len(examples)))
        for number, pairs in told.items():
            one = examples[number]
            wanted = [(one.ids[:i].tolist(), int(one.ids[i])) for i in range(1, len(one.ids)) if one.trained[i]]
            assert sorted(pairs) == sorted(wanted)
        assert sum(pack.n_read for pack in packs) == sum(len(one.ids) for one in examples)
        assert all(pack.n_tokens <= 128 for pack in packs)


def test_a_shared_beginning_is_laid_once() -> None:
    examples = [example([*range(50), 100 + n, 200], 50) for n in range(8)]
    (pack,) = make_packs(examples, 512)
    assert pack.n_tokens == 50 + 8 * 2 and pack.n_read == 8 * 52
    assert make_packs(examples, 512, share=False)[0].n_tokens == 8 * 52


def test_a_trained_beginning_is_not_shared() -> None:
    examples = [example([*range(50), n], 3) for n in range(4)]
    (pack,) = make_packs(examples, 512)
    assert pack.n_tokens == 4 * 51


def test_an_example_longer_than_a_row_stands_alone_and_one_without_a_target_not_at_all() -> None:
    examples = [example(list(range(100)), 90), example([1, 2, 3], 3), example([1, 2, 3], 2)]
    packs = make_packs(examples, 64)
    assert sorted(pack.n_tokens for pack in packs) == [3, 100]


def tiny_model(**more: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rushlight.trainer import attention

    attention.register()
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=300, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, attn_implementation=attention.NAME, **more,
    )  # fmt: skip
    return LlamaForCausalLM(config)


@pytest.mark.torch
@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("name", ["segments", "dense"])
def test_losses_and_gradients_of_packed_examples_are_those_of_each_alone(share: bool, name: str) -> None:
    import torch

    from rushlight.trainer import attention
    from rushlight.trainer.scoring import losses_of

    model = tiny_model()
    if name == "dense":
        model.set_attn_implementation("sdpa")
    examples = lesson(3)
    alone = {}
    plain = tiny_model()
    plain.set_attn_implementation("eager")
    for number, one in enumerate(examples):
        logits = plain(input_ids=torch.tensor(one.ids)[None], use_cache=False).logits[0]
        wanted = torch.tensor(np.flatnonzero(one.trained[1:]) + 1)
        targets = torch.tensor(one.ids)[wanted]
        alone[number] = torch.nn.functional.cross_entropy(logits[wanted - 1], targets, reduction="sum")
    sum(alone.values()).backward()  # type: ignore[union-attr]
    for pack in make_packs(examples, 160, share=share):
        layout = attention.Layout(pack.segments)
        with attention.attending(layout):
            losses = losses_of(model, pack, layout, dense=name == "dense")
            losses.sum().backward()
        for number in set(pack.owners.tolist()):
            ours = float(losses.detach()[torch.tensor(pack.owners == number)].sum())
            assert abs(ours - float(alone[number].detach())) < 1e-4
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        scale = float(theirs.grad.abs().max())
        assert float((ours.grad - theirs.grad).abs().max()) < 1e-5 * max(1.0, scale)


@pytest.mark.torch
def test_a_model_that_gives_the_logits_of_all_tokens_loses_the_same() -> None:
    """Models of unsloth take no places to keep logits of."""
    import torch

    from rushlight.trainer import attention
    from rushlight.trainer.scoring import losses_of

    plain, other = tiny_model(), tiny_model()
    forward = other.forward

    def for_all_tokens(*args: Any, logits_to_keep: Any = 0, **more: Any) -> Any:
        return forward(*args, **more)

    other.forward = for_all_tokens
    (pack,) = make_packs(lesson(3), 1024)
    layout = attention.Layout(pack.segments)
    with attention.attending(layout):
        wanted, found = (losses_of(model, pack, layout) for model in (plain, other))
        wanted.sum().backward()
        found.sum().backward()
    assert len(found) == pack.n_targets < pack.n_tokens and torch.allclose(found, wanted, atol=1e-5)
    for ours, theirs in zip(other.parameters(), plain.parameters(), strict=True):
        assert float((ours.grad - theirs.grad).abs().max()) < 1e-5 * max(1.0, float(theirs.grad.abs().max()))


@pytest.mark.parametrize("multiple", [1, 7, 32])
def test_a_longer_row_says_the_same(multiple: int) -> None:
    for pack in make_packs(lesson(4), 200):
        longer = padded(pack, multiple)
        assert longer.n_tokens % multiple == 0 and 0 <= longer.n_tokens - pack.n_tokens < multiple
        assert read_back(longer) == read_back(pack) and longer.n_read == pack.n_read
        assert longer.segments[: len(pack.segments)] == pack.segments and longer.segments[-1].stop == longer.n_tokens
        assert all(one.parent < len(pack.segments) for one in longer.segments), "nobody continues what was added"
