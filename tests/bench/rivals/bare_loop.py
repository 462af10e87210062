"""A bare decoding loop over llama-cpp-python's low-level API: what a token costs without any program around it.

    python bare_loop.py MODEL N_CTX N_BATCH N_THREADS

Loads the model, then reads lines of JSON {"token_ids": [...], "n_tokens": N} and answers each with a line
{"token_ids": [...], "decode_s": S, "prompt_s": S}: greedy, from the first sampled token to the last, and from the
first batch to the first sampled token. With "most_s" it ends after so many seconds; with "no_end" the end of a text is
only another token.
"""

import json
import sys
import time

import llama_cpp.llama_cpp as api


def main() -> None:
    path, n_ctx, n_batch, n_threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    silent = api.llama_log_callback(lambda _level, _text, _data: None)
    api.llama_log_set(silent, None)
    api.llama_backend_init()
    model = api.llama_model_load_from_file(path.encode(), api.llama_model_default_params())
    params = api.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_threads, params.n_threads_batch = n_ctx, n_batch, n_threads, n_threads
    context = api.llama_init_from_model(model, params)
    vocabulary = api.llama_model_get_vocab(model)
    greedy = api.llama_sampler_init_greedy()
    one = (api.llama_token * 1)()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        prompt = (api.llama_token * len(task["token_ids"]))(*task["token_ids"])
        most_s, no_end = task.get("most_s", 1e9), task.get("no_end", False)
        api.llama_memory_clear(api.llama_get_memory(context), True)
        began = time.perf_counter()
        for start in range(0, len(prompt), n_batch):
            part = prompt[start : start + n_batch]
            chunk = (api.llama_token * len(part))(*part)
            if api.llama_decode(context, api.llama_batch_get_one(chunk, len(part))) != 0:
                raise SystemExit("llama_decode failed")
        batch = api.llama_batch_get_one(one, 1)
        said: list[int] = []
        first = last = 0.0
        while True:
            token_id = api.llama_sampler_sample(greedy, context, -1)
            last = time.perf_counter()
            first = first or last
            if api.llama_vocab_is_eog(vocabulary, token_id) and not no_end:
                break
            said.append(token_id)
            if len(said) == task["n_tokens"] or last - first > most_s:
                break
            one[0] = token_id
            if api.llama_decode(context, batch) != 0:
                raise SystemExit("llama_decode failed")
        print(json.dumps({"token_ids": said, "decode_s": last - first, "prompt_s": first - began}), flush=True)


if __name__ == "__main__":
    main()
