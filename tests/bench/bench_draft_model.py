"""A draft model's guesses against plain decoding, greedy, and against the best that its guesses allowed.

No family of two sizes is at hand, so the demo model in 16 bits is written by its own copy in Q4_0: that one agrees more
often than a smaller sibling would, and costs more for each guess. Both sides take turns; each has an engine of its own.
Whether it pays is also asked where it cannot: a guesser as large as the model itself must be switched off.

    python tests/bench/bench_draft_model.py [--rounds N]
"""

import statistics
import tempfile
from pathlib import Path

from bench_speculation import F16, quantized
from measure import Row, alternate, machine, n_rounds, report
from rushlight_home import demo_model

from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import Usage

N_TOKENS, N_CTX = 160, 1024
_QUESTIONS = (
    "Explain how a lighthouse works, for a child.",
    "Write a short letter to a landlord about a broken window.",
    "List ten things to pack for a week by the sea, with a reason for each.",
)


def main() -> None:
    rounds = n_rounds(6, __doc__)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
        large = quantized(demo_model(), Path(folder, "f16.gguf"), F16)
        small = quantized(demo_model(), Path(folder, "q4_0.gguf"))
        templates = TemplateProcess.start()

        def opened(draft: Path | None) -> Loaded:
            settings = LoadSettings(str(large), n_ctx=N_CTX, n_threads=n_physical_cores(), n_slots=1,
                                    draft_path="" if draft is None else str(draft))  # fmt: skip
            return load(settings, templates, lambda _progress: None)[0]

        engines = {"plain": opened(None), "Q4_0 guesses": opened(small), "the model itself guesses": opened(large)}
        prompts = [
            engines["plain"].vocabulary.tokenize(
                (f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n",),
                parse_special=True,
                add_special=False,
            )
            for question in _QUESTIONS
        ]
        guesses = dict.fromkeys(engines, (0, 0))
        texts: dict[str, list[tuple[int, ...]]] = {name: [] for name in engines}

        def run(name: str) -> float:
            loaded, spent_s, written = engines[name], 0.0, 0
            texts[name] = []
            for prompt in prompts:
                request = GenerateRequest(token_ids=tuple(prompt), max_tokens=N_TOKENS,
                                          draft_tokens=0 if name == "plain" else -1)  # fmt: skip
                for event in generate(loaded, request):
                    if isinstance(event, Usage):
                        spent_s += event.decode_s
                        written += event.n_completion_tokens - 1
                        n_guessed, n_right = guesses[name]
                        guesses[name] = n_guessed + event.n_draft_tokens, n_right + event.n_draft_accepted
                texts[name].append(tuple(loaded.prefix.token_ids[len(prompt) :]))
            return written / spent_s

        sides = {name: (lambda name=name: run(name)) for name in engines}
        alternate(1, sides)
        results = alternate(rounds, sides)
        for loaded in engines.values():
            loaded.close()
    rows, notes = [], []
    plain = statistics.median(results["plain"])
    for name, target in (("Q4_0 guesses", None), ("the model itself guesses", 0.9)):
        ratios = [one / other for one, other in zip(results[name], results["plain"], strict=True)]
        rows.append(
            Row(f"{name} / plain, median of paired ratios", statistics.median(ratios) * plain, plain, "tokens/s",
                target, True)
        )  # fmt: skip
        n_guessed, n_right = guesses[name]
        alike = sum(one == other for one, other in zip(texts[name], texts["plain"], strict=True))
        notes.append(
            f"{name}: {n_right:,} of {n_guessed:,} guesses right, {alike} of {len(prompts)} texts the same as plain; "
            f"paired ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}"
        )
    report("a draft model", rows, before, notes)


if __name__ == "__main__":
    main()
