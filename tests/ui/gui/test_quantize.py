"""The page of quantizing: every wish by its field, what is to be expected, what was made, and how it compares."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtTest import QTest

from rushlight.assistant.models.memory import Memory
from rushlight.ui.desk import quant_desk
from rushlight.ui.desk.quant_reading import Found
from rushlight.ui.desk.quant_values import ComparedRow, MadeRow, SourceRow, TypeRow

GB = 10**9
SOURCE = SourceRow("me/m@F16", "m · F16", "/m.gguf", 14 * GB, "F16", speed=5.0)
TYPES = (TypeRow("Q8_0", 8 * GB, 8.5, "no loss that one notices"), TypeRow("Q4_K_M", 4 * GB, 4.9, "little loss"))
MADE = MadeRow("j1", "me/m@Q4_0", "me/m@Q4_0", "/q.gguf", "Q4_0", 4 * GB, "failed", "✗ logits: far <b>off</b>", "")
COMPARED = (
    ComparedRow("m", 14 * GB, True, 3.0),
    ComparedRow("q4", 4 * GB, False, 3.5, 0.05, 0.4, 0.93, 21.0, 90.0, 0.1, 5 * GB),
    ComparedRow("q3", 3 * GB, False, 4.0, float("nan"), None, None),
)
EMPTY = Found((), (), Memory(total_bytes=32 * GB, available_bytes=9 * GB), 0, (), (), "")
FULL = replace(
    EMPTY, sources=(SOURCE, replace(SOURCE, id="b/c@F16", label="c")), cards=(("RTX", 12 * GB),), made=(MADE,),
    compared=COMPARED, compared_text="Over 512 positions.",
)  # fmt: skip


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Found]:
    """What the desk finds."""
    holder = [FULL]
    monkeypatch.setattr(quant_desk, "look", lambda _app, _chosen: holder[0])
    monkeypatch.setattr(quant_desk, "types_of", lambda _path, _stop: TYPES)
    monkeypatch.setattr(quant_desk, "beside_of", lambda _path, _n_ctx: GB)
    return holder


@pytest.fixture
def page(frame: Any, found: list[Found], shown_page: Callable[[Any, int, int], Any]) -> Callable[[], Any]:
    def open_page() -> Any:
        from rushlight.ui.gui.pages.quantize import QuantizePage

        return shown_page(QuantizePage(frame), 1100, 800)

    return open_page


def test_an_empty_page_leads_to_a_model(page: Any, found: list[Found], frame: Any) -> None:
    found[0] = EMPTY
    shown = page()
    assert shown.empty.isVisible() and not shown.wish.isVisible()
    shown.empty.buttons[0].click()
    assert frame.shown_pages == ["models"] and frame.ran == ["models.get"]


def test_every_wish_has_its_field_and_says_what_to_expect(page: Any, qtbot: Any) -> None:
    shown = page()
    wish = shown.wish
    qtbot.waitUntil(lambda: wish.make_button.isEnabled())
    assert wish.expected.text() == "Q4_K_M · 4.0 GB · little loss" and wish.type.field.isVisible()
    wish.targets.buttons["size"].click()
    assert wish.problem.text() == "Say how large the file may be." and not wish.make_button.isEnabled()
    assert wish.size_field.isVisible() and not wish.type.field.isVisible()
    wish.size_field.setValue(9.0)
    assert "at least as good as Q8_0" in wish.expected.text() and wish.fits.text() == "needs 10.3 GB, 9.0 GB free"
    wish.targets.buttons["card"].click()
    at = wish.card.field.findText("RTX · 12.0 GB")
    wish.card.field.setCurrentIndex(at)
    wish.card.field.activated.emit(at)
    assert shown.desk.state.wish.card_bytes == 12 * GB and wish.context.field.isVisible()
    wish.targets.buttons["speed"].click()
    wish.speed.setValue(17.5)
    assert shown.desk.state.forecast.size_bytes == 4 * GB
    wish.ask_files = lambda: ["/notes/a.txt", "/notes/b.txt"]
    wish.texts.buttons["files"].click()
    assert wish.problem.text() and wish.files_button.isVisible()
    wish.files_button.click()
    assert wish.files.text() == "a.txt, b.txt" and not wish.problem.text() and wish.text_note.isVisible()
    at = wish.method.field.findData("gptq")
    wish.method.field.activated.emit(at)
    assert shown.desk.state.wish.method == "gptq"


def test_a_size_that_is_just_typed_counts(page: Any, frame: Any, qtbot: Any, monkeypatch: Any) -> None:
    shown = page()
    wish = shown.wish
    qtbot.waitUntil(lambda: wish.make_button.isEnabled())
    wish.targets.buttons["size"].click()
    wish.size_field.setValue(9.0)
    begun: list[int] = []
    monkeypatch.setattr(shown.desk, "_start", lambda *_given: begun.append(shown.desk.state.wish.size_bytes))
    shown.activateWindow()
    qtbot.waitUntil(lambda: shown.isActiveWindow() and wish.size_field.isVisible())
    wish.size_field.setFocus()
    qtbot.waitUntil(wish.size_field.hasFocus)
    wish.size_field.selectAll()
    QTest.keyClicks(wish.size_field, "5")
    frame.run_action("quantize.make")
    assert begun == [5 * GB] and wish.size_field.hasFocus()


def test_making_and_comparing_are_jobs(page: Any, frame: Any, qtbot: Any, store: Any, monkeypatch: Any) -> None:
    from rushlight.assistant.jobs.records import JobRecords

    started: list[Any] = []

    def start(self: Any, kind: str, arguments: Any) -> Any:
        started.append((kind, arguments))
        return JobRecords(store.store).insert(kind, f"A job of {kind}", dict(arguments), 0)

    monkeypatch.setattr("rushlight.assistant.jobs.jobs.Jobs.start", start)
    shown = page()
    qtbot.waitUntil(lambda: shown.wish.make_button.isEnabled())
    shown.wish.make_button.click()
    qtbot.waitUntil(lambda: len(started) == 1 and len(shown.jobs.cards) == 1)
    frame.run_action("quantize.compare")
    qtbot.waitUntil(lambda: len(started) == 2)
    assert started[1] == (
        "quant-compare",
        {"reference": "/m.gguf", "others": ["/q.gguf"], "documents": [], "chats": False, "with_llama": True},
    )  # fmt: skip
    shown.made.lines["j1"].again.click()
    qtbot.waitUntil(lambda: len(started) == 3)
    assert started[2] == ("quant-proof", {"path": "/q.gguf", "source": "/m.gguf"})


def test_what_was_made_its_proof_and_the_comparison(page: Any, frame: Any, qtbot: Any) -> None:
    shown = page()
    line = shown.made.lines["j1"]
    assert not line.discard.isVisible()  # it is in the catalogue
    assert line.proof.text() == "proof failed" and line.quality.text() == "not measured"
    assert not line.details.isVisible()
    line.see.click()
    assert line.details.isVisible() and "far <b>off</b>" in line.details.text()
    assert line.details.textFormat().name == "PlainText"
    line.name.click()
    assert frame.shown_pages == ["models"]
    assert shown.comparison.isVisible() and shown.comparison.over.text() == "Over 512 positions."
    assert shown.comparison.plot.accessibleDescription() == "q4: 4.0 GB, 0.0500"
    shown.comparison.plot.grab()  # draws
    shown.comparison.plot.show_points(())
    shown.comparison.plot.grab()


def test_another_model_is_chosen_and_a_problem_is_told(page: Any, qtbot: Any) -> None:
    from rushlight import Error

    shown = page()
    at = shown.wish.model.field.findData("b/c@F16")
    shown.wish.model.field.activated.emit(at)
    assert shown.desk.state.chosen == "me/m@F16" or shown.desk.state.chosen == "b/c@F16"
    qtbot.waitUntil(lambda: shown.desk.state.chosen == "b/c@F16")
    shown.desk._refused(Error("The disk is full.", hint="Free 4 GB."))
    assert shown.problem.isVisible() and shown.problem.hint.text() == "Free 4 GB."
    shown.problem.dismiss()
    assert not shown.problem.isVisible()
