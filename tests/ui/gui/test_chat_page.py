"""The chat page: sending, stopping, queueing, judging, editing, and the panels around the messages."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from rushlight import Error, Stop
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta, Usage
from rushlight.ui.desk.actions import action, actions
from rushlight.ui.desk.chat_view import Problem
from rushlight.ui.gui.chat.page import ChatPage

Key = Qt.Key


class HeldEngine(FakeEngine):
    """Says its pieces at once, or after `hold` one for each `say()`. A title is answered at once."""

    def __init__(self) -> None:
        super().__init__(["Hello", " there"])
        self.is_held = False
        self.failure: Error | None = None
        self._permits = threading.Semaphore(0)

    def hold(self) -> None:
        self.is_held = True

    def say(self, n: int = 1) -> None:
        self._permits.release(n)

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        if request.max_tokens in range(1, 40):
            yield TextDelta("A title")
            yield Finished("stop")
            return
        self.requests.append(request)
        for number, piece in enumerate(self.pieces):
            while self.is_held and not self._permits.acquire(timeout=0.005):
                if stop.is_set():
                    yield Usage(10, 0, number)
                    yield Finished("cancelled")
                    return
            if self.failure is not None:
                failure, self.failure = self.failure, None
                raise failure
            yield TextDelta(piece)
        yield Usage(10, 5, len(self.pieces), decode_s=0.1)
        yield Finished("stop")


@pytest.fixture
def fake_engine() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
def page(frame: Any, one_model: Any, qtbot: Any) -> Iterator[ChatPage]:
    """A chat page with a new chat, shown."""
    made = ChatPage(frame)
    made.resize(1032, 860)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    made.open_conversation(None)
    qtbot.waitUntil(lambda: bool(made.desk.state.model))
    qtbot.waitUntil(made.composer.text.hasFocus)
    yield made
    made.leave()


@pytest.fixture
def say(page: ChatPage, qtbot: Any) -> Callable[[str], None]:
    """Type it and press Enter; wait for the whole answer."""

    def type_and_wait(written: str) -> None:
        n_before = len(page.desk.turns)
        qtbot.keyClicks(page.composer.text, written)
        qtbot.keyClick(page.composer.text, Key.Key_Return)
        qtbot.waitUntil(lambda: len(page.desk.turns) == n_before + 2 and page.desk.state.activity == "idle")

    return type_and_wait


def texts(page: ChatPage) -> list[str]:
    return [turn.text for turn in page.desk.turns]


def button_named(widget: QWidget, name: str) -> QAbstractButton:
    (found,) = [one for one in widget.findChildren(QAbstractButton) if one.accessibleName() == name]
    return found


# --- writing --------------------------------------------------------------------------------------------------------
def test_enter_sends_and_the_answer_comes(page: ChatPage, say: Any) -> None:
    say("Hello, who are you?")
    assert texts(page) == ["Hello, who are you?", "Hello there"]
    assert page.composer.text.toPlainText() == ""
    assert not page.view.isHidden()


def test_shift_enter_is_a_new_line_and_the_two_can_be_swapped(page: ChatPage, qtbot: Any, frame: Any) -> None:
    field = page.composer.text
    qtbot.keyClicks(field, "one")
    qtbot.keyClick(field, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert field.toPlainText() == "one\n"
    page.set_enter_sends(False)
    assert frame.remembered.get("enter_sends", True) is False
    qtbot.keyClick(field, Key.Key_Return)
    assert field.toPlainText() == "one\n\n"
    qtbot.keyClick(field, Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: len(page.desk.turns) == 2)


def test_the_field_grows_to_ten_lines_and_no_further(page: ChatPage, qtbot: Any) -> None:
    field = page.composer.text
    heights = []
    for n_lines in (1, 2, 10, 30):
        field.set_text("\n".join(["word"] * n_lines))
        qtbot.wait(1)
        heights.append(field.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]
    assert field.verticalScrollBarPolicy() == Qt.ScrollBarPolicy.ScrollBarAsNeeded


def test_only_plain_text_is_pasted_and_files_are_attached(page: ChatPage, qtbot: Any, tmp_path: Path) -> None:
    rich = QMimeData()
    rich.setHtml("<b>bold</b><img src='file:///etc/hosts'>")
    rich.setText("bold")
    page.composer.text.insertFromMimeData(rich)
    assert page.composer.text.toPlainText() == "bold"
    file = tmp_path / "lease.txt"
    file.write_text("Section 7")
    files = QMimeData()
    files.setUrls([QUrl.fromLocalFile(str(file))])
    page.composer.text.insertFromMimeData(files)
    qtbot.waitUntil(lambda: [one.name for one in page.desk.state.attachments] == ["lease.txt"])
    assert page.composer.text.toPlainText() == "bold"


def test_an_attachment_is_a_chip_that_can_be_taken_away(page: ChatPage, qtbot: Any, tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("text")
    page.desk.attach([tmp_path / "one.txt", tmp_path / "two.txt"])
    qtbot.waitUntil(lambda: len(page.desk.state.attachments) == 2)
    chip = button_named(page.composer, "Attached, take away: one.txt · 4 B")
    qtbot.keyClick(chip, Key.Key_Delete)
    assert [one.name for one in page.desk.state.attachments] == ["two.txt"]


def test_what_is_no_text_is_a_problem_and_nothing_typed_is_lost(page: ChatPage, qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(bytes(range(256)) * 10)
    qtbot.keyClicks(page.composer.text, "Look at this")
    page.desk.attach([tmp_path / "image.png"])
    qtbot.waitUntil(page.problem.isVisible)
    assert "image.png" in page.problem.message.text()
    assert page.composer.text.toPlainText() == "Look at this"
    page.problem.close_button.click()
    assert page.desk.state.problem is None and page.problem.isHidden()


def test_a_draft_comes_back(page: ChatPage, qtbot: Any, store: Any) -> None:
    qtbot.keyClicks(page.composer.text, "half a thought")
    qtbot.waitUntil(lambda: store.conversations.draft(None) == "half a thought")
    page.composer.clear()
    page.open_conversation(None)
    qtbot.waitUntil(lambda: page.composer.text.toPlainText() == "half a thought")


def test_what_is_typed_while_a_chat_is_opened_belongs_to_it(page: ChatPage, say: Any, qtbot: Any, store: Any) -> None:
    say("Hello")
    first = page.desk.state.conversation_id
    qtbot.keyClicks(page.composer.text, "half a thought")
    page.open_conversation(None)
    qtbot.keyClicks(page.composer.text, "something new")
    qtbot.waitUntil(lambda: page.desk.state.conversation_id is None)
    assert page.composer.text.toPlainText() == "something new"
    qtbot.waitUntil(lambda: store.conversations.draft(None) == "something new")
    assert store.conversations.draft(first) == "half a thought"
    page.open_conversation(first)
    qtbot.waitUntil(lambda: page.composer.text.toPlainText() == "half a thought")


def test_what_was_typed_stays_where_a_chat_cannot_be_opened(page: ChatPage, say: Any, qtbot: Any) -> None:
    say("Hello")
    qtbot.keyClicks(page.composer.text, "half a thought")
    page.open_conversation("nothing-of-that-id")
    assert page.composer.text.toPlainText() == ""
    qtbot.waitUntil(page.problem.isVisible)
    assert page.composer.text.toPlainText() == "half a thought"


# --- while an answer is written -------------------------------------------------------------------------------------
def test_escape_stops_and_what_came_is_kept(page: ChatPage, qtbot: Any, fake_engine: HeldEngine) -> None:
    fake_engine.hold()
    fake_engine.say()
    qtbot.keyClicks(page.composer.text, "Go on")
    qtbot.keyClick(page.composer.text, Key.Key_Return)
    qtbot.waitUntil(lambda: texts(page)[-1:] == ["Hello"])
    assert page.composer.stop_button.isVisible() and not page.composer.send_button.isVisible()
    assert "Esc" in page.composer.hint.text()
    page.frame.run_action("chat.stop")
    qtbot.waitUntil(lambda: page.desk.state.activity == "idle")
    assert page.desk.turns[-1].state == "stopped" and texts(page)[-1] == "Hello"
    assert page.composer.send_button.isVisible() and page.composer.stop_button.isHidden()
    fake_engine.is_held = False
    page.frame.run_action("chat.continue")
    qtbot.waitUntil(lambda: page.desk.state.activity == "idle" and page.desk.turns[-1].state == "complete")


def test_what_is_sent_meanwhile_waits_and_can_be_taken_back(page: ChatPage, qtbot: Any, fake_engine: Any) -> None:
    fake_engine.hold()
    qtbot.keyClicks(page.composer.text, "First")
    qtbot.keyClick(page.composer.text, Key.Key_Return)
    qtbot.waitUntil(lambda: page.desk.state.activity != "idle")
    for written in ("Second", "Third"):
        qtbot.keyClicks(page.composer.text, written)
        assert page.composer.send_button.text() == "Queue"
        qtbot.keyClick(page.composer.text, Key.Key_Return)
    qtbot.waitUntil(lambda: len(page.desk.state.queue) == 2 and page.queue.isVisible())
    button_named(page.queue, "Take back message 2: Third").click()
    assert page.composer.text.toPlainText() == "Third"
    fake_engine.is_held = False
    qtbot.waitUntil(lambda: len(page.desk.turns) == 4 and page.desk.state.activity == "idle")
    assert texts(page)[2] == "Second" and page.queue.isHidden()
    assert page.composer.text.toPlainText() == "Third"


def test_a_failure_is_shown_with_a_way_out_and_again_works(page: ChatPage, qtbot: Any, fake_engine: Any) -> None:
    fake_engine.failure = Error("The engine was ended.", hint="Ask again.", kind="worker-died")
    qtbot.keyClicks(page.composer.text, "Hello?")
    qtbot.keyClick(page.composer.text, Key.Key_Return)
    qtbot.waitUntil(page.problem.isVisible)
    assert page.problem.message.text() == "The engine was ended." and page.problem.hint.text() == "Ask again."
    assert page.problem.buttons[0].text() == action("chat.retry").title
    qtbot.mouseClick(page.problem.buttons[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.desk.state.activity == "idle" and texts(page)[-1] == "Hello there")
    assert page.problem.isHidden()


def test_a_problem_offers_actions_of_the_window(page: ChatPage, frame: Any, qtbot: Any) -> None:
    page.show_state(replace(page.desk.state, problem=Problem("No model.", "Import one.", actions=("models.import",))))
    assert [one.text() for one in page.problem.buttons] == ["Import a model file"]
    page.problem.buttons[0].click()
    assert frame.ran[-1] == "models.import"


def test_loading_is_shown_with_a_fraction_and_can_be_cancelled(page: ChatPage, qtbot: Any) -> None:
    loading = replace(page.desk.state, activity="loading", progress_what="load", progress_fraction=0.4)
    page.show_state(loading)
    qtbot.waitUntil(page.progress.isVisible)
    assert page.progress.what.text() == "Loading the model 40 %" and page.progress.cancel.isVisible()
    page.show_state(replace(loading, activity="answering", progress_what=""))
    assert page.progress.isHidden()


# --- what can be done with messages ---------------------------------------------------------------------------------
def test_thumbs_are_kept_and_can_be_undone(page: ChatPage, say: Any, qtbot: Any, frame: Any) -> None:
    say("Hello")
    frame.run_action("chat.rate-up")
    qtbot.waitUntil(lambda: page.desk.turns[-1].thumb == "up")
    qtbot.waitUntil(lambda: bool(frame.told_actions) and frame.told_actions[-1] is not None)
    frame.told_actions[-1]()
    qtbot.waitUntil(lambda: page.desk.turns[-1].thumb == "")


def test_keys_act_on_the_message_that_has_the_focus(page: ChatPage, say: Any, qtbot: Any, frame: Any) -> None:
    say("Hello")
    say("Hello again")
    page.view.setFocus(Qt.FocusReason.TabFocusReason)
    first = page.desk.turns[1].id
    for _ in range(40):
        focused = QApplication.focusWidget()
        if page.view.focused_turn() == first or focused is None:
            break
        qtbot.keyClick(focused, Key.Key_Tab)
    assert page.view.focused_turn() == first
    frame.run_action("chat.rate-down")
    qtbot.waitUntil(lambda: [turn.thumb for turn in page.desk.turns] == ["", "down", "", ""])


def test_a_reply_is_corrected_beside_the_chat(page: ChatPage, say: Any, qtbot: Any, frame: Any) -> None:
    say("Hello")
    frame.run_action("chat.correct")
    editor = page.correction.editor
    qtbot.waitUntil(editor.hasFocus)
    assert editor.toPlainText() == "Hello there" and not page.correction.save_button.isEnabled()
    editor.setPlainText("Good morning")
    qtbot.keyClick(editor, Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: page.desk.turns[-1].correction == "Good morning")
    assert page.desk.turns[-1].text == "Hello there"
    assert page.correction.isHidden() and page.composer.text.hasFocus()
    frame.run_action("chat.correct")
    assert page.correction.editor.toPlainText() == "Good morning"
    qtbot.keyClick(page.correction.editor, Key.Key_Escape)
    assert page.correction.isHidden()


def test_words_of_a_correction_wait_until_they_are_saved_or_cancelled(
    page: ChatPage, say: Any, qtbot: Any, frame: Any
) -> None:
    say("Hello")
    frame.run_action("chat.correct")
    editor = page.correction.editor
    qtbot.waitUntil(editor.hasFocus)
    editor.setPlainText("Good morning")
    page.view.link.emit("https://example.org/")  # another panel takes the place
    assert page.link.isVisible() and page.correction.isHidden()
    frame.run_action("chat.correct")
    assert page.correction.isVisible() and editor.toPlainText() == "Good morning"
    assert page.correction.save_button.isEnabled()
    page.correction.close_button.click()
    frame.run_action("chat.correct")
    assert editor.toPlainText() == "Good morning"
    qtbot.keyClick(editor, Key.Key_Escape)
    frame.run_action("chat.correct")
    assert editor.toPlainText() == "Hello there" and not page.correction.save_button.isEnabled()


def test_up_in_an_empty_field_edits_the_last_message(page: ChatPage, say: Any, qtbot: Any) -> None:
    say("Helo")
    field = page.composer.text
    qtbot.keyClick(field, Key.Key_Up)
    assert page.composer.is_editing and field.toPlainText() == "Helo"
    assert page.composer.send_button.text() == "Answer anew"
    field.set_text("Hello")
    qtbot.keyClick(field, Key.Key_Return)
    qtbot.waitUntil(lambda: texts(page) == ["Hello", "Hello there"] and page.desk.state.activity == "idle")
    assert page.desk.turns[0].n_versions == 2 and not page.composer.is_editing and field.toPlainText() == ""


def test_leaving_an_edit_brings_back_what_was_being_written(page: ChatPage, say: Any, qtbot: Any) -> None:
    say("Hello")
    qtbot.keyClicks(page.composer.text, "something new")
    page.view.action.emit("edit", page.desk.turns[0].id)
    assert page.composer.text.toPlainText() == "Hello"
    page.frame.run_action("chat.stop")  # Esc
    assert page.composer.text.toPlainText() == "something new" and not page.composer.is_editing
    assert texts(page) == ["Hello", "Hello there"]


def test_versions_branch_keep_and_copy(page: ChatPage, say: Any, qtbot: Any, frame: Any) -> None:
    say("Hello")
    frame.run_action("chat.regenerate")
    qtbot.waitUntil(lambda: page.desk.turns[-1].n_versions == 2 and page.desk.state.activity == "idle")
    frame.run_action("chat.previous-version")
    qtbot.waitUntil(lambda: page.desk.turns[-1].version == 1)
    frame.run_action("chat.keep")
    qtbot.waitUntil(lambda: page.desk.turns[-1].is_kept)
    frame.run_action("chat.copy-reply")
    assert QGuiApplication.clipboard().text() == "Hello there"
    before = page.desk.state.conversation_id
    frame.run_action("chat.branch")
    qtbot.waitUntil(lambda: page.desk.state.conversation_id != before)
    assert texts(page) == ["Hello", "Hello there"]


def test_the_last_code_block_is_copied(page: ChatPage, say: Any, frame: Any, fake_engine: Any) -> None:
    frame.run_action("chat.copy-code")
    assert frame.told[-1][0] == "There is no code in this chat."
    fake_engine.pieces = ("```python\n", "print(1)\n", "```\n")
    say("Code, please")
    frame.run_action("chat.copy-code")
    assert QGuiApplication.clipboard().text() == "print(1)\n"


# --- head and panels ------------------------------------------------------------------------------------------------
def test_the_title_is_renamed_in_its_place(page: ChatPage, say: Any, qtbot: Any, frame: Any) -> None:
    assert not page.head.title.isEnabled()  # nothing is stored yet
    say("Hello")
    frame.run_action("chat.rename")
    assert page.head.field.hasFocus()
    page.head.field.setText("My letters")
    qtbot.keyClick(page.head.field, Key.Key_Return)
    qtbot.waitUntil(lambda: page.desk.state.title == "My letters")
    assert page.head.title.words == "My letters" and page.head.title.isVisible()
    page.head.rename()
    page.head.field.setText("Something else")
    qtbot.keyClick(page.head.field, Key.Key_Escape)
    assert page.head.title.words == "My letters"
    assert frame.noted[-1] == (page.desk.state.conversation_id, "My letters")


def test_the_meter_says_its_figures_and_opens_what_takes_the_space(page: ChatPage, say: Any) -> None:
    assert page.head.meter.figures.text() == f"– / {page.desk.state.n_context_total:,}"
    say("Hello")
    assert page.head.meter.figures.text().startswith("12 / ")
    assert "12 of" in page.head.meter.accessibleName()
    page.head.meter.click()
    assert page.context.isVisible() and "12 of" in page.context.total.text()
    assert page.context.left_title.text() == "Nothing was left out of the last answer."
    page.frame.run_action("chat.stop")
    assert page.context.isHidden()


def test_what_was_left_out_is_listed_and_leads_to_the_message(page: ChatPage, qtbot: Any) -> None:
    page.desk.state = replace(page.desk.state, n_left_out=2, left_out=(("a", "The first"), ("b", "The second")))
    page.view.action.emit("see-left-out", "")
    assert "2 messages" in page.context.left_title.text()
    assert [page.context.list.item(row).text() for row in range(2)] == ["The first", "The second"]
    with qtbot.waitSignal(page.context.chosen) as chosen:
        qtbot.keyClick(page.context.list, Key.Key_Down)
        page.context.list.setCurrentRow(1)
        page.context.list.itemActivated.emit(page.context.list.currentItem())
    assert chosen.args == ["b"]


def test_the_model_is_chosen_from_a_list_that_typing_narrows(page: ChatPage, qtbot: Any, store: Any) -> None:
    model = store.models[0]
    page.frame.run_action("chat.model")
    picker = page.picker
    qtbot.waitUntil(lambda: picker.list.count() == 1)
    assert picker.field.hasFocus()
    qtbot.keyClicks(picker.field, "nothing like it")
    assert picker.list.isHidden() and picker.nothing.isVisible()
    picker.field.clear()
    with qtbot.waitSignal(picker.chosen) as chosen:
        qtbot.keyClick(picker.field, Key.Key_Return)
    assert chosen.args == [model.id]
    assert picker.isHidden() and page.composer.text.hasFocus()
    page.open_models()
    qtbot.mouseClick(page.view if page.view.isVisible() else page.empty, Qt.MouseButton.LeftButton, pos=QPoint(5, 300))
    assert picker.isHidden()


def test_sampler_options_are_set_marked_and_reset(page: ChatPage, qtbot: Any) -> None:
    page.head.sampler.click()
    row = page.sampler.rows["temperature"]
    qtbot.waitUntil(lambda: row.state.text() == "default")
    row.editor.setValue(0.7)
    row.finish()
    qtbot.waitUntil(lambda: dict(page.desk.state.options) == {"temperature": "0.7"})
    assert row.state.text() == "default: 0" and row.reset.isVisible()
    row.reset.click()
    qtbot.waitUntil(lambda: not page.desk.state.options)
    assert row.state.text() == "default" and row.editor.value() == 0.0
    page.head.sampler.click()
    assert page.sampler.isHidden() and not page.head.sampler.isChecked()


def test_system_prompt_and_presets(page: ChatPage, qtbot: Any, store: Any) -> None:
    page.frame.run_action("chat.system")
    system = page.sampler.system
    qtbot.waitUntil(lambda: system.editor.toPlainText() == "You are a helpful assistant.")
    system.editor.setPlainText("Be brief.")
    system.finish()
    qtbot.waitUntil(lambda: page.desk.state.system == "Be brief.")
    page.sampler.presets.save_button.click()
    page.sampler.presets.field.setText("brief")
    qtbot.keyClick(page.sampler.presets.field, Key.Key_Return)
    qtbot.waitUntil(lambda: [one.name for one in store.presets.list()] == ["brief"])
    system.reset.click()
    qtbot.waitUntil(lambda: page.desk.state.system is None)
    qtbot.waitUntil(lambda: page.sampler.presets.choice.count() == 2)
    page.sampler.presets.choice.activated.emit(1)
    qtbot.waitUntil(lambda: page.desk.state.system == "Be brief.")
    assert system.editor.toPlainText() == "Be brief."


def test_links_are_shown_whole_and_opened_only_when_asked(page: ChatPage, monkeypatch: Any) -> None:
    opened: list[str] = []
    monkeypatch.setattr("PySide6.QtGui.QDesktopServices.openUrl", lambda url: opened.append(url.toString()))
    page.view.link.emit("https://example.org/a?b=c")
    assert page.link.isVisible() and page.link.address.accessibleName() == "https://example.org/a?b=c"
    assert not opened
    page.link.open_button.click()
    assert opened == ["https://example.org/a?b=c"] and page.link.isHidden()
    for address in ("file:///etc/hosts", "javascript:alert(1)", "//host/share", "smb://host/x"):
        page.view.link.emit(address)
        assert page.link.isHidden()
    assert len(opened) == 1


def test_find_in_the_chat(page: ChatPage, say: Any, qtbot: Any) -> None:
    say("Hello")
    page.frame.run_action("chat.find")
    assert page.find_bar.field.hasFocus()
    qtbot.keyClicks(page.find_bar.field, "hello")
    qtbot.waitUntil(lambda: page.find_bar.count.text() != "")
    page.frame.run_action("chat.stop")
    assert page.find_bar.isHidden() and page.composer.text.hasFocus()


def test_export_asks_for_a_name_and_writes(page: ChatPage, say: Any, qtbot: Any, tmp_path: Path) -> None:
    page.frame.run_action("chat.export")
    assert page.frame.told[-1][0] == "There is nothing to export yet."
    say("Hello")
    page.files.ask_export("markdown", "A: title?")
    assert page.files.dialog is not None
    assert Path(page.files.dialog.selectedFiles()[0]).name == "A title.md"
    target = tmp_path / "chat.md"
    page.files.dialog.filesSelected.emit([str(target)])
    page.files.dialog.close()
    qtbot.waitUntil(lambda: page.notice.isVisible() and str(target) in page.notice.words.text())
    assert "Hello there" in target.read_text()


# --- completion -----------------------------------------------------------------------------------------------------
def test_slash_opens_commands_and_enter_takes_one(page: ChatPage, qtbot: Any, frame: Any) -> None:
    field = page.composer.text
    qtbot.keyClicks(field, "/samp")
    qtbot.waitUntil(lambda: page.suggestions.isVisible())
    assert page.suggestions.candidates[0].value == "chat.sampler"
    qtbot.keyClick(field, Key.Key_Return)
    assert frame.ran[-1] == "chat.sampler" and page.sampler.isVisible()
    assert field.toPlainText() == "" and page.suggestions.isHidden() and not page.desk.turns


def test_suggestions_are_walked_and_closed_with_keys(page: ChatPage, qtbot: Any) -> None:
    field = page.composer.text
    qtbot.keyClicks(field, "/")
    qtbot.waitUntil(lambda: page.suggestions.isVisible())
    first = page.suggestions.current()
    qtbot.keyClick(field, Key.Key_Down)
    assert page.suggestions.current() != first
    qtbot.keyClick(field, Key.Key_Up)
    assert page.suggestions.current() == first
    qtbot.keyClick(field, Key.Key_Escape)
    assert page.suggestions.isHidden() and field.toPlainText() == "/"
    qtbot.keyClicks(field, "r")
    page.completing.look()
    assert page.suggestions.isHidden()  # closed for this slash


def test_at_completes_a_path_and_attaches_the_file(
    page: ChatPage, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    (tmp_path / "My papers").mkdir()
    (tmp_path / "My papers" / "lease.txt").write_text("Section 7")
    monkeypatch.setattr(Path, "home", classmethod(lambda _cls: tmp_path))
    field = page.composer.text
    qtbot.keyClicks(field, "Read @my")
    qtbot.waitUntil(lambda: "My papers/" in [one.title for one in page.suggestions.candidates])
    qtbot.keyClick(field, Key.Key_Tab)
    assert field.toPlainText() == 'Read @"My papers/'
    qtbot.waitUntil(lambda: "lease.txt" in [one.title for one in page.suggestions.candidates])
    qtbot.keyClick(field, Key.Key_Return)
    qtbot.waitUntil(lambda: [one.name for one in page.desk.state.attachments] == ["lease.txt"])
    assert field.toPlainText() == "Read "


def test_hash_says_that_libraries_come_later(page: ChatPage, qtbot: Any) -> None:
    qtbot.keyClicks(page.composer.text, "#")
    qtbot.waitUntil(lambda: page.suggestions.isVisible())
    assert page.suggestions.current() is None
    qtbot.keyClicks(page.composer.text, " x")
    qtbot.waitUntil(lambda: page.suggestions.isHidden())


def test_commands_with_text_are_done_and_unknown_ones_are_not_sent(page: ChatPage, qtbot: Any, frame: Any) -> None:
    field = page.composer.text
    qtbot.keyClicks(field, "/system Be brief.")
    qtbot.keyClick(field, Key.Key_Return)
    qtbot.waitUntil(lambda: page.desk.state.system == "Be brief.")
    qtbot.keyClicks(field, "/regenrate")
    qtbot.keyClick(field, Key.Key_Return)
    assert "Did you mean /regenerate?" in frame.told[-1][0]
    assert field.toPlainText() == "/regenrate" and not page.desk.turns


def test_a_command_that_fills_the_field_is_not_cleared_away(
    page: ChatPage, say: Any, qtbot: Any, fake_engine: HeldEngine, store: Any
) -> None:
    say("Hello")
    field = page.composer.text
    qtbot.keyClicks(field, "/edit-last")
    page.composer.send_button.click()
    assert page.composer.is_editing and field.toPlainText() == "Hello"
    page.composer.leave_edit()
    assert field.toPlainText() == ""
    fake_engine.hold()
    for written in ("First", "Second"):
        qtbot.keyClicks(field, written)
        qtbot.keyClick(field, Key.Key_Return)
    qtbot.waitUntil(lambda: [one.text for one in page.desk.state.queue] == ["Second"])
    qtbot.keyClicks(field, "/unqueue")
    page.composer.send_button.click()
    assert field.toPlainText() == "Second" and not page.desk.state.queue
    qtbot.waitUntil(lambda: store.conversations.draft(page.desk.state.conversation_id) == "Second")


# --- everything -----------------------------------------------------------------------------------------------------
def test_every_action_of_the_chat_is_bound(page: ChatPage, frame: Any) -> None:
    of_the_window = {"chat.pin", "chat.move", "chat.delete"}
    wanted = {one.id for one in actions() if one.scope in ("chat", "empty-input")} - of_the_window
    assert wanted <= set(frame.bound)


def test_an_empty_chat_offers_questions_that_only_fill_the_field(page: ChatPage, qtbot: Any) -> None:
    assert page.empty.isVisible() and len(page.empty.buttons) == 3
    qtbot.mouseClick(page.empty.buttons[0], Qt.MouseButton.LeftButton)
    assert page.composer.text.toPlainText() == page.empty.buttons[0].text()
    assert not page.desk.turns and page.composer.text.hasFocus()


@pytest.mark.parametrize(("width", "height", "scale"), [(1032, 860, 1.0), (572, 500, 1.0), (836, 520, 2.0)])
def test_nothing_is_cut_in_small_windows(
    page: ChatPage, say: Any, frame: Any, qtbot: Any, width: int, height: int, scale: float
) -> None:
    say("Hello")
    frame.theme.set_scale(scale)
    page.resize(width, height)
    for panel in (lambda: None, page.open_context, lambda: page.acting.act("correct"), page.toggle_sampler):
        panel()
        qtbot.wait(1)
        assert (page.width(), page.height()) == (width, height), "the page asks for more room than there is"
        for widget in page.findChildren(QAbstractButton):
            if widget.isVisible() and not widget.visibleRegion().isEmpty() and widget.window() is page:
                left = widget.mapTo(page, QPoint(0, 0)).x()
                assert left >= 0 and left + widget.width() <= width, widget.accessibleName()
    page.sampler.close_panel()


def test_everything_that_takes_the_focus_has_a_name(page: ChatPage, say: Any) -> None:
    say("Hello")
    page.open_context()
    page.toggle_sampler()
    nameless = [
        widget
        for widget in page.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and not widget.accessibleName()
        and widget.objectName() != "qt_spinbox_lineedit"
    ]
    assert not nameless


def test_the_tab_key_goes_round_the_page(page: ChatPage, say: Any, qtbot: Any) -> None:
    say("Hello")
    seen: list[QWidget | None] = []
    for _ in range(60):
        focused = QApplication.focusWidget()
        if focused in seen:
            break
        seen.append(focused)
        qtbot.keyClick(focused, Key.Key_Tab)
    for widget in (page.head.title, page.head.model, page.head.meter, page.head.sampler, page.head.more,
                   page.composer.text, page.composer.attach_button):  # fmt: skip
        assert widget in seen, widget.accessibleName()
