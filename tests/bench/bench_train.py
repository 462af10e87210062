"""Training against TRL's SFTTrainer: SmolLM2-135M, LoRA of rank 16, float32 on the processor, turn by turn in one run.

Supervised tokens per second over an epoch of the same examples, with a beginning that all share (a system prompt) and
without; TRL unpacked, packed (bfd) and grouped by length, each without recomputation; both sides on one build of torch.
Gradients of one batch are held against each other first. Loading is not measured on either side.

    python tests/bench/bench_train.py [--rounds N] [--seconds N] [--cpu] [--examples N] [--only apart|shared]
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Row, machine, report
from rivals.environment import ROOT, RivalMissing
from rivals.trl_side import environment
from rushlight_home import demo_model

from rushlight.assistant.engine.template import compile_template
from rushlight.quant.unpack import unpack
from rushlight.trainer.data.masks import masked, read_tokenizer
from rushlight.trainer.data.template import ChatTemplate

HERE = Path(__file__).resolve().parent
ROW_TOKENS = 1024
WAYS = {"none": "unpacked", "bfd": "packed (bfd)", "grouped": "grouped by length"}


def examples(folder: Path, n: int, *, shared: bool) -> list[dict[str, Any]]:
    """Chats of words out of our own pages, of lengths as chats have them: many short, some long."""
    tokenizer = read_tokenizer(folder)
    chat = ChatTemplate(
        tokenizer.template, lambda text, said: compile_template(text)(said, 1 << 20), tokenizer.variables,
        tokenizer.control,
    )  # fmt: skip
    chance = random.Random(7)
    pages = (ROOT / name for name in ("README.md", "CONTRIBUTING.md", "docs/log.md"))
    words = [word for page in pages for word in page.read_text().split() if word.isalpha()]

    def say(count: int) -> str:
        return " ".join(chance.choice(words) for _ in range(count))

    def length(middle: float, spread: float, most: int) -> int:
        return max(1, int(min(most, chance.lognormvariate(middle, spread))))

    beginning = say(110)
    made = []
    for _ in range(n):
        system = beginning if shared else say(chance.randrange(5, 25))
        asked, said = say(length(3.0, 0.7, 180)), say(length(3.3, 0.8, 220))
        messages = [{"role": role, "content": content}
                    for role, content in (("system", system), ("user", asked), ("assistant", said))]  # fmt: skip
        (rendered,) = next(chat.rendered([(messages, None)]))
        tokens = masked(rendered, tokenizer)
        labels = [int(one) if trained else -100 for one, trained in zip(tokens.ids, tokens.trained, strict=True)]
        made.append({"ids": tokens.ids.tolist(), "labels": labels})
    return made


class Side:
    """A worker that is asked for one way of training after the other."""

    def __init__(self, name: str, folder: Path, data: Path, env: dict[str, str]) -> None:
        command = [sys.executable, str(HERE / "train_worker.py"), name, str(folder), str(data), str(ROW_TOKENS)]
        self.log = data.with_suffix(f".{name}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=env
            )

    def ask(self, way: str) -> dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(way + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text()[-2000:]
            raise SystemExit(f"the worker ended with {self.process.wait()} when asked for {way}:\n{said}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def speed(self, way: str, clock: str) -> float:
        answer = self.ask(way)
        return float(answer["tokens"] / answer[clock])


@contextmanager
def sides(folder: Path, data: Path, env: dict[str, str]) -> Iterator[tuple[Side, Side]]:
    both = [Side(name, folder, data, env) for name in ("rushlight", "trl")]
    try:
        yield both[0], both[1]
    finally:
        for side in both:
            side.process.kill()
            side.process.wait()


def rounds(most: int, seconds: float, named: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Turn by turn, told as it comes; no round begins after `seconds`."""
    found: dict[str, list[float]] = {name: [] for name in named}
    until = time.monotonic() + seconds
    for _ in range(most):
        for name in reversed(named) if len(found["ours"]) % 2 else named:
            found[name].append(named[name]())
            print(f"  {name} {found[name][-1]:.1f} tokens/s", flush=True)
        if time.monotonic() > until:
            break
    return found


def apart(one: dict[str, list[float]], other: dict[str, list[float]]) -> float:
    assert one.keys() == other.keys()
    return max(abs(a - b) for name in one for a, b in zip(one[name], other[name], strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no round after so much time")
    parser.add_argument("--examples", type=int, default=48)
    parser.add_argument(
        "--cpu", action="store_true", help="per second of processors, one thread: for a machine that does other work"
    )
    parser.add_argument("--only", choices=("apart", "shared"))
    given = parser.parse_args()
    before = machine()
    try:
        env = environment() | ({"OMP_NUM_THREADS": "1"} if given.cpu else {})
    except RivalMissing as missing:
        print(f"TRL is not here: {missing}")
        return
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        unpack(demo_model(), folder)
        for kind in [given.only] if given.only else ["apart", "shared"]:
            data = Path(place) / f"{kind}.json"
            made = examples(folder, given.examples, shared=kind == "shared")
            data.write_text(json.dumps(made))
            n_read = sum(len(one["ids"]) for one in made)
            n_trained = sum(label != -100 for one in made for label in one["labels"])
            longest = max(len(one["ids"]) for one in made)
            with sides(folder, data, env) as (ours, trl):
                furthest = apart(ours.ask("gradients")["gradients"], trl.ask("gradients")["gradients"])
                print(f"{kind}: gradients differ by {furthest:.1e} at most", flush=True)
                clock = "cpu_seconds" if given.cpu else "seconds"
                named = {"ours": lambda side=ours, clock=clock: side.speed("packed", clock)}
                named |= {way: lambda way=way, side=trl, clock=clock: side.speed(way, clock) for way in WAYS}
                found = rounds(given.rounds, given.seconds, named)
            best = max(WAYS, key=lambda way: statistics.median(found[way]))
            for way, words in WAYS.items():
                ratios = [one / two for one, two in zip(found["ours"], found[way], strict=True)]
                target = 1.5 if way == "none" else 1.2 if way == best else None
                theirs = statistics.median(found[way])
                rows.append(Row(f"{kind}, TRL {words}", statistics.median(ratios) * theirs, theirs, "tokens/s", target,
                                at_least=True))  # fmt: skip
                notes.append(f"{kind}, TRL {words}: ratios {', '.join(f'{one:.2f}' for one in ratios)}")
            notes.append(f"{kind}: {len(made)} examples, {n_read:,} tokens, {n_trained:,} supervised, longest "
                         f"{longest}; gradients differ by {furthest:.1e} at most")  # fmt: skip
    if given.cpu:
        notes.append("per second of processors, one thread on each side")
    notes.append("ours is the median of ratios times the rival's median")
    report("Training against TRL", rows, before, notes)


if __name__ == "__main__":
    main()
