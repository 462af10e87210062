"""ggml and llama.cpp for quantization: the one file of quant/ that imports llama_cpp.

Knows ggml's quantizer, which types llama.cpp gives to the tensors of a file, and models that are run over tokens for
their logits and activations. What is made of these is told by `quantize`, `imatrix` and `compare`. A damaged file can
end this process: `gguf_check` looks at each file first, and jobs run in processes of their own.
"""

import ctypes
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from rushlight import Error
from rushlight.quant import ggml_tensor
from rushlight.quant.activations import Activations
from rushlight.quant.blocks.format import Bytes, Floats
from rushlight.quant.ggml_probe import structure_problem
from rushlight.quant.gguf_check import check
from rushlight.quant.gguf_tensors import GgufTensors
from rushlight.quant.gguf_types import TENSOR_TYPES, type_size
from rushlight.quant.pace import Pace

# Types that ggml makes only with an importance matrix.
NEED_IMPORTANCE: Final = frozenset({"IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ1_S", "IQ1_M", "IQ3_XXS"})

# llama.cpp's mixtures (llama_ftype): what `general.file_type` says, and rules for which tensor gets which type.
MIXTURES: Final[dict[str, int]] = {
    "F32": 0, "F16": 1, "BF16": 32, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q5_0": 8, "Q5_1": 9, "Q2_K": 10, "Q3_K_S": 11,
    "Q3_K_M": 12, "Q3_K_L": 13, "Q4_K_S": 14, "Q4_K_M": 15, "Q5_K_S": 16, "Q5_K_M": 17, "Q6_K": 18, "IQ2_XXS": 19,
    "IQ2_XS": 20, "Q2_K_S": 21, "IQ3_XS": 22, "IQ3_XXS": 23, "IQ1_S": 24, "IQ4_NL": 25, "IQ3_S": 26, "IQ3_M": 27,
    "IQ2_S": 28, "IQ2_M": 29, "IQ4_XS": 30, "IQ1_M": 31, "TQ1_0": 36, "TQ2_0": 37, "MXFP4_MOE": 38,
}  # fmt: skip

_NUMBERS: Final = {name: number for number, (name, _, _) in TENSOR_TYPES.items()}
_TYPE_NAMES: Final = {name.lower(): name for name in _NUMBERS}
_ROW: Final = re.compile(r"\]\s+(\S+)\s+-\s+\[.*?\], type =\s*(\S+), size =.*?(?:->.*\((\S+)\))?\s*$")
_LOG_WARN, _LOG_ERROR, _LOG_CONTINUED = 3, 4, 5
_HINT: Final = "The file is damaged, or of a kind this llama.cpp does not know."


def _bindings() -> Any:
    """llama_cpp's low-level module without the package's own `__init__`, which loads much and leaves a file open."""
    if "llama_cpp" not in sys.modules:
        spec = PathFinder.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise Error("llama-cpp-python is not installed.", "Install Rushlight again.", kind="no-engine")
        package = ModuleType("llama_cpp")
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = spec
        sys.modules["llama_cpp"] = package
    import llama_cpp.llama_cpp as bindings

    return bindings


class _Library:
    """llama.cpp and what it logged."""

    def __init__(self) -> None:
        bindings = _bindings()
        self.c: Any = bindings
        self.log: deque[tuple[int, str]] = deque(maxlen=200_000)
        self._callback = bindings.llama_log_callback(self._on_log)  # kept: the C side holds only its address
        self.listen()
        bindings.llama_backend_init()
        folder = Path(bindings.__file__).parent / "lib"
        found = sorted(folder.glob("*ggml-base*"), key=lambda path: len(path.name))
        if not found:
            raise Error("llama.cpp is installed without its libraries.", "Install Rushlight again.", kind="no-engine")
        self.ggml = ctypes.CDLL(str(found[0]))
        self.ggml.ggml_quantize_chunk.restype = ctypes.c_size_t
        numbers = [ctypes.c_int64] * 3
        self.ggml.ggml_quantize_chunk.argtypes = [
            ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *numbers, ctypes.c_void_p]  # fmt: skip

    def listen(self) -> None:
        """Take llama.cpp's log: there is one for the process, and others in it may have taken it since."""
        self.c.llama_log_set(self._callback, ctypes.c_void_p(None))
        self.log.clear()

    @cached_property
    def is_host_address(self) -> int:
        """Of ggml's function that says whether a buffer lies in the processor's memory."""
        return ctypes.cast(self.ggml.ggml_backend_buffer_is_host, ctypes.c_void_p).value or 0

    @cached_property
    def structure_problem(self) -> str:
        return structure_problem(self.ggml)

    def _on_log(self, level: int, text: bytes | None, _data: object) -> None:
        line = (text or b"").decode("utf-8", "replace")
        if level == _LOG_CONTINUED and self.log:
            last_level, last = self.log[-1]
            self.log[-1] = (last_level, last + line)
        elif line:
            self.log.append((level, line))

    def complaints(self) -> str:
        lines = [line.strip() for level, line in self.log if level == _LOG_ERROR]
        lines = lines or [line.strip() for level, line in self.log if level == _LOG_WARN]
        return "; ".join(dict.fromkeys(lines[-3:]))[:400] or "llama.cpp gave no reason"


