"""ggml's threads, kept from one token to the next.

Without a pool of its own a context starts and joins its threads for every token. On a quiet machine that is cheap;
beside other programs a new thread waits for its turn again and again: 2 to 3 times slower where measured (2 cores,
load 5). The bindings do not declare these functions, hence the prototypes here; the structure is that of the pinned
version. Knows threads only.
"""

import ctypes
from typing import Any

_MAX_THREADS = 512  # GGML_MAX_N_THREADS
_DEVICE_CPU = 0  # GGML_BACKEND_DEVICE_TYPE_CPU
# How long a thread without work spins before it sleeps, in ggml's units of 131,072 rounds (a few milliseconds here).
# It must outlast the pause between two tokens; ggml's own 50 would burn a core for 0.1 s after every answer.
_POLL = 5


class _Params(ctypes.Structure):
    """ggml_threadpool_params."""

    _fields_ = (
        ("cpumask", ctypes.c_bool * _MAX_THREADS), ("n_threads", ctypes.c_int), ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32), ("strict_cpu", ctypes.c_bool), ("paused", ctypes.c_bool),
    )  # fmt: skip


class ThreadPool:
    """`n_threads` threads, the caller's among them, for contexts that compute in turns. Close it after all of them:
    ggml still has the pool it computed with last, whatever is attached now."""

    def __init__(self, bindings: Any, n_threads: int) -> None:
        lib = self._lib = bindings._lib
        lib.ggml_backend_dev_by_type.restype = lib.ggml_backend_dev_backend_reg.restype = ctypes.c_void_p
        lib.ggml_backend_dev_by_type.argtypes = (ctypes.c_int,)
        lib.ggml_backend_dev_backend_reg.argtypes = (ctypes.c_void_p,)
        lib.ggml_backend_reg_get_proc_address.restype = ctypes.c_void_p
        lib.ggml_backend_reg_get_proc_address.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
        lib.ggml_threadpool_params_init.restype = None
        lib.ggml_threadpool_params_init.argtypes = (ctypes.POINTER(_Params), ctypes.c_int)
        lib.llama_detach_threadpool.restype = None
        lib.llama_detach_threadpool.argtypes = (ctypes.c_void_p,)
        lib.llama_attach_threadpool.restype = None
        lib.llama_attach_threadpool.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        # The processor's backend may be a plug-in chosen at run time: its functions are asked for by name.
        registry = lib.ggml_backend_dev_backend_reg(lib.ggml_backend_dev_by_type(_DEVICE_CPU))

        def function(name: bytes, result: Any, *arguments: Any) -> Any:
            address = lib.ggml_backend_reg_get_proc_address(registry, name)
            return ctypes.CFUNCTYPE(result, *arguments)(address) if address else None

        new = function(b"ggml_threadpool_new", ctypes.c_void_p, ctypes.POINTER(_Params))
        self._free = function(b"ggml_threadpool_free", None, ctypes.c_void_p)
        self._handle: int | None = None
        if new is None or self._free is None:
            return  # a backend without pools: ggml starts threads by itself
        params = _Params()
        lib.ggml_threadpool_params_init(ctypes.byref(params), n_threads)
        params.poll = _POLL
        self._handle = new(ctypes.byref(params))

    def lend(self, context_handle: Any) -> None:
        """Let a context compute with these threads from its next decode on."""
        if self._handle:
            self._lib.llama_attach_threadpool(context_handle, self._handle, self._handle)

    def take_back(self, context_handle: Any) -> None:
        """That context computes with threads of its own again."""
        self._lib.llama_detach_threadpool(context_handle)

    def close(self) -> None:
        if self._handle:
            self._free(self._handle)
            self._handle = None
