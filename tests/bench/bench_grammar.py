"""What a constrained token costs: llguidance as the worker uses it, llama.cpp's own grammar sampler, and no grammar.

All three take turns in one process over the same open model: the same prompt, greedy, the same JSON schema (for
llama.cpp as the GBNF of the same form). Milliseconds per token of sampling and masking, the decode apart; every side
decodes token by token, so text that must come is counted like any other.

    python tests/bench/bench_grammar.py [--rounds N]
"""

import json
import statistics
import time
from typing import Any

from measure import Row, alternate, machine, median_row, n_rounds, report
from rushlight_home import demo_model

from rushlight.assistant.engine.chain import Chain
from rushlight.assistant.engine.grammar import compile_grammar
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import Grammar, LoadSettings
from rushlight.assistant.engine.template_process import TemplateProcess

N_TOKENS = 64
TARGET_MS = 0.45
PROMPT = "Describe a lighthouse as JSON with a name and a text.\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 100},
        "text": {"type": "string", "maxLength": 400},
        "rooms": {"type": "array", "items": {"type": "string", "maxLength": 100}, "minItems": 3, "maxItems": 20},
    },
    "required": ["name", "text", "rooms"],
    "additionalProperties": False,
}
GBNF = r"""
root ::= "{\"name\": " string ", \"text\": " string ", \"rooms\": [" string (", " string){2,19} "]}"
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}) ){0,400} "\""
"""


class Sides:
    """The three ways to pick a token, each over a fresh prompt."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self.token_ids = loaded.model.tokenize(PROMPT, parse_special=False)
        self.decode_ms: list[float] = []
        self.n_said: dict[str, int] = {}

    def ours(self) -> float:
        constraint = compile_grammar(Grammar("json_schema", json.dumps(SCHEMA)), self.loaded.grammar_tokenizer)
        chain = Chain(self.loaded.model, [("greedy", ())])

        def pick() -> int:
            constraint.apply(self.loaded.context.logits())
            token_id = chain.sample(self.loaded.context)
            if token_id not in self.loaded.vocabulary.eog_ids:
                constraint.accept(token_id)
            return token_id

        return self.run("llguidance", pick, chain.close)

    def bare(self) -> float:
        chain = Chain(self.loaded.model, [("greedy", ())])
        return self.run("none", lambda: chain.sample(self.loaded.context), chain.close)

    def llama_cpp(self) -> float:
        c, context = self.loaded.model.c, self.loaded.context
        chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        grammar = c.llama_sampler_init_grammar(self.loaded.model.vocab, GBNF.encode(), b"root")
        if not grammar:
            raise SystemExit("llama.cpp refuses the grammar.")
        c.llama_sampler_chain_add(chain, grammar)
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
        return self.run(
            "llama.cpp",
            lambda: c.llama_sampler_sample(chain, context.handle, -1),
            lambda: c.llama_sampler_free(chain),
        )

    def run(self, name: str, pick: Any, close: Any) -> float:
        context, clock = self.loaded.context, time.perf_counter
        context.clear()
        context.decode(self.token_ids)
        spent_s = decode_s = 0.0
        n = 0
        try:
            while n < N_TOKENS:
                start = clock()
                token_id = pick()
                picked = clock()
                spent_s += picked - start
                n += 1
                if token_id in self.loaded.vocabulary.eog_ids:
                    break
                context.decode_one(token_id)
                decode_s += clock() - picked
        finally:
            close()
        self.decode_ms.append(decode_s / n * 1e3)
        self.n_said[name] = n
        return spent_s / n * 1e3


def main() -> None:
    rounds = n_rounds(6, __doc__)
    before = machine()
    renderer = TemplateProcess.start()
    settings = LoadSettings(path=str(demo_model()), n_ctx=1024, n_batch=512)
    loaded, _ready = load(settings, renderer, lambda _progress: None)
    try:
        start = time.perf_counter()
        loaded.grammar_tokenizer.prepare()
        prepared_ms = (time.perf_counter() - start) * 1e3
        start = time.perf_counter()
        compile_grammar(Grammar("json_schema", json.dumps(SCHEMA)), loaded.grammar_tokenizer)
        compiled_ms = (time.perf_counter() - start) * 1e3
        sides = Sides(loaded)
        choices = {"llguidance": sides.ours, "llama.cpp": sides.llama_cpp, "none": sides.bare}
        alternate(1, choices)
        sides.decode_ms.clear()
        results = alternate(rounds, choices)
    finally:
        loaded.close()
    ours, bare = statistics.median(results["llguidance"]), statistics.median(results["none"])
    rows = [
        median_row("constrained / llama.cpp's grammar sampler", results, "llguidance", "llama.cpp", "ms/token"),
        median_row("constrained / without a grammar", results, "llguidance", "none", "ms/token"),
        Row("what the grammar adds / allowed", ours - bare, TARGET_MS, "ms/token", 1.0),
    ]
    notes = [
        f"{loaded.model.n_vocab} tokens in the vocabulary; tokenizer made in {prepared_ms:.0f} ms, "
        f"schema compiled in {compiled_ms:.0f} ms",
        f"a decode beside it: {statistics.median(sides.decode_ms):.1f} ms; tokens written: {sides.n_said}, "
        f"{rounds} rounds, medians",
    ]
    report("constrained decoding", rows, before, notes)


if __name__ == "__main__":
    main()
