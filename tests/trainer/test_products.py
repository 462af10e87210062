"""Products whose numbers are rounded as they go in: near the exact ones, no more than that, and only while wanted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

torch = pytest.importorskip("torch")

from rushlight.assistant.engine.template import compile_template  # noqa: E402
from rushlight.trainer import products  # noqa: E402
from rushlight.trainer.config import checked  # noqa: E402
from rushlight.trainer.metrics import read_metrics  # noqa: E402
from rushlight.trainer.plan.kept import Plan  # noqa: E402
from rushlight.trainer.run import Places, prepare, train  # noqa: E402

pytestmark = pytest.mark.torch
needs_rounding = pytest.mark.skipif(not products.can_round(), reason="this processor has no 16-bit products")


def render(template: str, variables: dict[str, Any]) -> str:
    return compile_template(template)(variables, 1 << 20)


def operands(n_rows: int, n_in: int, n_out: int) -> tuple[object, object, object]:
    chance = torch.Generator().manual_seed(1)
    return tuple(torch.randn(*shape, generator=chance) for shape in ((n_rows, n_in), (n_out, n_in), (n_rows, n_out)))


@needs_rounding
@pytest.mark.parametrize("copies", [products.keeps_copies(), True])
@pytest.mark.parametrize("shape", [(97, 128, 160), (450, 576, 192), (130, 96, 96)])
def test_rounded_products_are_near_the_exact_ones(
    shape: tuple[int, int, int], copies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "keeps_copies", lambda: copies)
    x, weight, slope = operands(*shape)
    with products.using("rounded"):
        assert products.used() == "rounded"
        found = products.linear(x, weight), products.times(slope, weight), products.transposed(slope, x)
    exact = x @ weight.T, slope @ weight, slope.T @ x
    for one, other in zip(found[:2], exact[:2], strict=True):
        apart = float((one - other).abs().max() / other.abs().max())
        assert 0 < apart < 0.02, "rounded, and no more than to 8 bits"
    assert torch.allclose(found[2], exact[2], rtol=1e-4, atol=1e-3), "gradients of weights are not rounded"


@needs_rounding
def test_a_copy_follows_its_weight_and_goes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "keeps_copies", lambda: True)
    x, weight, _ = operands(128, 128, 128)
    n_before = len(products._halves)
    with products.using("rounded"):
        products.linear(x, weight)
        assert len(products._halves) == n_before + 1
        weight.mul_(2.0)
        doubled = products.linear(x, weight)
        weight.data = torch.zeros(128, 128)
        assert float(products.linear(x, weight, torch.ones(128)).sub(1.0).abs().max()) == 0.0
        trained = torch.nn.Parameter(torch.ones(128, 128))
        products.linear(x, trained)
    assert float((doubled - 2 * x @ operands(128, 128, 128)[1].T).abs().max()) < 1.0
    assert len(products._halves) == n_before + 1, "one that is trained has no copy that is kept"
    del weight
    assert len(products._halves) == n_before


@needs_rounding
def test_what_is_narrow_and_what_comes_after_is_exact() -> None:
    x, _, _ = operands(450, 576, 16)
    low = torch.randn(16, 576, generator=torch.Generator().manual_seed(2))
    with products.using("rounded"):
        assert torch.allclose(products.linear(x, low), x @ low.T, rtol=1e-4, atol=1e-3)
        with products.using(""):
            assert products.used() == products.best() != "rounded"
        assert products.used() == "rounded"
    x, weight, _ = operands(450, 576, 576)
    assert torch.allclose(x @ weight.T, (x.double() @ weight.double().T).float(), rtol=1e-4, atol=1e-3)


def test_who_cannot_round_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "can_round", lambda: False)
    before = products.used()
    with products.using("rounded"):
        assert products.used() == "torch"
    assert products.used() == before


@needs_rounding
def test_a_training_that_rounds_learns_the_same(tmp_path: Path, make_gguf: Callable[..., Path]) -> None:
    """Nearly the losses of one that does not, step by step, and rows of few lengths."""
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"prompt": f"{n}?", "completion": f"{n + 1}!"}) + "\n" for n in range(24)))
    model = make_gguf("tiny.gguf")
    losses = {}
    for library in ("", "rounded"):
        out = tmp_path / (library or "exact")
        config = checked(
            {"model": "m", "out": str(out), "data": {"train": [str(data)]}, "steps": {"batch": 6, "most": 4},
             "machine": {"device": "cpu", "threads": 1}}
        )  # fmt: skip
        places = Places(model, (data,), (), out)
        prepare(config, places, render=render)
        plan = Plan("cpu", "float32", 1, 256, 24, 4, 0, 0, (), (), products=library)  # type: ignore[arg-type]
        (out / "plan.json").write_bytes(msgspec.json.encode(plan))
        made = train(config, places)
        assert made["products"] == (library or products.best())
        losses[library] = [line["loss"] for line in read_metrics(out / "metrics.jsonl")]
        assert products.used() == products.best(), "afterwards nothing is rounded"
    assert losses[""] == pytest.approx(losses["rounded"], rel=0.02) and len(losses[""]) == 4
