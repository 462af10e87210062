"""The pages beside the chat, at the sizes that terminals have; the settings change, the models and jobs obey."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.models.model import Model
from rushlight.ui.desk.model_loading import PlanRow
from rushlight.ui.desk.model_values import DownloadChoice, DownloadPlan, MemoryBar, MemoryPart
from rushlight.ui.tui.panel import ReadPanel, TextPanel

Perform = Callable[..., None]


def test_a_setting_is_found_changed_and_reset(perform: Perform, model: Model, open_app: Callable[[], App]) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f4")
        await stage.shows("System prompt")
        await stage.press("slash")
        await stage.write("keep")
        await stage.shows("Keep a model loaded")
        await stage.hides("System prompt")
        await stage.press("enter", "enter")
        await stage.shows("Enter: done")
        await stage.press("ctrl+u")
        await stage.write("never")
        await stage.press("enter")
        await stage.shows("✗", "never")
        await stage.press("r")
        await stage.hides("✗")
        await stage.press("enter")
        await stage.shows("Enter: done")
        await stage.press("ctrl+u")
        await stage.write("60")
        await stage.press("enter")
        await stage.shows("settings.toml")
        await stage.picture("settings")

    perform(play)
    with open_app() as app:
        assert app.settings.number("engine.keep_alive_s") == 60


def test_the_simple_view_and_all_settings(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f4")
        await stage.shows("more settings")
        await stage.press("a")
        await stage.shows("Engine")
        await stage.press("end")
        await stage.shows("Show the simple view")

    perform(play)


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (160, 50)])
def test_the_chat_at_usual_sizes(perform: Perform, model: Model, assistant: App, columns: int, lines: int) -> None:
    conversation = assistant.conversations.create(title="Candles")
    asked = assistant.conversations.append(conversation.id, None, "user", "What is a candle?")
    said = "A candle is **wax** around a wick.\n\n| wax | hours |\n|---|---:|\n| bee | 12 |\n\n> It burns.\n"
    assistant.conversations.append(conversation.id, asked.id, "assistant", said)

    async def play(stage: Any) -> None:
        await stage.shows("A candle is wax around a wick.", "It burns.")
        assert ("Search the chats" in stage.screen()) == (columns >= 100)
        await stage.picture(f"chat-{columns}x{lines}")
        if columns < 100:
            await stage.press("ctrl+b")
            await stage.shows("Search the chats", "Candles")
            await stage.press("escape")
            await stage.hides("Search the chats")
        await stage.press("ctrl+t")
        assert stage.app.theme == "rushlight-light"
        await stage.picture(f"chat-light-{columns}x{lines}")

    perform(play, size=(columns, lines), conversation_id=conversation.id)


def test_models_are_shown_and_named(
    perform: Perform, model: Model, assistant: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = (MemoryBar("Memory", 100, (MemoryPart("Tiny", 20, "model"), MemoryPart("free", 80, "free"))),)

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f2")
        await stage.shows("Tiny-Llama", "tiny")
        await stage.press("n")
        await stage.shows("Another name for")
        await stage.write("little")
        await stage.press("enter")
        await stage.shows("little")
        await stage.press("enter")
        await stage.shows("Make it the default")
        await stage.press("down", "down", "enter")
        await stage.until(lambda: isinstance(stage.app._panel, ReadPanel))
        await stage.press("escape")
        await stage.until(lambda: stage.app._panel is None)
        await stage.press("x")
        await stage.shows("bring it back")
        await stage.press("z")
        await stage.hides("bring it back")
        from dataclasses import replace

        page = stage.app._pages["models"]
        page.show(replace(stage.app.models.state, bars=bars))
        await stage.shows("Memory", "Tiny 20 B · free 80 B")

    perform(play)


def test_a_job_is_shown_and_its_log(perform: Perform, model: Model, make_gguf: Callable[..., Path]) -> None:
    file = make_gguf("second.gguf", n_vocab=300)

    async def play(stage: Any) -> None:
        await stage.shows("What would you like to know?")
        await stage.press("f2", "ctrl+a")
        await stage.shows("Take in which GGUF file?")
        await stage.paste(str(file.with_name("missing.gguf")))
        await stage.press("enter", "f3")
        await stage.shows("Failed", "missing.gguf")
        await stage.press("l")
        await stage.until(lambda: isinstance(stage.app._panel, ReadPanel))
        await stage.press("escape")
        await stage.until(lambda: stage.app._panel is None)
        await stage.press("delete")
        await stage.hides("missing.gguf")

    perform(play)


def test_folders_and_the_trash(perform: Perform, model: Model, assistant: App) -> None:
    assistant.conversations.create(title="Candles")

    async def play(stage: Any) -> None:
        await stage.shows("Candles")
        await stage.press("alt+n")
        await stage.shows("The name of the new folder")
        await stage.write("Work")
        await stage.press("enter")
        await stage.shows("▾ Work")
        side = stage.app.side
        side.take_focus()
        await stage.press("home", "m")
        chosen = stage.app.side._list.chosen
        if "folder" in chosen:  # the folder stands first: the chat is below it
            await stage.press("escape", "down", "m")
        await stage.shows("to which folder?")
        await stage.press("down", "enter")
        await stage.until(lambda: assistant.conversations.list()[0].folder_id is not None)
        side.take_focus()
        await stage.press("end", "x")
        await stage.until(lambda: not assistant.conversations.list())
        await stage.press("alt+z")
        await stage.until(lambda: assistant.conversations.list())

    perform(play)


def test_two_kinds_of_plans_are_shown(perform: Perform, model: Model) -> None:
    """What a download would be, and what loading would take."""
    download = DownloadPlan("a/b", "a/b", "hub.example", 0, (DownloadChoice("a/b/c", "c.gguf", 5, "yes", "fits"),), 9)
    loading = PlanRow("tiny", "Tiny", "unloads", "It fits once other is unloaded.", ("3 GB of memory",))

    async def play(stage: Any) -> None:
        await stage.press("f2")
        await stage.shows("Tiny-Llama")
        page = stage.app._pages["models"]
        page._show_plan(download)
        await stage.shows("Download from hub.example?", "c.gguf")
        await stage.press("escape")
        loaded: list[str] = []
        stage.app.models.load = loaded.append
        page._decide(loading)
        await stage.shows("It fits once other is unloaded.", "Leave it")
        await stage.press("down", "enter")
        await stage.until(lambda: loaded == ["tiny"])

    perform(play)


def test_a_panel_that_comes_by_itself_waits_while_somebody_writes(perform: Perform, model: Model) -> None:
    plan = PlanRow("tiny", "Tiny", "fits", "It fits into the memory that is free.", ())
    kept: list[str] = []

    async def play(stage: Any) -> None:
        await stage.press("f2")
        await stage.shows("Tiny-Llama")
        page = stage.app._pages["models"]
        await stage.press("n")
        await stage.shows("Another name for")
        await stage.write("little")
        page._show_load_plan(plan)  # what was asked for before is found now
        await stage.pilot.pause()
        await stage.shows("Another name for", "little")
        await stage.press("enter")
        await stage.shows("It fits into the memory that is free.")
        await stage.press("escape")
        await stage.until(lambda: stage.app._panel is None)
        stage.app.ask(TextPanel("How should it have been?", kept.append, value="Paris"))
        await stage.until(lambda: stage.app._panel.has_focus_within)
        page._show_load_plan(plan)
        await stage.write(" is in France")
        await stage.press("ctrl+s")
        await stage.shows("It fits into the memory that is free.")
        assert kept == ["Paris is in France"] and isinstance(stage.app._panel, ReadPanel)

    perform(play)


def test_a_text_that_is_half_written_comes_back_when_another_panel_is_left(perform: Perform, model: Model) -> None:
    kept: list[str] = []

    async def play(stage: Any) -> None:
        await stage.press("f2")
        await stage.shows("Tiny-Llama")
        stage.app.ask(TextPanel("How should it have been?", kept.append, value="Paris"))
        await stage.until(lambda: stage.app._panel.has_focus_within)
        await stage.write(" is in France")
        stage.app.ask(ReadPanel("A plan", "It fits."))
        stage.app.ask(ReadPanel("Another", "It fits too."))  # in the place of that one, before the text
        await stage.shows("Another")
        await stage.hides("How should it have been?")
        await stage.press("escape")
        await stage.shows("How should it have been?", "Paris is in France")
        await stage.until(lambda: stage.app._panel.has_focus_within)
        await stage.press("ctrl+s")
        await stage.until(lambda: stage.app._panel is None)
        assert kept == ["Paris is in France"]
        stage.app.ask(TextPanel("How should it have been?", kept.append, value="Paris"))
        await stage.until(lambda: stage.app._panel.has_focus_within)
        stage.app.ask(ReadPanel("A plan", "It fits."))
        await stage.shows("A plan")
        await stage.press("escape")
        await stage.until(lambda: stage.app._panel is None)  # nothing was written in it

    perform(play)


def test_a_text_whose_use_asks_for_more_is_not_there_again(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        await stage.press("f2")
        await stage.shows("Tiny-Llama")
        used = TextPanel("A text", lambda _text: stage.app.ask(ReadPanel("More", "of it")))
        stage.app.ask(used)
        await stage.until(lambda: stage.app._panel.has_focus_within)
        await stage.write("written")
        await stage.press("ctrl+s")
        await stage.shows("More")
        await stage.until(lambda: not used.is_attached)
        await stage.press("escape")
        await stage.until(lambda: stage.app._panel is None)
        assert not stage.app._covered_panels

    perform(play)
