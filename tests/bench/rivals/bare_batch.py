"""A bare loop over llama-cpp-python's low-level API that writes several sequences at once: the ceiling for a server.

    python bare_batch.py MODEL N_CTX N_BATCH N_THREADS N_SEQUENCES

Loads the model, then reads lines of JSON {"prompts": [[...], ...], "n_tokens": N} and answers each with a line
{"n_tokens": N, "spent_s": S, "first_s": [...]}: all prompts in as few batches as they need, then a token of each
sequence a step, greedy, until all have N tokens. `first_s`: when the first token of each was known.
"""

import json
import sys
import time

import llama_cpp.llama_cpp as api


def main() -> None:
    path = sys.argv[1]
    n_ctx, n_batch, n_threads, n_sequences = (int(text) for text in sys.argv[2:6])
    silent = api.llama_log_callback(lambda _level, _text, _data: None)
    api.llama_log_set(silent, None)
    api.llama_backend_init()
    model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
    params = api.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_threads, params.n_threads_batch = n_ctx, n_batch, n_threads, n_threads
    params.n_ubatch, params.n_seq_max, params.kv_unified = n_batch, n_sequences, True
    context = api.llama_init_from_model(model, params)
    memory = api.llama_get_memory(context)
    greedy = api.llama_sampler_init_greedy()
    batch = api.llama_batch_init(n_batch, 0, 1)

    def add(token: int, position: int, sequence: int, wants_logits: bool) -> None:
        i = batch.n_tokens
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
        batch.seq_id[i][0] = sequence
        batch.logits[i] = wants_logits
        batch.n_tokens += 1

    def decode() -> None:
        if api.llama_decode(context, batch) != 0:
            raise SystemExit("llama_decode failed")

    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        prompts, n_tokens = task["prompts"], task["n_tokens"]
        api.llama_memory_clear(memory, True)
        start = time.perf_counter()
        last = [0] * len(prompts)
        first_s = [0.0] * len(prompts)
        rows: dict[int, int] = {}

        def pick(rows: dict[int, int], last: list[int] = last) -> None:
            for sequence, row in rows.items():
                last[sequence] = api.llama_sampler_sample(greedy, context, row)
            rows.clear()

        batch.n_tokens = 0
        for sequence, prompt in enumerate(prompts):
            for position, token in enumerate(prompt):
                if batch.n_tokens == n_batch:
                    decode()
                    done = list(rows)
                    pick(rows)
                    for one in done:
                        first_s[one] = time.perf_counter() - start
                    batch.n_tokens = 0
                is_last = position == len(prompt) - 1
                if is_last:
                    rows[sequence] = batch.n_tokens
                add(token, position, sequence, is_last)
        decode()
        done = list(rows)
        pick(rows)
        for one in done:
            first_s[one] = time.perf_counter() - start
        for i in range(n_tokens - 1):
            batch.n_tokens = 0
            for sequence, prompt in enumerate(prompts):
                add(last[sequence], len(prompt) + i, sequence, True)
            decode()
            pick({sequence: sequence for sequence in range(len(prompts))})
        spent_s = time.perf_counter() - start
        print(json.dumps({"n_tokens": n_tokens * len(prompts), "spent_s": spent_s, "first_s": first_s}), flush=True)


if __name__ == "__main__":
    main()
