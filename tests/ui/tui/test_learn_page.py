"""The page of learning in the terminal app: the wizard, a job, a proof, a lesson, by keys; hostile text is text."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rushlight.ui.desk import learn_desk
from rushlight.ui.desk.learn_desk import LearnDesk
from rushlight.ui.desk.learn_reading import Found
from rushlight.ui.desk.learn_values import (
    AdapterRow,
    AnswerLook,
    BesideRow,
    Choice,
    ExampleRow,
    GuardRow,
    HeldOutAnswer,
    LearnState,
    LearnWish,
    LessonRow,
    Proof,
    RunStep,
    TeachJob,
)
from rushlight.ui.tui.learn_page_curve import curve_lines, curve_text
from rushlight.ui.tui.learn_page_proof import adapter_rows
from rushlight.ui.tui.learn_page_rows import index_rows, job_rows, lesson_rows, new_rows, slider

Perform = Callable[..., None]
HOSTILE = "\x1b[31mred\x1b[0m [bold]x[/] \u202e"
ADAPTER = AdapterRow("clinic-1", "sql:clinic", "candidate", "me/m@Q4", "88 %")
LESSON = LessonRow("l1", f"clinic {HOSTILE}", "database", "sql:clinic", 450, 39, 2)
JOB = TeachJob("job123", f"Teach {HOSTILE}", "running", 2, "Training", 0.5, 80.0)
FAILED = TeachJob("job9", "Teach notes", "failed", 0, "", None, None, "No such file.", "Choose another.", is_over=True)
PROOF = Proof(
    "held out", 39, 0.03, 0.88, (0.0, 0.1), (0.75, 0.95), (0.7, 0.95),
    (GuardRow("speed", True, "0.97 of the base"), GuardRow("perplexity", False, "worse by 9 %")),
    (BesideRow(f"How many {HOSTILE}?", "To find", "SELECT 1", 0.0, 1.0),), (), True,
)  # fmt: skip
EXAMPLES = (
    ExampleRow("e1", "How many?", "SELECT 1", part="held_out"), ExampleRow("e2", HOSTILE, "SELECT 2", "SELECT 3"),
    ExampleRow("e3", "Long?", "SELECT …"),
)  # fmt: skip
STEPS = tuple(RunStep(n, 3.0 / n, 3.2 / n if n % 2 else None, 1e-4, 1.0, 400.0) for n in range(1, 30))
FULL = Found((("me/m@Q4", "me/m@Q4"),), (ADAPTER,), (LESSON,), (JOB, FAILED))


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
                return replace(holder[0], steps=STEPS)
        return holder[0]

    monkeypatch.setattr(learn_desk, "look", look)
    return holder


@pytest.fixture
def ordered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the page asks of the desk, in place of doing it."""
    done: list[tuple[Any, ...]] = []
    for name in ("pause", "resume", "retry", "cancel", "promote", "roll_back", "remove", "leave_out", "correct",
                 "teach_again", "train_further", "remove_lesson", "more"):  # fmt: skip
        monkeypatch.setattr(LearnDesk, name, lambda _desk, *given, name=name: done.append((name, *given)))
    monkeypatch.setattr(LearnDesk, "_start", lambda _desk, arguments: done.append(("start", arguments)))
    return done


def said(rows: Any) -> str:
    return "\n".join("".join(word for word, _ in (*line.left, *line.right)) for one in rows for line in one.lines)


def keys(rows: Any) -> list[str]:
    return [one.key for one in rows if one.key]


def state(**given: Any) -> LearnState:
    return LearnState(models=FULL.models, adapters=(ADAPTER,), lessons=(LESSON,), jobs=(JOB, FAILED), is_loading=False,
                      **given)  # fmt: skip


def told(stage: Any) -> list[str]:
    """What is told from now on; on the screen it would fade."""
    heard: list[str] = []
    stage.app.tell = lambda words, _meaning="muted": heard.append(words)
    return heard


# --- rows -----------------------------------------------------------------------------------------------------------
def test_rows_of_the_list() -> None:
    rows = index_rows(state(choice=Choice("adapter", "clinic-1")))
    assert keys(rows) == ["new:", "job:job123", "adapter:clinic-1", "lesson:l1", "runs:", "job:job9"]
    lines = said(rows)
    assert "UNDER WAY" in lines and "50 %" in lines and "clinic-188 %" in lines and "450" in lines and "failed" in lines
    assert [one.key for one in rows if one.is_current] == ["adapter:clinic-1"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (LearnWish(model="m"), ["kind", "add", "model", "practise", "minutes", "expert", "promotes"]),
        (
            LearnWish(model="m", files=("/a.db",)),
            ["kind", "file:0", "add", "model", "practise", "minutes", "expert", "promotes", "plan", "teach"],
        ),
        (LearnWish("feedback", "m"), ["kind", "model", "minutes", "expert", "promotes", "plan", "teach"]),
        (
            LearnWish(model="m", lesson="l1"),
            ["kind", "files-again", "model", "practise", "minutes", "expert", "promotes", "plan", "teach"],
        ),
    ],
)
def test_rows_of_the_wizard(wish: LearnWish, expected: list[str]) -> None:
    rows = new_rows(state(wish=wish), 70)
    assert keys(rows) == expected
    assert all(len(line) <= 70 for line in said(rows).splitlines())


