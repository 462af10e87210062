"""Execution accuracy on the SQL suite, step by step: plain, + linking, + grammar, + self-correction, + examples.

Not a benchmark of speed: `make bench` leaves it out. Question after question is answered by every step, schemas in
turn, so that whatever time there is gives pairs. Beside each figure stands its 95 % interval (Wilson), and against the
step before an exact McNemar test of the pairs. Examples are accepted before, 20 to a schema, and found by SqlMemory.
One more step, `practised`, asks as anybody is answered where the model has practised and no database was taught; it
takes a home where that was done (`--home`), and sees no examples.

    python tests/bench/sql_suite.py [--minutes N] [--model NAME_OR_FILE] [--steps plain,linking,...] [--kept FILE]
    python tests/bench/sql_suite.py --home DIR --steps grammar,practised
"""

import argparse
import hashlib
import importlib.util
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rushlight_home import demo_model, home_that_is_there, own_home

from rushlight.assistant.app import App, open_app
from rushlight.assistant.registry.scopes import PRACTICE
from rushlight.assistant.registry.values import Adapter
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.memory import SqlMemory
from rushlight.assistant.sql.scoring import is_right

SUITE = Path(__file__).resolve().parent.parent / "assistant" / "sql" / "suite"
STEPS = ("plain", "linking", "grammar", "correction", "examples")
PRACTISED = "practised"
LIMIT_S = 1.5


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SUITE / f"{name}.jsonl").read_text().splitlines()]


def builder() -> Any:
    spec = importlib.util.spec_from_file_location("sql_suite_build", SUITE / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def answer(app: App, database: Database, step: str, question: str) -> SqlAnswer:
    """What one step makes of a question."""
    if step == PRACTISED:
        used = newest_practice(app)
        return ask_database(app, database, question, lora=[used.use()], form=used.form, seconds=LIMIT_S)
    everything = {"max_tables": 99, "max_columns": 999} if step == "plain" else {}
    return ask_database(
        app,
        database,
        question,
        free=step in ("plain", "linking"),
        correct=step in ("correction", "examples"),
        memory=SqlMemory(app.store) if step == "examples" else None,
        linker=(lambda known, asked: link(known, asked, whole=True, **everything)) if step == "plain" else link,
        seconds=LIMIT_S,
    )


def newest_practice(app: App) -> Adapter:
    own = app.registry.adapters(PRACTICE)
    if not own:
        raise SystemExit("There is no practice in this home: rushlight teach practice, then --home DIR")
    return max(own, key=lambda one: one.created_at)


def wilson(k: int, n: int) -> tuple[float, float]:
    z, p = 1.96, k / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


def mcnemar(won: int, lost: int) -> float:
    """Two-sided exact probability of so uneven a change, if nothing changed."""
    n = won + lost
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(min(won, lost) + 1)) / 2**n) if n else 1.0


class Databases:
    """The ten databases, open, with the examples accepted."""

    def __init__(self, app: App, folder: Path) -> None:
        self._app, self._folder, self._build = app, folder, builder()
        self._open: dict[str, Database] = {}

    def of(self, schema: str) -> Database:
        if schema not in self._open:
            path = self._build.build(schema, self._folder / f"{schema}.db")
            self._open[schema] = database = open_database([path], self._app.paths)
            memory = SqlMemory(self._app.store)
            for one in lines("examples"):
                if one["schema"] == schema:
                    memory.accept(database, one["question"], one["sql"], "imported")
        return self._open[schema]

    def close(self) -> None:
        for one in self._open.values():
            one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, metavar="N", help="begin no question after so long")
    parser.add_argument("--model", type=Path, default=None, help="a GGUF file; default: the demo model")
    parser.add_argument("--steps", default=",".join(STEPS), help="which steps, by commas")
    parser.add_argument("--home", type=Path, default=None, help="a home where the model has practised")
    parser.add_argument("--kept", type=Path, default=None, help="answers, a JSON object a line: read and added to")
    given = parser.parse_args()
    steps = given.steps.split(",")
    found = read_kept(given.kept)
    end = time.monotonic() + 60 * given.minutes
    home = home_that_is_there(given.home) if given.home else own_home(given.model or demo_model())
    with home, tempfile.TemporaryDirectory() as folder, open_app() as app:
        databases = Databases(app, Path(folder))
        try:
            for one in in_turn(lines("questions")):
                if time.monotonic() > end:
                    break
                known = found.setdefault(one["id"], {})
                wanted = [step for step in steps if step not in known]
                if wanted:
                    known |= ask_all(app, databases.of(one["schema"]), one, wanted)
                    if given.kept:
                        with given.kept.open("a") as file:
                            file.write(json.dumps({"id": one["id"], "steps": known}) + "\n")
        finally:
            databases.close()
    report(steps, found)


