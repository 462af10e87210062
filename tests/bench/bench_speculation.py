"""Prompt lookup on a rewriting task: guessing ahead against plain decoding, and against the best that was possible.

The model repeats a text of 300 words in which one name is another; Q4_0, made from the demo model for this. So small
a model has to be shown how: it sees three versions and writes the fourth. Both sides take turns with the same engine.
The ceiling: with the batch costs measured in the same run, where the answer begins and where it ends, and knowing
beforehand which guesses come true, the fastest way to the same tokens.

    python tests/bench/bench_speculation.py [--rounds N]
"""

import ctypes
import statistics
import tempfile
import time
from pathlib import Path

from measure import Row, alternate, machine, n_rounds, report
from rushlight_home import demo_model

from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.engine.speculate import SIZES
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.engine.threads import n_physical_cores
from rushlight.assistant.events import Usage
from rushlight.native import NgramIndex

N_TOKENS, N_CTX = 300, 2560
_STORY = """{name} had kept the light at Gull Point for eleven winters, and in all that time nobody had come up the \
stairs without an invitation. So when the bell rang in the middle of a November gale, {name} put down the oil can and \
listened. The wind pulled at the shutters. Far below, somebody was knocking with the handle of a boat hook.

On the step stood a boy of about twelve, wet to the skin, holding a wooden box under his coat. He said that the mail \
boat lay on the sandbank with her rudder gone, that his uncle had stayed aboard with the two passengers, and that the \
tide would turn at four. Then he sat down on the coal bucket and fell asleep before anyone could ask him anything else.

{name} wrapped him in the blue blanket, set the kettle on the stove, and climbed to the lamp room. From the gallery \
the sandbank looked like a long grey animal asleep in the surf. A lantern swung to and fro on it, small and stubborn. \
There were three rockets left in the locker, all of them older than the boy. The first one fizzled and died on the \
railing. The second rose, leaned over in the wind, and burst green above the harbour of Saint Orran.

For a while nothing happened. Then, one after the other, windows lit up along the quay, and the heavy doors of the \
lifeboat house rolled open. By half past three the crew had brought everyone ashore: the uncle, a dealer in clocks, \
and an old lady with a parrot, who complained about the cold. In the wooden box there was nothing but a loaf of bread \
and a letter addressed to the keeper of the light, asking whether a strong boy might be of any use there in summer."""
_BEGIN = 24  # words of the new version that are given


def story(name: str) -> str:
    """About 300 words."""
    return _STORY.format(name=name)


Q4_0, F16 = 2, 1  # llama.cpp's numbers of whole files (llama_ftype)


def quantized(source: Path, target: Path, ftype: int = Q4_0) -> Path:
    """The same model in another type."""
    import llama_cpp.llama_cpp as api

    silent = api.llama_log_callback(lambda _level, _text, _data: None)
    api.llama_log_set(silent, None)
    params = api.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = ftype, True
    if api.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)) != 0:
        raise SystemExit("The model could not be quantized.")
    api.llama_log_set(ctypes.cast(None, api.llama_log_callback), None)
    return target


def step_costs(loaded: Loaded, token_ids: list[int]) -> dict[int, float]:
    """Seconds of a step with 1, 4, 8 and 16 rows behind such a prompt."""
    context, prefix = loaded.context, loaded.prefix
    prefix.clear()
    for start in range(0, len(token_ids), context.n_batch):
        chunk = token_ids[start : start + context.n_batch]
        if context.decode(chunk) != 0:
            raise SystemExit("llama_decode failed")
        prefix.extend(chunk)
    spent: dict[int, list[float]] = {n: [] for n in (1, *(size + 1 for size in SIZES))}
    for _ in range(12):
        for n, times in spent.items():
            context.start_batch()
            context.add(token_ids[:n], 0, len(token_ids), n)
            start_s = time.perf_counter()
            if context.decode_batch() != 0:
                raise SystemExit("llama_decode failed")
            times.append(time.perf_counter() - start_s)
            context.cut(len(token_ids))
    prefix.clear()
    return {n: statistics.median(times) for n, times in spent.items()}


