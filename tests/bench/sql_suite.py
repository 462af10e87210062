"""Execution accuracy on the SQL suite, step by step: plain, + linking, + grammar, + self-correction, + examples.

Not a benchmark of speed: `make bench` leaves it out. Every step answers the same questions; beside each figure stands
its 95 % interval (Wilson), and against the step before an exact McNemar test of the pairs.

    python tests/bench/sql_suite.py [--every N] [--model NAME_OR_FILE] [--steps plain,linking,...]
"""

import argparse
import importlib.util
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rushlight_home import demo_model, own_home

from rushlight.assistant.app import App, open_app
from rushlight.assistant.sql.asking import ask_database
from rushlight.assistant.sql.database import Database, open_database
from rushlight.assistant.sql.linking import link, stem
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.scoring import is_right

SUITE = Path(__file__).resolve().parent.parent / "assistant" / "sql" / "suite"
STEPS = ("plain", "linking", "grammar", "correction", "examples")
N_SHOTS = 3
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


def nearest(question: str, examples: list[dict[str, Any]]) -> list[Example]:
    """The examples that share most words with the question, the nearest last."""
    own = {stem(word) for word in question.lower().rstrip("?.").split()}

    def nearness(one: dict[str, Any]) -> float:
        other = {stem(word) for word in one["question"].lower().rstrip("?.").split()}
        return len(own & other) / len(own | other)

    best = sorted(examples, key=nearness)[-N_SHOTS:]
    return [Example(one["question"], one["sql"]) for one in best]


def answer(app: App, database: Database, step: str, one: dict[str, Any], examples: list[dict[str, Any]]) -> str:
    """The query of one step; "" where none could be run."""
    everything = {"max_tables": 99, "max_columns": 999} if step == "plain" else {}
    made = ask_database(
        app,
        database,
        one["question"],
        free=step in ("plain", "linking"),
        correct=step in ("correction", "examples"),
        examples=nearest(one["question"], examples) if step == "examples" else (),
        linker=(lambda known, question: link(known, question, whole=True, **everything)) if step == "plain" else link,
        seconds=LIMIT_S,
    )
    return made.sql if made.result is not None else ""


def wilson(k: int, n: int) -> tuple[float, float]:
    z, p = 1.96, k / n
    middle, spread = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + z * z / n)), min(1.0, (middle + spread) / (1 + z * z / n))


def mcnemar(before: list[bool], after: list[bool]) -> float:
    """Two-sided exact probability of so uneven a change, if nothing changed."""
    won = sum(b and not a for a, b in zip(before, after, strict=True))
    lost = sum(a and not b for a, b in zip(before, after, strict=True))
    n = won + lost
    return min(1.0, 2 * sum(math.comb(n, i) for i in range(min(won, lost) + 1)) / 2**n) if n else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth question")
    parser.add_argument("--model", type=Path, default=None, help="a GGUF file; default: the demo model")
    parser.add_argument("--steps", default=",".join(STEPS), help="which steps, by commas")
    given = parser.parse_args()
    questions, examples, build = lines("questions")[:: given.every], lines("examples"), builder()
    right: dict[str, list[bool]] = {}
    with own_home(given.model or demo_model()), tempfile.TemporaryDirectory() as folder, open_app() as app:
        for step in given.steps.split(","):
            started = time.monotonic()
            right[step] = score(
                app, step, questions, examples, lambda name: build.build(name, Path(folder, f"{name}.db"))
            )
            tell(step, right, questions, examples, time.monotonic() - started)


def score(
    app: App,
    step: str,
    questions: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    build: Callable[[str], Path],
) -> list[bool]:
    found = []
    for schema in dict.fromkeys(one["schema"] for one in questions):
        path = _BUILT.get(schema) or _BUILT.setdefault(schema, build(schema))
        own = [one for one in examples if one["schema"] == schema]
        with open_database([path], app.paths) as database:
            for one in questions:
                if one["schema"] == schema:
                    sql = answer(app, database, step, one, own)
                    found.append(bool(sql) and is_right(database, one["sql"], sql, ordered=one["ordered"]))
    return found


_BUILT: dict[str, Path] = {}


def tell(
    step: str,
    right: dict[str, list[bool]],
    questions: list[dict[str, Any]],
    examples: list[dict[str, Any]],
    took_s: float,
) -> None:
    own = right[step]
    k, n = sum(own), len(own)
    low, high = wilson(k, n)
    line = f"{step:<11} {k:>3} of {n} = {k / n:6.1%}  95 % [{low:.1%}, {high:.1%}]"
    before = list(right)[-2] if len(right) > 1 else None
    if before:
        line += f"  against {before}: p = {mcnemar(right[before], own):.3f}"
    if step == "examples":
        seen = [
            good
            for good, one in zip(own, questions, strict=True)
            if any(one["tags"] == other["tags"] for other in examples if other["schema"] == one["schema"])
        ]
        line += f"  seen skeletons: {sum(seen)} of {len(seen)}, unseen: {k - sum(seen)} of {n - len(seen)}"
    print(f"{line}  ({took_s / n:.1f} s a question)", flush=True)


if __name__ == "__main__":
    main()
