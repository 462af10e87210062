"""What people do in the terminal app, from the first key to the last, with a picture of where it led."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.models.importing import import_model
from rushlight.assistant.models.model import Model

Perform = Callable[..., None]
HOLD, DIE = "\0hold", "\0die"
ANSWER = ["A candle is **wax** around ", "a wick.\n\n", "- light it\n- watch it\n\n```python\nburn(wax)\n```\n"]


def test_first_run_to_first_answer(
    perform: Perform, engine: Any, tiny_gguf: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rushlight.ui.desk.model_finding.find_on_disk", lambda _app, _stop: ())
    engine.says(ANSWER)

    async def play(stage: Any) -> None:
        await stage.shows("Welcome to Rushlight.", "Take in a GGUF file of your own", "No model was found")
        await stage.picture("first-run")
        await stage.press("enter")
        await stage.shows("Take in which GGUF file?")
        await stage.paste(str(tiny_gguf))
        await stage.press("enter")
        await stage.shows("What would you like to know?")
        await stage.write("What is a candle?")
        await stage.press("enter")
        await stage.shows("A candle is wax around a wick.", "burn(wax)", "212 tokens")

    perform(play)


def test_an_answer(perform: Perform, engine: Any, model: Model) -> None:
    engine.says(ANSWER)

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.type("What is a candle?")
        await stage.press("enter")
        await stage.shows("A candle is wax around a wick.", "burn(wax)", "212 tokens")
        await stage.shows("What is a candle?   Tiny")
        await stage.picture("answer")

    perform(play)


def test_stop_and_continue(perform: Perform, engine: Any, model: Model) -> None:
    engine.says(["Once upon", HOLD, " a time"], [" a candle burned."])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("A story")
        await stage.press("enter")
        await stage.shows("Once upon", "Esc stops")
        await stage.press("escape")
        await stage.shows("stopped", "Alt+C continues the reply.")
        await stage.picture("stopped")
        await stage.press("alt+c")
        await stage.shows("Once upon a candle burned.")
        await stage.hides("stopped")

    perform(play)


def test_edit_and_branch(perform: Perform, engine: Any, model: Model, assistant: App) -> None:
    engine.says(["A red one."], ["A blue one."])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("Which candle")
        await stage.press("enter")
        await stage.shows("A red one.", "212 tokens")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")
        await stage.press("up")
        await stage.until(lambda: stage.app.deeds.page.composer.text == "Which candle")
        await stage.write(" is it")
        await stage.press("enter")
        await stage.shows("A blue one.", "Which candle is it", "2 / 2", "212 tokens")
        await stage.hides("A red one.")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")
        await stage.press("alt+left")
        await stage.shows("A red one.", "1 / 2")
        await stage.picture("versions")
        first = stage.app.chat.state.conversation_id
        await stage.press("alt+o")
        await stage.until(lambda: stage.app.chat.state.conversation_id not in (None, first))
        await stage.shows("A red one.")

    perform(play)
    assert len(assistant.conversations.list()) == 2


def test_an_edit_stays_in_its_chat(perform: Perform, engine: Any, model: Model, assistant: App) -> None:
    engine.says(["A red one."], ["A blue one."])

    async def play(stage: Any) -> None:
        composer = stage.app.deeds.page.composer
        await stage.shows("What would you like to know?")
        await stage.write("Which candle")
        await stage.press("enter")
        await stage.shows("A red one.", "212 tokens")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")
        await stage.press("up")
        await stage.until(lambda: composer.text == "Which candle")
        await stage.press("ctrl+n")
        await stage.until(lambda: stage.app.chat.state.conversation_id is None and composer.has_focus)
        assert composer.text == ""
        await stage.write("Which lamp")
        await stage.press("enter")
        await stage.shows("A blue one.", "Which lamp")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")

    perform(play)
    chats = [assistant.conversations.path(chat.id) for chat in assistant.conversations.list()]
    asked = sorted([one.content for one in path if one.role == "user"] for path in chats)
    assert asked == [["Which candle"], ["Which lamp"]]


def test_an_edit_gives_back_what_was_being_written(perform: Perform, engine: Any, model: Model, assistant: App) -> None:
    engine.says(["A red one."], ["Slowly", HOLD, " said."])

    async def play(stage: Any) -> None:
        page = stage.app.deeds.page

        async def edit(expected: str) -> None:
            await stage.press("shift+tab")
            await stage.until(lambda: page.messages.has_focus)
            await stage.press("up", "e")
            await stage.until(lambda: page.composer.text == expected)

        await stage.shows("What would you like to know?")
        await stage.write("Which candle")
        await stage.press("enter")
        await stage.shows("A red one.", "212 tokens")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")
        await stage.write("half a thought")
        await edit("Which candle")
        await stage.press("escape")
        await stage.until(lambda: page.composer.text == "half a thought")
        await edit("Which candle")
        await stage.write(" is it")
        await stage.press("enter")
        await stage.shows("Which candle is it", "Slowly")
        assert page.composer.text == "half a thought"
        await edit("Which candle is it")
        await stage.press("enter")  # not while it answers: nothing of it is lost
        await stage.shows("Wait for the answer, or stop it first.")
        assert page.composer.text == "Which candle is it"
        await stage.press("escape")
        await stage.until(lambda: page.composer.text == "half a thought")
        engine.release.set()
        await stage.shows("Slowly said.")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")

    perform(play)
    (chat,) = assistant.conversations.list()
    assert assistant.conversations.draft(chat.id) == "half a thought"


def test_a_home_that_nobody_has_is_a_path_like_any_other(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("/attach ~nobody-of-this-name/notes.txt")
        await stage.press("enter")
        await stage.shows("✗", "notes.txt cannot be attached")
        await stage.press("alt+j")
        await stage.shows("Open databases")
        await stage.press("enter")
        await stage.shows("Which databases")
        await stage.write("~nobody-of-this-name/shop.db")
        await stage.press("enter")
        await stage.shows("✗", "shop.db")

    perform(play, size=(140, 44))


def test_search(perform: Perform, model: Model, assistant: App) -> None:
    for title, said in (("Candles", "beeswax burns slowly"), ("Lamps", "oil burns brightly")):
        conversation = assistant.conversations.create(title=title)
        assistant.conversations.append(conversation.id, None, "user", said)

    async def play(stage: Any) -> None:
        await stage.shows("Candles", "Lamps")
        await stage.press("ctrl+s")
        await stage.write("beeswax")
        await stage.shows("beeswax burns slowly")
        await stage.hides("Lamps")
        await stage.picture("search")
        await stage.press("enter", "enter")
        await stage.until(lambda: stage.app.chat.state.title == "Candles")
        await stage.press("ctrl+f")
        await stage.write("slowly")
        await stage.shows("1 of 1")

    perform(play)


def test_export(perform: Perform, model: Model, assistant: App, tmp_path: Path) -> None:
    conversation = assistant.conversations.create(title="Candles")
    assistant.conversations.append(conversation.id, None, "user", "beeswax burns slowly")
    there = tmp_path / "out.json"

    async def play(stage: Any) -> None:
        await stage.shows("beeswax burns slowly")
        await stage.press("alt+e")
        await stage.shows("Export this chat to which file?", "candles.md")
        await stage.picture("export")
        await stage.press("ctrl+u", "ctrl+k")
        await stage.paste(str(there))
        await stage.press("enter")
        await stage.shows("Exported to")

    perform(play, conversation_id=conversation.id)
    assert "beeswax burns slowly" in json.dumps(json.loads(there.read_text()))


def test_an_export_asks_before_it_replaces_a_file(
    perform: Perform, model: Model, assistant: App, tmp_path: Path
) -> None:
    conversation = assistant.conversations.create(title="Candles")
    assistant.conversations.append(conversation.id, None, "user", "beeswax burns slowly")
    there = tmp_path / "out.md"
    there.write_text("my own notes")

    async def export(stage: Any) -> None:
        await stage.press("alt+e")
        await stage.shows("Export this chat to which file?")
        await stage.press("ctrl+u", "ctrl+k")
        await stage.paste(str(there))
        await stage.press("enter")
        await stage.shows("The file is there already.", "Leave it", "Replace out.md")

    async def play(stage: Any) -> None:
        await stage.shows("beeswax burns slowly")
        await export(stage)
        await stage.press("enter")
        await stage.until(lambda: stage.app._panel is None)
        await export(stage)
        assert there.read_text() == "my own notes"
        await stage.press("down", "enter")
        await stage.shows("Exported to")

    perform(play, conversation_id=conversation.id)
    assert "beeswax burns slowly" in there.read_text()


def test_correct_a_reply(perform: Perform, engine: Any, model: Model, assistant: App) -> None:
    engine.says(["Paris is in Italy."])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("Where is Paris?")
        await stage.press("enter")
        await stage.shows("Paris is in Italy.", "212 tokens")
        await stage.press("ctrl+e")
        await stage.shows("How should the reply have been?")
        await stage.press(*["backspace"] * len("Italy."))
        await stage.write("France.")
        await stage.press("ctrl+s")
        await stage.shows("It should have been:", "Paris is in France.", "corrected")
        await stage.press("alt+d")
        await stage.shows("▼ bad")
        await stage.picture("corrected")
        await stage.press("alt+z")
        await stage.hides("▼ bad")

    perform(play)
    (feedback,) = [one for one in assistant.feedback.list() if one.kind == "correction"]
    assert feedback.text == "Paris is in France."


def test_a_correction_is_kept_when_another_chat_is_opened_meanwhile(
    perform: Perform, model: Model, assistant: App
) -> None:
    chat = assistant.conversations.create(title="Places")
    asked = assistant.conversations.append(chat.id, None, "user", "Where is Paris?")
    reply = assistant.conversations.append(chat.id, asked.id, "assistant", "Paris is in Italy")

    async def play(stage: Any) -> None:
        await stage.shows("Paris is in Italy")
        await stage.press("ctrl+e")
        await stage.shows("How should the reply have been?")
        stage.app.open_conversation(None)
        await stage.until(lambda: stage.app.chat.state.conversation_id is None)
        await stage.until(lambda: stage.app._panel.has_focus_within)
        await stage.paste(", no: in France")
        await stage.press("ctrl+s")
        await stage.until(lambda: assistant.feedback.of(reply.id))

    perform(play, conversation_id=chat.id)
    assert [one.text for one in assistant.feedback.of(reply.id)] == ["Paris is in Italy, no: in France"]


def test_switch_the_model_while_it_answers(
    perform: Perform, engine: Any, model: Model, assistant: App, make_gguf: Callable[..., Path]
) -> None:
    second = import_model(
        assistant.catalogue, make_gguf("second.gguf", n_vocab=300), how="in-place", model_id="local/second"
    )
    assistant.catalogue.alias(model.id, "default")
    engine.says(["Slowly", HOLD, " said."], ["Quickly said."])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("Say it")
        await stage.press("enter")
        await stage.shows("Slowly")
        await stage.write("And again")
        await stage.press("enter")
        await stage.shows("Waiting: And again")
        await stage.press("ctrl+o")
        await stage.shows("Which model answers from now on?")
        keys = [one.key for one in stage.app._panel._list.rows]
        at, wanted = keys.index(stage.app._panel._list.chosen), keys.index(second.model.id)
        await stage.press(*["down" if wanted > at else "up"] * abs(wanted - at))
        await stage.press("enter")
        await stage.until(lambda: stage.app.chat.state.model == second.model.id)
        engine.release.set()
        await stage.shows("Slowly said.", "Quickly said.")
        await stage.until(lambda: stage.app.chat.state.activity == "idle")

    perform(play)
    (conversation,) = assistant.conversations.list()
    by = [one.model for one in assistant.conversations.path(conversation.id) if one.role == "assistant"]
    assert by == [model.id, second.model.id]


def test_a_model_that_was_chosen_for_a_new_chat_stays(
    perform: Perform, model: Model, assistant: App, make_gguf: Callable[..., Path]
) -> None:
    file = make_gguf("second.gguf", n_vocab=300)
    second = import_model(assistant.catalogue, file, how="in-place", model_id="local/second").model
    assistant.catalogue.alias(model.id, "default")

    async def play(stage: Any) -> None:
        await stage.until(lambda: stage.app.chat.state.model == model.id)
        stage.app.choose_model(second.id)
        await stage.until(lambda: stage.app.chat.state.model == second.id)
        looked: list[None] = []
        stage.app.models_changed()  # as by any change of the models or the settings
        stage.app.background.read(lambda _app: None, looked.append)
        await stage.until(lambda: looked)
        assert stage.app.chat.state.model == second.id

    perform(play)


def test_the_worker_dies_while_it_answers(perform: Perform, engine: Any, model: Model) -> None:
    engine.says(["Half a sen", DIE], ["A whole sentence."])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("Say it")
        await stage.press("enter")
        await stage.shows("Half a sen", "The model's process ended.", "failed", "F6: Try again")
        await stage.picture("worker-died")
        await stage.press("f6")
        await stage.shows("A whole sentence.")
        await stage.hides("The model's process ended.")

    perform(play)
