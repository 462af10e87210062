"""The adapter of a chat and two answers without names, in the terminal app: chosen, voted on by a letter, left."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import GenerateRequest
from rushlight.assistant.events import Event, Finished, TextDelta
from rushlight.assistant.models.model import Model
from rushlight.assistant.registry.values import Adapter, NewAdapter
from rushlight.assistant.registry.votes import Votes

Perform = Callable[..., None]
LORA, BASE = "a bright answer", "a dull answer"


@pytest.fixture
def engine(engine: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says one thing with an adapter and another without."""

    def generate(request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        engine.requests.append(request)
        yield TextDelta(LORA if request.lora else BASE)
        yield Finished("stop")

    monkeypatch.setattr(engine, "generate", generate)
    return engine


@pytest.fixture
def teach(assistant: App, model: Model, gguf_builder: ModuleType, tmp_path: Path) -> Callable[..., Adapter]:
    def make(name: str, *, promote: bool = False) -> Adapter:
        file = gguf_builder.tiny_lora_gguf(tmp_path / f"{name}.gguf", seed=len(name))
        made = assistant.registry.add_adapter(NewAdapter(file, "chat", model.sha256, model.id, name=name))
        if promote:
            assistant.registry.record_evaluation(made, suite="s", suite_sha256="0" * 64, passed=True, report={})
            assistant.registry.promote(name)
        return made

    return make


def test_two_answers_come_without_names_and_a_letter_votes(
    perform: Perform, teach: Callable[..., Adapter], assistant: App
) -> None:
    teach("secret-1")

    async def play(stage: Any) -> None:
        await stage.shows("No adapter")
        await stage.press("alt+h")
        await stage.shows("secret-1 and the model")
        await stage.write("And now?")
        await stage.press("enter")
        await stage.shows("Which answer is better?", "── A", "── B", LORA, BASE)
        _, _, rest = stage.screen().partition("── A")
        assert "secret-1" not in rest.split("Which answer")[0]  # only the head says what is compared
        blind = stage.app.chat.state.blind
        await stage.press("escape")
        await stage.hides("Which answer is better?")
        await stage.shows("Two answers wait for your vote")
        await stage.press("alt+h")
        await stage.shows("Which answer is better?")
        await stage.press("a" if blind.a == LORA else "b")
        await stage.shows("was secret-1", "1 vote so far")
        await stage.hides("── A")
        assert [one.text for one in stage.app.chat.turns] == ["And now?", LORA]
        await stage.press("alt+h")
        await stage.shows("Nothing is compared any more")

    perform(play)
    assert Votes(assistant.store).tally(assistant.registry.find("secret-1")).n_adapter == 1


def test_nobody_votes_by_going_on_to_type(perform: Perform, teach: Callable[..., Adapter], assistant: App) -> None:
    teach("secret-1")

    async def play(stage: Any) -> None:
        await stage.shows("No adapter")
        await stage.write("/blind")
        await stage.press("enter")
        await stage.shows("secret-1 and the model")
        await stage.write("And now?")
        await stage.press("enter")
        await stage.write("And then?")
        await stage.until(lambda: stage.app.chat.state.activity == "voting")
        if stage.app.deeds.page.composer.text:  # it was there before the answers were
            assert stage.app._panel is None
        stage.app.do("chat.vote-bad")
        await stage.until(lambda: len(stage.app.chat.turns) == 2)

    perform(play)
    assert Votes(assistant.store).tally(assistant.registry.find("secret-1")).n_bad == 1


def test_the_adapter_and_its_strength_are_chosen_by_keys(
    perform: Perform, teach: Callable[..., Adapter], engine: Any
) -> None:
    teach("old-1", promote=True)
    new = teach("new-22")

    async def play(stage: Any) -> None:
        await stage.shows("✦ old-1")
        await stage.press("ctrl+l")
        await stage.shows("The adapter of this chat", "candidate", "100 %")
        await stage.press("down", "enter")
        await stage.shows("✦ new-22", "✓ new-22")
        await stage.press("left", "left", "left", "left")
        await stage.shows("✦ new-22 · 80 %")
        await stage.press("escape")
        await stage.hides("The adapter of this chat")
        await stage.write("Hello")
        await stage.press("enter")
        await stage.until(lambda: len(stage.app.chat.turns) == 2 and stage.app.chat.state.activity == "idle")
        assert new.use(0.8) in engine.requests[0].lora
        await stage.press("alt+h")
        await stage.shows("Compare which two?", "new-22 and old-1", "old-1 and the model alone")
        await stage.press("escape")

    perform(play)


def test_the_cursor_stays_while_the_adapters_are_drawn_anew(perform: Perform, teach: Callable[..., Adapter]) -> None:
    teach("old-1", promote=True)
    teach("new-22")

    async def play(stage: Any) -> None:
        await stage.shows("✦ old-1")
        await stage.press("ctrl+l")
        await stage.shows("The adapter of this chat", "candidate")
        rows = stage.app._panel._list
        assert rows.chosen == "adapter:"  # the one that answers now
        await stage.press("down")
        await stage.until(lambda: rows.chosen == "adapter:new-22")
        stage.app.deeds.comparing.state_changed(stage.app.chat.state)  # as with every word of a reply
        assert rows.chosen == "adapter:new-22"
        await stage.press("escape")

    perform(play)


def test_without_an_adapter_it_says_how_one_comes(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.until(lambda: stage.app.chat.state.model)
        for action_id in ("chat.adapter", "chat.blind"):
            stage.app.do(action_id)
            await stage.shows("The page Learn teaches one")

    perform(play)
