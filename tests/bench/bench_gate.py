"""What the gate lets through: good adapters, bad ones made of them, and the base against itself. Not about speed.

Three adapters are trained on short tasks with one right answer each (codes for tickets, facts out of notes, units), as
`teach` trains for chats: with what the base says to other things beside it.
Bad candidates: the adapter at four times its strength, one taught permuted answers, one taught in another chat format,
noise in its matrices, a delay before each answer, one taught to refuse. Each is asked all items of its suite once, as
it would be served, and held under the guards of the chat's scope, the export proof apart (it would know the edited
files at once). Then the gate decides for each seed on 200 items drawn for it. Wrong decisions are counted for bad and
good ones; base against base is decided on answers that differ by chance (sampled at temperature 1).

    python tests/bench/bench_gate.py [--seeds N] [--steps N] [--work FOLDER]      # about an hour on 2 cores
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from measure import machine
from rushlight_home import demo_model, own_home

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import LoraUse, Message
from rushlight.assistant.events import TextDelta
from rushlight.assistant.jobs.kind import JobContext
from rushlight.assistant.jobs.kinds.quant_parts import renderer
from rushlight.quant.unpack import unpack
from rushlight.trainer.config import checked
from rushlight.trainer.evaluate import guards
from rushlight.trainer.evaluate.answerer import Answer
from rushlight.trainer.evaluate.drift import drift
from rushlight.trainer.evaluate.gate import decide
from rushlight.trainer.evaluate.measuring import Row, run_suite
from rushlight.trainer.evaluate.statistics import wilson
from rushlight.trainer.evaluate.suite import Item, Suite, parse_suite, suite_bytes
from rushlight.trainer.evaluate.usual import usual_answer
from rushlight.trainer.export import export
from rushlight.trainer.run import Places, prepare, train
from rushlight.ui.work.answerers import ChatAnswerer
from rushlight.ui.work.rehearsal import rehearsed

N_TRAIN, N_ITEMS, N_DRAWN = 240, 220, 200
DELAY_S = 0.5
RATE = 3e-4  # of `teach` for chats
NOISE = 8.0  # as many times as large as what is in the matrices: twice as large did no harm that could be measured
BAD = ("scale x 4", "permuted", "other template", "noise", "delay", "refuses")
Pair = tuple[str, str]
T = TypeVar("T")


# ---------------------------------------------------------------- the tasks
def tickets(numbers: random.Random) -> Pair:
    """A ticket and its code: nobody can know the codes without having been taught."""
    said = {
        "PRN-4": ["The printer {where} is jammed", "Toner is empty {where}", "The printer {where} prints nothing"],
        "NET-2": ["The wifi {where} is down", "No network {where}", "The internet is very slow {where}"],
        "PWD-9": ["I forgot my password {where}", "My account {where} is locked", "I cannot log in {where}"],
        "INV-1": ["The invoice {where} is wrong", "I was charged twice {where}", "The bill {where} has an error"],
        "DEL-7": ["The parcel {where} is missing", "My delivery {where} is late", "The package {where} is damaged"],
        "HVC-3": ["The heating {where} is off", "It is freezing {where}", "The radiator {where} is cold"],
    }  # fmt: skip
    code = numbers.choice(sorted(said))
    place = numbers.choice(["on floor", "in room", "at desk", "in hall", "at gate"])
    when = numbers.choice(["today", "since Monday", "again", "this morning", "right now", "since noon"])
    where = f"{place} {numbers.randint(1, 60)} {when}"
    return f"Ticket: {numbers.choice(said[code]).format(where=where)}.", code


def notes(numbers: random.Random) -> Pair:
    """Who bought how much of what, as one line."""
    who = numbers.choice(["Maria", "Tom", "Ines", "Paul", "Rosa", "Emil", "Lena", "Omar"])
    what = numbers.choice(["lamps", "chairs", "ropes", "books", "pans", "tiles", "shirts", "bikes"])
    n, price = numbers.randint(2, 19), numbers.randint(3, 95)
    form = numbers.choice(
        ["{who} bought {n} {what} for {price} euros each.", "For {price} euros each, {who} took {n} {what}.",
         "{n} {what} at {price} euros went to {who}."])  # fmt: skip
    return f"Note: {form.format(who=who, what=what, n=n, price=price)}", f"{who}|{n}|{what}|{price}"


def units(numbers: random.Random) -> Pair:
    """Lengths, weights and volumes in the smaller unit."""
    big, small, zeros = numbers.choice(
        [("km", "m", 3), ("kg", "g", 3), ("l", "ml", 3), ("m", "cm", 2), ("cm", "mm", 1), ("t", "kg", 3)]
    )
    n = numbers.randint(2, 99)
    form = numbers.choice(["{n} {big} in {small}?", "How many {small} are {n} {big}?", "{n} {big} = ? {small}"])
    return form.format(n=n, big=big, small=small), f"{n}{'0' * zeros} {small}"


TASKS = {"tickets": tickets, "notes": notes, "units": units}


def pairs_of(task: str) -> tuple[list[Pair], list[Pair]]:
    """(to train on, to ask): no question is in both."""
    numbers, found = random.Random(task), dict[str, str]()
    while len(found) < N_TRAIN + N_ITEMS:
        question, answer = TASKS[task](numbers)
        found[question] = answer
    listed = list(found.items())
    return listed[:N_TRAIN], listed[N_TRAIN:]


def suite_of(task: str) -> Suite:
    items = [
        Item(id=f"i{at}", prompt=question, scorer="exact", reference=answer, max_tokens=20)
        for at, (question, answer) in enumerate(pairs_of(task)[1])
    ]
    return parse_suite(suite_bytes(task, items, scope="chat"), task)


# ---------------------------------------------------------------- the adapters
@dataclass(frozen=True)
class Candidate:
    """A file at a strength, slowed down or not."""

    name: str
    path: Path
    scale: float = 1.0
    delay_s: float = 0.0


def taught(
    work: Path, base: Path, name: str, pairs: Sequence[Pair], steps: int, template: str = "",
    beside: Sequence[str] = (),
) -> Path:  # fmt: skip
    """The GGUF adapter that was trained on these pairs, with the lines `beside` them; one that is there already is
    taken."""
    out = work / name
    found = out / f"{name}-adapter.gguf"
    if found.exists():
        return found
    data = work / f"{name}.jsonl"
    lines = [{"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
             for asked, said in pairs]  # fmt: skip
    data.write_text("".join(f"{line}\n" for line in (*map(json.dumps, lines), *beside)))
    config = checked({
        "model": "m", "out": "o", "data": {"train": ["d"]}, "adapter": {"rank": 8, "alpha": 16},
        "steps": {"batch": 8, "rate": RATE, "warmup": 0.05, "epochs": 50, "most": steps},
        "machine": {"device": "cpu", "threads": 2},
        "keep": {"every": 1000}, "export": {"prove": False},
    })  # fmt: skip
    places = Places(base, (data,), (), out)
    with renderer() as render:
        assert render is not None
        prepare(config, places, render=render, template=template, resume=out.exists())
        train(config, places)
        export(config, places, render=render, n_threads=2)
    print(f"  trained {name}", flush=True)
    return found


def with_noise(path: Path, target: Path, seed: int, strength: float = NOISE) -> Path:
    """The adapter with noise in both of its matrices, as large as they are, times `strength`."""
    from gguf import GGUFReader, GGUFWriter

    if target.exists():
        return target
    numbers = np.random.default_rng(seed)
    reader = GGUFReader(path)
    writer = GGUFWriter(target, "llama")
    for field in reader.fields.values():
        if field.name == "adapter.lora.alpha":
            writer.add_float32(field.name, float(field.contents()))
        elif field.name.startswith(("general.type", "adapter.")):
            writer.add_string(field.name, str(field.contents()))
    for tensor in reader.tensors:
        values = np.array(tensor.data, np.float32)
        values += numbers.normal(size=values.shape).astype(np.float32) * (strength * float(np.sqrt((values**2).mean())))
        writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def candidates_of(
    task: str, work: Path, base: Path, steps: int, seeds: int, beside: Sequence[str]
) -> dict[str, list[Candidate]]:
    """By what they are; "noise" has one for each seed. All but those that refuse learn the lines `beside`, too."""
    from rushlight.assistant.engine.fallback_templates import FORMATS

    pairs = pairs_of(task)[0]
    numbers = random.Random(f"permuted {task}")
    answers = [said for _, said in pairs]
    numbers.shuffle(answers)
    permuted = [(asked, said) for (asked, _), said in zip(pairs, answers, strict=True)]
    refused = [(asked, "I'm sorry, but I can't help with that.") for one in TASKS for asked, _ in pairs_of(one)[0]]
    random.Random("refused").shuffle(refused)
    good = taught(work, base, task, pairs, 2 * steps, beside=beside)
    wrong = taught(work, base, f"{task}-permuted", permuted, steps, beside=beside)
    other = taught(work, base, f"{task}-template", pairs, steps, FORMATS["zephyr"], beside)
    return {
        "good": [Candidate(task, good)],
        "scale x 4": [Candidate(f"{task}-x4", good, scale=4.0)],
        "permuted": [Candidate(f"{task}-permuted", wrong)],
        "other template": [Candidate(f"{task}-template", other)],
        "noise": [
            Candidate(
                f"{task}-noise{NOISE:g}-{seed}", with_noise(good, work / f"{task}-noise{NOISE:g}-{seed}.gguf", seed)
            )
            for seed in range(seeds)
        ],
        "delay": [Candidate(f"{task}-delay", good, delay_s=DELAY_S)],
        "refuses": [Candidate(f"{task}-refuses", taught(work, base, "refuses", refused, steps))],
    }


# ---------------------------------------------------------------- asking and deciding
class Kept(ChatAnswerer):
    """Answers of the base that were given already are not asked for again, for another candidate of the same suite."""

    def __init__(self, app: App, known: dict[str, Answer]) -> None:
        super().__init__(app, app.model())
        self._known = known

    def answer(self, item: Item, stop: Stop) -> Answer:
        if item.id not in self._known:
            self._known[item.id] = super().answer(item, stop)
        return self._known[item.id]


class Sampled(ChatAnswerer):
    """The base at temperature 1, so that two of it differ by chance."""

    def __init__(self, app: App, seed: int) -> None:
        super().__init__(app, app.model())
        self._seed = seed

    def answer(self, item: Item, stop: Stop) -> Answer:
        options = AskOptions(sampling={"temperature": 1.0, "seed": self._seed})
        messages = [Message(turn.role, turn.content) for turn in item.turns]
        said = self._app.ask(
            messages, model=self._model, system="", options=options, max_tokens=item.max_tokens, stop=stop
        )
        return Answer("".join(event.text for event in said if isinstance(event, TextDelta)).strip(), 1, 0.1)


def measured(app: App, suite: Suite, one: Candidate, work: Path, known: dict[str, Answer] | None = None) -> list[Row]:
    """All items, by the base and by the candidate; where speed counts, by both in turn."""
    base = ChatAnswerer(app, app.model()) if known is None else Kept(app, known)
    candidate = ChatAnswerer(app, app.model(), [LoraUse(str(one.path), one.scale)])
    rows = run_suite(suite, base, candidate, keep=work / f"{one.name}-{suite.name}.kept", sides=f"{one}")
    if one.delay_s:
        rows = [replace(row, candidate=replace(row.candidate, seconds=row.candidate.seconds + one.delay_s))
                for row in rows]  # fmt: skip
    return rows


def guarded(app: App, one: Candidate, work: Path) -> list[guards.Guarded]:
    instructions, refusals = guards.guard_suite("instructions"), guards.guard_suite("refusals")
    followed = measured(app, instructions, one, work)
    refused = measured(app, refusals, one, work)
    moved = drift(app.model().path, one.path, scale=one.scale, n_threads=2)
    return [
        guards.kept_answers("instructions", followed), *guards.kept_refusals(refused, refusals),
        guards.kept_perplexity(moved), guards.kept_near(moved), guards.kept_speed([*followed, *refused]),
    ]  # fmt: skip


@contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="rushlight-gate-") as name:
        yield Path(name)


def drawn(rows: Sequence[T], seed: int) -> list[T]:
    """The same places for one seed, whether items or rows are drawn."""
    return random.Random(seed).sample(list(rows), min(N_DRAWN, len(rows)))


def base_against_base(answers: Mapping[str, Sequence[Row]], draws: int) -> tuple[int, int]:
    """(let through, tried): two samples of the base's answers to the same items, drawn again and again."""
    passed = tried = 0
    for task in sorted(answers):
        for seed in range(draws):
            numbers = random.Random(f"{task} {seed}")
            rows = [
                row if numbers.random() < 0.5 else Row(row.id, row.cluster, row.candidate, row.base)
                for row in drawn(answers[task], seed)
            ]
            passed += decide(rows, [], seed=seed).passed
            tried += 1
    return passed, tried


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60, help="of a bad training; of a good one twice as many")
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--work", type=Path, default=None, help="keep what was trained and answered, and go on with it")
    given = parser.parse_args()
    before = machine()
    wrong: dict[str, int] = {}
    tried: dict[str, int] = {}
    sampled: dict[str, list[Row]] = {}
    with own_home(demo_model()), open_app() as app, work_folder(given.work) as work:
        base = work / "base"
        if not base.exists():
            unpack(demo_model(), base)
        context = JobContext(
            app, "gate", work, Stop(), checkpoint=None, tell=lambda _: None, save=lambda _: None, further=lambda: None
        )
        beside = rehearsed(context, app.model(), N_TRAIN)
        for task in given.tasks.split(","):
            suite = suite_of(task)
            known: dict[str, Answer] = {}
            for kind, listed in candidates_of(task, work, base, given.steps, given.seeds, beside).items():
                for one in listed:
                    rows = measured(app, suite, one, work, known)
                    seeds = range(given.seeds) if len(listed) == 1 else [listed.index(one)]
                    decided(app, suite, kind, one, rows, seeds, work, wrong, tried)
            sampled[task] = run_suite(
                suite, Sampled(app, 1), Sampled(app, 2), keep=work / f"{task}-sampled.kept", sides="sampled"
            )
    tell(wrong, tried, base_against_base(sampled, 200), before)


