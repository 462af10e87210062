"""A text field is drawn at any moment without ending the app."""

from collections.abc import Callable
from typing import Any

from textual.geometry import Region

from rushlight.assistant.models.model import Model
from rushlight.ui.tui.steady import Area

Perform = Callable[..., None]


def test_a_field_is_blank_until_its_styles_are_there(perform: Perform, model: Model) -> None:
    async def play(stage: Any) -> None:
        field = Area("some words")
        assert [strip.text for strip in field.render_lines(Region(0, 0, 4, 2))] == ["    ", "    "]
        await stage.app._main.mount(field)
        await stage.shows("some words")

    perform(play)