@cache
def _library() -> _Library:
    return _Library()


# ---------------------------------------------------------------------------------------------------- quantizing
def quantize_rows(values: Floats, type_name: str, importance: Floats | None = None) -> Bytes:
    """(rows, bytes of a row) by ggml's own quantizer. `importance` is one weight for each column.

    ggml asserts what it needs, and an assertion ends the process: so shapes and numbers are checked here.
    """
    block, n_bytes = type_size(type_name)
    n_rows, length = values.shape
    if length % block:
        raise ValueError(f"rows of {length} do not divide by {block}, the block of {type_name}")
    if importance is None and type_name in NEED_IMPORTANCE:
        raise Error(f"{type_name} needs an importance matrix.", "Collect one first, or choose Q2_K.", kind="no-matrix")
    values = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(values).all():
        raise Error("Some weights are not finite numbers.", "The model is damaged.", kind="bad-file")
    if importance is not None:
        importance = np.ascontiguousarray(importance, np.float32)
        if importance.shape != (length,) or not np.isfinite(importance).all():
            raise ValueError("the importance must be one finite number for each column")
    result = np.empty((n_rows, length // block * n_bytes), np.uint8)
    if n_rows:
        _library().ggml.ggml_quantize_chunk(
            _NUMBERS[type_name], values.ctypes.data, result.ctypes.data, 0, n_rows, length,
            None if importance is None else importance.ctypes.data)  # fmt: skip
    return result


def mixture_types(path: Path, mixture: str, *, has_importance: bool = False) -> dict[str, str]:
    """The type that llama.cpp gives to each tensor of a file in a mixture such as "Q4_K_M", its fallbacks included; of
    a split file, to those of all parts.

    Asked of llama.cpp itself in a dry run, which logs the types: so they are always those of its own quantizer.
    """
    with GgufTensors(path) as opened:
        names = list(opened.tensors)
    log = _quantize_file(path, path.with_name("never-written"), mixture, {"": np.ones(1, np.float32)}
                         if has_importance else {}, 1, is_dry=True)  # fmt: skip
    found = {}
    for line in log:
        match = _ROW.search(line)
        if match is not None:
            name, before, after = match.groups()
            found[name] = _TYPE_NAMES.get((after or before).lower(), (after or before).upper())
    missing = [name for name in names if name not in found]
    if missing:
        raise RuntimeError(f"llama.cpp named no type for {missing[:3]}")
    return {name: found[name] for name in names}


def quantize_file(
    source: Path, target: Path, mixture: str, importance: Mapping[str, Floats] | None = None, n_threads: int = 1
) -> None:
    """A quantized file by llama.cpp alone: the measure of ours. Not staged; `quantize.make` is for people."""
    check(source)
    _quantize_file(source, target, mixture, importance or {}, n_threads, is_dry=False)


def _quantize_file(
    source: Path, target: Path, mixture: str, importance: Mapping[str, Floats], n_threads: int, *, is_dry: bool
) -> list[str]:
    library = _library()
    c = library.c
    params = c.llama_model_quantize_default_params()
    params.nthread, params.ftype = n_threads, MIXTURES[mixture]
    params.allow_requantize, params.dry_run = True, is_dry
    kept = {name: np.ascontiguousarray(values, np.float32).reshape(-1) for name, values in importance.items()}
    table = (c.llama_model_imatrix_data * (len(kept) + 1))()
    for entry, (name, values) in zip(table, kept.items(), strict=False):
        entry.name, entry.size = name.encode(), values.size
        entry.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    if kept:
        params.imatrix = table
    library.listen()
    if c.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params)) != 0:
        raise Error(f"Cannot quantize {source.name} to {mixture}: {library.complaints()}.", _HINT, kind="bad-file")
    return "".join(line for _, line in library.log).splitlines()  # lines are logged in pieces


