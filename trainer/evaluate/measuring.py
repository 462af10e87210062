"""Base and candidate answer the items of a suite, item by item and in turn, so that a busy machine is fair to both.

Every item is written to a file before the next one: whatever happens, an evaluation goes on where it was.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rushlight import Error, Progress, Stop
from rushlight.trainer.evaluate.answerer import Answer, Answerer
from rushlight.trainer.evaluate.judge import judged
from rushlight.trainer.evaluate.scorers import Score, scorers_of
from rushlight.trainer.evaluate.suite import Item, Suite

_KEPT_CHARS: Final = 2_000  # of an answer


@dataclass(frozen=True, slots=True)
class Side:
    """One model's answer to one item."""

    score: float
    text: str
    n_tokens: int
    seconds: float
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One item as both answered it. Without a candidate both sides are the same."""

    id: str
    cluster: str
    base: Side
    candidate: Side


def run_suite(
    suite: Suite,
    base: Answerer,
    candidate: Answerer | None,
    *,
    keep: Path,
    sides: str,
    given: Mapping[str, Score] | None = None,
    judge: Answerer | None = None,
    stop: Stop | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> list[Row]:
    """Every item once. `keep` is the file of what is known so far; it counts only for this suite and these `sides`,
    which name the models' very bytes."""
    stop = stop or Stop()
    head = {"suite": suite.sha256, "sides": sides}
    rows = _kept(keep, head)
    if any(one.scorer == "judge" for one in suite.items) and (judge is None or candidate is None):
        raise Error(
            f"The suite {suite.name} has items that a model must judge, and none was named.",
            "Name one: --judge MODEL",
            kind="no-judge",
        )
    with scorers_of(suite, given) as scorers, keep.open("a", encoding="utf-8") as file:
        if not rows and keep.stat().st_size == 0:
            _write(file, head)
        for number, item in enumerate(suite.items):
            if item.id in rows:
                continue
            stop.check()
            rows[item.id] = _row(item, number, base, candidate, scorers, judge, stop)
            _write(file, asdict(rows[item.id]))
            on_progress(Progress("Evaluating", len(rows), len(suite.items), "items"))
    return [rows[item.id] for item in suite.items]


def _row(
    item: Item, number: int, base: Answerer, candidate: Answerer | None, scorers: Mapping[str, Score],
    judge: Answerer | None, stop: Stop,
) -> Row:  # fmt: skip
    cluster = item.cluster or f"\0{item.id}"
    if candidate is None:
        alone = _answered(base, item, stop)
        side = _side(alone, scorers[item.scorer](item.reference, alone.text))
        return Row(item.id, cluster, side, side)
    order = (base, candidate) if number % 2 == 0 else (candidate, base)
    first, second = (_answered(one, item, stop) for one in order)
    ours, theirs = (first, second) if number % 2 == 0 else (second, first)
    if item.scorer == "judge":
        assert judge is not None
        scores = judged(judge, item, ours.text, theirs.text, stop)
    else:
        score = scorers[item.scorer]
        scores = score(item.reference, ours.text), score(item.reference, theirs.text)
    return Row(item.id, cluster, _side(ours, scores[0]), _side(theirs, scores[1]))


def _answered(model: Answerer, item: Item, stop: Stop) -> Answer:
    if item.scorer != "choice":
        return model.answer(item, stop)
    likely = model.likelihoods(item, stop)
    best = max(range(len(likely)), key=likely.__getitem__)
    return Answer(item.choices[best])


def _side(answer: Answer, score: float) -> Side:
    if not 0.0 <= score <= 1.0:
        raise Error(f"A scorer gave {score!r}; scores lie between 0 and 1.", kind="bad-scorer")
    return Side(float(score), answer.text[:_KEPT_CHARS], answer.n_tokens, answer.seconds, answer.problem[:200])


def _write(file: Any, value: dict[str, Any]) -> None:
    file.write(json.dumps(value) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _kept(path: Path, head: dict[str, Any]) -> dict[str, Row]:
    """What was found for the same suite and models; the file is emptied where it is of others. A line that was being
    written when the process died is left out, and cut off."""
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.splitlines()
    rows: dict[str, Row] = {}
    try:
        if not lines or json.loads(lines[0]) != head:
            whole = b""
        for line in lines[1:] if whole else ():
            said = json.loads(line)
            rows[said["id"]] = Row(said["id"], said["cluster"], Side(**said["base"]), Side(**said["candidate"]))
    except (ValueError, KeyError, TypeError):
        whole, rows = b"", {}
    if whole != data or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(whole)
    return rows
