"""What ggml can compute on here: the processor and graphics cards, each with its memory.

The bindings do not declare these functions, hence the prototypes here. Knows ggml's devices only.
"""

import ctypes
from dataclasses import dataclass
from typing import Any

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}  # ggml_backend_dev_type
# A software driver computes on the processor, in main memory, whatever it says it is.
_SOFTWARE = ("llvmpipe", "lavapipe", "swiftshader")


@dataclass(frozen=True, slots=True)
class Device:
    """One of them. `is_shared`: its memory is the machine's main memory."""

    name: str  # Vulkan0
    description: str  # what it says of itself
    kind: str  # cpu, gpu, igpu, accelerator
    total_bytes: int
    free_bytes: int
    is_shared: bool


def devices(bindings: Any) -> tuple[Device, ...]:
    """All of them, in ggml's order. `bindings` is the loaded low-level module."""
    lib = bindings._lib
    lib.ggml_backend_dev_count.restype = ctypes.c_size_t
    lib.ggml_backend_dev_count.argtypes = ()
    lib.ggml_backend_dev_get.restype = ctypes.c_void_p
    lib.ggml_backend_dev_get.argtypes = (ctypes.c_size_t,)
    for function in (lib.ggml_backend_dev_name, lib.ggml_backend_dev_description):
        function.restype = ctypes.c_char_p
        function.argtypes = (ctypes.c_void_p,)
    lib.ggml_backend_dev_type.restype = ctypes.c_int
    lib.ggml_backend_dev_type.argtypes = (ctypes.c_void_p,)
    size = ctypes.POINTER(ctypes.c_size_t)
    lib.ggml_backend_dev_memory.restype = None
    lib.ggml_backend_dev_memory.argtypes = (ctypes.c_void_p, size, size)
    return tuple(_device(lib, lib.ggml_backend_dev_get(index)) for index in range(lib.ggml_backend_dev_count()))


def _device(lib: Any, handle: int) -> Device:
    free, total = ctypes.c_size_t(0), ctypes.c_size_t(0)
    lib.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    kind = _KINDS.get(lib.ggml_backend_dev_type(handle), "accelerator")
    description = (lib.ggml_backend_dev_description(handle) or b"").decode("utf-8", "replace")
    return Device(
        (lib.ggml_backend_dev_name(handle) or b"").decode("utf-8", "replace"),
        description,
        kind,
        total.value,
        min(free.value, total.value),
        kind in ("cpu", "igpu") or any(word in description.lower() for word in _SOFTWARE),
    )
