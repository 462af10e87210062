"""Every action is reached by keyboard: by its key, by the palette, by the list of keys."""

from collections.abc import Callable
from typing import Any

from rushlight.assistant.app import App
from rushlight.assistant.models.model import Model
from rushlight.ui.desk.actions import actions
from rushlight.ui.tui.chat_page import OFFER_KEYS

Perform = Callable[..., None]
# What only a window can do: a terminal has its own text size and its own windows.
WINDOW_ONLY = {"view.larger", "view.smaller", "view.normal-size", "app.new-window"}


def test_every_action_is_known(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        unknown = {one.id for one in actions() if not stage.app.knows(one.id)}
        assert unknown == WINDOW_ONLY

    perform(play)


def test_every_action_can_be_done_on_an_empty_chat(perform: Perform, model: Model) -> None:
    """Nothing is said yet: whatever is asked for ends in a panel, a page or a line that says why not."""

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        for one in actions():
            if one.id not in WINDOW_ONLY and one.id != "app.quit":
                stage.app.do(one.id)
                await stage.pilot.pause()
                if stage.app._panel is not None:
                    stage.app._panel.action_close()
                stage.app.show_page("chat")
        await stage.pilot.pause()
        assert stage.app.crash is None

    perform(play)


def test_pages_by_function_keys(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f2")
        await stage.shows("Tiny-Llama", "Ctrl+G: get one")
        await stage.press("f3")
        await stage.shows("Nothing runs in the background.")
        await stage.press("f4")
        await stage.shows("System prompt", "more settings")
        await stage.press("f1")
        await stage.shows("What would you like to know?")

    perform(play)


def test_the_palette_finds_and_does(perform: Perform, model: Model, assistant: App) -> None:
    conversation = assistant.conversations.create(title="Candles at night")
    assistant.conversations.append(conversation.id, None, "user", "beeswax burns slowly")

    async def play(stage: Any) -> None:
        await stage.shows("Candles at night")
        await stage.press("ctrl+p")
        await stage.shows("Search everything")
        await stage.write("candles")
        await stage.shows("Candles at night", "chat")
        await stage.until(lambda: "Candles" in str(stage.app._panel._found.values()))
        await stage.press("enter")
        await stage.shows("beeswax burns slowly")
        await stage.press("ctrl+p")
        await stage.write("temper")
        await stage.pilot.pause()
        await stage.press("escape", "ctrl+p")
        await stage.write("keep a model")
        await stage.shows("Keep a model loaded")
        await stage.press("enter")
        await stage.shows("engine.keep_alive_s")

    perform(play)


def test_the_list_of_keys_names_them_all(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f5")
        await stage.shows("Keys", "New chat", "Ctrl+N")
        listed = {row.key for row in stage.app._panel._all}
        assert listed >= {one.id for one in actions()} - WINDOW_ONLY
        await stage.picture("keys")

    perform(play)


def test_letters_go_to_the_input_of_a_panel(perform: Perform, model: Model, assistant: App) -> None:
    """Keys of the page do not fire while a panel is written in."""
    conversation = assistant.conversations.create(title="Candles")

    async def play(stage: Any) -> None:
        await stage.until(lambda: stage.app.chat.state.title == "Candles")
        await stage.press("alt+r")
        await stage.shows("The title of this chat")
        await stage.press("home", "ctrl+e")
        await stage.write(" at night")
        await stage.press("enter")
        await stage.until(lambda: stage.app.chat.state.title == "Candles at night")

    perform(play, conversation_id=conversation.id)


def test_commands_are_completed_and_done(perform: Perform, model: Model, assistant: App) -> None:
    conversation = assistant.conversations.create(title="Candles")

    async def play(stage: Any) -> None:
        await stage.until(lambda: stage.app.chat.state.title == "Candles")
        await stage.type("/tit")
        await stage.shows("/title")
        await stage.press("tab")
        await stage.write("Lamps")
        await stage.press("enter")
        await stage.until(lambda: stage.app.chat.state.title == "Lamps")
        await stage.write("/set temperature 0.7")
        await stage.press("enter")
        await stage.shows("temperature=0.7")
        await stage.write("/set temperature hot")
        await stage.press("enter")
        await stage.shows("must be a number")
        await stage.press("escape")
        await stage.write("/regenrate")
        await stage.press("enter")
        await stage.shows("There is no command /regenrate.")

    perform(play, conversation_id=conversation.id)


def test_files_are_attached_by_at(perform: Perform, model: Model, tmp_path: Any, monkeypatch: Any) -> None:
    (tmp_path / "notes.txt").write_text("wax")
    monkeypatch.chdir(tmp_path)

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.type("look at @not")
        await stage.shows("notes.txt", "file")
        await stage.press("enter")
        await stage.shows("With the next message: ▤ notes.txt (3 B)")
        assert stage.app.deeds.page.composer.text == "look at "
        await stage.press("alt+a")
        await stage.shows("Attached to the next message", "remove")
        await stage.press("enter")
        await stage.hides("With the next message")

    perform(play)


def test_what_waits_can_be_taken_back(perform: Perform, engine: Any, model: Model) -> None:
    engine.says(["Slowly", "\0hold"])

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.write("One")
        await stage.press("enter")
        await stage.shows("Slowly")
        await stage.write("Two")
        await stage.press("shift+enter")
        await stage.write("more")
        await stage.press("enter")
        await stage.shows("Waiting: Two more")
        await stage.press("alt+q")
        await stage.hides("Waiting:")
        assert stage.app.deeds.page.composer.text == "Two\nmore"
        await stage.press("escape")
        await stage.shows("stopped")

    perform(play)


def test_terminals_can_send_these_keys() -> None:
    """Without a newer keyboard protocol Alt+letter is ESC and the letter, and some of those mean something else."""
    from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

    for one in actions():
        for key in one.terminal_keys:
            letter = key.removeprefix("alt+")
            if key.startswith("alt+") and len(letter) == 1:
                assert f"\x1b{letter}" not in ANSI_SEQUENCES_KEYS, (one.id, key)


def test_no_action_takes_a_key_of_what_a_problem_offers() -> None:
    assert not {key for one in actions() for key in one.terminal_keys} & set(OFFER_KEYS)
