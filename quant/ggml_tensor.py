"""ggml's tensor structure as far as a calibration reads it: products of a weight with activations.

Knows where ggml 0.25 (llama-cpp-python 0.3.36) keeps its fields; `quant/ggml.py` checks the version before. Reads
memory of the process, so only within the evaluation callback that gave the address, and on the processor only.
"""

import ctypes
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

_Number = TypeVar("_Number", np.float32, np.int32)

F32: Final = 0
I32: Final = 26
MUL_MAT: Final = 29
MUL_MAT_ID: Final = 30


class Tensor(ctypes.Structure):
    """struct ggml_tensor of ggml.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("buffer", ctypes.c_void_p),
        ("ne", ctypes.c_int64 * 4),
        ("nb", ctypes.c_size_t * 4),
        ("op", ctypes.c_int),
        ("op_params", ctypes.c_int32 * 16),
        ("flags", ctypes.c_int32),
        ("src", ctypes.c_void_p * 10),
        ("view_src", ctypes.c_void_p),
        ("view_offs", ctypes.c_size_t),
        ("data", ctypes.c_void_p),
        ("name", ctypes.c_char * 64),
        ("extra", ctypes.c_void_p),
        ("padding", ctypes.c_char * 8),
    )


OP_OFFSET: Final = Tensor.op.offset


@dataclass(frozen=True, slots=True)
class Product:
    """One product of a weight with activations, as the callback sees it. The arrays are views: copy what is kept."""

    weight: str
    n_matrices: int  # experts, or 1
    inputs: NDArray[np.float32]  # (rows, columns of the weight)
    experts: NDArray[np.int32] | None  # (rows,): which expert each row went to
    address: int  # of the activations: the same one for products that share them


def weight_name(address: int) -> str:
    """The name of the weight in a product; what a scheduler puts before it ("CUDA0#...#0") is taken away."""
    source = Tensor.from_address(address).src[0]
    if not source:
        return ""
    name: str = Tensor.from_address(source).name.decode("utf-8", "replace")
    if "#" in name:
        name = name.split("#")[1]
    return name


def product_at(address: int) -> Product | None:
    """The product at an address; None where its activations are no rows of float32."""
    node = Tensor.from_address(address)
    weight, activations = Tensor.from_address(node.src[0]), Tensor.from_address(node.src[1])
    if activations.type != F32 or activations.nb[0] != 4 or not activations.data:
        return None
    values = _strided(activations, np.float32)  # (ne3, ne2, ne1, ne0)
    columns = values.shape[-1]
    if node.op == MUL_MAT_ID:
        table = Tensor.from_address(node.src[2])
        if table.type != I32:
            return None
        experts = _strided(table, np.int32)[0, 0]  # (tokens, experts used)
        tokens = np.broadcast_to(values[0], (experts.shape[0], experts.shape[1], columns))
        rows = tokens.reshape(-1, columns)
        return Product(weight_name(address), int(weight.ne[2]), rows, experts.reshape(-1), int(node.src[1]))
    return Product(weight_name(address), 1, values.reshape(-1, columns), None, int(node.src[1]))


def _strided(tensor: Tensor, dtype: type[_Number]) -> NDArray[_Number]:
    """The tensor's numbers where they lie, its first dimension last."""
    shape = tuple(int(n) for n in reversed(tensor.ne))
    strides = tuple(int(n) for n in reversed(tensor.nb))
    if 0 in shape:
        return np.empty(shape, dtype)
    n_bytes = sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 4
    memory = (ctypes.c_char * n_bytes).from_address(tensor.data)
    return np.ndarray(shape, dtype, memoryview(memory), strides=strides)
