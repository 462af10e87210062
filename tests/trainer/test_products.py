"""Products whose numbers are rounded as they go in: near the exact ones, no more than that, and only while wanted."""

import pytest

torch = pytest.importorskip("torch")

from rushlight.trainer import products  # noqa: E402

pytestmark = pytest.mark.torch
needs_rounding = pytest.mark.skipif(not products.can_round(), reason="this processor has no 16-bit products")


def operands(n_rows: int, n_in: int, n_out: int) -> tuple[object, object, object]:
    chance = torch.Generator().manual_seed(1)
    return tuple(torch.randn(*shape, generator=chance) for shape in ((n_rows, n_in), (n_out, n_in), (n_rows, n_out)))


@needs_rounding
@pytest.mark.parametrize("shape", [(97, 128, 160), (450, 576, 192), (130, 96, 96)])
def test_rounded_products_are_near_the_exact_ones(shape: tuple[int, int, int]) -> None:
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
    with products.using("rounded"):
        assert products.used() == "torch"
    assert products.used() == products.best()