# ---------------------------------------------------------------------------------------------------- running
class RunningModel:
    """A model over which texts are run, window by window, on the processor.

    `activations` sums up the inputs of the weights it wants. `on_product` sees every product of a weight whose name
    `wants` accepts with its activations. One of the two. `n_threads` at most: fewer where they are faster (`pace`),
    unless not `is_paced`.
    """

    def __init__(
        self,
        path: Path,
        *,
        n_ctx: int = 512,
        n_threads: int = 1,
        wants: Callable[[str], bool] | None = None,
        on_product: Callable[[ggml_tensor.Product], None] | None = None,
        activations: Activations | None = None,
        is_paced: bool = True,
    ) -> None:
        self._model = self._context = None
        check(path)
        library = _library()
        c = self._c = library.c
        self.path, self.n_ctx = path, n_ctx
        self._wants, self._on_product = wants, on_product
        self._problem: BaseException | None = None
        self._adapters: dict[Path, Any] = {}
        self._activations = activations
        if activations is not None:
            activations.connect(library.is_host_address)
            self._wants, self._on_product = activations.wants, activations.see
        watches = self._on_product is not None
        if watches and library.structure_problem:
            raise Error(
                f"This llama.cpp is of another version than Rushlight knows: {library.structure_problem}.",
                "Install llama-cpp-python 0.3.36.",
                kind="no-engine",
            )
        library.log.clear()
        params = c.llama_model_default_params()
        params.n_gpu_layers = 0
        params.use_extra_bufts = False  # no AMX: torch uses its tiles as well, and each relies on what it left in them
        self._model = c.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            raise Error(f"Cannot open {path.name}: {library.complaints()}.", _HINT, kind="bad-file")
        self._vocab = c.llama_model_get_vocab(self._model)
        self.n_vocab = int(c.llama_vocab_n_tokens(self._vocab))
        settings = c.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = settings.n_outputs_max = n_ctx
        settings.n_threads = settings.n_threads_batch = n_threads
        self._pace = Pace(n_threads) if is_paced else None
        settings.no_perf = True
        if watches:
            settings.op_offload = settings.offload_kqv = False  # a graphics card's memory cannot be read here
            collector = None if activations is None else activations.native
            self._callback = c.ggml_backend_sched_eval_callback(
                self._on_node if collector is None else collector.callback_address
            )
            settings.cb_eval = self._callback
            settings.cb_eval_user_data = None if collector is None else collector.data_address
        self._context = c.llama_init_from_model(self._model, settings)
        if not self._context:
            reason = library.complaints()
            self.close()
            raise Error(f"Cannot run {path.name}: {reason}.", _HINT, kind="bad-file")

    def _on_node(self, address: int, ask: bool, _data: object) -> bool:
        # An exception must not cross C: it is kept, and raised after the decode that this stops.
        try:
            op = ctypes.c_int.from_address(address + ggml_tensor.OP_OFFSET).value
            if op != ggml_tensor.MUL_MAT and op != ggml_tensor.MUL_MAT_ID:
                return not ask
            name = ggml_tensor.weight_name(address)
            if self._wants is not None and not self._wants(name):
                return not ask
            if not ask and self._on_product is not None:
                product = ggml_tensor.product_at(address)
                if product is not None:
                    self._on_product(product)
            return True
        except BaseException as problem:
            self._problem = problem
            return False

    def tokenize(self, text: str) -> list[int]:
        """Token ids of plain text; what looks like a control token is text too."""
        data = text.encode("utf-8", "replace")
        buffer = (self._c.llama_token * (len(data) + 8))()
        n = self._c.llama_tokenize(self._vocab, data, len(data), buffer, len(buffer), False, False)
        if n < 0:
            raise Error("The text is too long to be turned into tokens.", "Give it in parts.", kind="context-full")
        token_ids: list[int] = buffer[:n]
        return token_ids

    @property
    def first_token(self) -> int | None:
        """The token that every text begins with, where the model wants one."""
        if not self._c.llama_vocab_get_add_bos(self._vocab):
            return None
        return int(self._c.llama_vocab_bos(self._vocab))

    def logits(self, token_ids: Sequence[int], n_outputs: int | None = None) -> Floats:
        """The logits after the last `n_outputs` tokens (all of them): (n_outputs, n_vocab), until the next call."""
        n = len(token_ids)
        n_outputs = n if n_outputs is None else n_outputs
        if not 0 < n <= self.n_ctx:
            raise ValueError(f"{n} tokens where 1 to {self.n_ctx} are possible")
        c = self._c
        if self._activations is not None:
            self._activations.begin_pass()
        memory = c.llama_get_memory(self._context)
        if memory:
            c.llama_memory_clear(memory, True)
        batch = c.llama_batch_init(n, 0, 1)
        try:
            batch.n_tokens = n
            for i, token_id in enumerate(token_ids):
                if not 0 <= token_id < self.n_vocab:
                    raise ValueError(f"token {token_id} is beyond the vocabulary of {self.n_vocab}")
                batch.token[i], batch.pos[i], batch.n_seq_id[i] = token_id, i, 1
                batch.seq_id[i][0] = 0
                batch.logits[i] = i >= n - n_outputs
            code = self._decode(batch, n)
        finally:
            c.llama_batch_free(batch)
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem
        if self._activations is not None:
            self._activations.check()
        if code != 0:
            raise Error(f"{self.path.name} cannot be run: llama.cpp answered {code}.", _HINT, kind="bad-file")
        if n_outputs == 0:
            return np.empty((0, self.n_vocab), np.float32)
        found: Floats = np.ctypeslib.as_array(c.llama_get_logits(self._context), (n_outputs, self.n_vocab))
        return found

    def _decode(self, batch: Any, n_tokens: int) -> int:
        """With as many threads as are fastest just now."""
        if self._pace is None:
            return int(self._c.llama_decode(self._context, batch))
        n_threads, begun = self._pace.next(), time.perf_counter()
        self._c.llama_set_n_threads(self._context, n_threads, n_threads)
        code = int(self._c.llama_decode(self._context, batch))
        self._pace.took(n_threads, n_tokens, time.perf_counter() - begun)
        return code

    def decode_next(self, token_id: int, position: int) -> None:
        """Run one token after those of the last `logits`, for its time."""
        c = self._c
        batch = c.llama_batch_init(1, 0, 1)
        try:
            batch.n_tokens = batch.n_seq_id[0] = 1
            batch.token[0], batch.pos[0], batch.seq_id[0][0], batch.logits[0] = token_id, position, 0, True
            if c.llama_decode(self._context, batch) != 0:
                raise Error(f"{self.path.name} cannot be run on.", _HINT, kind="bad-file")
            c.llama_synchronize(self._context)
        finally:
            c.llama_batch_free(batch)

    def apply_adapter(self, path: Path, scale: float = 1.0) -> None:
        """Run with a LoRA adapter from now on. Its file is read once."""
        c = self._c
        handle = self._adapters.get(path)
        if handle is None:
            check(path)
            _library().log.clear()
            handle = c.llama_adapter_lora_init(self._model, os.fsencode(path))  # freed with the model
            if not handle:
                raise Error(f"Cannot apply {path.name}: {_library().complaints()}.", _HINT, kind="bad-file")
            self._adapters[path] = handle
        handles, scales = (c.llama_adapter_lora_p_ctypes * 1)(handle), (ctypes.c_float * 1)(scale)
        if c.llama_set_adapters_lora(self._context, handles, 1, scales) != 0:
            raise Error(f"{path.name} does not fit this model.", "Give the model it was made for.", kind="bad-file")

    def drop_adapter(self) -> None:
        """Run without an adapter again."""
        c = self._c
        c.llama_set_adapters_lora(self._context, (c.llama_adapter_lora_p_ctypes * 1)(), 0, (ctypes.c_float * 1)())

    def close(self) -> None:
        if self._context:
            self._c.llama_free(self._context)
            self._context = None
        if self._model:
            self._c.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> "RunningModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
