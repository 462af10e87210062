"""Looks whether ggml's tensors are as expected: ggml makes two small products, and they are read as a calibration does.

Knows the structure in `ggml_tensor` and the native collector. Reading another structure would not fail, but give
numbers of something else; so this is asked once, before the first calibration, and costs less than a millisecond.
"""

import ctypes
from typing import Any

import numpy as np

from rushlight import native
from rushlight.quant import ggml_tensor
from rushlight.quant.ggml_tensor import Tensor, product_at, weight_name

VERSION = "0.25."  # of ggml, of the structure in ggml_tensor
_COLUMNS, _ROWS, _EXPERTS, _USED, _TOKENS = 5, 3, 4, 2, 6
_MEMORY_BYTES = 1 << 20


class _InitParams(ctypes.Structure):
    """struct ggml_init_params."""

    _fields_ = (("mem_size", ctypes.c_size_t), ("mem_buffer", ctypes.c_void_p), ("no_alloc", ctypes.c_bool))


def structure_problem(ggml: ctypes.CDLL) -> str:
    """What is other than expected, or "" """
    ggml.ggml_version.restype = ctypes.c_char_p
    version = ggml.ggml_version().decode("ascii", "replace")
    if not version.startswith(VERSION):
        return f"its ggml is {version}, not {VERSION}x"
    functions = {
        "ggml_init": [_InitParams],
        "ggml_new_tensor_2d": [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64],
        "ggml_new_tensor_3d": [ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64],
        "ggml_mul_mat": [ctypes.c_void_p] * 3,
        "ggml_mul_mat_id": [ctypes.c_void_p] * 4,
        "ggml_set_name": [ctypes.c_void_p, ctypes.c_char_p],
        "ggml_get_data": [ctypes.c_void_p],
    }
    for name, arguments in functions.items():
        getattr(ggml, name).argtypes, getattr(ggml, name).restype = arguments, ctypes.c_void_p
    ggml.ggml_free.argtypes, ggml.ggml_free.restype = [ctypes.c_void_p], None
    context = ggml.ggml_init(_InitParams(_MEMORY_BYTES, None, False))
    if not context:
        return "it gave no memory"
    try:
        return _problem_of_products(ggml, context)
    finally:
        ggml.ggml_free(context)


def _problem_of_products(ggml: Any, context: int) -> str:
    weight = ggml.ggml_new_tensor_2d(context, ggml_tensor.F32, _COLUMNS, _ROWS)
    inputs = ggml.ggml_new_tensor_2d(context, ggml_tensor.F32, _COLUMNS, _TOKENS)
    experts = ggml.ggml_new_tensor_3d(context, ggml_tensor.F32, _COLUMNS, _ROWS, _EXPERTS)
    routed = ggml.ggml_new_tensor_3d(context, ggml_tensor.F32, _COLUMNS, 1, _TOKENS)
    table = ggml.ggml_new_tensor_2d(context, ggml_tensor.I32, _USED, _TOKENS)
    ggml.ggml_set_name(weight, b"probe")
    ggml.ggml_set_name(experts, b"CPU#probes#0")
    for address in (weight, inputs, experts, routed, table):
        if Tensor.from_address(address).data != ggml.ggml_get_data(address):
            return "its tensors keep their data elsewhere"
    values = np.arange(_TOKENS * _COLUMNS, dtype=np.float32) - 7
    chosen = np.arange(_TOKENS * _USED, dtype=np.int32) % (_EXPERTS - 1)  # one expert is never reached
    for address, array in ((inputs, values), (routed, values), (table, chosen)):
        ctypes.memmove(ggml.ggml_get_data(address), array.ctypes.data, array.nbytes)
    plain, mixed = ggml.ggml_mul_mat(context, weight, inputs), ggml.ggml_mul_mat_id(context, experts, routed, table)
    rows = values.reshape(_TOKENS, _COLUMNS)
    for node, op, name in ((plain, ggml_tensor.MUL_MAT, "probe"), (mixed, ggml_tensor.MUL_MAT_ID, "probes")):
        if Tensor.from_address(node).op != op or weight_name(node) != name:
            return "its operations have other numbers or names"
    first, second = product_at(plain), product_at(mixed)
    if first is None or second is None or second.experts is None or second.n_matrices != _EXPERTS:
        return "its products are read as none"
    if not (np.array_equal(first.inputs, rows) and np.array_equal(second.inputs, np.repeat(rows, _USED, axis=0))):
        return "the inputs of its products are read wrongly"
    if not np.array_equal(second.experts, chosen):
        return "its experts are read wrongly"
    return _problem_of_native(plain, mixed, rows, chosen) if native.COMPILED else ""


def _problem_of_native(plain: int, mixed: int, rows: np.ndarray[Any, Any], chosen: np.ndarray[Any, Any]) -> str:
    sums = native.ActivationSums()
    sums.want_squares("probe")
    sums.want_squares("probes")
    see = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_bool, ctypes.c_void_p)(sums.callback_address)
    for node in (plain, mixed):
        if not (see(node, True, sums.data_address) and see(node, False, sums.data_address)):
            return sums.problem or "the native collector does not see its products"
    if sums.names() != ["probe", "probes"]:
        return "the native collector reads other names"
    squares = np.square(rows, dtype=np.float64)
    expected = np.zeros((_EXPERTS, _COLUMNS))
    np.add.at(expected, chosen, np.repeat(squares, _USED, axis=0))
    for name, wanted in (("probe", squares.sum(axis=0)[None]), ("probes", expected)):
        found, counts = np.empty(wanted.shape), np.empty(len(wanted), np.int64)
        if sums.shape(name) != wanted.shape:
            return "the native collector reads other shapes"
        sums.copy_squares(name, found, counts)
        if not np.array_equal(found, wanted):
            return "the native collector reads other numbers"
    return ""
