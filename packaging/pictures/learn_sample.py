"""What was taught, for the pictures of the Learn page: lessons made here, and runs as recorded in learned.json.

They are real teachings of the demo model on two cores: of the hotel of the SQL suite in 15 minutes; of the clinic of
`sql_sample.py` in 60 steps, and once more with another rank; and the plan for the clinic. Only the adapters, of
megabytes, are not kept: a tiny one stands in their place, which no picture loads.
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rushlight.assistant.app import App
from rushlight.assistant.jobs.job import Job
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.learn.example import Lesson, content_hash
from rushlight.assistant.learn.kinds.database import DatabaseLesson, examples_for
from rushlight.assistant.learn.kinds.kind import make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.registry.values import LessonUse, NewAdapter, NewRun, Source
from rushlight.assistant.sql.database import open_database

RECORDED = Path(__file__).with_name("learned.json")
_TESTS = Path(__file__).resolve().parents[2] / "tests"
_UNDER_WAY = 42  # steps of the run that is shown part of the way
PLANNED = (("adapter.rank", "8"), ("keep.validate_every", "25"))  # the settings that the forecast is of
COLUMNS = ("step", "loss", "held_out", "rate", "gradient", "trained_tokens_per_s")


def taught(app: App, clinic: str, folder: Path) -> dict[str, str]:
    """Lessons, their runs, adapters, and a file of examples; ids by name."""
    recorded = json.loads(RECORDED.read_text())
    hotel = folder / "hotel.db"
    _module("build", _TESTS / "assistant" / "sql" / "suite" / "build.py").build("hotel", hotel)
    small = _lesson(app, clinic, 480)
    app.registry.promote(_proven(app, small, clinic, recorded["clinic"], folder))
    _curve_only(app, small, recorded["again"])
    large = _lesson(app, str(hotel), 0)
    _proven(app, large, str(hotel), recorded["hotel"], folder)
    under_way = _job(app, clinic, recorded["clinic"], is_done=False)
    _metrics(app, under_way.id, recorded["clinic"]["metrics"][:_UNDER_WAY], recorded["clinic"].get("answers"))
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in _FAQ) + '{"ask": "When do you open?", "reply": \n')
    return {"lesson": large.id, "teaching": under_way.id, "examples": str(file)}


def forecast() -> dict[str, Any]:
    """What the job that plans found for the clinic, where it was recorded."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())["forecast"]
    return found


def _lesson(app: App, file: str, n_examples: int) -> Lesson:
    """As large as that of the recorded teaching, and made by the rules of today."""
    book = LessonBook(app.store)
    with open_database([file], app.paths) as database:
        lesson = make_lesson(book, DatabaseLesson(database, None, n=examples_for(15.0, n_examples)))
    return book.split(lesson, share=0.08, most=120)


def _curve_only(app: App, lesson: Lesson, run: dict[str, Any]) -> None:
    """One of which no more is kept than how it went."""
    base = app.model()
    asked = {**run["asked"], "lesson": lesson.id, "model": base.id}
    place, manifest = _metrics(app, "again", run["metrics"]), {"plan": run["plan"], "asked": asked}
    app.registry.add_run(NewRun("again", f"Teach {lesson.name}", base.sha256, base.id, (), place, manifest))


def _proven(app: App, lesson: Lesson, file: str, run: dict[str, Any], folder: Path) -> str:
    """One that came to its end, with the adapter that came of it; the name of that."""
    base = app.model()
    learned = [one for one in LessonBook(app.store).examples(lesson) if one.part == "train"]
    use = LessonUse(lesson.id, lesson.version, lesson.name, "database", content_hash(learned), len(learned),
                    (Source("database", lesson.name, len(learned)),))  # fmt: skip
    job = _job(app, file, run, is_done=True)
    place = _metrics(app, job.id, run["metrics"])
    manifest = {"plan": run["plan"]}
    made = app.registry.add_run(NewRun(job.id, lesson.name, base.sha256, base.id, (use,), place, manifest))
    tiny = _module("gguf_builder", _TESTS / "gguf_builder.py").tiny_lora_gguf(folder / f"{lesson.name}-adapter.gguf")
    adapter = app.registry.add_adapter(
        NewAdapter(tiny, lesson.scope, base.sha256, base.id, form=lesson.form, licence="apache-2.0", run_id=made.id)
    )
    report = run["report"]
    app.registry.record_evaluation(
        adapter, suite=report["suite"], suite_sha256="", passed=bool(report["passed"]), report=report
    )
    result = {"adapter": adapter.name, "lesson": {"id": lesson.id}}
    JobRecords(app.store).change(job.id, {"result": json.dumps(result)})
    return adapter.name


def _job(app: App, file: str, run: dict[str, Any], *, is_done: bool) -> Job:
    """A teaching in the store. One that is on its way is paused there, or the host would go on with it."""
    records = JobRecords(app.store)
    asked = {**run["asked"], "files": [file], "model": app.model().id}
    job = records.insert("teach", f"Teach {Path(file).name}", asked, 0)
    if is_done:
        records.change(job.id, {"state": "done", "started_at": job.created_at, "ended_at": job.created_at + 900})
    else:
        n_steps = float(run["plan"]["n_steps"])
        records.change(job.id, {"state": "paused", "what": "Training", "done": float(_UNDER_WAY), "total": n_steps,
                                "unit": "steps", "started_at": job.created_at})  # fmt: skip
    return job


def _metrics(
    app: App, run_id: str, lines: list[list[float | None]], answers: Mapping[str, Any] | None = None
) -> Path:  # fmt: skip
    folder = app.paths.runs / f"recorded-{run_id[-6:]}"
    folder.mkdir(parents=True)
    said: list[dict[str, Any]] = [dict(zip(COLUMNS, one, strict=True)) for one in lines]
    for one in said:
        if str(one["step"]) in (answers or {}):
            one["answers"] = (answers or {})[str(one["step"])]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in said))
    return folder


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_FAQ = [
    {"ask": "May I bring my dog?", "reply": "Guide dogs are welcome; others wait with our porter.", "tone": "warm"},
    {"ask": "Where do I park?", "reply": "Behind the house, the first hour is free.", "tone": "short"},
    {"ask": "Can I move my appointment?", "reply": "Yes, up to the evening before, by phone.", "tone": "short"},
    {"ask": "Do you treat children?", "reply": "From the first day on, with Dr. 4 and Dr. 9.", "tone": "warm"},
]
