"""The page of learning: what is taught, watched, proven, promoted, rolled back; a lesson that is corrected."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    AnswerLook,
    BesideRow,
    Choice,
    ExampleRow,
    GuardRow,
    HeldOutAnswer,
    LessonRow,
    Proof,
    RunStep,
    TeachJob,
)

ADAPTER = AdapterRow("clinic-1", "sql:clinic", "candidate", "me/m@Q4", "88 %")
LESSON = LessonRow("l1", "clinic <b>x</b>", "database", "sql:clinic", 450, 39, 2)
JOB = TeachJob("job123", "Teach clinic.db", "running", 2, "Training", 0.5, 80.0)
PROOF = Proof(
    "held out", 39, 0.03, 0.88, (0.0, 0.1), (0.75, 0.95), (0.7, 0.95), (GuardRow("speed", True, "0.97 of the base"),),
    (BesideRow("How <i>many</i>?", "To find", "SELECT 1", 0.0, 1.0),), (), True,
)  # fmt: skip
EXAMPLES = (ExampleRow("e1", "How many?", "SELECT 1", part="held_out"), ExampleRow("e2", "Who?", "SELECT 2"))
ANSWERS = (HeldOutAnswer("How many?", "SELECT 1", (AnswerLook(10, "<b>SEL</b>", False, False),
                                                   AnswerLook(20, "SELECT 1", True))),)  # fmt: skip
STEPS = tuple(RunStep(n, 3.0 / n, 3.2 / n if n % 2 else None, 1e-4, 1.0, 400.0) for n in range(1, 30))
EMPTY = Found((), (), (), ())
FULL = Found((("me/m@Q4", "me/m@Q4"),), (ADAPTER,), (LESSON,), (JOB,))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """What the desk finds, with what belongs to the choice."""
    holder = [FULL]

    def look(_app: Any, choice: Choice, _n: int) -> Found:
        match choice.kind:
            case "adapter":
                return replace(holder[0], proof=PROOF, origin=(("Base", "me/m@Q4"),), before="me/m@Q4", steps=STEPS)
            case "lesson":
                return replace(holder[0], examples=EXAMPLES, has_more=True)
            case "job":
                return replace(holder[0], steps=STEPS, answers=ANSWERS)
        return holder[0]

    monkeypatch.setattr(learn_desk, "look", look)
    return holder


@pytest.fixture
def page(frame: Any, found: list[Found], shown_page: Callable[[Any, int, int], Any]) -> Callable[[], Any]:
    def open_page() -> Any:
        from rushlight.ui.gui.pages.learn import LearnPage

        return shown_page(LearnPage(frame), 1200, 900)

    return open_page


def test_an_empty_page_leads_to_a_model(page: Any, found: list[Found], frame: Any) -> None:
    found[0] = EMPTY
    shown = page()
    assert shown.empty.isVisible() and not shown.new.isVisible()
    shown.empty.buttons[0].click()
    assert frame.shown_pages == ["models"] and frame.ran == ["models.get"]


@pytest.mark.parametrize("kind", ["database", "feedback", "imported"])
def test_at_300_percent_what_is_new_is_not_out_of_sight(page: Any, theme: Any, qtbot: Any, kind: str) -> None:
    """A window of 1,000 pixels leaves a page about 770."""
    shown = page()
    shown.new.kinds[kind].click()
    theme.set_scale(3.0)
    try:
        shown.resize(770, 700)
        bar = shown._column.horizontalScrollBar()
        qtbot.waitUntil(lambda: shown.width() == 770 and bar.maximum() == 0)
        shown.new.expert.wanted.click()
        qtbot.waitUntil(lambda: shown.desk.state.wish.is_expert)
        qtbot.waitUntil(lambda: bar.maximum() == 0)
        assert shown.new.promotes.accessibleName() == "Let it serve if the gate lets it through"
    finally:
        theme.set_scale(1.0)


def test_what_is_to_be_taught_is_chosen_and_begun(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    assert not shown.new.teach_button.isEnabled(), "no file yet"
    shown.new.ask_files = lambda: ["/data/clinic.db"]
    shown.new.files_button.click()
    assert shown.new.files.text() == "clinic.db" and shown.new.teach_button.isEnabled()
    shown.new.time.setValue(0)
    assert shown.desk.state.wish.minutes == 3
    shown.new.promotes.click()
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(shown.desk, "_start", begun.append)
    shown.new.teach_button.click()
    assert begun == [
        {"kind": "database", "model": "me/m@Q4", "files": ["/data/clinic.db"], "minutes": 3.0, "promote": False}
    ]
    shown.new.kinds["feedback"].click()
    assert not shown.new.files.isVisible() and shown.new.teach_button.isEnabled()


def test_what_is_seen_is_taught_by_its_key(page: Any, frame: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(shown.desk, "_start", begun.append)
    frame.run_action("learn.start")
    assert frame.told[-1][0] == "Choose a model and what it learns from first"
    shown.desk.want(files=("/data/clinic.db",))  # the wizard could begin from now on
    shown.desk.choose(Choice("lesson", LESSON.id))
    frame.run_action("learn.start")
    assert [one.get("lesson") for one in begun] == ["l1"]
    shown.desk.show_adapter("clinic-1")
    frame.run_action("learn.start")
    assert shown.desk.state.choice == Choice() and len(begun) == 1, "the wish is shown before it is begun"
    frame.run_action("learn.start")
    assert begun[1]["files"] == ["/data/clinic.db"]


def test_a_setting_that_is_just_typed_counts(
    page: Any, frame: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = page()
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(shown.desk, "_start", begun.append)
    shown.desk.want(files=("/data/clinic.db",))
    shown.new.expert.wanted.click()
    rank = shown.new.expert.inputs["adapter.rank"].field
    shown.activateWindow()
    qtbot.waitUntil(lambda: shown.isActiveWindow() and rank.isVisible())
    rank.setFocus()
    qtbot.waitUntil(rank.hasFocus)
    QTest.keyClicks(rank, "0")
    frame.run_action("learn.start")
    assert "between 1 and 4096" in frame.told[-1][0] and not begun and rank.hasFocus()
    QTest.keyClick(rank, Qt.Key.Key_Backspace)
    QTest.keyClicks(rank, "8")
    frame.run_action("learn.start")
    assert [one["settings"] for one in begun] == [{"adapter.rank": 8}]


def test_a_model_practises_before_databases(
    page: Any, found: list[Found], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = page()
    assert "has not practised yet" in shown.new.practice.text() and shown.new.practise_button.text() == "Practise first"
    begun: list[Any] = []
    monkeypatch.setattr(shown.desk, "_start", lambda arguments, kind="teach": begun.append((kind, arguments)))
    shown.new.practise_button.click()
    assert begun == [("practise", {"model": "me/m@Q4", "way_back": "without"})]
    shown.new.kinds["feedback"].click()
    assert not shown.new.practice.isVisible() and not shown.new.practise_button.isVisible()

    at_it = TeachJob("job777", "Practise m", "running", 2, "Training", 0.5, 80.0, is_practice=True)
    found[0] = replace(FULL, jobs=(at_it,))
    shown.desk.refresh()
    shown.new.kinds["database"].click()
    qtbot.waitUntil(lambda: "is practising" in shown.new.practice.text())
    assert not shown.new.practise_button.isVisible()
    shown.desk.choose(Choice("job", at_it.id))
    qtbot.waitUntil(lambda: shown.run.isVisible())
    chips = [chip.text() for chip in shown.run.stages.chips if chip.isVisible()]
    assert chips == ["✓ Examples", "✓ Plan", "3 Train", "4 Proof", "5 Promote"]

    practice = AdapterRow("practice-1", "sql:practice", "candidate", "me/m@Q4", "")
    over = replace(at_it, state="done", stage=4, is_over=True, adapter="practice-1")
    found[0] = replace(FULL, adapters=(ADAPTER, practice), jobs=(over,), practised=(("me/m@Q4", "practice-1"),))
    shown.desk.refresh()
    qtbot.waitUntil(lambda: shown.run.see_button.isVisible())
    assert shown.run.see_button.text() == "See the proof"
    chips = [chip.text() for chip in shown.run.stages.chips if chip.isVisible()]
    assert chips == ["✓ Examples", "✓ Plan", "✓ Train", "✓ Proof", "5 Promote"]
    shown.run.see_button.click()
    qtbot.waitUntil(lambda: "databases that nobody taught" in shown.proof.what_then.text())
    assert shown.proof.promote_button.isEnabled() and "begins with this" in shown.proof.what_then.text()
    found[0] = replace(found[0], adapters=(ADAPTER, replace(practice, state="promoted")))
    shown.desk.refresh()
    qtbot.waitUntil(lambda: "It answers questions to databases that nobody taught" in shown.proof.what_then.text())
    assert shown.proof.back_button.isVisible() and not shown.proof.promote_button.isVisible()
    shown.desk.choose(Choice())
    qtbot.waitUntil(lambda: "practice-1" in shown.new.practice.text())
    assert shown.new.practise_button.text() == "Learn the way back"
    found[0] = replace(found[0], with_way_back=("me/m@Q4",))
    shown.desk.refresh()
    qtbot.waitUntil(lambda: shown.new.practise_button.text() == "Practise again")


def test_a_job_is_watched(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    ordered: list[tuple[str, str]] = []
    for name in ("pause", "cancel", "resume"):
        monkeypatch.setattr(shown.desk, name, lambda job_id, name=name: ordered.append((name, job_id)))
    shown.desk.choose(Choice("job", JOB.id))
    qtbot.waitUntil(lambda: bool(shown.desk.state.steps))
    assert shown.run.isVisible() and not shown.new.isVisible()
    assert [chip.text() for chip in shown.run.stages.chips][:3] == ["✓ Lesson", "✓ Plan", "3 Train"]
    labels = [one.text() for one in shown.run.now.findChildren(QLabel)]
    assert "29" in labels and "400 tokens/s" in labels
    assert "Step 1 to 29" in shown.run.curve.accessibleDescription()
    said = [one.text() for one in shown.run.answers.findChildren(QLabel)]
    assert said[1:] == ["How many?", "wanted: SELECT 1", "step 10: <b>SEL</b>…", "step 20: SELECT 1 ✓"]
    assert all(one.textFormat() == Qt.TextFormat.PlainText for one in shown.run.answers.findChildren(QLabel))
    shown.run.pause_button.click()
    shown.run.cancel_button.click()
    assert ordered == [("pause", JOB.id), ("cancel", JOB.id)]
    assert not shown.run.see_button.isVisible() and not shown.run.retry_button.isVisible()


def test_a_proof_is_shown_and_promoted(
    page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, found: list[Found]
) -> None:
    shown = page()
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(shown.desk, "promote", lambda name: done.append(("promote", name)))
    monkeypatch.setattr(shown.desk, "roll_back", lambda name: done.append(("back", name)))
    row = next(at for at in range(shown.side.list.count()) if "clinic-1" in shown.side.list.item(at).text())
    shown.side.list.setCurrentRow(row)
    qtbot.waitUntil(lambda: shown.desk.state.proof is not None)
    assert shown.proof.isVisible() and "3 % → 88 % right" in shown.proof.share.text()
    assert "39 held-out questions" in shown.proof.own.title.text()
    shown.proof.promote_button.click()
    found[0] = replace(FULL, adapters=(replace(ADAPTER, state="promoted", is_stale=True),))
    shown.desk.refresh()
    qtbot.waitUntil(lambda: shown.proof.back_button.isVisible())
    assert not shown.proof.promote_button.isVisible() and shown.proof.stale.isVisible()
    shown.proof.back_button.click()
    assert done == [("promote", "clinic-1"), ("back", "clinic-1")]


def test_the_same_proof_is_not_drawn_anew(page: Any, qtbot: Any) -> None:
    """It is read with every tick of a job; rows that were made anew would lose what is selected in them."""
    shown = page()
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: shown.desk.state.proof is not None)
    part = shown.proof
    drawn = part._beside.itemAt(0).widget()
    part.show_state(replace(shown.desk.state, proof=replace(PROOF)))
    assert part._beside.itemAt(0).widget() is drawn
    part.show_state(replace(shown.desk.state, proof=replace(PROOF, beside=())))
    assert part._beside.count() == 0


def test_what_the_gate_stops_cannot_be_promoted(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = replace(PROOF, has_passed=False, reasons=("It is not better on its own suite: 3 % <b>right</b>.",))
    monkeypatch.setattr(learn_desk, "look", lambda *_: replace(FULL, proof=stopped))
    shown = page()
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: shown.proof.reasons.isVisible())
    assert not shown.proof.promote_button.isEnabled()
    assert "<b>right</b>" in shown.proof.reasons.text(), "shown as it is, not read as markup"


def test_an_example_is_corrected_or_left_out(page: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = page()
    done: list[tuple[Any, ...]] = []
    monkeypatch.setattr(shown.desk, "correct", lambda *given: done.append(("correct", *given)))
    monkeypatch.setattr(shown.desk, "leave_out", lambda *given: done.append(("out", *given)))
    shown.desk.choose(Choice("lesson", LESSON.id))
    qtbot.waitUntil(lambda: shown.lesson.table.rowCount() == 2)
    assert shown.lesson.card.title.text() == "clinic <b>x</b>"
    assert shown.lesson.table.item(0, 2).text() == "held out"
    shown.lesson.table.setCurrentCell(1, 0)
    assert shown.lesson.answer.toPlainText() == "SELECT 2" and not shown.lesson.keep_button.isEnabled()
    shown.lesson.answer.setPlainText("SELECT 3")
    shown.lesson.keep_button.click()
    shown.lesson.out_button.click()
    assert done == [("correct", "e2", "SELECT 3"), ("out", "e2", True)]


def test_an_adapter_that_learned_the_lesson_is_trained_further(
    page: Any, found: list[Found], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = page()
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(shown.desk, "_start", begun.append)
    shown.desk.choose(Choice("lesson", LESSON.id))
    qtbot.waitUntil(lambda: shown.lesson.table.rowCount() == 2)
    assert not shown.lesson.further_button.isVisible(), "nobody has learned it yet"
    found[0] = replace(FULL, lessons=(replace(LESSON, taught=(("me/m@Q4", "clinic-1 <b>"), ("other", "x"))),))
    shown.desk.refresh()
    qtbot.waitUntil(shown.lesson.further_button.isVisible)
    assert "clinic-1" in shown.lesson.further_button.toolTip() and "<b>" not in shown.lesson.further_button.toolTip()
    shown.lesson.further_button.click()
    shown.lesson.again_button.click()
    assert [(one["lesson"], one.get("go_on", False)) for one in begun] == [("l1", True), ("l1", False)]


def test_a_narrow_page_shows_its_list_when_asked(page: Any, qtbot: Any) -> None:
    shown = page()
    shown.resize(600, 700)
    qtbot.waitUntil(lambda: not shown.side.isVisible())
    shown.list_chip.click()
    assert shown.side.isVisible() and not shown._column.isVisible()
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: shown._column.isVisible())
    assert not shown.side.isVisible()


def test_an_adapter_for_chats_is_tried_blind(
    page: Callable[[], Any], frame: Any, found: list[Found], qtbot: Any
) -> None:
    from rushlight.ui.gui.pages.showing import shows_items

    asked: list[str] = []
    shows_items(frame, "chat", asked.append)
    style = replace(ADAPTER, name="style", scope="chat")
    found[0] = replace(FULL, adapters=(ADAPTER, style))
    shown = page()
    shown.desk.show_adapter("clinic-1")
    qtbot.waitUntil(lambda: shown.proof.isVisible())
    assert not shown.proof.blind_button.isVisible()  # of a database only the rows are right or wrong
    shown._try_blind()
    assert asked == [] and "only chats" in frame.told[-1][0]
    shown.desk.show_adapter("style")
    qtbot.waitUntil(lambda: shown.proof.blind_button.isVisible())
    shown.proof.blind_button.click()
    shown._try_blind()
    assert asked == ["style", "style"] and frame.shown_pages == ["chat", "chat"]


def test_an_answer_without_an_end_does_not_widen_the_page(theme: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.learn.answers_card import AnswersCard

    card = AnswersCard(theme)
    qtbot.addWidget(card)
    card.show_answers(ANSWERS)
    usual = card.minimumSizeHint().width()
    card.show_answers((HeldOutAnswer("q" * 600, "w" * 600, (AnswerLook(1, "x" * 600, False),)),))
    assert card.minimumSizeHint().width() <= usual < 300
    two_lines = HeldOutAnswer("How many guests " * 8, "SELECT 1", ())
    card.show_answers((two_lines,))
    asked = next(one for one in card.findChildren(QLabel) if one.text().startswith("How many guests"))
    assert asked.hasHeightForWidth() and asked.heightForWidth(260) > asked.heightForWidth(1200), "words are wrapped"
