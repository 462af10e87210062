"""Block formats of GGUF files: their bytes, and numpy versions of quantizing and dequantizing. See `format`."""

from typing import Final

from rushlight.quant.blocks.format import BlockFormat, Fields, Grid
from rushlight.quant.blocks.k_quants import Q2_K, Q3_K, Q4_K, Q5_K, Q6_K
from rushlight.quant.blocks.one_scale import IQ4_NL, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0

__all__ = ["FORMATS", "BlockFormat", "Fields", "Grid"]

FORMATS: Final[dict[str, BlockFormat]] = {
    one.name: one for one in (Q4_0(), Q4_1(), Q5_0(), Q5_1(), Q8_0(), Q2_K(), Q3_K(), Q4_K(), Q5_K(), Q6_K(), IQ4_NL())
}
