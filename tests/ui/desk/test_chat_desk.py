"""A chat page without a widget, over a real store and an engine that speaks when the test lets it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta, Usage
from rushlight.assistant.models.model import Model
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.desk.chat_view import RecordingChatView

Pump = Callable[..., None]


class GatedEngine(FakeEngine):
    """Says one piece for every `say()`; while it waits it can be stopped. Titles are answered at once."""

    def __init__(self) -> None:
        super().__init__([])
        self._permits = threading.Semaphore(0)
        self.failure: Error | None = None
        self.is_open = False

    def say(self, n: int = 1) -> None:
        self._permits.release(n)

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        if request.max_tokens in range(1, 40):  # a title
            yield TextDelta("A title of the model")
            yield Finished("stop")
            return
        self.requests.append(request)
        for number in range(4):
            while not self._permits.acquire(timeout=0.005) and not self.is_open:
                if stop.is_set():
                    yield Usage(10, 0, number)
                    yield Finished("cancelled")
                    return
            if self.failure is not None:
                failure, self.failure = self.failure, None
                raise failure
            yield TextDelta(f"word{number} ")
        yield Usage(10, 5, 4, decode_s=0.1)
        yield Finished("stop")


@pytest.fixture
def fake_engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def view() -> RecordingChatView:
    return RecordingChatView()


@pytest.fixture
def desk(background: Background, view: RecordingChatView, desk_model: Model, pump: Pump) -> Iterator[ChatDesk]:
    made = ChatDesk(background, view)
    made.open(None)
    pump(lambda: made.state.model)
    yield made
    made.close()


def _texts(view: RecordingChatView) -> list[str]:
    return [turn.text for turn in view.turns]


def _ask(desk: ChatDesk, engine: GatedEngine, pump: Pump, words: str = "Hello") -> None:
    engine.say(4)
    desk.send(words)
    pump(lambda: desk.state.activity == "idle" and desk.turns and not desk.turns[-1].is_being_written)
    pump(lambda: desk.turns[-1].role == "assistant" and desk.turns[-1].state == "complete")


def test_the_question_is_shown_before_the_answer_and_both_are_stored(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    desk.send("How do candles work?")
    pump(lambda: _texts(view) == ["How do candles work?"])
    assert desk.state.activity in ("reading", "loading")
    fake_engine.say(2)
    pump(lambda: _texts(view)[1:] == ["word0 word1 "])
    assert desk.state.activity == "answering" and view.turns[-1].is_being_written
    fake_engine.say(2)
    pump(lambda: desk.state.activity == "idle")
    assert _texts(view)[1] == "word0 word1 word2 word3 "
    assert view.turns[1].statistics.n_tokens == 4
    (stored,) = desk_app.conversations.list()
    assert [one.content for one in desk_app.conversations.path(stored.id)] == _texts(view)
    assert view.turns == list(desk.turns)


def test_a_first_exchange_gets_a_title_and_the_list_hears_of_it(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump
) -> None:
    heard: list[bool] = []
    opened: list[str | None] = []
    desk.on_list_changed = lambda: heard.append(True)
    desk.on_opened = opened.append
    _ask(desk, fake_engine, pump, "How do candles work?")
    pump(lambda: desk.state.title == "A title of the model")
    assert heard and opened == [desk.state.conversation_id]


def test_stop_keeps_what_came_and_continue_goes_on(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump
) -> None:
    desk.send("Tell me.")
    fake_engine.say(1)
    pump(lambda: _texts(view)[1:] == ["word0 "])
    desk.stop()
    assert desk.state.activity == "stopping"
    pump(lambda: desk.state.activity == "idle")
    assert view.turns[1].state == "stopped" and desk.state.can_continue and desk.state.problem is None
    fake_engine.say(4)
    desk.continue_reply()
    pump(lambda: desk.state.activity == "idle" and view.turns[1].state == "complete")
    assert _texts(view)[1] == "word0 word0 word1 word2 word3 "
    assert len(view.turns) == 2 and not desk.state.can_continue


def test_what_is_sent_meanwhile_is_queued_and_can_be_taken_back(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump
) -> None:
    desk.send("one")
    desk.send("two")  # before the first is even stored
    pump(lambda: desk.state.activity != "idle" and len(view.turns) == 1)
    desk.send("three")
    desk.send("four")
    assert [one.text for one in desk.state.queue] == ["two", "three", "four"]
    desk.unqueue(1)
    assert view.composer == "three"
    fake_engine.say(12)
    pump(lambda: len(view.turns) == 6 and desk.state.activity == "idle")
    assert [turn.text for turn in view.turns if turn.role == "user"] == ["one", "two", "four"]
    assert desk.state.queue == ()


def test_regenerate_edit_versions_and_branch(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    first = desk.state.conversation_id
    fake_engine.say(4)
    desk.regenerate()
    pump(lambda: desk.turns[-1].n_versions == 2 and desk.state.activity == "idle")
    assert (desk.turns[-1].version, len(view.turns)) == (2, 2)
    desk.show_version(desk.turns[-1].id, -1)
    pump(lambda: desk.turns[-1].version == 1)
    assert desk.state.undo
    desk.undo()
    pump(lambda: desk.turns[-1].version == 2)
    fake_engine.say(4)
    desk.edit(desk.turns[0].id, "Hello again")
    pump(lambda: desk.turns[0].text == "Hello again" and len(desk.turns) == 2 and desk.state.activity == "idle")
    assert desk.turns[0].n_versions == 2
    desk.branch(desk.turns[0].id)
    pump(lambda: desk.state.conversation_id not in (None, first))
    assert _texts(view) == ["Hello again"]
    assert len(desk_app.conversations.list()) == 2


def test_judgements_are_stored_shown_and_taken_back(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    reply = desk.turns[-1].id
    desk.rate(reply, "up")
    pump(lambda: desk.turns[-1].thumb == "up")
    desk.rate(reply, "down")
    pump(lambda: desk.turns[-1].thumb == "down")
    desk.undo()
    pump(lambda: desk.turns[-1].thumb == "up")
    desk.rate(reply, "up")
    pump(lambda: desk.turns[-1].thumb == "")
    desk.correct(reply, "As it should have been")
    pump(lambda: desk.turns[-1].correction == "As it should have been")
    desk.correct(reply, "")
    pump(lambda: desk.turns[-1].correction is None)
    assert desk_app.feedback.of(reply) == []


def test_a_correction_of_a_reply_that_is_not_shown_any_more_is_kept(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    reply, said = desk.turns[-1].id, desk.turns[-1].text
    desk.open(None)  # while the correction is written
    pump(lambda: desk.state.conversation_id is None)
    desk.correct(reply, "As it should have been")
    pump(lambda: [one.text for one in desk_app.feedback.of(reply)] == ["As it should have been"])
    desk.correct(reply, said)
    pump(lambda: desk_app.feedback.of(reply) == [])
    assert desk.state.problem is None


def test_an_answer_goes_on_while_another_conversation_is_shown(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump
) -> None:
    desk.send("first")
    fake_engine.say(1)
    pump(lambda: _texts(view)[1:] == ["word0 "])
    first = desk.state.conversation_id
    desk.open(None)
    pump(lambda: desk.state.conversation_id is None and view.turns == [])
    assert desk.state.activity == "idle"
    fake_engine.say(1)
    desk.open(first)
    pump(lambda: desk.state.conversation_id == first and _texts(view)[1:] == ["word0 word1 "])
    assert desk.state.activity == "answering"
    fake_engine.say(2)
    pump(lambda: desk.state.activity == "idle" and desk.turns[-1].state == "complete")
    assert _texts(view)[1] == "word0 word1 word2 word3 "


def test_an_engine_that_dies_is_told_and_asked_again(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump
) -> None:
    fake_engine.failure = Error("The model's process died.", hint="Try again.", kind="out-of-luck")
    fake_engine.say(1)
    desk.send("Hello")
    pump(lambda: desk.state.problem)
    assert desk.state.problem is not None and "chat.retry" in desk.state.problem.actions
    assert desk.state.activity == "idle" and view.turns[0].text == "Hello"
    fake_engine.say(4)
    desk.retry()
    pump(lambda: desk.turns[-1].state == "complete" and desk.turns[-1].role == "assistant")
    assert desk.state.problem is None
    assert [turn.role for turn in view.turns] == ["user", "assistant"]


def test_what_cannot_be_stored_comes_back_into_the_composer(
    desk: ChatDesk, view: RecordingChatView, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.assistant.chat.conversations import Conversations

    def full(*_args: Any, **_more: Any) -> None:
        raise Error("The disk is full.", hint="Make room.", kind="disk-full")

    monkeypatch.setattr(Conversations, "append", full)
    desk.send("Not to be lost")
    pump(lambda: desk.state.problem)
    assert view.composer == "Not to be lost" and desk.state.problem is not None
    assert desk.state.problem.kind == "disk-full" and view.turns == []


def test_drafts_are_kept_for_each_conversation(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    desk.set_draft("for a new one")
    pump(lambda: desk_app.conversations.draft(None) == "for a new one")
    _ask(desk, fake_engine, pump)
    first = desk.state.conversation_id
    assert desk_app.conversations.draft(None) == ""
    desk.set_draft("half a thought")
    desk.open(None)
    pump(lambda: desk.state.conversation_id is None)
    assert view.composer == ""
    desk.open(first)
    pump(lambda: view.composer == "half a thought")


def test_another_face_is_seen(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    conversation_id = desk.state.conversation_id
    assert conversation_id is not None
    stored = desk_app.conversations.get(conversation_id)
    desk_app.conversations.append(conversation_id, stored.head_id, "user", "from the shell")
    pump(lambda: _texts(view)[-1] == "from the shell")
    desk_app.conversations.rename(conversation_id, "Renamed elsewhere")
    pump(lambda: desk.state.title == "Renamed elsewhere")
    desk_app.conversations.delete(conversation_id)
    desk_app.conversations.purge(conversation_id)
    pump(lambda: desk.state.conversation_id is None)


def test_model_system_options_and_presets(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, desk_app: App, desk_model: Model
) -> None:
    desk.set_option("temperature", "0.3")
    pump(lambda: desk.state.options == (("temperature", "0.3"),))
    desk.set_option("temperature", "hot")
    pump(lambda: desk.state.problem)
    assert desk.state.options == (("temperature", "0.3"),)
    desk.set_system("Be brief.")
    pump(lambda: desk.state.system == "Be brief.")
    desk.save_preset("brief")
    pump(lambda: desk.state.notice)
    _ask(desk, fake_engine, pump)
    request = fake_engine.requests[-1]
    assert request.sampling.temperature == pytest.approx(0.3) and request.messages[0].content == "Be brief."
    desk.set_option("temperature", None)
    desk.set_system(None)
    pump(lambda: desk.state.options == () and desk.state.system is None)
    desk.use_preset("brief")
    pump(lambda: desk.state.system == "Be brief." and desk.state.options == (("temperature", "0.3"),))
    desk.set_model("no such model")
    pump(lambda: desk.state.problem)
    assert desk.state.model == desk_model.id


def test_another_default_is_shown_in_a_new_chat_and_what_was_chosen_for_it_stays(
    desk: ChatDesk, pump: Pump, desk_app: App, desk_model: Model, background: Background,
    make_gguf: Callable[..., Path],
) -> None:  # fmt: skip
    from rushlight.assistant.models.importing import import_model
    from rushlight.assistant.settings_file import set_setting

    desk._end_watch()  # what follows the store is not what is looked at here
    file = make_gguf("second.gguf", n_vocab=300)
    second = import_model(desk_app.catalogue, file, how="in-place", model_id="local/second").model
    set_setting(desk_app.paths, "chat.model", second.id)
    desk.look_again()
    pump(lambda: desk.state.model == second.id)
    desk.set_model(desk_model.id)
    pump(lambda: desk.state.model == desk_model.id)
    looked: list[None] = []
    desk.look_again()
    background.read(lambda _app: None, looked.append)
    pump(lambda: looked)
    assert desk.state.model == desk_model.id


def test_attachments_go_with_the_message(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, tmp_path: Path
) -> None:
    (tmp_path / "notes.md").write_text("remember the milk")
    desk.attach([tmp_path / "notes.md", tmp_path / "missing.txt"])
    pump(lambda: desk.state.problem)
    assert desk.state.attachments == ()
    desk.attach([tmp_path / "notes.md"])
    pump(lambda: desk.state.attachments)
    _ask(desk, fake_engine, pump, "What?")
    assert view.turns[0].attachments == (("notes.md", 17),)
    assert "remember the milk" in fake_engine.requests[-1].messages[-1].content
    assert desk.state.attachments == ()


def test_without_a_model_the_page_says_so(background: Background, view: RecordingChatView, pump: Pump) -> None:
    desk = ChatDesk(background, view)
    desk.open(None)
    pump(lambda: "show_state" in view.calls or view.calls == ["show_turns", "set_composer"])
    desk.send("Hello")
    pump(lambda: desk.state.problem)
    assert desk.state.problem is not None and "models.import" in desk.state.problem.actions
    assert [turn.text for turn in view.turns] == ["Hello"]
    desk.close()


def test_export_and_what_is_copied(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, tmp_path: Path, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    assert desk.copy_text(None) == "word0 word1 word2 word3 "
    assert desk.last_code() == ""
    target = tmp_path / "chat.md"
    desk.export(target, "markdown")
    pump(lambda: str(target) in desk.state.notice)
    assert "word0" in target.read_text()
    conversation_id = desk.state.conversation_id
    assert conversation_id is not None
    stored = desk_app.conversations.get(conversation_id)
    desk_app.conversations.append(
        conversation_id, stored.head_id, "assistant", "First\n```py\na = 1\n```\nthen\n````\nb\n```\nc\n````\n"
    )
    pump(lambda: len(desk.turns) == 3)
    assert desk.last_code() == "b\n```\nc\n"


def test_an_export_replaces_a_file_only_where_that_is_wanted(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, tmp_path: Path
) -> None:
    _ask(desk, fake_engine, pump)
    target = tmp_path / "chat.md"
    target.write_text("my own notes")
    desk.export(target, "markdown", replace_it=False)
    pump(lambda: desk.state.problem)
    assert desk.state.problem is not None and desk.state.problem.kind == "file-exists"
    assert target.read_text() == "my own notes"
    desk.export(target, "markdown")
    pump(lambda: str(target) in desk.state.notice)
    assert "word0" in target.read_text()


def test_every_action_that_a_problem_offers_exists() -> None:
    from rushlight.ui.desk.chat_problems import problem_from

    known = {one.id for one in actions()}
    for kind in ("no-model", "model-missing", "out-of-memory", "bad-settings", "worker-died"):
        assert set(problem_from(Error("x", kind=kind), can_retry=True).actions) <= known


def test_a_path_through_a_message_can_be_opened(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, background: Background
) -> None:
    _ask(desk, fake_engine, pump)
    old = desk.turns[-1].id
    fake_engine.say(4)
    desk.regenerate()
    pump(lambda: desk.turns[-1].id != old and desk.state.activity == "idle" and desk.turns[-1].state == "complete")
    other = RecordingChatView()
    second = ChatDesk(background, other)
    second.open(desk.state.conversation_id, old)
    pump(lambda: other.turns and other.turns[-1].id == old)
    second.close()


def test_nothing_is_lost_when_another_conversation_is_opened_at_once(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    desk.send("first")
    desk.send("waits for its turn")
    desk.open(None)
    desk.send("another chat")
    fake_engine.is_open = True
    pump(lambda: len(desk_app.conversations.list()) == 2)

    def texts() -> list[list[str]]:
        chats = desk_app.conversations.list()
        return sorted(
            [one.content for one in desk_app.conversations.path(chat.id) if one.role == "user"] for chat in chats
        )

    pump(lambda: texts() == [["another chat"], ["first", "waits for its turn"]])
    pump(lambda: desk.state.activity == "idle" and not desk.state.queue)


def test_judging_while_a_reply_is_written_keeps_its_words(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump
) -> None:
    _ask(desk, fake_engine, pump)
    earlier = desk.turns[-1].id
    desk.send("And then?")
    fake_engine.say(2)
    pump(lambda: _texts(view)[3:] == ["word0 word1 "])
    desk.rate(earlier, "up")
    pump(lambda: view.turns[1].thumb == "up")
    assert _texts(view)[3] == "word0 word1 " and view.turns[3].is_being_written
    fake_engine.say(1)
    pump(lambda: _texts(view)[3] == "word0 word1 word2 ")
    desk.undo()
    pump(lambda: view.turns[1].thumb == "")
    assert _texts(view)[3] == "word0 word1 word2 " and view.turns == list(desk.turns)
    fake_engine.say(1)
    pump(lambda: desk.state.activity == "idle")
    assert _texts(view)[3] == "word0 word1 word2 word3 "


def test_what_is_queued_is_no_draft_any_more(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    desk.send("one")
    fake_engine.say(1)
    pump(lambda: _texts(view)[1:] == ["word0 "])
    conversation_id = desk.state.conversation_id
    desk.set_draft("two")
    pump(lambda: desk_app.conversations.draft(conversation_id) == "two")
    desk.send("two")
    pump(lambda: desk_app.conversations.draft(conversation_id) == "")
    assert [one.text for one in desk.state.queue] == ["two"]
    fake_engine.say(7)
    pump(lambda: len(view.turns) == 4 and desk.state.activity == "idle")


def test_what_waits_is_the_draft_when_the_program_ends(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, background: Background, desk_app: App
) -> None:
    desk.send("one")
    fake_engine.say(1)
    pump(lambda: _texts(view)[1:] == ["word0 "])
    first = str(desk.state.conversation_id)
    desk.send("two")
    desk.send("three")
    desk.set_draft("half a thought")
    desk.open(None)
    pump(lambda: desk.state.conversation_id is None)
    desk.set_draft("for a new one")
    desk.close()
    background.close()
    assert desk_app.conversations.draft(first) == "two\nthree\nhalf a thought"
    assert desk_app.conversations.draft(None) == "for a new one"
    assert [one.content for one in desk_app.conversations.path(first) if one.role == "user"] == ["one"]


def test_a_page_that_is_closed_draws_nothing_and_sends_what_waits(
    background: Background, desk_model: Model, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    view, opened = RecordingChatView(), list[str | None]()
    desk = ChatDesk(background, view)
    desk.on_opened = opened.append
    desk.open(None)
    pump(lambda: desk.state.model)
    desk.send("one")
    fake_engine.say(1)
    pump(lambda: _texts(view)[1:] == ["word0 "])
    desk.send("two")
    conversation_id = str(desk.state.conversation_id)
    desk.close()
    calls, n_opened = list(view.calls), len(opened)
    fake_engine.is_open = True
    whole = "word0 word1 word2 word3 "
    pump(lambda: [one.content for one in desk_app.conversations.path(conversation_id)] == ["one", whole, "two", whole])
    assert view.calls == calls and len(opened) == n_opened
    pump(lambda: not background._enders)  # nothing of it is left to be kept at the end
    background.close()
    assert desk_app.conversations.draft(conversation_id) == ""


def test_attachments_wait_in_the_conversation_that_they_were_given_in(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, tmp_path: Path
) -> None:
    (tmp_path / "notes.md").write_text("remember the milk")
    _ask(desk, fake_engine, pump)
    first = desk.state.conversation_id
    desk.attach([tmp_path / "notes.md"])
    desk.open(None)  # before the file was read
    pump(lambda: desk.state.conversation_id is None and any(one.attachments for one in desk._lines))
    assert desk.state.attachments == ()
    for _ in range(2):  # and again, as by a search that leads into the same chat
        desk.open(first)
        pump(lambda: desk._opening is not None and desk._opening.is_over)
        assert [one.name for one in desk.state.attachments] == ["notes.md"]
    _ask(desk, fake_engine, pump, "What?")
    assert desk.turns[2].attachments == (("notes.md", 17),) and desk.state.attachments == ()


def test_files_that_wait_are_there_after_the_program_ended(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, background: Background, desk_app: App, tmp_path: Path
) -> None:
    for name in ("a.md", "b.md", "c.md"):
        (tmp_path / name).write_text(f"text of {name}")
    desk.attach([tmp_path / "c.md"])
    pump(lambda: desk_app.conversations.draft_attachments(None))
    desk.detach(0)
    pump(lambda: not desk_app.conversations.draft_attachments(None))
    desk.send("one")
    fake_engine.say(1)
    pump(lambda: len(desk.turns) == 2)
    first = str(desk.state.conversation_id)
    desk.attach([tmp_path / "a.md"])
    pump(lambda: len(desk.state.attachments) == 1)
    desk.send("two")  # waits for its turn, with its file
    desk.attach([tmp_path / "b.md"])
    pump(lambda: len(desk.state.attachments) == 1)
    desk.close()
    background.close()
    assert desk_app.conversations.draft(first) == "two"
    kept = desk_app.conversations.draft_attachments(first)
    assert [(one.name, one.text) for one in kept] == [("a.md", "text of a.md"), ("b.md", "text of b.md")]


def test_files_that_wait_are_shown_and_sent_and_then_forgotten(
    desk: ChatDesk, view: RecordingChatView, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    from rushlight.assistant.chat.conversation import NewAttachment

    before = desk_app.conversations.create("Before")
    desk_app.conversations.save_draft(before.id, "look at this")
    desk_app.conversations.save_draft_attachments(before.id, [NewAttachment("a.md", "text of a")])
    desk.open(before.id)
    pump(lambda: desk.state.conversation_id == before.id)
    assert [one.name for one in desk.state.attachments] == ["a.md"] and view.composer == "look at this"
    desk.open(None)
    pump(lambda: desk.state.conversation_id is None)
    assert desk.state.attachments == ()
    desk.open(before.id)
    pump(lambda: desk.state.conversation_id == before.id)
    assert [one.name for one in desk.state.attachments] == ["a.md"]
    fake_engine.is_open = True
    desk.send("look at this")
    pump(lambda: desk.state.activity == "idle" and len(desk.turns) == 2)
    assert [one.name for one in desk_app.conversations.path(before.id)[0].attachments] == ["a.md"]
    assert desk_app.conversations.draft_attachments(before.id) == () and desk.state.attachments == ()


def test_a_system_prompt_goes_to_the_chat_that_it_was_written_for(
    desk: ChatDesk, fake_engine: GatedEngine, pump: Pump, desk_app: App
) -> None:
    _ask(desk, fake_engine, pump)
    first = str(desk.state.conversation_id)
    desk.open(None)
    pump(lambda: desk.state.conversation_id is None)
    desk.set_system("Answer in verse.", first)
    pump(lambda: desk_app.conversations.get(first).system == "Answer in verse.")
    assert desk.state.system is None
    desk.open(first)
    pump(lambda: desk.state.system == "Answer in verse.")
    desk.set_system(None, first)
    pump(lambda: desk.state.system is None and desk_app.conversations.get(first).system is None)