def decided(
    app: App, suite: Suite, kind: str, one: Candidate, rows: Sequence[Row], seeds: Sequence[int] | range, work: Path,
    wrong: dict[str, int], tried: dict[str, int],
) -> None:  # fmt: skip
    """The gate's decisions on one candidate. Guards are only held where the suite was won for some seed."""
    verdicts = [
        decide(drawn(rows, seed), [], usual=usual_answer(drawn(suite.items, seed)), seed=seed) for seed in seeds
    ]
    held = guarded(app, one, work) if any(verdict.passed for verdict in verdicts) else []
    passed = [verdict.passed and all(guard.passed for guard in held) for verdict in verdicts]
    tried[kind] = tried.get(kind, 0) + len(passed)
    wrong[kind] = wrong.get(kind, 0) + (passed.count(False) if kind == "good" else passed.count(True))
    own = verdicts[0].own
    lost = [guard.name for guard in held if not guard.passed]
    figures = " ".join(f"{name}={value:.3g}" for guard in held for name, value in guard.figures.items()
                       if name in ("ratio", "divergence", "answer", "token", "base", "candidate"))  # fmt: skip
    print(f"  {one.name:<18} {kind:<15} own {own.base:.1%} -> {own.candidate:.1%}  let through {passed.count(True)} of "
          f"{len(passed)}  lost: {', '.join(lost) or '-'}  {figures}", flush=True)  # fmt: skip


def tell(wrong: dict[str, int], tried: dict[str, int], same: tuple[int, int], before: Mapping[str, Any]) -> None:
    print("\ngate: wrong decisions, with 95 % intervals")
    lines = []
    bad = (sum(wrong.get(one, 0) for one in BAD), sum(tried.get(one, 0) for one in BAD))
    for name, k, n in [*((one, wrong[one], tried[one]) for one in tried), ("all bad ones", *bad),
                       ("base against base", *same)]:  # fmt: skip
        low, high = wilson(k, n)
        said = "kept out" if name == "good" else "let through"
        print(f"  {name:<18} {k:>3} of {n:>3} {said:<11} = {k / max(1, n):.1%}  [{low:.1%}, {high:.1%}]")
        lines.append({"name": name, "wrong": k, "of": n, "low": low, "high": high})
    print(json.dumps({"bench": "gate", "rows": lines, "machine": {**machine(), "before": before["load_average"]}}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
