"""The desk of learning: what it finds in the registry, the lessons and the runs, and what it changes there."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.learn.example import Draft, Origin, Turn
from rushlight.assistant.learn.kinds.practice import PracticeLesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.registry.values import NewAdapter
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_reading import answers_of, proof_of, steps_of
from rushlight.ui.desk.learn_values import Choice, LearnState, LearnWish
from rushlight.ui.desk.learn_wish import read_wish
from rushlight.ui.desk.remembered import Remembered

Pump = Callable[..., None]
REPORT = {
    "suite": "held out", "passed": True, "reasons": [],
    "own": {"n_items": 40, "base": 0.1, "candidate": 0.9, "difference": 0.8, "low": 0.6, "high": 0.9, "chance": 0.0,
            "base_interval": [0.0, 0.2], "candidate_interval": [0.8, 0.96]},
    "guards": [{"name": "speed", "passed": True, "detail": "as fast"}],
    "examples": [{"id": "a", "asked": "How many\x1b[31m?", "base": "x", "candidate": "y", "base_score": 0.0,
                  "candidate_score": 1.0}],
}  # fmt: skip


@pytest.fixture
def desk(background: Background, own_home: Path) -> Iterator[LearnDesk]:
    class Seen:
        def show(self, state: LearnState) -> None:
            pass

    made = LearnDesk(background, Remembered(own_home / "window.json"), Seen())
    yield made
    made.close()


@pytest.fixture
def proven(desk_app: App, gguf_builder: Any, tmp_path: Path) -> str:
    """An adapter that the gate lets through; its name."""
    path = tmp_path / "adapter.gguf"
    gguf_builder.tiny_lora_gguf(path)
    adapter = desk_app.registry.add_adapter(NewAdapter(path, "chat", "b" * 64, "me/m@Q4", name="mine"))
    desk_app.registry.record_evaluation(adapter, suite="held out", suite_sha256="", passed=True, report=REPORT)
    return adapter.name


def test_an_adapter_is_promoted_and_rolled_back(desk: LearnDesk, desk_app: App, proven: str, pump: Pump) -> None:
    desk.refresh()
    pump(lambda: not desk.state.is_loading)
    assert [(one.name, one.note) for one in desk.state.adapters] == [("mine", "90 %")]
    desk.show_adapter(proven)
    pump(lambda: desk.state.proof is not None)
    proof = desk.state.proof
    assert proof is not None and proof.has_passed and proof.n_items == 40 and proof.guards[0].is_kept
    assert "\x1b" not in proof.beside[0].asked, "no escape reaches a terminal"
    desk.promote(proven)
    pump(lambda: desk.state.adapter is not None and desk.state.adapter.state == "promoted")
    assert desk.state.before == "me/m@Q4" and "serves chat" in desk.state.notice
    desk.roll_back(proven)
    pump(lambda: desk.state.adapter is not None and desk.state.adapter.state != "promoted")
    assert desk_app.registry.promoted("chat") is None


def test_what_was_not_evaluated_is_refused_in_words(desk: LearnDesk, desk_app: App, proven: str, pump: Pump) -> None:
    desk_app.store.execute("DELETE FROM evaluations")
    desk.promote(proven)
    pump(lambda: bool(desk.state.problem))
    assert desk.state.hint and not desk.state.is_busy
    desk.dismiss()
    assert not desk.state.problem


def test_a_lesson_is_corrected(desk: LearnDesk, desk_app: App, pump: Pump) -> None:
    book = LessonBook(desk_app.store)
    lesson = book.create("letters", "feedback", scope="chat")
    drafts = [Draft(prompt=(Turn("user", f"Write {n}"),), answer=f"Dear {n}", origins=(Origin("conversation", "c1"),))
              for n in range(3)]  # fmt: skip
    book.add(lesson, drafts)
    desk.choose(Choice("lesson", lesson.id))
    pump(lambda: len(desk.state.examples) == 3)
    first = desk.state.examples[0]
    desk.correct(first.id, "Dear all")
    pump(lambda: any(one.answer == "Dear all" for one in desk.state.examples))
    desk.leave_out(first.id, True)
    pump(lambda: any(one.is_left_out for one in desk.state.examples))
    desk.remove_lesson(lesson.id)
    pump(lambda: not desk.state.lessons)
    assert desk.state.choice == Choice()


@pytest.fixture
def write_lesson(desk_app: App) -> Callable[[str], str]:
    """write_lesson("letters"): a lesson of three examples; its id."""

    def write(name: str) -> str:
        book = LessonBook(desk_app.store)
        lesson = book.create(name, "feedback", scope="chat")
        book.add(lesson, [Draft(prompt=(Turn("user", f"Write {name} {n}"),), answer=f"Dear {n}") for n in range(3)])
        return lesson.id

    return write


def test_a_correction_goes_to_the_lesson_that_it_was_written_for(
    desk: LearnDesk, write_lesson: Callable[[str], str], pump: Pump
) -> None:
    letters, poems = write_lesson("letters"), write_lesson("poems")
    desk.choose(Choice("lesson", letters))
    pump(lambda: len(desk.state.examples) == 3)
    first = desk.state.examples[0]
    desk.choose(Choice("lesson", poems))  # while it is written
    desk.correct(first.id, "Dear all", letters)
    pump(lambda: not desk.state.is_busy)
    assert not desk.state.problem and desk.state.notice.startswith("letters is version")
    desk.choose(Choice("lesson", letters))
    pump(lambda: any(one.answer == "Dear all" for one in desk.state.examples))


def test_one_thing_at_a_time(
    desk: LearnDesk, write_lesson: Callable[[str], str], desk_model: Any, background: Background, pump: Pump,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    letters = write_lesson("letters")
    desk.refresh()
    pump(lambda: bool(desk.state.models and desk.state.lessons))
    given: list[Any] = []
    monkeypatch.setattr(background, "task", lambda *work: given.append(work))
    desk.teach_again(letters)
    assert desk.state.is_busy and not desk.state.notice
    desk.teach_again(letters)
    assert len(given) == 1, "one training, also where T is pressed twice"
    assert desk.state.notice == "Wait: what was begun before is not done yet."
    desk._notice = ""
    desk.remove_lesson(letters)
    assert desk.state.notice == "Wait: what was begun before is not done yet."


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The jobs that were to be started: none is."""
    found: list[Any] = []

    def start(_jobs: Any, *given: Any) -> Any:
        found.append(given)
        return SimpleNamespace(id="job123")

    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", start)
    return found


