"""A llama.cpp context: the working memory over a model, shared by several sequences.

Knows batches, rows of logits, sequences and their saved states; knows nothing of prompts or requests. Every number
that arrives here was checked before.
"""

import ctypes
import mmap
from collections.abc import Callable, Sequence
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.llama import (
    ABORTED,
    FLASH_ATTENTION,
    KV_TYPES,
    POOLING,
    SUCCESS,
    Model,
    decode_error,
    load_error,
)
from rushlight.assistant.engine.thread_pool import ThreadPool


class Context:
    """Working memory over a model. The sequences share one pool of `n_ctx` cells; each may use all of them.

    `decode`, `decode_one` and `decode_batch` return llama.cpp's code (`SUCCESS`, `NO_ROOM`, `ABORTED`, below zero:
    failed); after anything but success ask `n_positions`.
    """

    def __init__(
        self,
        model: Model,
        *,
        n_ctx: int,
        n_batch: int,
        n_threads: int,
        kv_type: str,
        flash_attention: str,
        embeddings: bool = False,
        pooling: str = "",
        n_sequences: int = 1,
    ) -> None:
        self.model = model
        c = self.c = model.c
        params = c.llama_context_default_params()
        params.n_ctx = n_ctx
        params.n_batch = params.n_ubatch = n_batch
        params.n_seq_max = n_sequences
        params.n_threads = params.n_threads_batch = n_threads
        params.type_k = params.type_v = KV_TYPES[kv_type]
        params.flash_attn_type = FLASH_ATTENTION[flash_attention]
        params.no_perf = True
        params.kv_unified = True  # the sequences share the context instead of having a part each
        if embeddings:
            params.embeddings = True
            params.pooling_type = POOLING[pooling]
        model.lib.listen()
        self.handle = c.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise load_error(model.lib, model.path, f"make a context of {n_ctx} tokens for")
        self.memory = c.llama_get_memory(self.handle)
        self.n_ctx = int(c.llama_n_ctx_seq(self.handle))
        self.n_batch = int(c.llama_n_batch(self.handle))
        self.n_sequences = n_sequences
        self.pooling = int(c.llama_pooling_type(self.handle))
        self.n_threads = n_threads
        self._pools: dict[int, ThreadPool] = {}
        self._pool = self._pool_of(n_threads)
        self._borrowed: ThreadPool | None = None
        self._abort: Any = None
        self._decode = c.llama_decode
        # Made once and reused: no allocation per token.
        self._tokens = (c.llama_token * self.n_batch)()
        self._positions = (c.llama_pos * self.n_batch)()
        self._n_owners = (ctypes.c_int32 * self.n_batch)(*[1] * self.n_batch)
        self._owners = (ctypes.c_size_t * self.n_batch)()  # for each token the address of its sequence's number
        self._wanted = (ctypes.c_int8 * self.n_batch)()
        self._numbers = (c.llama_seq_id * n_sequences)(*range(n_sequences))
        first = ctypes.addressof(self._numbers)
        self._addresses = [first + i * ctypes.sizeof(c.llama_seq_id) for i in range(n_sequences)]
        self._batch = self._new_batch(self._tokens, self._owners)
        self._batch.pos = ctypes.cast(self._positions, ctypes.POINTER(c.llama_pos))
        self._batch.logits = ctypes.cast(self._wanted, ctypes.POINTER(ctypes.c_int8))
        # Without positions and wishes: llama.cpp goes on where the sequence ends and gives the last token's logits.
        self._plain = self._new_batch(self._tokens, self._owners)
        self._one = (c.llama_token * 1)()
        self._one_owner = (ctypes.c_size_t * 1)(self._addresses[0])
        self._one_batch = self._new_batch(self._one, self._one_owner)
        self._one_batch.n_tokens = 1

    def _new_batch(self, tokens: Any, owners: Any) -> Any:
        c = self.c
        batch = c.llama_batch()
        batch.token = ctypes.cast(tokens, ctypes.POINTER(c.llama_token))
        batch.n_seq_id = ctypes.cast(self._n_owners, ctypes.POINTER(ctypes.c_int32))
        batch.seq_id = ctypes.cast(owners, ctypes.POINTER(ctypes.POINTER(c.llama_seq_id)))
        return batch

    # --- decoding -----------------------------------------------------------------------------------------------
    def decode(self, token_ids: Sequence[int], sequence: int = 0) -> int:
        """Go on with up to `n_batch` tokens of one sequence; logits are those of the last."""
        n = len(token_ids)
        self._tokens[:n] = token_ids
        self._owners[:n] = [self._addresses[sequence]] * n
        self._plain.n_tokens = n
        return int(self._decode(self.handle, self._plain))

    def decode_one(self, token_id: int, sequence: int = 0) -> int:
        self._one[0] = token_id
        self._one_owner[0] = self._addresses[sequence]
        return self._decode(self.handle, self._one_batch)  # type: ignore[no-any-return]

    def start_batch(self) -> None:
        """Begin a batch of several sequences: `add` to it, then `decode_batch`."""
        self._batch.n_tokens = 0

    def add(self, token_ids: Sequence[int], sequence: int, position: int, n_rows: int) -> int:
        """Add tokens of one sequence from `position` on; logits are wanted of the last `n_rows`.

        Returns the row of the last token (for `logits` and `Chain.sample`); the others lie right before it.
        """
        start: int = self._batch.n_tokens
        n = len(token_ids)
        end = start + n
        self._tokens[start:end] = token_ids
        self._positions[start:end] = range(position, position + n)
        self._owners[start:end] = [self._addresses[sequence]] * n
        wishes: list[Any] = [0] * (n - n_rows) + [1] * n_rows
        self._wanted[start:end] = wishes
        self._batch.n_tokens = end
        return end - 1

    def decode_batch(self) -> int:
        return int(self._decode(self.handle, self._batch))

    def logits(self, row: int = -1) -> Any:
        """An output's logits (-1: the last) as a writable numpy view, shape (n_vocab,); valid until the next decode."""
        import numpy as np  # 87 ms: only for grammars and log-probabilities

        return np.ctypeslib.as_array(self.c.llama_get_logits_ith(self.handle, row), (self.model.n_vocab,))

    def has_numbers(self, row: int = -1) -> bool:
        """Whether an output is made of numbers: a damaged model answers NaN, on which samplers go wrong."""
        first: float = self.c.llama_get_logits_ith(self.handle, row)[0]
        return first == first

    # --- memory of the sequences --------------------------------------------------------------------------------
    def n_positions(self, sequence: int = 0) -> int:
        """How many positions of the sequence are in memory."""
        return int(self.c.llama_memory_seq_pos_max(self.memory, sequence)) + 1 if self.memory else 0

    def first_position(self, sequence: int = 0) -> int:
        """The oldest position still in memory; above 0 only for sliding-window caches."""
        return int(self.c.llama_memory_seq_pos_min(self.memory, sequence)) if self.memory else -1

    def cut(self, n_kept: int, sequence: int = 0) -> bool:
        """Forget all positions from `n_kept` on. False: this kind of memory cannot (then `remove`)."""
        return bool(self.c.llama_memory_seq_rm(self.memory, sequence, n_kept, -1))

    def share(self, source: int, target: int, n_shared: int) -> None:
        """Let an empty sequence begin with the first positions of another; they are in memory once."""
        self.c.llama_memory_seq_cp(self.memory, source, target, 0, n_shared)

    def remove(self, sequence: int) -> None:
        """Forget one sequence."""
        if self.memory:
            self.c.llama_memory_seq_rm(self.memory, sequence, -1, -1)

    def clear(self) -> None:
        """Forget all of them."""
        if self.memory:
            self.c.llama_memory_clear(self.memory, False)

    def state_bytes(self, sequence: int) -> int:
        """How large the state of a sequence is."""
        return int(self.c.llama_state_seq_get_size(self.handle, sequence))

    def save(self, sequence: int) -> mmap.mmap:
        """The state of a sequence as bytes. Empty (one zero byte) where llama.cpp gives none."""
        c = self.c
        size = self.state_bytes(sequence)
        try:
            data = mmap.mmap(-1, max(1, size))  # its pages go back to the system at once when it is dropped
        except (OSError, MemoryError):
            return mmap.mmap(-1, 1)
        view = (ctypes.c_uint8 * size).from_buffer(data)
        n_written = int(c.llama_state_seq_get_data(self.handle, view, size, sequence)) if size else 0
        del view
        if n_written != size:
            data.close()
            return mmap.mmap(-1, 1)
        return data

    def restore(self, sequence: int, data: Any) -> bool:
        """Fill a sequence with what `save` gave. False: no room, or no state of such a context."""
        c = self.c
        n = len(data)
        view = (ctypes.c_uint8 * n).from_buffer(data)
        try:
            return int(c.llama_state_seq_set_data(self.handle, view, n, sequence)) == n
        finally:
            del view

    # --- adapters, threads, abort -------------------------------------------------------------------------------
    def set_adapters(self, adapters: Sequence[tuple[int, float]]) -> None:
        """Apply these (handle, scale) pairs from the next decode on, and no others."""
        n = len(adapters)
        handles = (self.c.llama_adapter_lora_p_ctypes * n)()
        for i, (address, _scale) in enumerate(adapters):
            handles[i] = ctypes.cast(address, self.c.llama_adapter_lora_p_ctypes)
        scales = (ctypes.c_float * n)(*(scale for _address, scale in adapters))
        self.c.llama_set_adapters_lora(self.handle, handles, n, scales)

    def set_threads(self, n_threads: int) -> None:
        """Compute with so many threads from the next decode on.

        Each number has a pool of its own, since threads that a pool has and a graph does not use are woken for it all
        the same. A pool lives as long as the context: ggml keeps the one it computed with last, and puts it to sleep
        when it computes with another one. Freed before that, it is a lock that nobody opens.
        """
        if self._pool is not None:
            self._pool.take_back(self.handle)
        self._pool = self._pool_of(n_threads)
        self.n_threads = n_threads
        self.c.llama_set_n_threads(self.handle, n_threads, n_threads)

    def _pool_of(self, n_threads: int) -> ThreadPool | None:
        if n_threads < 2:
            return None
        if n_threads not in self._pools:
            self._pools[n_threads] = ThreadPool(self.c, n_threads)
        self._pools[n_threads].lend(self.handle)
        return self._pools[n_threads]

    def borrow_threads(self, host: "Context") -> None:
        """Compute with the threads of another context, which is not computing meanwhile. Ask before each use."""
        if self._borrowed is not host._pool or self.n_threads != host.n_threads:
            if self._borrowed is not None:
                self._borrowed.take_back(self.handle)
            if host._pool is not None:
                host._pool.lend(self.handle)
            self._borrowed, self.n_threads = host._pool, host.n_threads
            self.c.llama_set_n_threads(self.handle, host.n_threads, host.n_threads)

    def set_abort(self, callback_address: int, data_address: int) -> None:
        """A C function `bool (*)(void *)` that is asked between the graph's operations."""
        asked = (callback_address,) if callback_address else ()
        self._take_abort(self.c.ggml_abort_callback(*asked), data_address)

    def set_abort_function(self, function: Callable[[], bool] | None) -> None:
        """The same with a Python function (slower: the interpreter is entered for each operation)."""
        if function is None:
            self._take_abort(self.c.ggml_abort_callback(), None)
        else:
            asked = function
            self._take_abort(self.c.ggml_abort_callback(lambda _data: asked()), None)

    def _take_abort(self, callback: Any, data_address: int | None) -> None:
        """C holds an address only: the one before is let go when C has the new one."""
        self.c.llama_set_abort_callback(self.handle, callback, data_address)
        self._abort = callback

    # --- embeddings ---------------------------------------------------------------------------------------------
    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """One vector a text, all in one batch (their tokens together at most `n_batch`). Raises `Error`."""
        c = self.c
        n_tokens = sum(len(tokens) for tokens in texts)
        batch = c.llama_batch_init(n_tokens, 0, 1)
        try:
            i = 0
            for sequence, tokens in enumerate(texts):
                for position, token in enumerate(tokens):
                    batch.token[i] = token
                    batch.pos[i] = position
                    batch.n_seq_id[i] = 1
                    batch.seq_id[i][0] = sequence
                    batch.logits[i] = 1
                    i += 1
            batch.n_tokens = n_tokens
            self.clear()
            code = self._decode(self.handle, batch)
            if code == ABORTED:
                raise Error("Stopped.", kind="stopped")
            if code != SUCCESS:
                raise decode_error(self.model, int(code))
            n_out = (
                int(c.llama_model_n_cls_out(self.model.handle))
                if self.pooling == POOLING["rank"]
                else self.model.n_embd
            )
            vectors = []
            end = 0
            for sequence, tokens in enumerate(texts):
                end += len(tokens)
                if self.pooling == POOLING["none"]:  # a vector a token: the last one has seen the whole text
                    pointer = c.llama_get_embeddings_ith(self.handle, end - 1)
                else:
                    pointer = c.llama_get_embeddings_seq(self.handle, sequence)
                if not pointer:
                    raise Error(
                        f"{self.model.path.name} gave no vector for a text.",
                        hint="Choose an embedding model, or another pooling.",
                        kind="decode-failed",
                    )
                vectors.append(pointer[:n_out])
            return vectors
        finally:
            c.llama_batch_free(batch)

    def close(self) -> None:
        if self.handle:
            self.c.llama_free(self.handle)
            self.handle = None
            for pool in self._pools.values():
                pool.close()
