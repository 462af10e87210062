"""llama.cpp's own server through the package xllamacpp, until standard input ends.

    python xllamacpp_server.py MODEL N_CTX N_BATCH N_THREADS N_SLOTS

Prints a line {"port": N, "system": "..."} when it listens.
"""

import json
import os
import sys

import xllamacpp


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    n_ctx, n_batch, n_threads, n_slots = (int(text) for text in sys.argv[2:6])
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_parallel = n_ctx, n_batch, n_batch, n_slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads
    params.hostnames, params.port, params.verbosity = ["127.0.0.1"], 0, 1
    params.kv_unified = True
    server = xllamacpp.Server(params)
    port = int(server.listening_address.rpartition(":")[2])
    print(json.dumps({"port": port, "system": xllamacpp.get_system_info()}), flush=True)
    sys.stdin.read()
    os._exit(0)  # its threads do not end by themselves


if __name__ == "__main__":
    main()
