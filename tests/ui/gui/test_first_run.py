"""The page of the first start: what is on the disk is offered, one of it is taken in, and then the chat opens."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.ui.desk.first_run import FirstRunState
from rushlight.ui.desk.model_values import OnDisk


@pytest.fixture
def page(frame: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Shown, after it has looked through a home without any model."""
    from rushlight.ui.gui.pages.first_run import FirstRunPage

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("rushlight.ui.desk.model_finding.demo_file", lambda: None)
    made = FirstRunPage(frame)
    qtbot.addWidget(made)
    made.resize(900, 600)
    with qtbot.waitExposed(made):
        made.show()
    qtbot.waitUntil(lambda: made.desk.state.step != "looking", timeout=20_000)
    yield made
    made.leave()


def _found(name: str, origin: str, fits: Any, fit_text: str) -> OnDisk:
    return OnDisk(f"{origin}:{name}", origin, name, Path("/models") / name, 5_000_000_000, fits, fit_text)


def test_without_a_find_it_says_what_to_do(page: Any) -> None:
    assert page.desk.state.step == "none"
    assert "Choose a GGUF file" in page._advice.text()
    assert "core" in page._machine.text()
    assert page.choose_button.isVisible() and page.get_button.isVisible()


def test_finds_are_offered_and_the_best_one_has_the_focus(page: Any, qtbot: Any) -> None:
    asked: list[Path] = []
    page.desk.choose = asked.append
    found = (
        _found("Qwen3-8B <b>", "LM Studio", "yes", "should fit"),
        _found("Llama-70B", "Ollama", "no", "needs 43 GB"),
    )
    page.show_state(FirstRunState(step="found", machine="8 cores", found=found, recommended=0))
    assert [one.accessibleName() for one in page.found.buttons] == ["Use Qwen3-8B <b>"]  # the other does not fit
    assert page.found.first is page.found.buttons[0]
    qtbot.waitUntil(page.found.first.hasFocus)
    page.found.first.click()
    assert asked == [Path("/models/Qwen3-8B <b>")]


def test_a_chosen_file_is_taken_in_and_the_chat_opens(
    page: Any, frame: Any, store: App, tiny_gguf: Path, qtbot: Any
) -> None:
    page.ask_file = lambda: str(tiny_gguf)
    page.choose_button.click()
    assert page._job_card.isVisible() and not page._ways.isVisible()
    qtbot.waitUntil(lambda: frame.opened == [(None, None)], timeout=30_000)
    (model,) = store.models
    assert frame.told[-1] == (f"{model.id} is ready.", "good")


def test_a_file_that_is_no_model_says_why_and_leaves_the_choice(
    page: Any, frame: Any, tmp_path: Path, qtbot: Any
) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF but no more")
    page.ask_file = lambda: str(wrong)
    page.choose_button.click()
    qtbot.waitUntil(page.problem.isVisible, timeout=30_000)
    assert "wrong.gguf" in page.problem.message.text()
    assert page.choose_button.isVisible() and frame.opened == []


def test_the_dialog_left_without_a_choice_does_nothing(page: Any) -> None:
    page.ask_file = lambda: ""
    page.choose_button.click()
    assert page.desk.state.step == "none"


def test_how_far_the_import_is_and_cancel(page: Any, frame: Any) -> None:
    cancelled: list[bool] = []
    page.cancel_button.clicked.connect(lambda: cancelled.append(True))
    page.show_state(
        replace(page.desk.state, step="importing", job_id="1", job_title="Import a.gguf", job_text="Copying",
                job_fraction=0.5)
    )  # fmt: skip
    assert page._meter.accessibleDescription() == "50 %" and page._job_text.text() == "Copying"
    page.cancel_button.click()
    assert cancelled == [True]


def test_a_model_that_another_face_took_in_opens_the_chat(
    page: Any, frame: Any, store: App, tiny_gguf: Path, qtbot: Any
) -> None:
    from rushlight.assistant.models.importing import import_model

    import_model(store.catalogue, tiny_gguf, how="in-place")
    qtbot.waitUntil(lambda: (None, None) in frame.opened, timeout=20_000)


def test_getting_one_from_the_hub_asks_nothing_yet(page: Any) -> None:
    page.get_button.click()
    assert page.get_panel.isVisible() and page.get_panel.field.hasFocus() and not page.get_panel.state.isVisible()


def test_everything_that_takes_the_focus_has_a_name(page: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QWidget

    page.get()
    found = (_found("a", "Jan", "yes", "should fit"),)
    page.show_state(FirstRunState(step="found", machine="8 cores", found=found, recommended=0))
    nameless = [
        widget
        for widget in page.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName()
    ]
    assert nameless == []


def test_at_200_percent_in_a_small_window_nothing_lies_beside_the_page(page: Any, frame: Any, qtbot: Any) -> None:
    from rushlight.ui.gui.pages.parts import PageColumn

    found = (_found("SmolLM2-135M-Instruct.Q4_1", "LM Studio", "yes", "should fit"),)
    page.show_state(FirstRunState(step="found", machine="8 cores", found=found, recommended=0))
    frame.theme.set_scale(2.0)
    try:
        page.resize(772, 540)
        column = page.findChild(PageColumn)
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
        assert page.width() <= 772
    finally:
        frame.theme.set_scale(1.0)


def test_in_the_window_it_comes_first_and_the_chat_after_it(
    application: Any, tiny_gguf: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from rushlight.ui.gui.chat.page import ChatPage
    from rushlight.ui.gui.pages.first_run import FirstRunPage

    monkeypatch.setenv("HOME", str(tmp_path))
    window = application.open_window()
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: window.findChild(FirstRunPage) is not None, timeout=20_000)
    page = window.findChild(FirstRunPage)
    qtbot.waitUntil(lambda: page.isVisible() and page.desk.state.step != "looking", timeout=20_000)
    page.ask_file = lambda: str(tiny_gguf)
    page.choose_button.click()
    qtbot.waitUntil(lambda: window.findChild(ChatPage) is not None, timeout=30_000)
    qtbot.waitUntil(lambda: window.findChild(ChatPage).isVisible(), timeout=30_000)
    assert not page.isVisible()
