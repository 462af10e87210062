"""What is computed in fewer passes, or by another library, comes to the same: values and gradients."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch


@pytest.fixture(params=["torch", "onednn"])
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    from rushlight.trainer import products

    products.use(request.param)
    if products.used() != request.param:
        pytest.skip("this build of torch does not let oneDNN be called")
    yield request.param
    products.use("torch")


def model(n_kv: int = 2, **adapter: Any) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from rushlight.trainer import attention

    attention.register()
    torch.manual_seed(1)
    found: Any = LlamaForCausalLM(LlamaConfig(
        vocab_size=300, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=n_kv, attn_implementation=attention.NAME, attention_bias=True,
    ))  # fmt: skip
    if adapter:
        found = get_peft_model(found, LoraConfig(target_modules="all-linear", task_type="CAUSAL_LM", **adapter))
        generator = torch.Generator().manual_seed(5)
        for _, one in sorted(found.named_parameters()):
            if one.requires_grad:
                one.data = torch.randn(one.shape, generator=generator) * 0.1
    return found.train()


def measured(found: Any, *, with_head: bool) -> tuple[Any, dict[str, Any]]:
    """The losses of three examples that share a beginning, and the gradients of their weighted sum."""
    import torch

    from rushlight.trainer.attention import Layout, attending
    from rushlight.trainer.data.masks import Tokens
    from rushlight.trainer.data.pack import make_packs
    from rushlight.trainer.head import head_of
    from rushlight.trainer.scoring import losses_of

    chance = np.random.default_rng(3)
    beginning = chance.integers(0, 300, 21)
    examples = [
        Tokens(np.concatenate([beginning, chance.integers(0, 300, n)]), np.arange(21 + n) >= 25) for n in (9, 30)
    ]
    examples.append(Tokens(chance.integers(0, 300, 15), np.arange(15) >= 6))
    (pack,) = make_packs(examples, 256)
    head = head_of(found) if with_head else None
    assert (head is not None) == with_head
    layout = Layout(pack.segments)
    with attending(layout):
        losses = losses_of(found, pack, layout, head=head)
        (losses * torch.linspace(0.5, 2.0, len(losses))).sum().backward()
    return losses.detach(), {name: one.grad for name, one in found.named_parameters() if one.requires_grad}


def same(one: tuple[Any, dict[str, Any]], other: tuple[Any, dict[str, Any]]) -> None:
    assert float((one[0] - other[0]).abs().max()) < 1e-5
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        apart = float((gradient - other[1][name]).abs().max())
        assert apart < 1e-5 * max(1.0, float(gradient.abs().max())), name


@pytest.mark.parametrize("adapter", [{"r": 4, "lora_alpha": 8}, {"r": 4, "lora_alpha": 8, "use_dora": True}, {}])
def test_a_model_computed_in_fewer_passes_learns_the_same(adapter: dict[str, Any], library: str) -> None:
    from rushlight.trainer.backends.fused import fuse

    plain = measured(model(**adapter), with_head=False)
    other = model(**adapter)
    fuse(other)
    same(measured(other, with_head=True), plain)


def test_an_adapter_that_is_switched_off_adds_nothing(library: str) -> None:
    import torch

    from rushlight.trainer.backends.fused import fuse

    plain, found = model(), model(r=4, lora_alpha=8)
    fuse(found)
    ids = torch.arange(9)[None]
    with torch.no_grad():
        with found.disable_adapter():
            off = found(input_ids=ids, use_cache=False).logits
        assert float((off - plain(input_ids=ids, use_cache=False).logits).abs().max()) < 1e-5
        assert float((off - found(input_ids=ids, use_cache=False).logits).abs().max()) > 1e-3


def test_dropout_is_left_to_peft() -> None:
    import torch

    from rushlight.trainer.backends.fused import fuse

    found = model(r=4, lora_alpha=8, lora_dropout=0.5)
    fuse(found)
    ids = torch.arange(9)[None]
    one, other = (found(input_ids=ids, use_cache=False).logits for _ in range(2))
    assert float((one - other).detach().abs().max()) > 1e-4


def test_products_agree(library: str) -> None:
    import torch

    from rushlight.trainer import products

    chance = torch.Generator().manual_seed(0)
    for rows, n_in, n_out in ((1, 3, 5), (0, 8, 8), (97, 64, 130), (300, 16, 96)):
        x, weight, gradient, bias = (torch.randn(shape, generator=chance)
                                     for shape in ((rows, n_in), (n_out, n_in), (rows, n_out), (n_out,)))  # fmt: skip
        pairs = [
            (products.linear(x, weight, bias), x @ weight.T + bias),
            (products.times(gradient, weight), gradient @ weight),
            (products.transposed(gradient, x), gradient.T @ x),
            (products.linear_onto(gradient.clone(), x, weight), gradient + x @ weight.T),
        ]
        for ours, plain in pairs:
            assert ours.shape == plain.shape and torch.allclose(ours, plain, atol=1e-4)


def test_a_head_that_does_more_than_a_product_is_not_taken_apart() -> None:
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM

    from rushlight.trainer.head import head_of

    torch.manual_seed(0)
    capped = Gemma2ForCausalLM(Gemma2Config(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, final_logit_softcapping=0.1,
    ))  # fmt: skip
    assert head_of(capped) is None


PRODUCTS = """
import torch
from pathlib import Path
from rushlight.trainer import products

def resident():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)

torch.set_num_threads(1)
products.use("onednn")
weights = [torch.randn(n, k) for n, k in ((576, 576), (192, 576), (1536, 576), (576, 1536), (16, 576), (576, 16))]
before = resident()
for n_rows in range(100, 240, 2):
    for weight in weights:
        x, slope = torch.randn(n_rows, weight.shape[1]), torch.randn(n_rows, weight.shape[0])
        products.linear(x, weight), products.times(slope, weight), products.transposed(slope, x)
print(products.used(), (resident() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux tells it")
def test_rows_of_ever_other_lengths_take_no_more_memory_each() -> None:
    done = subprocess.run([sys.executable, "-c", PRODUCTS], capture_output=True, text=True, timeout=200, check=True)
    used, grown_mib = done.stdout.split()
    assert used == "torch" or int(grown_mib) < 250, "630 MiB where every shape is kept"
