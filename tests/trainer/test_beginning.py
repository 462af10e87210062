"""A beginning that is only read: the losses of the whole row, and the gradient of examples behind a cache of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from rushlight.trainer.data.masks import Tokens
from rushlight.trainer.data.pack import Pack, Segment, make_packs, padded

pytestmark = pytest.mark.torch
N_SHARED = 60


def example(ids: list[int], n_read: int) -> Tokens:
    return Tokens(np.array(ids, np.int64), np.arange(len(ids)) >= n_read)


def tiny_model() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rushlight.trainer import attention

    attention.register()
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=300, hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, attn_implementation=attention.NAME,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def questions(n: int = 5, n_vocab: int = 300) -> list[Tokens]:
    """Of one database: all but the last begin alike."""
    chance = np.random.default_rng(5)
    beginning = chance.integers(0, n_vocab, N_SHARED).tolist()
    found = []
    for number in range(n):
        own = chance.integers(0, n_vocab, 6 + 3 * number).tolist()
        ids = own if number == n - 1 else beginning + own
        found.append(example(ids, len(ids) - 3))
    return found


def behind_a_cache(model: Any, examples: Sequence[Tokens]) -> list[Any]:
    """The losses with the beginning in transformers' own cache, computed without a gradient."""
    import torch
    from transformers import DynamicCache

    found = []
    for one in examples:
        ids, cache, n = torch.tensor(one.ids)[None], DynamicCache(), 0
        if one is not examples[-1]:
            n = N_SHARED
            with torch.no_grad():
                model(input_ids=ids[:, :n], past_key_values=cache, use_cache=True)
        logits = model(input_ids=ids[:, n:], past_key_values=cache, use_cache=True).logits[0]
        wanted = torch.tensor(np.flatnonzero(one.trained))
        found.append(torch.nn.functional.cross_entropy(logits[wanted - n - 1], ids[0][wanted], reduction="sum"))
    return found


@pytest.mark.parametrize("multiple", [1, 32])
@pytest.mark.parametrize("softcap", [False, True])
def test_the_gradient_is_that_of_examples_behind_a_cache(
    multiple: int, softcap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.trainer import attention, beginning
    from rushlight.trainer.head import head_of
    from rushlight.trainer.scoring import losses_of

    if softcap:  # the way of cards and of models with more than plain attention
        monkeypatch.setattr(attention, "is_usable", lambda: False)
    examples, model, plain = questions(), tiny_model(), tiny_model()
    plain.set_attn_implementation("eager")
    told = behind_a_cache(plain, examples)
    sum(told).backward()
    (pack,) = make_packs(examples, 512)
    behind = beginning.behind_beginning(model, pack, head_of(model), lambda one: padded(one, multiple))
    assert behind is not None
    rest, layout = behind
    assert rest.n_tokens % multiple == 0 and rest.n_tokens < pack.n_tokens - N_SHARED + multiple
    with attention.attending(layout):
        losses = losses_of(model, rest, layout, head=head_of(model))
        losses.sum().backward()
    for number, one in enumerate(told):
        import torch

        ours = float(losses.detach()[torch.tensor(pack.owners == number)].sum())
        assert abs(ours - float(one.detach())) < 1e-4
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert float((ours.grad - theirs.grad).abs().max()) < 1e-5 * max(1.0, float(theirs.grad.abs().max()))


def test_recomputed_activations_say_the_same() -> None:
    from rushlight.trainer import attention, beginning
    from rushlight.trainer.scoring import losses_of

    (pack,) = make_packs(questions(), 512)
    gradients = []
    for recompute in (False, True):
        model = tiny_model()
        model.train()
        if recompute:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        behind = beginning.behind_beginning(model, pack, None)
        assert behind is not None
        rest, layout = behind
        with attention.attending(layout):
            losses_of(model, rest, layout).sum().backward()
        gradients.append([one.grad for one in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        assert float((one - other).abs().max()) < 1e-6


def test_what_is_short_or_learned_of_is_not_parted() -> None:
    from rushlight.trainer.beginning import LEAST, parted

    def row(n_shared: int, place: int) -> Pack:
        n = n_shared + 8
        segments = (Segment(0, n_shared), Segment(n_shared, n_shared + 4, 0), Segment(n_shared + 4, n, 0))
        at = np.array([place])
        return Pack(np.arange(n), np.arange(n), segments, at, at + 1, np.zeros(1, np.int64), n)

    assert parted(row(LEAST, LEAST + 1)) is not None
    assert parted(row(LEAST - 1, LEAST + 1)) is None
    assert parted(row(LEAST, LEAST - 1)) is None
    alone = make_packs([example(list(range(90)), 80)], 128)[0]
    assert parted(alone) is None
