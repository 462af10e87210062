"""Ways through the whole window: from the first start to the first answer, and what people do from there.

Most with an engine that says what the test wants; those marked `model` with the demo model in its real process.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from rushlight import Stop
from rushlight.assistant.app import App, open_app
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta, Usage
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings
from rushlight.ui.gui.application import Application

Key = Qt.Key
LONG_MS = 60_000  # a real model on a busy machine


class Teller(FakeEngine):
    """Says `pieces`; while `is_held`, one for each `say()`."""

    def __init__(self) -> None:
        super().__init__(["Candles ", "burn ", "wax."])
        self.is_held = False
        self._permits = threading.Semaphore(0)

    def say(self, n: int = 1) -> None:
        self._permits.release(n)

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        if request.max_tokens in range(1, 40):  # a title
            yield TextDelta("About candles")
            yield Finished("stop")
            return
        self.requests.append(request)
        for number, piece in enumerate(self.pieces):
            while self.is_held and not self._permits.acquire(timeout=0.005):
                if stop.is_set():
                    yield Usage(10, 0, number)
                    yield Finished("cancelled")
                    return
            yield TextDelta(piece)
        yield Usage(10, 0, len(self.pieces), decode_s=0.1)
        yield Finished("stop")


class Tellers:
    """One engine for each model file; the first one loaded is `first`."""

    def __init__(self) -> None:
        self.by_path: dict[str, Teller] = {}

    def open(self, load: Any, _stop: Any, _tell: Any) -> Teller:
        return self.by_path.setdefault(load.path, Teller())


@pytest.fixture
def fake_engine() -> Teller:
    return Teller()


@pytest.fixture
def chat(window: Any, qtbot: Any) -> Any:
    """The chat page of a window that answers with `fake_engine`, its new chat ready."""
    page = window.page()
    qtbot.waitUntil(lambda: bool(page.desk.state.model))
    return page


def type_and_send(page: Any, qtbot: Any, written: str) -> None:
    qtbot.keyClicks(page.composer.text, written)
    qtbot.keyClick(page.composer.text, Key.Key_Return)


def is_answered(page: Any, n_turns: int) -> Callable[[], bool]:
    return lambda: len(page.desk.turns) == n_turns and page.desk.state.activity == "idle"


def press(window: Any, key: Key, modifiers: Any = Qt.KeyboardModifier.NoModifier) -> None:
    """As a person does: to whatever has the focus, so that shortcuts get their turn."""
    QTest.keyClick(QApplication.focusWidget() or window, key, modifiers)


# --- with an engine of the test -------------------------------------------------------------------------------------
def test_stop_with_escape_and_continue_with_its_key(window: Any, chat: Any, qtbot: Any, fake_engine: Teller) -> None:
    fake_engine.is_held = True
    fake_engine.say()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    type_and_send(chat, qtbot, "How do candles work?")
    qtbot.waitUntil(lambda: len(chat.desk.turns) == 2 and chat.desk.turns[-1].text == "Candles ")
    press(window, Key.Key_Escape)
    qtbot.waitUntil(lambda: chat.desk.state.activity == "idle")
    assert chat.desk.turns[-1].state == "stopped"
    fake_engine.is_held = False
    fake_engine.pieces = ("are ", "old.")
    press(window, Key.Key_Return, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: chat.desk.state.activity == "idle" and chat.desk.turns[-1].state == "complete")
    assert chat.desk.turns[-1].text == "Candles are old."
    assert chat.view.turns[-1].text == "Candles are old."


def test_edit_gives_a_second_line_and_branch_a_second_chat(window: Any, chat: Any, qtbot: Any) -> None:
    type_and_send(chat, qtbot, "How do candels work?")
    qtbot.waitUntil(is_answered(chat, 2))
    press(window, Key.Key_Up)
    assert chat.composer.text.toPlainText() == "How do candels work?"
    chat.composer.text.set_text("How do candles work?")
    press(window, Key.Key_Return)
    qtbot.waitUntil(lambda: chat.desk.turns[0].text == "How do candles work?" and is_answered(chat, 2)())
    assert chat.desk.turns[0].n_versions == 2
    first_chat = window.conversation_id
    window.run_action("chat.branch")
    qtbot.waitUntil(lambda: window.conversation_id not in (None, first_chat))
    qtbot.waitUntil(lambda: len(chat.desk.turns) == 2)
    type_and_send(chat, qtbot, "And lamps?")
    qtbot.waitUntil(is_answered(chat, 4))
    window.open_conversation(first_chat)
    qtbot.waitUntil(lambda: chat.desk.state.conversation_id == first_chat)
    assert len(chat.desk.turns) == 2


def test_search_finds_a_chat_by_what_was_said_in_it(window: Any, chat: Any, qtbot: Any) -> None:
    for written in ("How do candles work?", "What is a rushlight?"):
        window.open_conversation(None)
        qtbot.waitUntil(lambda: chat.desk.state.conversation_id is None and not chat.desk.turns)
        type_and_send(chat, qtbot, written)
        qtbot.waitUntil(is_answered(chat, 2))
    second = window.conversation_id
    window.run_action("app.search")
    qtbot.keyClicks(window.sidebar.field, "candles work")
    desk = window.sidebar.desk
    qtbot.waitUntil(lambda: desk.state.query == "candles work")
    qtbot.waitUntil(lambda: [row.kind for row in desk.state.rows].count("conversation") == 1)
    found = [row for row in desk.state.rows if row.kind == "conversation"]
    assert desk.state.query == "candles work" and found[0].id != second
    qtbot.waitUntil(lambda: window.sidebar.list.conversations.find(found[0].id).isValid())
    window.open_conversation(found[0].id)
    qtbot.waitUntil(lambda: window.conversation_id == found[0].id)
    assert chat.desk.turns[0].text == "How do candles work?"


def test_export_writes_what_was_said(window: Any, chat: Any, qtbot: Any, tmp_path: Path) -> None:
    type_and_send(chat, qtbot, "How do candles work?")
    qtbot.waitUntil(is_answered(chat, 2))
    for form, name in (("markdown", "chat.md"), ("json", "chat.json"), ("sharegpt", "chat.jsonl")):
        chat.files.ask_export(form, chat.desk.state.title)
        chat.files.dialog.filesSelected.emit([str(tmp_path / name)])
        chat.files.dialog.close()
        qtbot.waitUntil((tmp_path / name).exists)
        qtbot.waitUntil(lambda name=name: name in chat.notice.words.text())
        assert "Candles burn wax." in (tmp_path / name).read_text()


def test_a_correction_is_kept_as_feedback_and_undone(window: Any, chat: Any, qtbot: Any, store: App) -> None:
    type_and_send(chat, qtbot, "How do candles work?")
    qtbot.waitUntil(is_answered(chat, 2))
    window.run_action("chat.correct")
    chat.correction.editor.setPlainText("They burn the vapour of wax.")
    chat.correction.save_button.click()
    qtbot.waitUntil(lambda: chat.desk.turns[-1].correction == "They burn the vapour of wax.")
    (kept,) = store.feedback.of(chat.desk.turns[-1].id)
    assert (kept.kind, kept.text) == ("correction", "They burn the vapour of wax.")
    qtbot.waitUntil(lambda: bool(chat.desk.state.undo))
    window.run_action("chat.undo")
    qtbot.waitUntil(lambda: chat.desk.turns[-1].correction is None)
    assert not store.feedback.of(chat.desk.turns[-1].id)


def test_the_model_is_switched_while_it_answers(
    own_home: Path, make_gguf: Callable[..., Path], tiny_gguf: Path, qapp: Any, qtbot: Any
) -> None:
    """The running answer is finished by its model; the next one comes from the other."""
    tellers = Tellers()

    def open_it() -> App:
        paths = find_paths()
        return App(paths, read_settings(paths)[0], host="in-process", open_engine=tellers.open)

    other_file = make_gguf("other.gguf", n_vocab=300)
    with open_it() as app:
        one = import_model(app.catalogue, tiny_gguf, how="in-place").model
        other = import_model(app.catalogue, other_file, model_id="other", how="in-place").model
    slow = tellers.by_path.setdefault(str(one.path.absolute()), Teller())
    slow.is_held = True
    slow.say()
    fast = tellers.by_path.setdefault(str(other.path.absolute()), Teller())
    fast.pieces = ("From the other one.",)
    application = Application(find_paths(), open_app=open_it, theme_choice="light")
    try:
        window = application.open_window()
        window.show()
        chat: Any = window.page()
        qtbot.waitUntil(lambda: bool(chat.desk.state.model))
        chat.desk.set_model(one.id)
        qtbot.waitUntil(lambda: chat.desk.state.model == one.id)
        type_and_send(chat, qtbot, "First question")
        qtbot.waitUntil(lambda: chat.desk.state.activity == "answering")
        chat.open_models()
        qtbot.waitUntil(lambda: chat.picker.list.count() == 2)
        qtbot.keyClicks(chat.picker.field, other.id)
        qtbot.keyClick(chat.picker.field, Key.Key_Return)
        qtbot.waitUntil(lambda: chat.desk.state.model == other.id)
        assert chat.desk.state.activity == "answering"
        slow.is_held = False
        qtbot.waitUntil(is_answered(chat, 2))
        assert chat.desk.turns[1].text == "Candles burn wax." and chat.desk.turns[1].model == one.id
        type_and_send(chat, qtbot, "Second question")
        qtbot.waitUntil(is_answered(chat, 4))
        assert chat.desk.turns[3].text == "From the other one." and chat.desk.turns[3].model == other.id
    finally:
        application.close()


def test_a_window_that_is_closed_while_it_answers_answers_on(
    window: Any, application: Application, chat: Any, qtbot: Any, fake_engine: Teller, store: App
) -> None:
    second = application.new_window()
    page: Any = second.page()
    qtbot.waitUntil(lambda: bool(page.desk.state.model))
    fake_engine.is_held = True
    fake_engine.say()
    type_and_send(page, qtbot, "How do candles work?")
    qtbot.waitUntil(lambda: len(page.desk.turns) == 2 and page.desk.turns[-1].text == "Candles ")
    type_and_send(page, qtbot, "And lamps?")
    conversation_id = page.desk.state.conversation_id
    second.close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # its widgets are gone
    assert application.windows == [window]
    fake_engine.is_held = False

    def said() -> list[str]:
        return [one.content for one in store.conversations.path(conversation_id)]

    whole = "Candles burn wax."
    qtbot.waitUntil(lambda: said() == ["How do candles work?", whole, "And lamps?", whole])
    qtbot.wait(100)  # what is still on its way would call into what is gone
    assert "went wrong" not in window.status_line.words.text()


# --- a process that is killed ---------------------------------------------------------------------------------------
_CHILD = """
import sys
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
qt = QApplication([])
from rushlight.assistant.paths import find_paths
from rushlight.ui.gui.application import Application
application = Application(find_paths(), theme_choice="light")
window = application.open_window()
window.show()
page = window._page(window._infos["chat"])
window.show_page("chat")
for _ in range(1000):
    QTest.qWait(10)
    if len(sys.argv) == 1 and page.composer.text.toPlainText():
        break
    if len(sys.argv) > 1 and page.desk.state.model:
        break