def test_without_a_model_it_leads_to_one() -> None:
    assert keys(new_rows(LearnState(is_loading=False), 70)) == ["get-model"]
    assert keys(new_rows(LearnState(), 70)) == []


def test_rows_of_practice() -> None:
    state = LearnState(models=(("m", "m"),), wish=LearnWish(model="m"), is_loading=False)

    def words(rows: list[Any]) -> str:
        return " ".join(part for one in rows for line in one.lines for part, _ in line.left)

    fresh = new_rows(state, 200)
    assert "has not practised yet" in words(fresh) and "practise" in [one.key for one in fresh]
    practised = new_rows(replace(state, practised=f"practice {HOSTILE}"), 200)
    assert "begins with what it learned" in words(practised) and "\x1b" not in words(practised)
    assert "practise" not in [one.key for one in new_rows(replace(state, wish=LearnWish("feedback", "m")), 200)]
    at_it = TeachJob("job7", "Practise m", "running", 2, "Training", 0.5, 80.0, is_practice=True)
    assert "practise" not in [one.key for one in new_rows(replace(state, jobs=(at_it,)), 200)]
    head = words(job_rows(replace(state, job=at_it), at_it, 80)[:1])
    assert "✓ Examples" in head and "3 Train" in head and "Lesson" not in head
    listed = words(
        index_rows(replace(state, adapters=(AdapterRow("practice-1", "sql:practice", "candidate", "m", ""),)))
    )
    assert "PRACTICE" in listed and "CANDIDATES" not in listed


def test_the_time_lies_between_quick_and_thorough() -> None:
    assert slider(LearnWish(minutes=3)).startswith("quick ●") and slider(LearnWish(minutes=120)).endswith("● thorough")


def test_rows_of_a_job() -> None:
    rows = job_rows(state(job=JOB, steps=STEPS), JOB, 70)
    assert {"pause", "cancel", "curve"} <= set(keys(rows)) and "retry" not in keys(rows)
    lines = said(rows)
    assert "✓ Plan ─ 3 Train" in lines and "Held-out loss" in lines and "400 tokens/s" in lines and "1 min" in lines
    answers = (HeldOutAnswer("How \x1b[31mmany?", "SELECT 1", (AnswerLook(10, "SEL", False, False),
                                                                AnswerLook(20, "SELECT 1", True))),)  # fmt: skip
    lines = said(job_rows(state(job=JOB, steps=STEPS, answers=answers), JOB, 70))
    assert "wanted: SELECT 1" in lines and "step 10: SEL…" in lines and "step 20: SELECT 1 ✓" in lines
    assert "\x1b" not in lines
    over = job_rows(state(job=FAILED), FAILED, 70)
    assert keys(over) == ["about", "retry"] and "✗ No such file." in said(over) and "Choose another." in said(over)
    done = replace(JOB, state="done", adapter="clinic-1", is_over=True, stage=4)
    assert "see" in keys(job_rows(state(job=done), done, 70))
    assert "✓ Proof ─ 5 Promote" in said(job_rows(state(), done, 70)), "it does not serve"
    promoted = replace(state(), adapters=(replace(ADAPTER, state="promoted"),))
    assert "✓ Promote" in said(job_rows(promoted, done, 70))


def test_rows_of_a_proof() -> None:
    shown = state(adapter=ADAPTER, proof=PROOF, origin=(("Base", "me/m@Q4"),), steps=STEPS)
    rows = adapter_rows(shown, 70)
    assert keys(rows) == ["about", "promote", "remove", "suite", "guard:0", "guard:1", "beside:0", "origin:0", "curve",
                          "export"]  # fmt: skip
    lines = said(rows)
    assert "3 % → 88 % right" in lines and "✓ kept" in lines and "✗ lost" in lines and "✗ before: To find" in lines
    assert "✓ after: SELECT 1" in lines and "\x1b" not in lines and "\u202e" not in lines
    stopped = replace(PROOF, has_passed=False, reasons=("It is not better on its own suite.",))
    lines = said(adapter_rows(replace(shown, proof=stopped), 70))
    assert "✗ It is not better" in lines and "promote" not in keys(adapter_rows(replace(shown, proof=stopped), 70))
    serving = replace(shown, adapter=replace(ADAPTER, state="promoted", is_stale=True), before="clinic-0")
    assert keys(adapter_rows(serving, 70))[:2] == ["about", "back"] and "clinic-0" in said(adapter_rows(serving, 70))
    assert "not evaluated yet" in said(adapter_rows(replace(shown, proof=None), 70))
    assert keys(adapter_rows(replace(shown, proof=None, origin=()), 70)) == ["about"], "not looked up yet"
    chatting = replace(shown, adapter=replace(ADAPTER, scope="chat"))
    assert "blind" in keys(adapter_rows(chatting, 70)) and "blind" not in keys(rows), "only chats are compared blindly"


