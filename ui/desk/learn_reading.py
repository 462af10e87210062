"""Looks up what the page of learning shows: in the registry, the lessons, the jobs and the folders of runs."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rushlight.assistant.registry.scopes import WAY_BACK
from rushlight.assistant.safety.plain import plain, plain_line
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    AnswerLook,
    BesideRow,
    Choice,
    ExampleRow,
    ExportRow,
    GuardRow,
    HeldOutAnswer,
    LessonRow,
    Proof,
    RunCurve,
    RunRow,
    RunStep,
    TeachJob,
)
from rushlight.ui.words import plural, text
from rushlight.ui.work.kept_steps import BACK_RUN, BACK_SAID

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.learn.example import Example, Lesson
    from rushlight.assistant.registry.values import Adapter, Evaluation, Lineage

TEACH, PRACTISE, EXPORT = "teach", "practise", "adapter-export"
_MOST_JOBS = 100
_MOST_EXPORTS = 6
_MOST_STEPS = 400  # drawn of a run: more would be narrower than a pixel
_MOST_METRICS_BYTES = 32 << 20
_MOST_ANSWERS, _MOST_LOOKS = 4, 5
_CHARS = 600  # of a text that is shown


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found."""

    models: tuple[tuple[str, str], ...]
    adapters: tuple[AdapterRow, ...]
    lessons: tuple[LessonRow, ...]
    jobs: tuple[TeachJob, ...]
    proof: Proof | None = None
    origin: tuple[tuple[str, str], ...] = ()
    before: str = ""
    examples: tuple[ExampleRow, ...] = ()
    has_more: bool = False
    steps: tuple[RunStep, ...] = ()
    answers: tuple[HeldOutAnswer, ...] = ()
    exports: tuple[ExportRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    curves: tuple[RunCurve, ...] = ()
    practised: tuple[tuple[str, str], ...] = ()  # (model, the adapter that databases begin with)
    with_way_back: tuple[str, ...] = ()  # models that have learned it


def look(app: "App", choice: Choice, n_examples: int) -> Found:
    """All lists, and what is known of what is looked at."""
    from rushlight.assistant.learn.lessons import LessonBook

    registry, book = app.registry, LessonBook(app.store)
    adapters, lessons = registry.adapters(), book.list()
    all_jobs = app.jobs.list(limit=_MOST_JOBS)
    jobs = [job for job in all_jobs if job.kind in (TEACH, PRACTISE)]
    proof, before = None, ""
    origin: tuple[tuple[str, str], ...] = ()
    steps: tuple[RunStep, ...] = ()
    answers: tuple[HeldOutAnswer, ...] = ()
    examples: tuple[ExampleRow, ...] = ()
    has_more = False
    exports: tuple[ExportRow, ...] = ()
    runs: tuple[RunRow, ...] = ()
    curves: tuple[RunCurve, ...] = ()
    if choice.kind == "adapter":
        exports = exports_of(all_jobs, choice.id)
        chosen = next((one for one in adapters if one.name == choice.id), None)
        if chosen is not None:
            lineage = registry.lineage(chosen.name)
            proof, origin = proof_of(registry.evaluation(chosen)), origin_of(lineage)
            before = _before(lineage)
            folder = None if lineage.run is None else lineage.run.folder
            steps = () if folder is None else steps_of(folder / "metrics.jsonl")
    elif choice.kind == "lesson":
        lesson = next((one for one in lessons if one.id == choice.id), None)
        if lesson is not None:
            listed = book.examples(lesson, limit=n_examples + 1)
            examples = tuple(_example(one) for one in listed[:n_examples])
            has_more = len(listed) > n_examples
    elif choice.kind == "job":
        at = next((one for one in jobs if one.id == choice.id), None)
        for folder in sorted(app.paths.runs.glob(f"*-{choice.id[-6:]}")):
            if at is None or at.kind != PRACTISE or folder.name.startswith(BACK_RUN) == _learns_back(at):
                lines = _lines_of(folder / "metrics.jsonl")
                steps, answers = _steps(lines), _answers(lines)
    elif choice.kind == "runs":
        from rushlight.ui.desk.learn_history import history

        runs, curves = history(app, jobs, lessons, tuple(filter(None, choice.id.split(","))))
    return Found(
        tuple((one.id, one.id) for one in app.catalogue.list() if not one.is_remote and one.purpose == "chat"),
        tuple(_adapter(one, registry.evaluation(one)) for one in adapters),
        tuple(_lesson(one, _taught(app, one) if choice.id == one.id else ()) for one in lessons),
        tuple(teach_job(one) for one in jobs),
        proof, origin, before, examples, has_more, steps, answers, exports, runs, curves, _practised(app),
        _with_way_back(app),
    )  # fmt: skip


def exports_of(jobs: "Sequence[Job]", adapter: str) -> tuple[ExportRow, ...]:
    """What was handed out of this adapter, or is on its way; what was cancelled is forgotten."""
    found = []
    for job in jobs:
        if job.kind != EXPORT or job.arguments.get("adapter") != adapter or job.state == "cancelled":
            continue
        proof = job.result.get("proof") if isinstance(job.result, dict) else None
        target = str(job.arguments.get("target", ""))
        found.append(
            ExportRow(
                job.id, plain_line(Path(target).name), plain_line(target), str(job.arguments.get("form", "")),
                job.state, job.fraction, plain_line(job.what), plain_line(job.message), plain_line(job.hint),
                job.is_over, str(proof.get("state", "")) if isinstance(proof, dict) else "",
            )
        )  # fmt: skip
    return tuple(found[:_MOST_EXPORTS])


def proof_of(evaluation: "Evaluation | None") -> Proof | None:
    """The evaluation's report, as far as it can be read."""
    if evaluation is None:
        return None
    report = evaluation.report
    try:
        own = report["own"]
        return Proof(
            plain_line(str(report.get("suite", ""))),
            int(own["n_items"]),
            float(own["base"]),
            float(own["candidate"]),
            _pair(own.get("base_interval"), float(own["base"])),
            _pair(own.get("candidate_interval"), float(own["candidate"])),
            (float(own["low"]), float(own["high"])),
            tuple(
                GuardRow(guard_word(str(one["name"])), bool(one["passed"]), plain_line(str(one["detail"])))
                for one in report.get("guards", ())
            ),
            tuple(
                BesideRow(_short(one["asked"]), _short(one["base"]), _short(one["candidate"]),
                          float(one["base_score"]), float(one["candidate_score"]))
                for one in report.get("examples", ())
            ),
            tuple(plain_line(str(one)) for one in report.get("reasons", ())),
            evaluation.passed,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None  # of a later version


def origin_of(lineage: "Lineage") -> tuple[tuple[str, str], ...]:
    """Where an adapter comes from, line by line."""
    adapter, run = lineage.adapter, lineage.run
    rows = [
        (text("Base"), f"{adapter.base} · {adapter.base_sha256[:8]}…"),
        (text("Works in"), adapter.scope),
        (text("Added"), _moment(adapter.created_at)),
    ]
    if run is None:
        rows.append((text("Run"), text("made elsewhere: nothing is known of what it learned from")))
    start = None if run is None else run.manifest.get("start")
    if isinstance(start, str) and start:
        rows.append((text("Went on from"), start))
    for lesson in () if run is None else run.lessons:
        rows.append(
            (
                text("Lesson"),
                plural("{name} · {count} example", "{name} · {count} examples", lesson.n_examples,
                       name=plain_line(lesson.name)),
            )
        )  # fmt: skip
        n_own = sum(one.n_examples for one in lesson.sources if one.kind in ("query", "conversation"))
        if n_own:
            rows.append(
                (
                    text("Of them"),
                    plural("{count} from what you accepted or judged", "{count} from what you accepted or judged",
                           n_own),
                )
            )  # fmt: skip
    if run is not None:
        plan = run.manifest.get("plan")
        if isinstance(plan, dict) and plan.get("n_seen"):
            rows.append((text("Trained on"), text("{n} examples", n=f"{int(plan['n_seen']):,}")))
    if adapter.licence:
        rows.append((text("Licence"), plain_line(adapter.licence)))
    return tuple((name, plain_line(words)) for name, words in rows)


def teach_job(job: "Job") -> TeachJob:
    """A teaching, with the step of the head that it has come to."""
    result = job.result if isinstance(job.result, dict) else {}
    back = result.get("way_back")
    made = back if isinstance(back, dict) and "adapter" not in result else result  # where that alone was learned
    return TeachJob(
        job.id,
        plain_line(job.title),
        job.state,
        _stage(job),
        plain_line(job.what),
        job.fraction,
        job.remaining_s,
        plain_line(job.message),
        plain_line(job.hint),
        str(made.get("adapter", "")),
        job.is_over,
        int(job.total or 0) if job.unit == "steps" and job.what.removeprefix(BACK_SAID) == "Training" else 0,
        job.kind == PRACTISE,
    )


def steps_of(path: Path) -> tuple[RunStep, ...]:
    """The lines of a run's metrics, thinned out to what can be drawn; a line that was cut off is left out."""
    return _steps(_lines_of(path))


def _steps(lines: Sequence[bytes]) -> tuple[RunStep, ...]:
    found = [one for line in lines if (one := _step(line)) is not None]
    if len(found) <= _MOST_STEPS:
        return tuple(found)
    every = len(found) / _MOST_STEPS
    kept = [found[int(i * every)] for i in range(_MOST_STEPS)]
    return (*kept[:-1], found[-1])


def answers_of(path: Path) -> tuple[HeldOutAnswer, ...]:
    """What was said to held-out questions as a run went on, question by question; the newest few times of each."""
    return _answers(_lines_of(path))


def _answers(lines: Sequence[bytes]) -> tuple[HeldOutAnswer, ...]:
    found: dict[tuple[str, str], list[AnswerLook]] = {}
    for line in lines:
        if b'"answers"' not in line:
            continue
        try:
            value = json.loads(line)
            for one in value["answers"]:
                asked, wanted, said = (_short(one[name]) for name in ("asked", "wanted", "said"))
                look = AnswerLook(int(value["step"]), said, one["said"] == one["wanted"], bool(one["whole"]))
                found.setdefault((asked, wanted), []).append(look)
        except (ValueError, KeyError, TypeError):
            continue  # of a later version
    return tuple(
        HeldOutAnswer(asked, wanted, tuple(looks[-_MOST_LOOKS:]))
        for (asked, wanted), looks in list(found.items())[:_MOST_ANSWERS]
    )


def _lines_of(path: Path) -> list[bytes]:
    """The whole lines of a file of metrics; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_METRICS_BYTES).split(b"\n")[:-1]
    except OSError:
        return []


def kind_word(kind: str) -> str:
    """A kind of lesson, for people."""
    words = {
        "database": text("a database"),
        "feedback": text("your judgements"),
        "imported": text("files of examples"),
    }
    return words.get(kind, kind)


def guard_word(name: str) -> str:
    """A guard, for people."""
    words = {
        "instructions": text("instructions"),
        "refusals-harmless": text("harmless questions"),
        "refusals-harmful": text("harmful requests"),
        "perplexity": text("perplexity"),
        "divergence": text("distance to the base"),
        "speed": text("speed"),
        "proof": text("export"),
        "served": text("what answers now"),
    }
    return words.get(name, plain_line(name))


# --- inside -----------------------------------------------------------------------------------------------------------
def _adapter(one: "Adapter", evaluation: "Evaluation | None") -> AdapterRow:
    if evaluation is None:
        note = text("not evaluated")
    elif not evaluation.passed:
        note = text("stopped")
    else:
        proof = proof_of(evaluation)
        note = "" if proof is None else f"{round(100 * proof.after)} %"
    return AdapterRow(one.name, one.scope, one.state, one.base, note, one.is_stale)


def _lesson(one: "Lesson", taught: tuple[tuple[str, str], ...]) -> LessonRow:
    return LessonRow(one.id, plain_line(one.name), one.kind, one.scope, one.n_examples, one.n_held_out, one.version,
                     one.is_stale, taught)  # fmt: skip


def _taught(app: "App", lesson: "Lesson") -> tuple[tuple[str, str], ...]:
    """Of each model that is here, the adapter that can be trained further on the lesson."""
    from rushlight.ui.work.teach_start import taught_by

    models = {one.sha256: one.id for one in app.catalogue.list() if not one.is_remote}
    found = taught_by(app, lesson).items()
    return tuple((models[sha256], adapter.name) for sha256, adapter in found if sha256 in models)


def _practised(app: "App") -> tuple[tuple[str, str], ...]:
    from rushlight.ui.work.teach_start import practised

    found = ((one.id, practised(app, one)) for one in app.catalogue.list() if not one.is_remote)
    return tuple((name, adapter.name) for name, adapter in found if adapter is not None)


def _with_way_back(app: "App") -> tuple[str, ...]:
    from rushlight.assistant.sql.prompt import BACK_FORM
    from rushlight.ui.work.teach_start import practised

    models = (one for one in app.catalogue.list() if not one.is_remote)
    return tuple(one.id for one in models if practised(app, one, BACK_FORM, WAY_BACK) is not None)


def _example(one: "Example") -> ExampleRow:
    draft = one.draft
    asked = str(draft.more.get("question") or draft.asked)
    return ExampleRow(one.id, _short(asked), _short(draft.answer), _short(draft.rejected), one.part, one.left_out)


def _before(lineage: "Lineage") -> str:
    """What serves again after a roll back of this one: "" where it does not serve."""
    if lineage.adapter.state != "promoted":
        return ""
    open_ones = [one for one in lineage.promotions if one.undone_at is None and one.adapter == lineage.adapter.name]
    newest = max(open_ones, key=lambda one: one.promoted_at, default=None)
    return lineage.adapter.base if newest is None or not newest.before else newest.before


def _learns_back(job: "Job") -> bool:
    """Whether the way back is what a practice learns now, or all that it was to learn."""
    return job.arguments.get("way_back") == "only" or (job.what.startswith(BACK_SAID) and not job.is_over)


def _stage(job: "Job") -> int:
    """Which step of the head is at work: lesson, plan, train, proof, promote."""
    if job.state == "done":
        return 4
    what = job.what.removeprefix(BACK_SAID)  # which goes through the same steps once more
    if what.startswith(("Evaluating", "Proving", "Exporting")):
        return 3
    if what.startswith("Making") or not what:
        return 0
    if what.startswith("Measuring"):
        return 1
    return 2


def _step(line: bytes) -> RunStep | None:
    try:
        value = json.loads(line)
        held_out = _number(value, "held_out")
        return RunStep(int(value["step"]), float(value["loss"]), held_out, _number(value, "rate") or 0.0,
                       _number(value, "gradient") or 0.0, _number(value, "trained_tokens_per_s") or 0.0)  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None


def _number(value: Mapping[str, Any], name: str) -> float | None:
    found = value.get(name)
    return float(found) if isinstance(found, int | float) and math.isfinite(found) else None


def _pair(value: Sequence[Any] | None, single: float) -> tuple[float, float]:
    return (single, single) if not value else (float(value[0]), float(value[1]))


def _short(words: Any) -> str:
    cleaned = plain(str(words)).strip()
    return cleaned if len(cleaned) <= _CHARS else f"{cleaned[:_CHARS]}…"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
