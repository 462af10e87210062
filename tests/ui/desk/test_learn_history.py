"""The history of runs, the wish that runs one again, exports, and a plan that is worked out in the background."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.registry.values import LessonUse, NewAdapter, NewRun
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_forecast import forecast_of
from rushlight.ui.desk.learn_history import toggled, wish_of
from rushlight.ui.desk.learn_settings import parameters, said_text, usual_text
from rushlight.ui.desk.learn_values import Choice, LearnWish
from rushlight.ui.desk.learn_wish import read_wish
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.work.teach_settings import KEYS

Pump = Callable[..., None]
PLAN = {
    "examples": 90, "held_out": 8, "n_seen": 88, "n_steps": 11, "batch": 8, "step_s": 1.0, "total_bytes": 2e9,
    "available_bytes": None, "total_s": 99.0, "fits": True, "memory": [{"name": "weights", "amount": 5e8}],
    "seconds": [{"name": "steps", "amount": 11.0}], "lower": [{"setting": "adapter.rank = 8", "total_bytes": 1e9}],
}  # fmt: skip


@pytest.fixture
def desk(background: Background, own_home: Path) -> Any:
    made = LearnDesk(background, Remembered(own_home / "window.json"), SimpleNamespace(show=lambda _state: None))
    yield made
    made.close()


def metrics(folder: Path, n: int) -> Path:
    folder.mkdir(parents=True)
    lines = [json.dumps({"step": step, "loss": 1.0 / step, "held_out": 0.5}) for step in range(1, n + 1)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_runs_with_their_curves(desk: LearnDesk, desk_app: App, gguf_builder: Any, tmp_path: Path, pump: Pump) -> None:
    lesson = LessonBook(desk_app.store).create("clinic", "database", scope="sql:c")
    asked = {"kind": "database", "model": "me/m@Q4", "files": ["/c.db"], "minutes": 14.0, "promote": True}
    records = JobRecords(desk_app.store)
    failed = records.insert("teach", "Teach c.db", {**asked, "settings": {"adapter.rank": 8}}, 0)
    records.change(failed.id, {"state": "failed", "message": "x"})
    metrics(desk_app.paths.runs / f"abc-{failed.id[-6:]}", 9)
    use = LessonUse(lesson.id, 1, "clinic", "database", "s", 3)
    run = desk_app.registry.add_run(
        NewRun("old-job", "old", "b" * 64, "me/m@Q4", (use,), metrics(tmp_path / "run", 30), {"asked": asked})
    )
    file = gguf_builder.tiny_lora_gguf(tmp_path / "a.gguf")
    desk_app.registry.add_adapter(NewAdapter(file, "sql:c", "b" * 64, "me/m@Q4", name="mine", run_id=run.id))
    desk.choose(Choice("runs"))
    pump(lambda: len(desk.state.runs) == 2)
    by_id = {one.id: one for one in desk.state.runs}
    old, new = by_id["old-job"], by_id[failed.id]
    assert old.adapter == "mine" and old.n_steps == 30 and old.held_out == 0.5 and not old.may_go_on
    assert old.wish == LearnWish("database", "me/m@Q4", ("/c.db",), 15, True, lesson.id)
    assert new.may_go_on and new.wish is not None and new.wish.settings == (("adapter.rank", "8"),)
    desk.toggle_run(failed.id)
    desk.toggle_run("old-job")
    pump(lambda: len(desk.state.curves) == 2)
    assert [len(one.steps) for one in desk.state.curves] == [9, 30]
    desk.again("old-job")
    assert desk.state.choice == Choice() and desk.state.wish.lesson == lesson.id
    desk.want(files=("/d.db",))
    assert not desk.state.wish.lesson, "other files make another lesson"


def test_what_was_asked_becomes_a_wish() -> None:
    wish = wish_of({"kind": "imported", "model": "m", "files": ["a"], "examples": 60, "columns": {"prompt": "q"},
                    "settings": {"steps.share": False, "steps.rate": 1e-4}, "seed": 3}, "")  # fmt: skip
    assert wish is not None and dict(wish.columns) == {"prompt": "q"} and wish.is_expert
    assert dict(wish.settings) == {"steps.share": "false", "steps.rate": "0.0001", "steps.most": "8", "steps.seed": "3"}
    assert wish_of({}, "") is None and wish_of({"kind": "feedback", "minutes": "soon"}, "") is None
    assert toggled("", "a") == "a" and toggled("a,b", "a") == "b" and toggled("a,b,c,d", "e") == "b,c,d,e"
    kept = {"kind": "imported", "columns": {"prompt": "q"}, "settings": {"adapter.rank": "8"}, "is_expert": True}
    assert read_wish(kept).columns == (("prompt", "q"),) and read_wish({"settings": ["x"]}) == LearnWish()


def test_every_setting_has_its_words() -> None:
    known = [one.key for one in parameters()]
    assert sorted(known) == sorted(KEYS) and all(one.hint and one.title and one.group for one in parameters())
    for kind in ("database", "feedback", "imported"):
        for key in known:
            usual_text(kind, key)  # type: ignore[arg-type]  # each is there
    assert usual_text("database", "adapter.rank") == "16" and usual_text("imported", "steps.epochs") == ""
    assert said_text({"adapter.rank": "8", "method": "qlora", "odd": "1"}) == "Rank 8 · Method QLoRA · odd 1"


def test_a_plan_is_worked_out(desk: LearnDesk, desk_model: Any, pump: Pump, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    job = SimpleNamespace(id="p1", what="Measuring this machine", is_over=True, state="done", result=PLAN)
    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", lambda _jobs, *given: begun.append(given) or job)
    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.follow", lambda _jobs, _id, _stop: iter([job]))
    desk.refresh()
    pump(lambda: bool(desk.state.models))
    desk.want(files=("/c.db",), settings=(("adapter.rank", "8"),))
    desk.plan()
    pump(lambda: desk.state.forecast is not None)
    kind, arguments = begun[0]
    assert kind == "teach-plan" and arguments["settings"] == {"adapter.rank": 8}
    assert desk.state.forecast == forecast_of(PLAN) and forecast_of({"examples": 1}) is None
    desk.set("adapter.rank", "")
    assert desk.state.forecast is None and not desk.state.wish.settings


def test_exports_of_an_adapter_are_followed(
    desk: LearnDesk, desk_app: App, gguf_builder: Any, tmp_path: Path, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = gguf_builder.tiny_lora_gguf(tmp_path / "a.gguf")
    desk_app.registry.add_adapter(NewAdapter(file, "chat", "b" * 64, "me/m@Q4", name="mine"))
    records = JobRecords(desk_app.store)

    def start(_jobs: Any, kind: str, arguments: dict[str, Any]) -> Any:
        job = records.insert(kind, "Export", arguments, 0)
        records.change(job.id, {"state": "done", "result": json.dumps({"proof": {"state": "passed"}})})
        return job

    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", start)
    desk.show_adapter("mine")
    desk.export("mine", "gguf", tmp_path / "b.gguf", "Q8_0", replace_it=True)
    pump(lambda: any(one.is_over for one in desk.state.exports))  # its job is seen from where it begins
    (one,) = desk.state.exports
    assert one.proof == "passed" and one.path == str(tmp_path / "b.gguf") and one.is_over
