"""Two answers without names in a chat, and the adapter that answers there: what the desk stores, shows and keeps to
itself."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta, Usage
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.registry.votes import Votes
from rushlight.ui.desk.background import Background
from rushlight.ui.desk.chat_adapters import OFF, chip_text, choices, rivals_text
from rushlight.ui.desk.chat_desk import ChatDesk
from rushlight.ui.desk.chat_view import RecordingChatView

Pump = Callable[..., None]
LORA, BASE = "a bright answer", "a dull answer"


class TwoVoices(FakeEngine):
    """Says one thing with an adapter and another without; waits while it is held."""

    def __init__(self) -> None:
        super().__init__([])
        self.is_free = threading.Event()
        self.is_free.set()
        self.failure: Error | None = None
        self.says_the_same = False

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        if request.max_tokens in range(1, 40):  # a title
            yield TextDelta("Lamps and more")
            yield Finished("stop")
            return
        self.requests.append(request)
        while not self.is_free.wait(0.005):
            if stop.is_set():
                yield Finished("cancelled")
                return
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        yield TextDelta(LORA if request.lora and not self.says_the_same else BASE)
        yield Usage(20, 0, 4, decode_s=0.1)
        yield Finished("stop")


@pytest.fixture
def fake_engine() -> TwoVoices:
    return TwoVoices()


@pytest.fixture
def view() -> RecordingChatView:
    return RecordingChatView()


@pytest.fixture
def teach(desk_app: App, desk_model: Model, gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Adapter]:
    """`teach("polite-1", promote=True)`"""

    def make(name: str, *, promote: bool = False) -> Adapter:
        file = gguf_builder.tiny_lora_gguf(tmp_path / f"{name}.gguf", seed=len(name))
        made = desk_app.registry.add_adapter(NewAdapter(file, "chat", desk_model.sha256, desk_model.id, name=name))
        if promote:
            desk_app.registry.record_evaluation(made, suite="s", suite_sha256="0" * 64, passed=True, report={})
            desk_app.registry.promote(name)
        return made

    return make


@pytest.fixture
def desk(background: Background, view: RecordingChatView, desk_model: Model, pump: Pump) -> Iterator[ChatDesk]:
    made = ChatDesk(background, view)
    made.open(None)
    pump(lambda: made.state.model)
    yield made
    made.close()


@pytest.fixture
def comparing(desk: ChatDesk, teach: Callable[..., Adapter], pump: Pump) -> ChatDesk:
    """A new chat in which polite-1 and the model alone are compared."""
    teach("polite-1")
    pump(lambda: desk.state.adapters)
    desk.compare(desk.rivals()[0])
    return desk


def ask(desk: ChatDesk, pump: Pump, words: str = "How do lamps work?") -> None:
    desk.send(words)
    pump(lambda: desk.state.activity == "voting")


def better(desk: ChatDesk) -> Any:
    """The letter of the adapter's answer."""
    return "a" if desk.state.blind.a == LORA else "b"


def test_both_answer_and_the_vote_tells_who_was_who(
    comparing: ChatDesk, view: RecordingChatView, fake_engine: TwoVoices, pump: Pump, desk_app: App
) -> None:
    fake_engine.is_free.clear()
    comparing.send("How do lamps work?")
    pump(lambda: comparing.state.activity == "answering")
    assert comparing.state.blind.stage == "answering" and comparing.state.tokens_per_s == 0
    fake_engine.is_free.set()
    pump(lambda: comparing.state.activity == "voting")
    blind = comparing.state.blind
    assert {blind.a, blind.b} == {LORA, BASE} and blind.question == "How do lamps work?"
    chat = str(comparing.state.conversation_id)
    assert [one.content for one in desk_app.conversations.path(chat)] == ["How do lamps work?"]  # safe, and no more
    assert "polite-1" not in repr((blind.a, blind.b, view.turns, comparing.state.notice))
    comparing.vote(better(comparing))
    pump(lambda: comparing.state.activity == "idle" and len(view.turns) == 2)
    reply = view.turns[1]
    assert (reply.text, reply.adapter, reply.n_versions, reply.is_kept) == (LORA, "polite-1", 2, True)
    assert "was polite-1" in comparing.state.notice and "1 vote so far" in comparing.state.notice
    assert Votes(desk_app.store).tally(desk_app.registry.find("polite-1")).n_adapter == 1
    pump(lambda: comparing.state.title == "Lamps and more")
    assert comparing.state.n_context_used == 24
    ask(comparing, pump, "And now?")  # the next question is answered by both again
    assert not comparing.state.notice


