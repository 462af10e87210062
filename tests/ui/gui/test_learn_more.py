"""More of the page of learning: columns by hand, settings with what they cost, exports, curves over one another."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_forecast import Forecast
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    BesideRow,
    Choice,
    ExportRow,
    LearnWish,
    LessonRow,
    Proof,
    RunCurve,
    RunRow,
    RunStep,
)

ADAPTER = AdapterRow("clinic-1", "chat", "candidate", "me/m@Q4", "88 %")
LESSON = LessonRow("l1", "clinic <b>x</b>", "database", "sql:clinic", 450, 39, 2)
PROOF = Proof("s", 3, 0.1, 0.9, (0.0, 0.2), (0.8, 1.0), (0.5, 0.9), (), (), (), True)
STEPS = tuple(RunStep(n, 3.0 / n, 3.2 / n if n % 2 else None) for n in range(1, 30))
RUNS = tuple(
    RunRow(f"r{n}", f"Teach <i>{n}</i>", "2026-11-25 18:10", "failed" if n == 3 else "done", "clinic-1" if n else "",
           29, 0.1, 0.11, LearnWish("database", "me/m@Q4", (), 5, True, "l1", (), (("adapter.rank", "8"),), True),
           may_go_on=n == 3)
    for n in range(5)
)  # fmt: skip
EXPORTS = (
    ExportRow("j1", "a.gguf", "/tmp/a.gguf", "gguf", "running", 0.5, "Merging"),
    ExportRow("j2", "b", "/tmp/b", "peft", "failed", None, "", "There is <b>one</b>.", "Name another.", True),
)
FULL = Found((("me/m@Q4", "me/m@Q4"),), (ADAPTER,), (LESSON,), ())
FORECAST = Forecast(900, 80, 880, 110, 8, 1.25, (("weights", 5e8),), (("steps", 137.0),), 2.1e9, 8e9, 300.0,
                    (("adapter.rank = 8", 2e9),), True,
                    ((("<b>How many?</b>\n", False), ("SELECT 1", True)),))  # fmt: skip


@pytest.fixture
def page(frame: Any, monkeypatch: pytest.MonkeyPatch, shown_page: Callable[[Any, int, int], Any]) -> Callable[[], Any]:
    def look(_app: Any, choice: Choice, _n: int) -> Found:
        if choice.kind == "runs":
            chosen = [one for one in choice.id.split(",") if one]
            rows = tuple(replace(one, is_chosen=one.id in chosen) for one in RUNS)
            return replace(FULL, runs=rows, curves=tuple(RunCurve(one, f"run {one}", STEPS) for one in chosen))
        if choice.kind == "adapter":
            return replace(FULL, proof=PROOF, origin=(("Base", "m"),), exports=EXPORTS)
        return FULL

    monkeypatch.setattr(learn_desk, "look", look)

    def open_page() -> Any:
        from rushlight.ui.gui.pages.learn import LearnPage

        return shown_page(LearnPage(frame), 1200, 900)

    return open_page


def test_columns_are_mapped_by_hand(page: Any, qtbot: Any, tmp_path: Path) -> None:
    file = tmp_path / "faq.jsonl"
    lines = [json.dumps({"frage": f"What is {n}?", "text": f"It is <b>{n}</b>."}) for n in range(5)]
    file.write_text("\n".join(lines) + "\n")
    shown = page()
    shown.new.kinds["imported"].click()
    shown.new.ask_files = lambda: [str(file)]
    shown.new.files_button.click()
    columns = shown.new.columns
    qtbot.waitUntil(lambda: columns.isVisible() and len(columns.editors) == 2)
    assert "faq.jsonl line 1 and 4 more" in columns.problems.text() and not shown.new.teach_button.isEnabled()
    assert "Map the columns" in shown.new.missing.text()
    samples = [one.text() for one in columns.findChildren(QLabel)]
    assert any("It is <b>0</b>." in one for one in samples), "shown as it is, not read as markup"
    for name, field in (("frage", "prompt"), ("text", "answer")):
        field_box = columns.editors[name].field
        field_box.activated.emit(field_box.findData(field))
        qtbot.waitUntil(lambda field=field: any(one.field == field for one in shown.desk.state.look.columns))
    qtbot.waitUntil(lambda: shown.new.teach_button.isEnabled())
    assert "5 examples found" in columns.found.text() and "What is 0? → It is" in columns.first.text()
    assert shown.desk.wishes.arguments("m")["columns"]["prompt"] == "frage"


def test_settings_say_what_is_wrong_and_what_they_take(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    shown.desk.want(files=("/data/clinic.db",))
    expert = shown.new.expert
    assert not expert.inputs, "they are made when they are wanted"
    expert.wanted.click()
    rank, method = expert.inputs["adapter.rank"], expert.inputs["method"]
    assert rank.field.placeholderText() == "as usual: 16" and "LoRA" in method.field.itemText(0)
    rank.field.setText("0")
    rank.field.editingFinished.emit()
    assert "between 1 and 4096" in expert.problems["adapter.rank"].text() and not shown.new.teach_button.isEnabled()
    rank.field.setText("8")
    rank.field.editingFinished.emit()
    method.field.activated.emit(method.field.findData("qlora"))
    assert shown.new.teach_button.isEnabled()
    assert shown.desk.wishes.arguments("m")["settings"] == {"adapter.rank": 8, "method": "qlora"}
    planned: list[str] = []
    monkeypatch.setattr(shown.desk.wishes, "plan", planned.append)
    shown.new.forecast.plan_button.click()
    assert planned == ["me/m@Q4"]
    shown.desk.wishes.forecast = FORECAST
    shown.desk._show()
    assert "110 steps" in shown.new.forecast.summary.text()
    said = [one.text() for one in shown.new.forecast.findChildren(QLabel)]
    assert {"weights of the model", "adapter.rank = 8", "500.0 MB"} <= set(said)
    view = shown.new.forecast.examples
    assert view.isVisible() and view.toPlainText() == "<b>How many?</b>\nSELECT 1"
    formats = [view.document().findBlockByNumber(n).begin().fragment().charFormat() for n in (0, 1)]
    assert formats[0].foreground().color() != formats[1].foreground().color(), "what is learned has another colour"
    shown.desk.want(minutes=3)
    assert not shown.new.forecast.summary.isVisible(), "it was worked out for something else"
    assert not view.isVisible()


def test_an_adapter_is_exported(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    done: list[Any] = []
    monkeypatch.setattr(shown.desk, "export", lambda *given, **more: done.append((given, more)))
    monkeypatch.setattr(shown.desk, "cancel", done.append)
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: bool(shown.desk.state.exports))
    card = shown.proof.export
    said = [one.text() for one in card.findChildren(QLabel)]
    assert "a.gguf: Merging 50 %" in said and "b: There is <b>one</b>." in said and "Name another." in said
    assert not card.type.field.isVisible()
    card.form.field.activated.emit(card.form.field.findData("gguf"))
    assert card.type.field.isVisible()
    asked: list[Any] = []
    card.ask_target = lambda name, is_file: asked.append((name, is_file)) or "/tmp/x.gguf"
    card.export_button.click()
    assert asked == [("clinic-1-Q8_0.gguf", True)]
    assert done == [(("clinic-1", "gguf", Path("/tmp/x.gguf"), "Q8_0"), {"replace_it": True})]
    next(one for one in card.findChildren(QPushButton) if one.text() == "Cancel").click()
    assert done[-1] == "j1"


def test_how_far_an_export_is_stands_in_the_rows_that_are_there(page: Any, qtbot: Any) -> None:
    shown = page()
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: bool(shown.desk.state.exports))
    card, state = shown.proof.export, shown.desk.state
    cancel = card.cancel_buttons["j1"]
    shown.proof.show_state(replace(state, exports=(replace(EXPORTS[0], fraction=0.75), EXPORTS[1])))
    assert card.cancel_buttons["j1"] is cancel, "a press on it is not lost"
    words, meter = card._lines[0]
    assert words.text() == "a.gguf: Merging 75 %" and meter.accessibleDescription() == "75 %"
    over = replace(EXPORTS[0], state="done", fraction=1.0, is_over=True)
    shown.proof.show_state(replace(state, exports=(over, EXPORTS[1])))
    assert not card.cancel_buttons and card._lines[0][0].text() == "written to /tmp/a.gguf"


def test_steps_of_a_run_are_told_in_the_rows_that_are_there(page: Any, qtbot: Any) -> None:
    shown = page()
    shown.desk.choose(Choice("runs"))
    history = shown.history
    qtbot.waitUntil(lambda: len(history.boxes) == 5)
    box, state = history.boxes["r2"], shown.desk.state
    runs = tuple(replace(one, n_steps=40, loss=0.05) for one in state.runs)
    history.show_state(replace(state, runs=runs))
    assert history.boxes["r2"] is box, "the focus stays in it"
    assert "40 steps" in box.accessibleDescription() and "loss 0.050" in history._words[2][1].text()
    history.show_state(replace(state, runs=runs[1:]))
    assert list(history.boxes) == ["r1", "r2", "r3", "r4"]


def test_curves_lie_over_one_another(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    row = next(at for at in range(shown.side.list.count()) if "Runs and" in shown.side.list.item(at).text())
    shown.side.list.setCurrentRow(row)
    history = shown.history
    qtbot.waitUntil(lambda: len(history.boxes) == 5)
    for n in range(5):
        history.boxes[f"r{n}"].click()
        qtbot.waitUntil(lambda n=n: f"r{n}" in shown.desk.state.choice.id and bool(shown.desk.state.curves)
                        and shown.desk.state.curves[-1].id == f"r{n}")  # fmt: skip
    assert [one.id for one in shown.desk.state.curves] == ["r1", "r2", "r3", "r4"], "four are told apart"
    assert history.view.accessibleDescription().count("loss 3.000 to 0.103") == 4
    assert shown.side.list.currentRow() == row, "the history stays marked"
    assert not history.view.grab().isNull()
    buttons = list(history.findChildren(QPushButton))
    retried: list[str] = []
    monkeypatch.setattr(shown.desk, "retry", retried.append)
    next(one for one in buttons if one.text() == "Go on").click()
    assert retried == ["r3"] and shown.desk.state.choice == Choice("job", "r3")
    shown.desk.choose(Choice("runs"))
    qtbot.waitUntil(lambda: bool(shown.desk.state.runs))
    shown.desk.again("r1")
    assert shown.new.isVisible() and shown.new.lesson.text() == "clinic <b>x</b>"
    assert shown.new.expert.inputs["adapter.rank"].field.text() == "8" and shown.desk.state.wish.minutes == 5
    assert shown.new.teach_button.isEnabled()
    shown.new.files_again.click()
    assert not shown.new.teach_button.isEnabled() and shown.new.files_button.isVisible()


def test_long_words_have_their_room(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences that need more lines than their hint says are not cut."""
    long = BesideRow("How many? " * 9, "SELECT a FROM b WHERE c " * 30, "SELECT b " * 30, 0.0, 1.0)
    shown_proof = replace(PROOF, beside=(long,) * 8)
    monkeypatch.setattr(learn_desk, "look", lambda *_: replace(FULL, proof=shown_proof, origin=(("Base", "m"),)))
    shown = page()
    shown.resize(420, 600)
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: shown.proof._beside.count() == 24)
    qtbot.wait(50)
    labels = [shown.proof._beside.itemAt(at).widget() for at in range(24)]
    assert all(one.height() >= one.heightForWidth(one.width()) for one in labels)