def test_rows_of_a_lesson() -> None:
    rows = lesson_rows(state(lesson=LESSON, examples=EXAMPLES, has_more=True, wish=LearnWish(model="m")), 70)
    assert keys(rows) == ["about", "again", "remove", "example:e1", "example:e2", "example:e3", "more"]
    taught = replace(LESSON, taught=(("m", f"clinic-2 {HOSTILE}"),))
    further = lesson_rows(state(lesson=taught, examples=EXAMPLES, wish=LearnWish(model="m")), 70)
    assert keys(further)[:3] == ["about", "again", "further"] and "\x1b" not in said(further)
    assert "further" not in keys(lesson_rows(state(lesson=taught, wish=LearnWish(model="other")), 70))
    lines = said(rows)
    assert "held out" in lines and "worse: SELECT 3" in lines and "[bold]x[/]" in lines and "\x1b" not in lines


def test_curves_fit_their_cells() -> None:
    lines = curve_lines(STEPS, 60, 7)
    drawn = ["".join(word for word, _ in one.left) for one in lines]
    assert len(lines) == 8 and all(len(one) <= 60 for one in drawn)
    assert re.match(r" +3\.36 [\u2801-\u28ff]", drawn[0]) and re.match(r" +0\.00 ", drawn[6])
    assert {meaning for one in lines for _, meaning in one.left} == {"muted", "flame", "good"}
    assert curve_text(STEPS) == "Step 1 to 29: loss 3.000 to 0.103"
    broken = (RunStep(1, float("nan")), RunStep(2, 0.0), RunStep(2, 5.0, float("inf")))
    assert len(curve_lines(broken, 60, 7)) == 8 and len(curve_lines(STEPS[:1], 60, 3)) == 4
    assert curve_lines((), 60, 7)[0].left[0][0] == "No step yet" and curve_text(()) == "No step yet"