if len(sys.argv) > 1:
    QTest.keyClicks(page.composer.text, sys.argv[1])
    while True:
        QTest.qWait(50)
print(page.composer.text.toPlainText(), flush=True)
application.close()
"""


def test_a_draft_survives_a_kill_of_the_program(one_model: Any, store: App) -> None:
    env = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    typed = "a letter that is not finished"
    with subprocess.Popen([sys.executable, "-c", _CHILD, typed], env=env) as child:
        try:
            deadline_s = time.monotonic() + 60
            while store.conversations.draft(None) != typed:
                assert child.poll() is None and time.monotonic() < deadline_s
                time.sleep(0.05)
        finally:
            child.send_signal(signal.SIGKILL)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], env=env, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == typed


# --- with the demo model in its real process ------------------------------------------------------------------------
@pytest.fixture
def real_application(own_home: Path, qapp: Any) -> Iterator[Application]:
    """The program as it is started, over this test's home."""
    made = Application(find_paths(), theme_choice="light")
    yield made
    made.close()


@pytest.fixture
def real_chat(real_application: Application, demo_model: Path, qtbot: Any) -> Any:
    """A window with the demo model; answers are short and the same each time."""
    with open_app() as app:
        import_model(app.catalogue, demo_model, how="in-place")
    window = real_application.open_window()
    window.show()
    page: Any = window.page()
    qtbot.waitUntil(lambda: bool(page.desk.state.model))
    page.desk.set_option("temperature", "0")
    qtbot.waitUntil(lambda: bool(page.desk.state.options))
    return page


