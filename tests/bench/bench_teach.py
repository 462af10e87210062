"""From a file to a proven adapter: a small model is taught databases, and asked questions that were written before.

For each database: `rushlight teach database` within its minutes, base and adapter on the same questions, with the
grammar (inside the minutes) and without it (beside them); execution accuracy with its 95 % interval, the times of the
phases, and what was wrong with the rest. The questions were written from the schemas alone (tests/assistant/learn/).

With `--practice N` the model practises for N minutes first, once for all databases; `--home DIR` takes a home that is
there, where it has practised already. Neither is part of the minutes, and both are told.

    python tests/bench/bench_teach.py [estate cinema insurance] [--minutes N] [--examples N] [--every N] [--no-free]
                                      [--practice N | --home DIR] [--set KEY=VALUE]
"""

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from measure import machine, run_program
from rushlight_home import RUSHLIGHT, demo_model, home_that_is_there, own_home

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.learn.answers import Answered, Question, Score, ask_all, failure_of, read_questions, score
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.registry.scopes import PRACTICE, WAY_BACK
from rushlight.assistant.sql.database import open_database
from rushlight.trainer.evaluate.suite import Item
from rushlight.ui.work.answerers import SqlAnswerer

LEARN = Path(__file__).resolve().parent.parent / "assistant" / "learn"
NAMES = ("estate", "cinema", "insurance")
AIM = 0.9


def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learn_databases", LEARN / "databases" / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(app: App, file: Path, questions: Sequence[Question], model: str, adapter: str) -> Score:
    """What the base, or the adapter over it, makes of the questions without the grammar."""
    found = app.model(model)
    with open_database([file], app.paths) as database:
        used = app.registry.find(adapter) if adapter else None
        answerer = SqlAnswerer(app, found, database, [used.use()] if used else (), used.form if used else "", free=True)

        def write(question: str) -> str:
            return answerer.answer(Item(id="q", prompt=question, scorer="sql-execution"), Stop()).text

        return score(ask_all(database, questions, write, Watch()))


def from_the_job(app: App, file: Path, questions: Sequence[Question]) -> dict[str, Score]:
    """What both sides answered inside the minutes: the job has kept every query."""
    kept = max(
        app.paths.jobs.glob("*/evaluate-own.jsonl"), key=lambda one: one.stat().st_mtime
    )  # a practice has one too
    rows = {row["id"]: row for row in map(json.loads, kept.read_text().splitlines()[1:])}
    found = {}
    with open_database([file], app.paths) as database:
        for side in ("base", "candidate"):
            said = [rows[f"q{number}"][side] for number in range(1, len(questions) + 1)]
            found[side] = score(
                Answered(one, row["text"], failure_of(database, one, row["text"]), row["seconds"])
                for one, row in zip(questions, said, strict=True)
            )
            assert found[side].n_right == sum(row["score"] for row in said)
    kept.unlink()
    return found


def told(name: str, found: Score) -> str:
    wrong = ", ".join(f"{n} {what}" for what, n in found.failures.items())
    return (
        f"  {name:<22} {found.n_right:>3} of {found.n} = {found.share:6.1%}  95 % [{found.low:.1%}, {found.high:.1%}]"
        f"  {found.seconds / max(1, found.n):.2f} s a question  {wrong}"
    )


def one(app: App, name: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    file: Path = builder().build(name, folder / f"{name}.db")
    every = LEARN / "questions" / f"{name}.jsonl"
    suite = folder / f"{name}.jsonl"
    lines = every.read_text().splitlines()[:: given.every]
    suite.write_text("\n".join(lines) + "\n")
    questions = read_questions(suite)
    more = ["--examples", str(given.examples)] if given.examples else ["--minutes", str(given.minutes)]
    more += [word for one in given.set for word in ("--set", one)]
    command = [
        RUSHLIGHT,
        "teach",
        "database",
        file,
        "--yes",
        "--suite",
        suite,
        "--seed",
        str(given.seed),
        "--json",
        *more,
    ]
    made: dict[str, Any] = json.loads(run_program(command))
    model, adapter = made["base"], made["adapter"]
    took = made["seconds"]
    phases = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in took.items())
    start = f", begun with {made['start']}" if made["start"] else ""
    seen = f"{made['plan']['n_seen']} examples seen of {made['plan']['n_train']}, loss {made['outcome']['loss']:.3f}"
    print(f"{name}: {sum(took.values()) / 60:.1f} minutes ({phases}), {seen}{start}", flush=True)
    figures: dict[str, Any] = {"seconds": took, "passed": made["passed"], "n_seen": made["plan"]["n_seen"],
                               "start": made["start"]}  # fmt: skip
    scores = from_the_job(app, file, questions)
    sides = [("base, grammar", scores["base"]), ("adapter, grammar", scores["candidate"])]
    if not given.no_free:
        sides += [(f"{name}, free", asked(app, file, questions, model, used))
                  for name, used in (("base", ""), ("adapter", adapter))]  # fmt: skip
    for side, found in sides:
        print(told(side, found), flush=True)
        figures[side] = {"n": found.n, "right": found.n_right, "low": found.low, "high": found.high,
                         "failures": found.failures, "seconds": round(found.seconds, 1)}  # fmt: skip
    return figures


def practised(app: App) -> dict[str, Any]:
    """What the model has practised, which is in no database's minutes."""
    adapters = app.registry.adapters(PRACTICE)
    if not adapters:
        return {}
    plan = app.registry.run(max(adapters, key=lambda one: one.created_at).run_id).manifest["plan"]
    print(f"practised: {plan['n_seen']} examples, {plan['train_s'] / 60:.0f} minutes of training", flush=True)
    back = next((one for one in app.registry.adapters(WAY_BACK) if one.state == "promoted"), None)
    if back is not None:
        learned = app.registry.run(back.run_id).manifest["plan"]
        print(f"the way back: {learned['n_seen']} examples, {learned['train_s'] / 60:.0f} minutes", flush=True)
    return {"n_seen": plan["n_seen"], "train_s": plan["train_s"], "way_back": back is not None}


@contextmanager
def home_of(given: argparse.Namespace) -> Iterator[None]:
    with home_that_is_there(Path(given.home)) if given.home else own_home(demo_model()):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NAMES), metavar="DATABASE")
    parser.add_argument("--minutes", type=float, default=15.0, help="for all of teaching (default 15)")
    parser.add_argument("--examples", type=int, default=0, help="train on so many, whatever time that takes")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the training")
    parser.add_argument("--every", type=int, default=1, help="only every Nth question")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-free", action="store_true", help="leave out the answers without the grammar")
    before_it = parser.add_mutually_exclusive_group()
    before_it.add_argument("--practice", type=float, default=0.0, metavar="N", help="practise for N minutes first")
    before_it.add_argument("--home", default="", metavar="DIR", help="a home where the model has practised")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no database {unknown[0]}; there are {', '.join(NAMES)}")
    before = machine()
    with home_of(given), tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder, open_app() as app:
        if given.practice:
            run_program([RUSHLIGHT, "teach", "practice", "--minutes", str(given.practice)])
        practice = practised(app)
        found = {name: one(app, name, Path(folder), given) for name in given.names}
    shares = [one["adapter, grammar"]["right"] / one["adapter, grammar"]["n"] for one in found.values()]
    print(f"adapter under the grammar: {', '.join(f'{share:.1%}' for share in shares)}; aim {AIM:.0%}: "
          + ("met" if min(shares) >= AIM else "MISSED"))  # fmt: skip
    print(json.dumps({"bench": "teach", "machine": before, "practice": practice, "databases": found}, default=str))


if __name__ == "__main__":
    main()