# --- the page -------------------------------------------------------------------------------------------------------
def test_something_is_taught_by_keys(
    perform: Perform, model: Any, found: list[Found], ordered: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clinic.db").write_bytes(b"")

    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("UNDER WAY", "clinic-1", "Enter: look at it")
        heard = told(stage)
        await stage.press("t", "n")
        await stage.shows("Teach a model something", "Choose a database…")
        await stage.press("t")
        assert heard == ["Choose something in the list first: Enter looks at it.",
                         "Choose a model and what it learns from first"]  # fmt: skip
        await stage.press("f")
        await stage.shows("Which database?")
        await stage.paste(f"{tmp_path}/nothing-")
        await stage.press("enter")
        await stage.shows("There is no file")
        stage.app._panel._input.value = f"{tmp_path}/da"
        await stage.until(lambda: stage.app._panel._offers.chosen.endswith("/data/"))
        await stage.press("tab")
        await stage.until(lambda: stage.app._panel._offers.chosen.endswith("clinic.db"))
        await stage.press("down", "enter")
        await stage.shows("Teach it", "Another file…")
        await stage.press("minus", "minus", "minus")
        await stage.shows("about 3 minutes")
        page = stage.app._pages["learn"]
        page._detail.action_edge(1)
        page._detail.action_step(-2)
        await stage.press("enter")
        await stage.shows("☐ Let it serve")
        await stage.press("t")
        files = [str(tmp_path / "data" / "clinic.db")]
        assert ordered == [("start", {"kind": "database", "model": "me/m@Q4", "files": files, "minutes": 3.0,
                                      "promote": False})]  # fmt: skip
        page._detail.action_edge(-1)
        await stage.press("enter")
        await stage.shows("What is to be learned from?")
        await stage.press("down", "enter")
        await stage.shows("Learns from the replies")
        assert page.desk.state.wish.files == () and page.desk.state.can_start

    perform(play, size=(80, 24))


def test_a_job_is_watched_and_a_proof_promoted(
    perform: Perform, model: Any, found: list[Found], ordered: list[Any]
) -> None:
    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("clinic-1")
        page, heard = stage.app._pages["learn"], told(stage)
        await stage.press("down", "enter")
        await stage.shows("3 Train", "Training", "held-out")
        assert "[bold]x[/]" in stage.screen() and "\x1b" not in stage.screen()
        await stage.press("u", "c", "r")
        assert ordered == [("pause", "job123"), ("cancel", "job123")]
        assert heard == ["That cannot be done with this job now."]
        ordered.clear()
        await stage.press("escape", "down", "enter")
        await stage.shows("88 % right", "Promote")
        await stage.press("b", "p", "d")
        assert heard[1:] == ["Choose an adapter that is promoted first."]
        await stage.shows("Remove clinic-1 and its file?")
        await stage.press("down", "enter")
        await stage.until(lambda: len(ordered) == 2)
        found[0] = replace(FULL, adapters=(replace(ADAPTER, state="promoted"),))
        page.desk.refresh()
        await stage.shows("Roll back brings me/m@Q4")
        await stage.press("d", "p", "b")
        assert heard[2:] == ["It serves: roll it back before it is removed.", "“clinic-1” cannot be promoted now."]
        assert ordered == [("promote", "clinic-1"), ("remove", "clinic-1"), ("roll_back", "clinic-1")]
        page._detail.action_edge(1)
        await stage.press("up", "enter")
        await stage.shows("loss 3.000 to 0.103")
        await stage.press("escape")
        await stage.until(lambda: page._detail.has_focus)

    perform(play, size=(120, 34))


def test_an_example_is_corrected_or_left_out(
    perform: Perform, model: Any, found: list[Found], ordered: list[Any]
) -> None:
    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("clinic-1")
        page, heard = stage.app._pages["learn"], told(stage)
        page.look_at(Choice("lesson", "l1"))
        await stage.shows("held out", "version 2")
        await stage.press("o")
        assert heard == ["Choose an example of a lesson first."]
        await stage.press("down", "down", "down", "o", "e")
        await stage.shows("Ctrl+S: keep it")
        await stage.paste("0")
        await stage.press("ctrl+s")
        await stage.until(lambda: len(ordered) == 2)
        await stage.press("down", "down", "e")
        await stage.shows("too long to be corrected here")
        await stage.press("escape", "t", "g")
        await stage.until(lambda: heard[1:] == ["No adapter of this model has learned it yet: T teaches it."])
        page._detail.action_edge(1)
        await stage.press("enter", "d")
        await stage.shows("Remove the lesson clinic red")
        await stage.press("down", "enter")
        await stage.until(lambda: len(ordered) == 5)
        assert ordered == [("leave_out", "e1", True), ("correct", "e1", "SELECT 10", "l1"), ("teach_again", "l1"),
                           ("more",), ("remove_lesson", "l1")]  # fmt: skip

    perform(play)


def test_a_correction_is_of_the_lesson_that_it_was_begun_in(
    perform: Perform, model: Any, found: list[Found], ordered: list[Any]
) -> None:
    found[0] = replace(FULL, lessons=(LESSON, replace(LESSON, id="l2", name="other")))

    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("clinic-1")
        page, heard = stage.app._pages["learn"], told(stage)
        page.look_at(Choice("lesson", "l1"))
        await stage.shows("held out", "version 2")
        await stage.press("down", "down", "down", "e")
        await stage.shows("Ctrl+S: keep it")
        page.desk.choose(Choice("lesson", "l2"))  # by the mouse, in the list beside it
        page.desk._is_busy = True
        page.desk._show()
        await stage.paste("0")
        await stage.press("ctrl+s")
        await stage.until(lambda: heard == ["Wait: what was begun before is not done yet."])
        page.desk._is_busy = False
        page.desk._show()
        await stage.until(lambda: stage.app._panel is not None and stage.app._panel.has_focus_within)
        await stage.press("ctrl+s")  # what was typed is in its field still
        await stage.until(lambda: ordered == [("correct", "e1", "SELECT 10", "l1")])

    perform(play)


def test_list_and_detail_stand_beside_each_other_where_there_is_room(
    perform: Perform, model: Any, found: list[Found]
) -> None:
    async def play(stage: Any) -> None:
        await stage.press("alt+v")
        await stage.shows("UNDER WAY", "Teach a model something")
        page = stage.app._pages["learn"]
        await stage.until(lambda: page._index.has_focus)
        await stage.press("right")
        await stage.until(lambda: page._detail.has_focus)
        await stage.press("left")
        await stage.until(lambda: page._index.has_focus)
        await stage.pilot.resize_terminal(80, 24)
        await stage.hides("Teach a model something")
        await stage.press("end", "enter")
        await stage.shows("It did not get to its end", "Esc: list")
        await stage.hides("UNDER WAY")
        await stage.press("escape")
        await stage.shows("UNDER WAY")

    perform(play, size=(130, 34))
