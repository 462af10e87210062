"""The adapter's chip of the chat page, and two answers without names beside each other: chosen, voted on, left."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.registry.votes import Votes
from rushlight.ui.gui.chat.page import ChatPage

Key = Qt.Key
LORA, BASE = "a bright answer", "a dull answer"


class TwoVoices(FakeEngine):
    """Says one thing with an adapter and another without."""

    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        self.requests.append(request)
        yield TextDelta(LORA if request.lora else BASE)
        yield Finished("stop")


@pytest.fixture
def fake_engine() -> TwoVoices:
    return TwoVoices([])


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
    yield made
    made.leave()


@pytest.fixture
def teach(store: App, one_model: Any, gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Adapter]:
    def make(name: str, *, promote: bool = False) -> Adapter:
        file = gguf_builder.tiny_lora_gguf(tmp_path / f"{name}.gguf", seed=len(name))
        made = store.registry.add_adapter(NewAdapter(file, "chat", one_model.sha256, one_model.id, name=name))
        if promote:
            store.registry.record_evaluation(made, suite="s", suite_sha256="0" * 64, passed=True, report={})
            store.registry.promote(name)
        return made

    return make


def words_of(widget: QWidget) -> str:
    """All that is said in what is shown, aloud too."""
    found = []
    for one in (widget, *widget.findChildren(QWidget)):
        if one.isVisible():
            found += [one.accessibleName(), one.accessibleDescription(), one.toolTip()]
            if isinstance(one, QLabel | QAbstractButton):
                found.append(one.text())
    return " ".join(found)


def test_without_an_adapter_there_is_no_chip_and_a_hint(page: ChatPage, frame: Any) -> None:
    assert page.head.adapter.isHidden()
    for action_id in ("chat.adapter", "chat.blind"):
        frame.run_action(action_id)
        assert "page Learn teaches one" in frame.told[-1][0]
    frame.run_action("chat.vote-a")
    assert "nothing to vote on" in frame.told[-1][0]


def test_the_chip_chooses_an_adapter_and_its_strength(
    page: ChatPage, frame: Any, teach: Callable[..., Adapter], fake_engine: TwoVoices, store: App, qtbot: Any
) -> None:
    teach("old-1", promote=True)
    new = teach("new-22")
    qtbot.waitUntil(lambda: len(page.desk.state.adapters) == 2)
    assert page.head.adapter.words == "✦ old-1 ▾" and page.head.adapter.property("role") == "chip-accent"
    page.head.adapter.click()
    picker = page.adapters
    assert picker.is_open and picker.list.hasFocus() and picker.list.count() == 3
    QTest.keyClick(picker.list, Key.Key_Down)
    QTest.keyClick(picker.list, Key.Key_Return)
    qtbot.waitUntil(lambda: page.head.adapter.words == "✦ new-22 ▾")
    for _ in range(4):
        QTest.keyClick(picker.slider, Key.Key_Left)
    assert picker.percent.text() == "80 %"
    qtbot.waitUntil(lambda: page.head.adapter.words == "✦ new-22 · 80 % ▾")
    QTest.keyClick(picker.slider, Key.Key_Escape)
    assert not picker.is_open
    page.composer.text.set_text("Hello")
    page.composer.submit()
    qtbot.waitUntil(lambda: len(page.desk.turns) == 2 and page.desk.state.activity == "idle")
    assert fake_engine.requests[-1].lora == (new.use(0.8),) or fake_engine.requests[-2].lora == (new.use(0.8),)
    assert store.conversations.list()[0].options == {"adapter": "new-22", "adapter_strength": "0.8"}
    page.head.adapter.click()
    picker.reset.click()
    qtbot.waitUntil(lambda: page.head.adapter.words == "✦ new-22 ▾")
    picker.list.setFocus()
    picker.list.setCurrentRow(2)
    QTest.keyClick(picker.list, Key.Key_Return)
    qtbot.waitUntil(lambda: page.head.adapter.words == "✦ No adapter ▾")
    assert page.head.adapter.property("role") == "chip"


def test_two_answers_are_voted_on_by_key_and_nothing_tells_who_is_who_before(
    page: ChatPage, frame: Any, teach: Callable[..., Adapter], store: App, qtbot: Any
) -> None:
    teach("secret-1")
    qtbot.waitUntil(lambda: bool(page.desk.state.adapters))
    page.composer.text.setFocus()
    frame.run_action("chat.blind")
    assert page.blind_line.isVisible() and "secret-1 and the model alone" in page.blind_line.words.text()
    page.composer.text.set_text("And now?")
    page.composer.submit()
    qtbot.waitUntil(page.blind.isVisible)
    shown = [one.view.turns[0].text for one in (page.blind.a, page.blind.b)]
    assert sorted(shown) == [LORA, BASE]
    assert "secret-1" not in words_of(page.blind) and page.composer.send_button.text() == "Queue"
    assert page.composer.text.hasFocus()  # nobody votes by going on to type
    page.blind.a.view.action.emit("copy", "A")
    assert QApplication.clipboard().text() == shown[0]
    frame.run_action("chat.vote-a" if shown[0] == LORA else "chat.vote-b")
    qtbot.waitUntil(lambda: page.blind.isHidden() and len(page.desk.turns) == 2)
    assert page.desk.turns[1].text == LORA and page.desk.turns[1].n_versions == 2
    assert "was secret-1" in page.notice.words.text()
    assert Votes(store.store).tally(store.registry.find("secret-1")).n_adapter == 1
    page.composer.text.set_text("And then?")
    page.composer.submit()
    qtbot.waitUntil(page.blind.isVisible)
    page.blind.buttons["tie"].setFocus()
    page.blind.buttons["tie"].click()
    qtbot.waitUntil(lambda: page.blind.isHidden() and len(page.desk.turns) == 4)
    assert page.composer.text.hasFocus()
    page.blind_line.end_button.click()
    assert page.blind_line.isHidden() and page.desk.state.blind.rivals is None


def test_several_can_be_compared_and_a_pair_can_be_left(
    page: ChatPage, frame: Any, teach: Callable[..., Adapter], store: App, qtbot: Any
) -> None:
    teach("old-1", promote=True)
    teach("new-22")
    qtbot.waitUntil(lambda: len(page.desk.state.adapters) == 2)
    frame.run_action("chat.blind")
    menu = page.comparing.menu
    assert [one.text() for one in menu.actions()] == [
        "old-1 and the model alone", "new-22 and old-1", "new-22 and the model alone",
    ]  # fmt: skip
    menu.actions()[2].trigger()
    menu.close()
    page.composer.text.set_text("And now?")
    page.composer.submit()
    qtbot.waitUntil(page.blind.isVisible)
    page.resize(420, 860)
    assert page.blind.is_stacked
    page.blind.close_button.click()
    qtbot.waitUntil(lambda: page.blind.isHidden() and page.desk.state.activity == "idle")
    assert [one.text for one in page.desk.turns] == ["And now?"] and page.view.isVisible()
    assert Votes(store.store).tally(store.registry.find("new-22")).n_votes == 0