def fewest_seconds(prompt: list[int], said: list[int], costs: dict[int, float]) -> float:
    """The cheapest way from the first token to the last, when the outcome of every guess is known beforehand."""
    index = NgramIndex(4, 2)
    index.extend(prompt)
    n_right = []
    for token in said:
        index.append(token)
        n = 0
        for guess, real in zip(index.propose(SIZES[-1]), said[len(n_right) + 1 :], strict=False):
            if guess != real:
                break
            n += 1
        n_right.append(n)
    best_s = [0.0] * (len(said) + 1)  # from position i to the end
    for i in range(len(said) - 2, -1, -1):
        ways = [costs[1] + best_s[i + 1]]
        for size in SIZES:
            ways.append(costs[size + 1] + best_s[min(len(said) - 1, i + 1 + min(size, n_right[i]))])
        best_s[i] = min(ways)
    return best_s[0]


def main() -> None:
    rounds = n_rounds(8, __doc__)
    before = machine()
    with tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
        path = quantized(demo_model(), Path(folder, "q4_0.gguf"))
        settings = LoadSettings(str(path), n_ctx=N_CTX, n_threads=n_physical_cores())
        loaded, _ready = load(settings, TemplateProcess.start(), lambda _progress: None)
        text = "".join(f"The story with {name}:\n\n{story(name)}\n\n" for name in ("Anna", "Clara", "Berta"))
        text += "The story with Martha:\n\n" + " ".join(story("Martha").split(" ")[:_BEGIN])
        prompt = loaded.vocabulary.tokenize((text,), parse_special=False, add_special=True)
        last: dict[str, tuple[Usage, list[int]]] = {}

        def run(n_draft: int) -> float:
            request = GenerateRequest(token_ids=tuple(prompt), max_tokens=N_TOKENS, draft_tokens=n_draft)
            usage = None
            for event in generate(loaded, request):
                if isinstance(event, Usage):
                    usage = event
            assert usage is not None
            last["lookup" if n_draft else "plain"] = usage, loaded.prefix.token_ids[len(prompt) :]
            return usage.tokens_per_second

        sides = {"lookup": lambda: run(-1), "plain": lambda: run(0)}
        alternate(1, sides)
        costs_before = step_costs(loaded, prompt)
        results = alternate(rounds, sides)
        costs_after = step_costs(loaded, [*prompt, *last["plain"][1]])
        costs = {n: (costs_before[n] + costs_after[n]) / 2 for n in costs_before}
        loaded.close()
    usage, said = last["lookup"]
    ceiling = len(said) / fewest_seconds(prompt, said, costs)
    ratios = [one / other for one, other in zip(results["lookup"], results["plain"], strict=True)]
    plain = statistics.median(results["plain"])
    lookup = statistics.median(results["lookup"])
    rows = [
        Row(
            "prompt lookup / plain, median of paired ratios",
            statistics.median(ratios) * plain,
            plain,
            "tokens/s",
            1.5,
            True,
        ),
        Row("prompt lookup / ceiling from batch costs", lookup, ceiling, "tokens/s", 0.85, True),
    ]
    differs = next((i for i, (a, b) in enumerate(zip(said, last["plain"][1], strict=False)) if a != b), -1)
    notes = [
        f"{len(prompt)} prompt tokens, {usage.n_completion_tokens} written, {usage.n_draft_accepted} of "
        f"{usage.n_draft_tokens} guesses right; first difference from plain at token {differs} (-1: none)",
        "step costs in ms: " + ", ".join(f"{n} rows {cost * 1e3:.1f}" for n, cost in costs.items()),
        f"paired ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
    ]
    report("prompt lookup on a rewriting task", rows, before, notes)


if __name__ == "__main__":
    main()