def read_kept(path: Path | None) -> dict[str, dict[str, Any]]:
    """What earlier runs found: by question, by step."""
    found: dict[str, dict[str, Any]] = {}
    for line in path.read_text().splitlines() if path and path.exists() else []:
        one = json.loads(line)
        found.setdefault(one["id"], {}).update(one["steps"])
    return found


def in_turn(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One of each schema, then the next one of each; within a schema the order is by the hash of the id."""
    by_schema: dict[str, list[dict[str, Any]]] = {}
    for one in sorted(questions, key=lambda one: hashlib.sha256(one["id"].encode()).hexdigest()):
        by_schema.setdefault(one["schema"], []).append(one)
    return [one for row in zip(*(by_schema[name] for name in sorted(by_schema)), strict=True) for one in row]


def ask_all(app: App, database: Database, one: dict[str, Any], steps: list[str]) -> dict[str, Any]:
    """Every step's query for one question, and whether it is right."""
    told: dict[str, Any] = {}
    for step in steps:
        started = time.monotonic()
        made = answer(app, database, step, one["question"])
        good = made.result is not None and is_right(database, one["sql"], made.sql, ordered=one["ordered"])
        told[step] = {
            "sql": made.sql,
            "right": good,
            "ran": made.result is not None,
            "kinds": [each.kind for each in made.tries],
            "seconds": round(time.monotonic() - started, 2),
        }
    return told


def report(steps: list[str], found: dict[str, dict[str, Any]]) -> None:
    """A line for each step, and its pairs with the step before."""
    questions = {one["id"]: one for one in lines("questions")}
    skeletons = {(one["schema"], tuple(one["tags"])) for one in lines("examples")}
    seen = {name for name, one in questions.items() if (one["schema"], tuple(one["tags"])) in skeletons}
    for place, step in enumerate(steps):
        own = {name: known[step] for name, known in found.items() if step in known}
        if not own:
            continue
        line = f"{step:<11} {share([one['right'] for one in own.values()])}"
        line += f"  ran {sum(one['ran'] for one in own.values()) / len(own):.0%}"
        line += f"  seen {share([one['right'] for name, one in own.items() if name in seen])}"
        line += f"  unseen {share([one['right'] for name, one in own.items() if name not in seen])}"
        before = {name: found[name][steps[place - 1]] for name in own if place and steps[place - 1] in found[name]}
        if before:
            pairs = [(before[name]["right"], own[name]["right"]) for name in before]
            won, lost = pairs.count((False, True)), pairs.count((True, False))
            line += f"  {len(pairs)} pairs: {won} won, {lost} lost, p = {mcnemar(won, lost):.3f}"
        print(f"{line}  {sum(one['seconds'] for one in own.values()) / len(own):.1f} s a question", flush=True)


def share(good: list[bool]) -> str:
    if not good:
        return "none"
    low, high = wilson(sum(good), len(good))
    return f"{sum(good):>3} of {len(good):<3} {sum(good) / len(good):6.1%} [{low:.1%}, {high:.1%}]"


if __name__ == "__main__":
    main()