def test_what_is_sent_before_the_vote_waits_for_it(comparing: ChatDesk, view: RecordingChatView, pump: Pump) -> None:
    ask(comparing, pump)
    comparing.send("And now?")
    comparing.regenerate()
    assert comparing.state.notice.startswith("Vote first") and [one.text for one in comparing.state.queue] == [
        "And now?"
    ]
    comparing.vote("bad")
    pump(lambda: comparing.state.blind.question == "And now?" and comparing.state.activity == "voting")
    assert [one.thumb for one in view.turns[:2]] == ["", "down"]
    comparing.vote("tie")
    pump(lambda: len(view.turns) == 4 and comparing.state.activity == "idle")


def test_answering_again_adds_two_versions(comparing: ChatDesk, view: RecordingChatView, pump: Pump) -> None:
    ask(comparing, pump)
    comparing.vote("a")
    pump(lambda: len(view.turns) == 2 and comparing.state.activity == "idle")
    first = view.turns[1].id
    comparing.regenerate()
    pump(lambda: comparing.state.activity == "voting")
    assert len(view.turns) == 1
    comparing.end_comparing()
    pump(lambda: len(view.turns) == 2)  # the earlier reply is there again
    assert view.turns[1].id == first and comparing.state.blind.rivals is None
    comparing.compare(comparing.rivals()[0])
    comparing.regenerate()
    pump(lambda: comparing.state.activity == "voting")
    comparing.vote("b")
    pump(lambda: len(view.turns) == 2 and view.turns[1].n_versions == 4)


def test_stopping_failing_and_leaving_keep_the_question(
    comparing: ChatDesk, view: RecordingChatView, fake_engine: TwoVoices, pump: Pump, desk_app: App
) -> None:
    fake_engine.is_free.clear()
    comparing.send("How do lamps work?")
    pump(lambda: fake_engine.requests)
    comparing.stop()
    assert comparing.state.activity == "stopping"
    pump(lambda: comparing.state.activity == "idle")
    assert [one.text for one in view.turns] == ["How do lamps work?"] and "neither" in comparing.state.notice
    fake_engine.is_free.set()
    fake_engine.failure = Error("The model's process died.", hint="Try again.", kind="out-of-luck")
    comparing.retry()
    pump(lambda: comparing.state.problem)
    assert comparing.state.problem is not None and "chat.retry" in comparing.state.problem.actions
    comparing.retry()
    pump(lambda: comparing.state.activity == "voting")
    first = comparing.state.conversation_id
    comparing.open(None)  # another chat is shown meanwhile
    pump(lambda: comparing.state.conversation_id is None and comparing.state.blind.rivals is None)
    comparing.open(first)
    pump(lambda: comparing.state.activity == "voting" and comparing.state.blind.a)
    comparing.end_comparing()
    pump(lambda: comparing.state.activity == "idle")
    assert [one.text for one in view.turns] == ["How do lamps work?"] and "Neither" in comparing.state.notice
    assert Votes(desk_app.store).tally(desk_app.registry.find("polite-1")).n_votes == 0
    comparing.regenerate()  # one answers, as ever
    pump(lambda: len(view.turns) == 2 and view.turns[1].state == "complete")


def test_a_face_that_ends_before_the_vote_leaves_the_question(
    comparing: ChatDesk, background: Background, pump: Pump, desk_app: App
) -> None:
    ask(comparing, pump)
    chat = str(comparing.state.conversation_id)
    comparing.close()
    again = ChatDesk(background, RecordingChatView())
    again.open(chat)
    pump(lambda: again.state.conversation_id == chat)
    assert [one.text for one in again.turns] == ["How do lamps work?"] and again.state.blind.rivals is None
    again.regenerate()
    pump(lambda: len(again.turns) == 2 and again.turns[1].state == "complete")
    again.close()
    assert Votes(desk_app.store).tally(desk_app.registry.find("polite-1")).n_votes == 0


def test_what_both_say_alike_becomes_the_reply(
    comparing: ChatDesk, view: RecordingChatView, fake_engine: TwoVoices, pump: Pump
) -> None:
    fake_engine.says_the_same = True
    comparing.send("How do lamps work?")
    pump(lambda: len(view.turns) == 2 and comparing.state.activity == "idle")
    assert view.turns[1].n_versions == 1 and comparing.state.notice.startswith("Both said the same")