@pytest.mark.model
def test_from_the_first_start_to_the_first_answer(real_application: Application, demo_model: Path, qtbot: Any) -> None:
    window = real_application.open_window()
    window.show()
    qtbot.waitUntil(lambda: window.page_id == "first-run")
    welcome: Any = window.page()
    welcome.ask_file = lambda: str(demo_model)
    welcome.choose_button.click()
    qtbot.waitUntil(lambda: window.page_id == "chat", timeout=LONG_MS)
    page: Any = window.page()
    qtbot.waitUntil(lambda: bool(page.desk.state.model))
    page.desk.set_option("max_tokens", "12")
    qtbot.waitUntil(lambda: bool(page.desk.state.options))
    type_and_send(page, qtbot, "What is the capital of France?")
    qtbot.waitUntil(is_answered(page, 2), timeout=LONG_MS)
    assert "Paris" in page.desk.turns[1].text
    assert (page.desk.state.n_context_used or 0) > 0 and page.problem.isHidden()


@pytest.mark.model
def test_a_killed_worker_is_said_and_asking_again_gives_the_answer(
    real_application: Application, real_chat: Any, qtbot: Any
) -> None:
    page = real_chat
    page.desk.set_option("max_tokens", "120")
    qtbot.waitUntil(lambda: "max_tokens" in dict(page.desk.state.options))
    type_and_send(page, qtbot, "Write a long story about a candle.")
    qtbot.waitUntil(lambda: page.desk.state.activity == "answering", timeout=LONG_MS)
    qtbot.keyClicks(page.composer.text, "a thought meanwhile")
    with open_app() as app:
        (engine,) = app.host.status().engines
    os.kill(engine.pid, signal.SIGKILL)
    qtbot.waitUntil(page.problem.isVisible, timeout=LONG_MS)
    assert page.problem.message.text() and page.desk.state.problem.kind == "worker-died"
    assert page.composer.text.toPlainText() == "a thought meanwhile"
    begun = page.desk.turns[-1]
    assert begun.state == "failed" and begun.text
    page.problem.buttons[0].click()  # try again
    qtbot.waitUntil(lambda: is_answered(page, 2)() and page.desk.turns[-1].state == "complete", timeout=LONG_MS)
    assert len(page.desk.turns[-1].text) > len(begun.text) and page.desk.turns[-1].n_versions == 2
    assert page.problem.isHidden()


@pytest.mark.model
def test_a_real_answer_is_stopped_and_goes_on(real_chat: Any, qtbot: Any) -> None:
    page = real_chat
    type_and_send(page, qtbot, "Write a long story about a candle.")
    qtbot.waitUntil(lambda: page.desk.state.activity == "answering", timeout=LONG_MS)
    page.composer.stop_button.click()
    qtbot.waitUntil(lambda: page.desk.state.activity == "idle", timeout=5000)
    stopped = page.desk.turns[-1]
    assert stopped.state == "stopped" and stopped.text
    page.desk.set_option("max_tokens", "8")
    qtbot.waitUntil(lambda: "max_tokens" in dict(page.desk.state.options))
    page.acting.act("continue")
    qtbot.waitUntil(lambda: page.desk.turns[-1].state == "complete", timeout=LONG_MS)
    assert page.desk.turns[-1].text.startswith(stopped.text) and len(page.desk.turns[-1].text) > len(stopped.text)
