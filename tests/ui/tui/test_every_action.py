"""Everything that can be done in the terminal app is done by keys: its own key, the palette, Tab; and can be read.

Nothing is done here but reached; what is done then is the business of the journeys.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from rich.style import Style
from textual.widget import Widget
from textual.widgets import Input

from rushlight.assistant.app import App
from rushlight.assistant.jobs.records import JobRecords
from rushlight.assistant.models.model import Model
from rushlight.ui.desk.actions import Action, actions
from rushlight.ui.desk.tokens import DARK, LIGHT
from rushlight.ui.tui.look import THEME_NAMES, Look, look_of, theme_of

Perform = Callable[..., None]
# What only a window can do: a terminal has its own text size and its own windows.
WINDOW_ONLY = {"view.larger", "view.smaller", "view.normal-size", "app.new-window"}
HERE = [one for one in actions() if one.id not in WINDOW_ONLY]
PAGES = ("chat", "sql", "learn", "models", "quantize", "server", "jobs", "settings", "first-run")
WITH_KEYS = ("quantize", "server", "jobs", "sql", "learn")  # pages whose keys are their own


@pytest.fixture
def conversation_id(assistant: App) -> str:
    """A conversation with two versions of a reply, a folder, and a job that failed."""
    conversations = assistant.conversations
    conversations.folders.create("Work")
    chat = conversations.create("Candles")
    asked = conversations.append(chat.id, None, "user", "Do candles burn?")
    for said in ("No.", "Yes:\n\n```python\nprint('wax')\n```\n"):
        conversations.append(chat.id, asked.id, "assistant", said)
    records = JobRecords(assistant.store)
    job = records.insert("model-import", "A job that failed", {"path": "nowhere.gguf"}, 0)
    ended: dict[str, Any] = {"state": "failed", "message": "It is not there.", "notices": json.dumps([]),
                             "started_at": 1.0, "ended_at": 2.0}  # fmt: skip
    records.change(job.id, ended)
    return chat.id


def page_of(one: Action) -> str:
    return one.scope if one.scope in ("models", *WITH_KEYS) else "chat"


async def show(stage: Any, page: str) -> None:
    stage.app.show_page(page)
    await stage.pilot.pause()
    if page == "jobs":
        await stage.shows("A job that failed")


def test_every_key_reaches_its_action(perform: Perform, model: Model, conversation_id: str) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("Candles")
        reached: list[str] = []
        stage.app.do = reached.append
        for one in HERE:
            for key in one.terminal_keys:
                await show(stage, page_of(one))
                if one.scope in WITH_KEYS:
                    stage.app._pages[one.scope].do = reached.append
                if one.scope != "empty-input":
                    await stage.press(key)
                    assert reached == [one.id], f"{key} is {reached} and not {one.id}"
                reached.clear()

    perform(play, conversation_id=conversation_id)


def test_up_in_the_empty_input_edits_the_last_message(perform: Perform, model: Model, conversation_id: str) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("Do candles burn?")
        await stage.press("up")
        await stage.until(lambda: stage.app.deeds.page.composer.text == "Do candles burn?")

    perform(play, conversation_id=conversation_id)


def test_every_action_is_reached_by_the_palette(perform: Perform, model: Model, conversation_id: str) -> None:
    async def play(stage: Any) -> None:
        await stage.shows("Candles")
        do = stage.app.do
        for one in HERE:
            do("app.palette")
            await stage.until(lambda: stage.app._panel is not None and stage.app._panel.query(Input))
            palette = stage.app._panel
            palette.query_one(Input).value = one.title
            key = f"action:{one.id}:"
            await stage.until(lambda palette=palette, key=key: key in palette._found)
            reached: list[str] = []
            stage.app.do = reached.append
            for _ in palette._found:
                if palette._list.chosen == key:
                    break
                await stage.press("down")
            await stage.press("enter")
            await stage.until(lambda reached=reached: reached)
            stage.app.do = do
            assert reached == [one.id]
            await stage.until(lambda: stage.app._panel is None)

    perform(play, conversation_id=conversation_id)


def focusable(stage: Any) -> set[Widget]:
    return {one for one in stage.app.screen.query("*") if one.focusable and one.visible and is_shown(one)}


def is_shown(one: Widget) -> bool:
    return all(above.display for above in one.ancestors_with_self if isinstance(above, Widget))


@pytest.mark.parametrize(("page", "size"), [(page, (160, 50)) for page in PAGES] + [("chat", (80, 24))], ids=str)
def test_tab_reaches_everything(
    perform: Perform, model: Model, conversation_id: str, page: str, size: tuple[int, int]
) -> None:
    """Forwards; Shift+Tab walks over the messages of the chat instead."""

    async def play(stage: Any) -> None:
        await stage.shows("Candles")
        await show(stage, page)
        await stage.until(lambda: stage.app.screen.focused is not None)
        wanted, seen = focusable(stage), set()
        for _ in range(2 * len(wanted)):
            await stage.press("tab")
            seen.add(stage.app.screen.focused)
        assert wanted - seen == set()

    perform(play, conversation_id=conversation_id, size=size)


# --- colours --------------------------------------------------------------------------------------------------------
# Drawn but not read: lines between things, the flame of what is busy; `faint` repeats what is said elsewhere.
NOT_READ = {"tokens", "code_line", "flame", "faint"}


def luminance(color: tuple[int, int, int]) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [part / 255 for part in color]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def styles(look: Look) -> dict[str, Style]:
    return {name: getattr(look, name) for name in Look.__slots__ if name not in NOT_READ}


@pytest.mark.parametrize("theme", THEME_NAMES)
def test_every_style_can_be_read(theme: str) -> None:
    for name, style in styles(look_of(theme)).items():
        assert style.color is not None and style.bgcolor is not None and style.color.triplet is not None
        assert style.bgcolor.triplet is not None
        assert contrast(style.color.triplet, style.bgcolor.triplet) >= 4.5, name


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_variables_of_the_style_sheet_can_be_read(tokens: Any) -> None:
    theme = theme_of(tokens)
    pairs = [
        (theme.foreground, theme.background), (theme.foreground, theme.panel), (theme.foreground, theme.surface),
        (theme.primary, theme.background), (theme.error, theme.background), (theme.success, theme.background),
        (theme.variables["block-cursor-foreground"], theme.variables["block-cursor-background"]),
        (theme.variables["block-cursor-blurred-foreground"], theme.variables["block-cursor-blurred-background"]),
        (theme.variables["input-cursor-foreground"], theme.variables["input-cursor-background"]),
        (theme.foreground, theme.variables["input-selection-background"]),
        (theme.variables["muted"], theme.background), (theme.variables["muted"], theme.variables["side"]),
    ]  # fmt: skip
    for ink, ground in pairs:
        found = [tuple(int(color[at : at + 2], 16) for at in (1, 3, 5)) for color in (ink, ground)]
        assert contrast(*found) >= 4.5, (ink, ground)  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", THEME_NAMES)
def test_with_16_colours_nothing_vanishes(theme: str) -> None:
    """Such terminals have colours of their own; what can be asked is that ink and ground are never the same one."""
    from rich.color import ColorSystem

    for name, style in styles(look_of(theme)).items():
        assert style.color is not None and style.bgcolor is not None
        ink, ground = (one.downgrade(ColorSystem.STANDARD).number for one in (style.color, style.bgcolor))
        assert ink != ground, f"{name}: both are colour {ink}"