def test_a_vote_that_cannot_be_stored_can_be_cast_again(
    comparing: ChatDesk, view: RecordingChatView, pump: Pump, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(comparing, pump)

    def full(*_args: Any, **_more: Any) -> None:
        raise Error("The disk is full.", hint="Make room.", kind="disk-full")

    with monkeypatch.context() as patch:
        patch.setattr(Votes, "add", full)
        comparing.vote("a")
        pump(lambda: comparing.state.problem)
    assert comparing.state.activity == "voting" and [one.role for one in view.turns] == ["user"]
    comparing.vote("a")
    pump(lambda: len(view.turns) == 2 and view.turns[1].n_versions == 2)


def test_a_comparison_ends_where_one_of_them_cannot_answer_any_more(
    comparing: ChatDesk, pump: Pump, desk_app: App
) -> None:
    ask(comparing, pump)
    comparing.vote("a")
    pump(lambda: comparing.state.activity == "idle" and len(comparing.turns) == 2)
    desk_app.registry.retire("polite-1")
    pump(lambda: comparing.state.blind.rivals is None)
    assert "polite-1 cannot answer" in comparing.state.notice and comparing.rivals() == ()


def test_rivals_are_named_with_what_serves_now(desk: ChatDesk, teach: Callable[..., Adapter], pump: Pump) -> None:
    assert desk.rivals() == ()
    teach("old-1", promote=True)
    teach("new-22")
    pump(lambda: len(desk.state.adapters) == 2)
    assert [rivals_text(one) for one in desk.rivals()] == [
        "old-1 and the model alone", "new-22 and old-1", "new-22 and the model alone",
    ]  # fmt: skip
    desk.choose_adapter("new-22")
    pump(lambda: desk.state.adapter == "new-22")
    assert rivals_text(desk.rivals()[0]) == "new-22 and old-1"


def test_another_page_has_an_adapter_compared_in_a_new_chat(
    comparing: ChatDesk, background: Background, desk_app: App, pump: Pump, tmp_path: Path, gguf_builder: ModuleType
) -> None:
    ask(comparing, pump)
    first = comparing.state.conversation_id
    other = import_model(
        desk_app.catalogue, gguf_builder.tiny_llama_gguf(tmp_path / "o.gguf", seed=5, name="Other")
    ).model
    file = gguf_builder.tiny_lora_gguf(tmp_path / "far.gguf", seed=77)
    desk_app.registry.add_adapter(NewAdapter(file, "chat", other.sha256, other.id, name="far"))
    comparing.compare_in_new_chat("far")
    pump(lambda: comparing.state.conversation_id is None and comparing.state.blind.rivals is not None)
    rivals = comparing.state.blind.rivals
    assert rivals is not None and rivals.adapter.name == "far" and comparing.state.model == other.id
    comparing.open(first)  # the other comparison goes on where it was
    pump(lambda: comparing.state.activity == "voting")
    comparing.compare_in_new_chat("nobody")
    pump(lambda: comparing.state.problem)


def test_the_adapter_of_a_chat_is_chosen_and_its_strength_is_kept_with_it(
    desk: ChatDesk, teach: Callable[..., Adapter], fake_engine: TwoVoices, pump: Pump, desk_app: App
) -> None:
    assert chip_text(desk.state) == "" and choices(desk.state) == ()
    teach("old-1", promote=True)
    new = teach("new-22")
    pump(lambda: len(desk.state.adapters) == 2)
    assert chip_text(desk.state) == "old-1"
    assert [(one.key, one.detail, one.is_current) for one in choices(desk.state)] == [
        ("", "promoted", True), ("new-22", "candidate", False), (OFF, "the model alone", False),
    ]  # fmt: skip
    desk.choose_adapter("new-22")
    desk.set_adapter_percent(80)
    pump(lambda: chip_text(desk.state) == "new-22 · 80 %")
    desk.send("How do lamps work?")
    pump(lambda: len(desk.turns) == 2 and desk.state.activity == "idle")
    assert fake_engine.requests[-1].lora == (new.use(0.8),)
    (chat,) = desk_app.conversations.list()
    assert chat.options == {"adapter": "new-22", "adapter_strength": "0.8"}
    desk.choose_adapter(OFF)
    pump(lambda: chip_text(desk.state) == "No adapter")
    desk.choose_adapter("")
    pump(lambda: chip_text(desk.state) == "old-1")
    desk.set_adapter_percent(150)
    pump(lambda: chip_text(desk.state) == "old-1 · 150 %")
    desk.set_adapter_percent(100)
    pump(lambda: chip_text(desk.state) == "old-1")
    assert desk_app.conversations.get(chat.id).options == {}
