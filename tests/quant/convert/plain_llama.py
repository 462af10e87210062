"""llama.cpp by its plain functions, with nothing of ours between: the reference for files we write."""

import ctypes
from pathlib import Path
from types import TracebackType

import llama_cpp as c
import numpy as np
from numpy.typing import NDArray


@c.llama_log_callback
def _silent(level: int, text: bytes, data: ctypes.c_void_p) -> None:
    return None


class PlainLlama:
    """A loaded file. `embeddings` for models that read a text at once, with `pooling` llama.cpp's number."""

    def __init__(
        self, path: Path, *, embeddings: bool = False, n_ctx: int = 256, pooling: int = -1, adapter: Path | None = None
    ) -> None:
        c.llama_log_set(_silent, ctypes.c_void_p(0))
        c.llama_backend_init()
        loading = c.llama_model_default_params()
        loading.use_extra_bufts = False  # AMX: torch uses its tiles in the same thread
        self._model = c.llama_model_load_from_file(str(path).encode(), loading)
        assert self._model, f"llama.cpp does not load {path}"
        params = c.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = n_ctx
        params.n_threads = params.n_threads_batch = 2
        params.embeddings = embeddings
        params.pooling_type = pooling
        params.flash_attn_type = 0
        params.type_k = params.type_v = 0  # float32
        self._context = c.llama_init_from_model(self._model, params)
        assert self._context, f"llama.cpp makes no context for {path}"
        if adapter is not None:
            self._adapter = c.llama_adapter_lora_init(self._model, str(adapter).encode())
            assert self._adapter, f"llama.cpp does not load {adapter}"
            adapters = (c.llama_adapter_lora_p_ctypes * 1)(self._adapter)
            assert c.llama_set_adapters_lora(self._context, adapters, 1, (ctypes.c_float * 1)(1.0)) == 0
        self.vocab = c.llama_model_get_vocab(self._model)
        self.n_vocab = c.llama_vocab_n_tokens(self.vocab)
        self.n_embd = c.llama_model_n_embd(self._model)

    def tokenize(self, text: str, *, special: bool = True, parse: bool = True) -> list[int]:
        raw = text.encode()
        room = (c.llama_token * (len(raw) + 16))()
        count = c.llama_tokenize(self.vocab, raw, len(raw), room, len(room), special, parse)
        assert count >= 0
        return list(room[:count])

    def logits(self, token_ids: list[int]) -> NDArray[np.float32]:
        """(tokens, vocabulary)"""
        self._run(token_ids)
        rows = [c.llama_get_logits_ith(self._context, index) for index in range(len(token_ids))]
        return np.stack([np.ctypeslib.as_array(row, (self.n_vocab,)).copy() for row in rows])

    def embedding(self, token_ids: list[int], size: int | None = None) -> NDArray[np.float32]:
        self._run(token_ids)
        row = c.llama_get_embeddings_seq(self._context, 0)
        assert row
        return np.ctypeslib.as_array(row, (size or self.n_embd,)).copy()

    def _run(self, token_ids: list[int]) -> None:
        c.llama_memory_clear(c.llama_get_memory(self._context), True) if c.llama_get_memory(self._context) else None
        batch = c.llama_batch_init(len(token_ids), 0, 1)
        try:
            for index, token in enumerate(token_ids):
                batch.token[index] = token
                batch.pos[index] = index
                batch.n_seq_id[index] = 1
                batch.seq_id[index][0] = 0
                batch.logits[index] = 1
            batch.n_tokens = len(token_ids)
            assert c.llama_decode(self._context, batch) == 0
        finally:
            c.llama_batch_free(batch)

    def close(self) -> None:
        c.llama_free(self._context)
        c.llama_model_free(self._model)

    def __enter__(self) -> "PlainLlama":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
