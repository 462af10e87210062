"""The sampler and engine options of a chat: a list of what can be set, each changed on a line of its own.

Names and limits are those of `ask -o`; what is wrong with a value says the desk.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rushlight.ui.tui.panel import ChoicePanel, LinePanel
from rushlight.ui.tui.row_list import ListRow, heading, row
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.desk.chat_desk import ChatDesk
    from rushlight.ui.tui.frame import Frame

# What most people turn first; the rest follows by name.
_FIRST = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty", "max_tokens", "seed", "context", "reasoning")


def sampler_panel(
    frame: "Frame", desk: "ChatDesk", use_preset: Callable[[], None], save_preset: Callable[[], None]
) -> ChoicePanel:
    """The panel; choosing a row asks for its value."""

    def chosen(key: str) -> None:
        if key == "preset":
            use_preset()
        elif key == "save":
            save_preset()
        elif key == "clear":
            for name, _ in desk.state.options:
                desk.set_option(name, None)
        else:
            _ask_value(frame, desk, key.removeprefix("set:"))

    return ChoicePanel(
        text("Sampler and engine of this chat"),
        _rows(desk),
        chosen,
        hint=text("Type to narrow · Enter: change · Esc: leave"),
    )


def _rows(desk: "ChatDesk") -> list[ListRow]:
    from rushlight.assistant.ask_options import option_names

    values = dict(desk.state.options)
    names = [*_FIRST, *(one for one in option_names() if one not in _FIRST)]
    listed = [
        row(
            f"set:{name}", name, right=values.get(name, text("default")), meaning="accent" if name in values else "page"
        )
        for name in names
    ]
    first = [row("preset", text("Use a preset")), row("save", text("Keep these as a preset"))]
    if values:
        first.append(row("clear", text("Back to the defaults")))
    return [*first, heading(text("Options")), *listed]


def _ask_value(frame: "Frame", desk: "ChatDesk", name: str) -> None:
    values = dict(desk.state.options)
    panel = LinePanel(
        name,
        lambda value: desk.set_option(name, value.strip() or None),
        value=values.get(name, ""),
        placeholder=text("default"),
        hint=text("Enter: from the next answer on · empty: the default · Esc: leave"),
    )
    frame.ask(panel)