def test_a_job_is_begun_with_what_is_wanted(desk: LearnDesk, pump: Pump, begun: list[Any], desk_model: Any) -> None:
    desk.refresh()
    pump(lambda: bool(desk.state.models))
    desk.teach()
    assert not desk.state.is_busy, "no file was chosen"
    desk.want(files=("~/clinic.db",), minutes=5, promotes=False)
    desk.teach()
    pump(lambda: desk.state.choice == Choice("job", "job123"))
    kind, arguments = begun[0]
    assert kind == "teach" and arguments["files"] == [str(Path("~/clinic.db").expanduser())]
    assert arguments["minutes"] == 5.0 and arguments["promote"] is False and arguments["model"] == desk_model.id


def test_a_practice_is_begun_and_found(
    desk: LearnDesk, desk_app: App, gguf_builder: Any, tmp_path: Path, pump: Pump, begun: list[Any],
    desk_model: Any,
) -> None:  # fmt: skip
    desk.refresh()
    pump(lambda: bool(desk.state.models))
    assert desk.state.can_practise and not desk.state.practised
    desk.want(kind="feedback")
    desk.practise()
    assert not begun, "chats are not learned from made-up databases"
    desk.want(kind="database")
    desk.practise()
    pump(lambda: desk.state.choice == Choice("job", "job123"))
    assert begun == [("practise", {"model": desk_model.id, "way_back": "without"})]
    file = gguf_builder.tiny_lora_gguf(tmp_path / "practised.gguf")
    desk_app.registry.add_adapter(
        NewAdapter(file, "sql:practice", desk_model.sha256, desk_model.id, form=PracticeLesson.form)
    )
    desk.choose(Choice())
    desk.refresh()
    pump(lambda: desk.state.practised == "practice-1")
    desk.practise()
    pump(lambda: len(begun) == 2)
    assert begun[1][1]["way_back"] == "only", "that is what it has not learned yet"
    desk_app.registry.add_adapter(NewAdapter(file, "sql:way-back", desk_model.sha256, desk_model.id, form="sql-back-1"))
    desk.choose(Choice())
    desk.refresh()
    pump(lambda: desk.state.has_way_back)
    assert not desk.state.learns_way_back
    desk.choose(Choice("adapter", "practice-1"))
    pump(lambda: desk.state.adapter is not None and desk.state.adapter.is_practice)


def test_metrics_are_read_as_far_as_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": n, "loss": 1.0 / n, "rate": 0.1}) for n in range(1, 2001)]
    path.write_text(
        "\n".join([*lines[:3], "{broken", json.dumps({"step": 4, "loss": "x"}), *lines[4:]]) + '\n{"step": 9'
    )
    steps = steps_of(path)
    assert len(steps) == 400 and (steps[0].step, steps[-1].step) == (1, 2000)
    assert steps_of(tmp_path / "none") == ()


def test_answers_to_what_is_held_out_are_gathered_by_question(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"

    def line(step: int, *said: str) -> str:
        answers = [{"asked": f"q{n}\x1b[31m", "wanted": "SELECT 1", "said": one, "whole": one != "SEL"}
                   for n, one in enumerate(said)]  # fmt: skip
        return json.dumps({"step": step, "loss": 1.0, "answers": answers})

    later = json.dumps({"step": 9, "loss": 1.0, "answers": [{"other": 1}]})
    path.write_text("\n".join([line(10, "SEL", "x"), line(20, "SELECT 1"), later, line(30, "SELECT 1", "y"), ""]))
    first, second = answers_of(path)
    assert first.asked == "q0" and [look.step for look in first.looks] == [10, 20, 30]
    assert [look.is_right for look in first.looks] == [False, True, True] and not first.looks[0].is_whole
    assert [look.said for look in second.looks] == ["x", "y"]
    assert answers_of(tmp_path / "none") == ()


def test_reports_of_a_later_version_and_kept_wishes() -> None:
    class Strange:
        def __init__(self) -> None:
            self.report, self.passed = {"own": {}}, True

    assert proof_of(Strange()) is None  # type: ignore[arg-type]
    assert read_wish({"kind": "imported", "files": ["a"], "minutes": 7, "promotes": 1}) == LearnWish(
        "imported", "", ("a",)
    )
    assert read_wish("junk") == LearnWish()
