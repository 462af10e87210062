"""The seam of a fine-tune that knows its target: the true grid, and slopes that pass straight through."""

import numpy as np
import pytest
from gguf import GGMLQuantizationType, quants

from rushlight.quant.block_encoding import encode_rows
from rushlight.quant.on_grid import BlockGrid, Grid


@pytest.mark.parametrize("type_name", ["Q4_K", "Q2_K", "IQ4_NL", "Q8_0"])
def test_it_is_what_the_file_holds(type_name: str) -> None:
    values = np.random.default_rng(1).normal(size=(8, 512)).astype(np.float32)
    grid: Grid = BlockGrid(type_name)
    data = encode_rows(values, type_name)
    assert np.array_equal(grid(values), quants.dequantize(data, GGMLQuantizationType[type_name]).reshape(8, 512))


def test_slopes_pass_straight_through() -> None:
    torch = pytest.importorskip("torch")
    grid = BlockGrid("Q4_K")
    torch.manual_seed(1)
    w = torch.randn(16, 256, requires_grad=True)
    x, wished = torch.randn(64, 256), torch.randn(64, 16)
    losses = []
    for _ in range(30):
        stands = w + (torch.from_numpy(grid(w.detach().numpy())) - w).detach()
        loss = (x @ stands.T - wished).square().mean()
        losses.append(loss.item())
        (slope,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= 0.5 * slope
    assert losses[-1] < 0.5 * losses[0]
