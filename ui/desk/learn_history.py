"""The history of runs: what was taught, how it went, curves of several, and the wish that runs one again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.learn_settings import said_text, value_text
from rushlight.ui.desk.learn_values import LearnWish, LessonKindName, RunCurve, RunRow, RunStep
from rushlight.ui.desk.learn_wish import MINUTES

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.jobs.job import Job
    from rushlight.assistant.learn.example import Lesson
    from rushlight.assistant.registry.values import Run

MOST_CURVES: Final = 4  # that are told apart
_MOST_RUNS: Final = 40


def history(
    app: "App", jobs: "Sequence[Job]", lessons: "Sequence[Lesson]", chosen: Sequence[str]
) -> tuple[tuple[RunRow, ...], tuple[RunCurve, ...]]:
    """The runs, the newest first, and the curves of those that are chosen."""
    by_job = {job.id: job for job in jobs}
    runs = {run.id: run for run in app.registry.runs()}
    adapters = {one.run_id: one.name for one in app.registry.adapters() if one.run_id}
    known = {one.id for one in lessons}
    ids = sorted({*by_job, *runs}, key=lambda one: -_began(by_job.get(one), runs.get(one)))[:_MOST_RUNS]
    rows, curves = [], {}
    for run_id in ids:
        job, run = by_job.get(run_id), runs.get(run_id)
        steps = _steps(app, run_id, run)
        if not steps and (job is None or job.state == "waiting"):
            continue
        title = plain_line(job.title if job is not None else run.name if run is not None else run_id)
        last = steps[-1] if steps else None
        rows.append(
            RunRow(
                run_id, title, datetime.fromtimestamp(_began(job, run)).strftime("%Y-%m-%d %H:%M"),
                "done" if job is None else job.state, adapters.get(run_id, ""), 0 if last is None else last.step,
                None if last is None else last.loss,
                next((one.held_out for one in reversed(steps) if one.held_out is not None), None),
                wish_of(_asked(job, run), _lesson(job, run, known)),
                job is not None and job.state in ("failed", "paused", "cancelled"), run_id in chosen,
            )
        )  # fmt: skip
        if run_id in chosen and steps:
            wish = rows[-1].wish
            settings = "" if wish is None or not wish.settings else f" · {plain_line(said_text(dict(wish.settings)))}"
            curves[run_id] = RunCurve(run_id, f"{title} · {rows[-1].when[5:]}{settings}", steps)
    return tuple(rows), tuple(curves[one] for one in chosen if one in curves)


def wish_of(asked: Mapping[str, Any], lesson: str) -> LearnWish | None:
    """What was asked for, to be asked for again; None where that is not known. A lesson that is there still is used as
    it stands, so that both runs are proven on the same held-out part."""
    kind: LessonKindName | None = next((one for one in get_args(LessonKindName) if one == asked.get("kind")), None)
    if kind is None:
        return None
    try:
        minutes = min(MINUTES, key=lambda one: abs(one - float(asked.get("minutes", 15))))
        settings = {str(key): value_text(value) for key, value in dict(asked.get("settings", {})).items()}
        if asked.get("examples") and not {"steps.most", "steps.epochs"} & set(settings):
            batch = int(float(settings.get("steps.batch", 8)))
            settings["steps.most"] = str(-(-int(asked["examples"]) // max(1, batch)))
        if asked.get("seed"):
            settings.setdefault("steps.seed", str(int(asked["seed"])))
        return LearnWish(
            kind, str(asked.get("model", "")), tuple(map(str, asked.get("files", ()))), minutes,
            bool(asked.get("promote", False)), lesson,
            tuple((str(field), str(name)) for field, name in dict(asked.get("columns", {})).items()),
            tuple(settings.items()), bool(settings),
        )  # fmt: skip
    except (TypeError, ValueError):
        return None  # of a later version


def toggled(chosen: str, run_id: str) -> str:
    """The chosen runs with this one, or without it; the one that was chosen first goes where there are too many."""
    ids = [one for one in chosen.split(",") if one]
    if run_id in ids:
        ids.remove(run_id)
    else:
        ids = [*ids, run_id][-MOST_CURVES:]
    return ",".join(ids)


def _steps(app: "App", run_id: str, run: "Run | None") -> tuple[RunStep, ...]:
    from rushlight.ui.desk.learn_reading import steps_of

    folders = [] if run is None or run.folder is None else [run.folder]
    for folder in [*folders, *sorted(app.paths.runs.glob(f"*-{run_id[-6:]}"), reverse=True)]:  # the last try first
        if found := steps_of(Path(folder) / "metrics.jsonl"):
            return found
    return ()


def _began(job: "Job | None", run: "Run | None") -> float:
    return job.created_at if job is not None else run.created_at if run is not None else 0.0


def _asked(job: "Job | None", run: "Run | None") -> Mapping[str, Any]:
    said = job.arguments if job is not None else run.manifest.get("asked") if run is not None else None
    return said if isinstance(said, Mapping) else {}


def _lesson(job: "Job | None", run: "Run | None", known: set[str]) -> str:
    """The lesson of the run, if it is there still."""
    result = job.result if job is not None and isinstance(job.result, dict) else {}
    made = result.get("lesson") if isinstance(result.get("lesson"), dict) else {}
    said = [str(made.get("id", "")) if isinstance(made, dict) else "", str(_asked(job, run).get("lesson", ""))]
    said += [] if run is None else [one.lesson_id for one in run.lessons]
    return next((one for one in said if one in known), "")
