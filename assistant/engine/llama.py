"""llama.cpp behind plain Python values: library and model.

The only file that imports llama_cpp, and only its low-level part; `context.py` works with what is loaded here. Knows
handles, tokens and return codes; knows nothing of prompts, requests or sockets. Every number that arrives here was
checked before.
"""

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from rushlight import Error
from rushlight.installing import pip_line

BINDINGS_VERSION = "0.3.36"  # its structures are laid out for exactly one llama.cpp
_BINDINGS = f"llama-cpp-python=={BINDINGS_VERSION}"
POOLING = {"": -1, "none": 0, "mean": 1, "cls": 2, "last": 3, "rank": 4}
FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
KV_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # ggml_type
ATTR_UNKNOWN, ATTR_CONTROL, ATTR_USER_DEFINED = 1 << 0, 1 << 3, 1 << 4
SUCCESS, NO_ROOM, ABORTED = 0, 1, 2  # llama_decode; below zero: failed
_LOG_DEBUG, _LOG_WARN, _LOG_ERROR, _LOG_CONTINUED = 1, 3, 4, 5
_LOAD_AUTO, _LOAD_NO_MMAP = -1, 0


def _import_bindings() -> Any:
    """llama_cpp's low-level module without the package's own `__init__`.

    `import llama_cpp` pulls in numpy, jinja2, diskcache and the high-level classes: 175 ms where the ctypes module
    alone takes 30. So a bare package module with the right `__path__` stands in for it.
    """
    if "llama_cpp" not in sys.modules:
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec("llama_cpp")
        if spec is None or spec.submodule_search_locations is None:
            raise Error(
                "The package llama-cpp-python is not installed; no model can be run.",
                hint=f"Install it with: {pip_line(_BINDINGS)}",
                kind="no-engine",
            )
        package = ModuleType("llama_cpp")
        package.__path__ = list(spec.submodule_search_locations)
        package.__spec__ = spec
        sys.modules["llama_cpp"] = package
    folder = Path(sys.modules["llama_cpp"].__path__[0])
    found = ""
    for line in (folder / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            found = line.partition("=")[2].strip().strip("\"'")
    if found != BINDINGS_VERSION:
        raise Error(
            f"llama-cpp-python {BINDINGS_VERSION} was expected, {found or 'an unknown version'} was found in {folder}.",
            hint=f"Install it with: {pip_line(_BINDINGS)}",
            kind="no-engine",
        )
    try:
        import llama_cpp.llama_cpp as bindings
    except (OSError, RuntimeError, AttributeError) as err:  # a library that is missing, or of another version
        raise Error(
            f"llama.cpp could not be loaded: {err}.",
            hint=f"Build it again: {pip_line('--force-reinstall', _BINDINGS)}",
            kind="no-engine",
        ) from err
    return bindings


class Library:
    """The loaded llama.cpp and the tail of what it logged. One per process: `library()`."""

    def __init__(self) -> None:
        self.c = _import_bindings()
        self.log: deque[tuple[int, str]] = deque(maxlen=50)
        self._log_callback = self.c.llama_log_callback(self._on_log)  # kept: the C side holds only its address
        self.listen()
        self.c.llama_backend_init()
        self.can_offload = bool(self.c.llama_supports_gpu_offload())

    def listen(self) -> None:
        """Take llama.cpp's log, from here on: there is one for the process, and others in it may have taken it."""
        self.c.llama_log_set(self._log_callback, None)
        self.log.clear()

    def _on_log(self, level: int, text: bytes | None, _data: object) -> None:
        if text is None or level == _LOG_DEBUG:
            return
        line = text.decode("utf-8", "replace").rstrip("\n")
        if level == _LOG_CONTINUED:
            if line.strip(". ") and self.log:
                last_level, last = self.log[-1]
                self.log[-1] = (last_level, (last + line)[:500])
        elif line:
            self.log.append((level, line[:500]))

    def complaints(self) -> str:
        """The newest errors (else warnings) of the log in one line, for the cause in an error message."""
        lines = [line for level, line in self.log if level == _LOG_ERROR]
        lines = lines or [line for level, line in self.log if level == _LOG_WARN]
        return "; ".join(dict.fromkeys(line.strip() for line in lines[-4:]))[:600]

    def describe(self) -> str:
        """Version of the library and of the bindings, then llama.cpp's own line about the processor."""
        version = self.c.llama_version().decode("utf-8", "replace")
        system = self.c.llama_print_system_info().decode("utf-8", "replace").strip(" |")
        return f"llama.cpp {version} (llama-cpp-python {BINDINGS_VERSION}) {system}"


_library: Library | None = None


def library() -> Library:
    """The process's llama.cpp, loaded at the first call. Raises `Error(kind="no-engine")`."""
    global _library
    if _library is None:
        _library = Library()
    return _library


class Model:
    """An open model file: weights, vocabulary, metadata. Raises `Error` where llama.cpp refuses it."""

    def __init__(
        self, path: Path, *, n_gpu_layers: int, use_mmap: bool, on_progress: Callable[[float], None] | None = None
    ) -> None:
        self.lib = library()
        c = self.c = self.lib.c
        self.path = path
        params = c.llama_model_default_params()
        self.gpu_layers = params.n_gpu_layers = n_gpu_layers if self.lib.can_offload else 0
        params.load_mode = _LOAD_AUTO if use_mmap else _LOAD_NO_MMAP
        if on_progress is not None:
            report = on_progress

            def progress(fraction: float, _data: object) -> bool:
                report(fraction)
                return True

            params.progress_callback = c.llama_progress_callback(progress)
        self.lib.listen()
        self.handle = c.llama_model_load_from_file(os.fsencode(path), params)
        if not self.handle:
            raise load_error(self.lib, path, "open the model")
        self.vocab = c.llama_model_get_vocab(self.handle)
        self.n_vocab = int(c.llama_vocab_n_tokens(self.vocab))
        self.n_ctx_train = int(c.llama_model_n_ctx_train(self.handle))
        self.n_layers = int(c.llama_model_n_layer(self.handle))
        self.n_embd = int(c.llama_model_n_embd_out(self.handle))
        self.n_params = int(c.llama_model_n_params(self.handle))
        self.size_bytes = int(c.llama_model_size(self.handle))
        self.has_encoder = bool(c.llama_model_has_encoder(self.handle))
        self.has_decoder = bool(c.llama_model_has_decoder(self.handle))
        # A state that cannot be cut at any position (Mamba, RWKV, and the mixtures with attention).
        self.is_recurrent = bool(c.llama_model_is_recurrent(self.handle) or c.llama_model_is_hybrid(self.handle))
        self.is_diffusion = bool(c.llama_model_is_diffusion(self.handle))

    @property
    def description(self) -> str:
        buffer = ctypes.create_string_buffer(256)
        self.c.llama_model_desc(self.handle, buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace")

    def chat_template(self) -> bytes | None:
        """The file's default chat template as it stands there."""
        text: bytes | None = self.c.llama_model_chat_template(self.handle, None)
        return text

    def metadata(self, key: str) -> str:
        """One value of the file's metadata as text, "" where it is missing."""
        buffer = ctypes.create_string_buffer(1024)
        length = self.c.llama_model_meta_val_str(self.handle, key.encode(), buffer, len(buffer))
        return buffer.value.decode("utf-8", "replace") if length > 0 else ""

    def tokenize(self, text: str, *, parse_special: bool, add_special: bool = False) -> list[int]:
        """Token ids of `text`. Control tokens in it are recognised only with `parse_special`."""
        data = text.encode("utf-8", "replace")
        n_max = len(data) + 8
        while True:
            buffer = (self.c.llama_token * n_max)()
            n = self.c.llama_tokenize(self.vocab, data, len(data), buffer, n_max, add_special, parse_special)
            if n >= 0:
                token_ids: list[int] = buffer[:n]
                return token_ids
            if n == -(2**31):
                raise Error(f"A text of {len(data)} bytes is too long to be turned into tokens.", kind="context-full")
            n_max = -n

    def piece(self, token_id: int, *, special: bool = False) -> bytes:
        """The bytes a token stands for; b"" for control tokens unless `special`."""
        piece = ctypes.create_string_buffer(128)  # not kept: two threads may ask at once
        n = self.c.llama_token_to_piece(self.vocab, token_id, piece, len(piece), 0, special)
        if n < 0:
            piece = ctypes.create_string_buffer(-n)
            n = self.c.llama_token_to_piece(self.vocab, token_id, piece, len(piece), 0, special)
        return piece.raw[:n]

    def token_text(self, token_id: int) -> str:
        """A token as the vocabulary writes it, e.g. "<|im_start|>"."""
        text = self.c.llama_vocab_get_text(self.vocab, token_id) if token_id >= 0 else None
        return text.decode("utf-8", "replace") if text else ""

    def token_attributes(self) -> list[int]:
        """The attribute bits of every token. One C call a token, without releasing the interpreter lock between."""
        # The binding's CDLL gives the lock up at every call; over 50,000 tiny calls that is most of the time.
        prototype = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32)
        attribute = prototype(ctypes.cast(self.c.llama_vocab_get_attr, ctypes.c_void_p).value or 0)
        vocab = self.vocab
        return [attribute(vocab, token_id) for token_id in range(self.n_vocab)]

    def is_eog(self, token_id: int) -> bool:
        return bool(self.c.llama_vocab_is_eog(self.vocab, token_id))

    def suppressed_tokens(self) -> list[int]:
        """Tokens that the file says must never be generated."""
        n = ctypes.c_int32(0)
        tokens = self.c.llama_vocab_get_suppress_tokens(self.vocab, ctypes.byref(n))
        return [token for token in tokens[: n.value] if 0 <= token < self.n_vocab] if tokens and n.value > 0 else []

    def load_adapter(self, path: Path) -> int:
        """The handle of a LoRA adapter; valid until `free_adapter`. Raises `Error(kind="bad-adapter")`."""
        self.lib.listen()
        handle = self.c.llama_adapter_lora_init(self.handle, os.fsencode(path))
        if not handle:
            raise Error(
                f"The adapter {path.name} cannot be used with {self.path.name}: "
                f"{self.lib.complaints() or 'llama.cpp gave no reason'}.",
                hint="Choose an adapter that was made for this model.",
                kind="bad-adapter",
            )
        address = ctypes.cast(handle, ctypes.c_void_p).value or 0
        if self.c.llama_adapter_get_alora_n_invocation_tokens(handle) > 0:
            self.free_adapter(address)
            raise Error(
                f"The adapter {path.name} switches itself on by invocation tokens (aLoRA), which Rushlight "
                "does not do.",
                hint="Choose a plain LoRA adapter.",
                kind="bad-adapter",
            )
        return address

    def free_adapter(self, address: int) -> None:
        self.c.llama_adapter_lora_free(ctypes.cast(address, self.c.llama_adapter_lora_p_ctypes))

    def close(self) -> None:
        if self.handle:
            self.c.llama_model_free(self.handle)
            self.handle = None


_MEMORY_WORDS = ("failed to allocate", "unable to allocate", "out of memory", "alloc", "cudamalloc")


def load_error(lib: Library, path: Path, doing: str) -> Error:
    """What went wrong while loading, with the cause from llama.cpp's log."""
    cause = lib.complaints()
    if any(word in cause.lower() for word in _MEMORY_WORDS):
        return Error(
            f"Cannot {doing} {path.name}: not enough memory ({cause}).",
            hint="Lower the context length, choose a smaller quantization, or close other programs.",
            kind="out-of-memory",
        )
    return Error(
        f"Cannot {doing} {path.name}: {cause or 'llama.cpp gave no reason'}.",
        hint="Check the file with: rushlight models verify",
        kind="bad-file",
    )


def full_error(n_ctx: int) -> Error:
    """Where others hold the cells that are wanted, and none can be put away."""
    return Error(
        f"The context of {n_ctx} tokens is full of answers that are being written.",
        hint="Try again when they are done, or raise engine.context in the settings.",
        kind="context-full",
    )


def damaged_error(name: str) -> Error:
    """Where the logits of the model in the file `name` are not numbers."""
    return Error(
        f"{name} answers with something that is no number.",
        hint="The file is damaged. Check it with: rushlight models verify",
        kind="decode-failed",
    )


def decode_error(model: Model, code: int) -> Error:
    """What went wrong while computing."""
    return Error(
        f"{model.path.name} stopped computing (llama.cpp's code {code}): "
        f"{model.lib.complaints() or 'no reason was given'}.",
        hint="Try again; if it happens again, lower the context length or check the model file.",
        kind="decode-failed",
    )
