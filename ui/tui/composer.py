"""Where the user writes: Enter sends, Shift+Enter or Ctrl+J begins a line, Up in an empty one edits the last message.

Says what the user did as messages; what is offered for completion is drawn and chosen here, and found by the page.
"""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from rushlight.assistant.safety.plain import plain
from rushlight.ui.tui.completion import Trigger, trigger_at
from rushlight.ui.tui.row_list import ListRow, RowList
from rushlight.ui.tui.steady import Area


class Composer(Area):
    """The input of the chat page."""

    DEFAULT_CSS = """
    Composer { height: auto; min-height: 1; max-height: 10; border: none; background: $raised; color: $foreground;
               padding: 0 1; scrollbar-size-vertical: 1; }
    Composer:focus { border: none; }
    Composer .text-area--cursor { background: $accent; color: $on-accent; }
    Composer .text-area--placeholder { color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+enter,ctrl+j,ctrl+enter", "new_line", show=False),
        Binding("pageup", "pages(-1)", show=False),
        Binding("pagedown", "pages(1)", show=False),
        Binding("shift+tab,ctrl+up", "leave_up", show=False),
    ]

    class Sent(Message):
        """Enter was pressed."""

        def __init__(self, written: str) -> None:
            super().__init__()
            self.written = written

    class Typed(Message):
        """The text or the cursor is another one; `trigger` is what may be completed."""

        def __init__(self, written: str, trigger: Trigger | None) -> None:
            super().__init__()
            self.written = written
            self.trigger = trigger

    class Moved(Message):
        """The user wants to leave the composer: "edit-last", "up" into the messages, "page-up", "page-down"."""

        def __init__(self, where: str) -> None:
            super().__init__()
            self.where = where

    class Completed(Message):
        """A row of the completion was taken, for what was typed."""

        def __init__(self, key: str, trigger: Trigger) -> None:
            super().__init__()
            self.key = key
            self.trigger = trigger

    def __init__(self, offers: RowList, placeholder: str, id: str | None = None) -> None:  # noqa: A002
        super().__init__(
            "",
            id=id,
            soft_wrap=True,
            tab_behavior="focus",
            highlight_cursor_line=False,
            placeholder=Content(placeholder),
        )
        self.cursor_blink = False
        self._offers = offers
        self._trigger: Trigger | None = None
        self._refused = ""  # what was being typed when Escape closed the offers

    def write(self, written: str) -> None:
        """Put this in, the cursor at its end."""
        self.load_text(plain(written))
        self.move_cursor(self.document.end)

    def replace_trigger(self, trigger: Trigger, by: str) -> None:
        """Put `by` in the place of what was being typed."""
        before = self.text[: trigger.start]
        first = (before.count("\n"), len(before) - before.rfind("\n") - 1)
        self.replace(by, first, self.cursor_location)

    # --- completion ---------------------------------------------------------------------------------------------
    def offer(self, trigger: Trigger, rows: Sequence[ListRow]) -> None:
        """Show what it may become, if that is still what is being typed."""
        if trigger != self._trigger or not rows or self._refused == self.text:
            self._hide_offers()
            return
        self._offers.styles.height = min(8, len(rows))
        self._offers.show_rows(rows, choose=rows[0].key)
        self._offers.display = True

    @property
    def is_offering(self) -> bool:
        """Whether keys go to the offers."""
        return self._offers.display and bool(self._offers.chosen)

    def _hide_offers(self) -> None:
        self._offers.display = False

    def close_offers(self) -> bool:
        """Whether there was something to close."""
        was_open = bool(self._offers.display)
        self._refused = self.text
        self._hide_offers()
        return was_open

    def take_offer(self) -> None:
        """The row under the cursor."""
        trigger, key = self._trigger, self._offers.chosen
        self._hide_offers()
        if trigger is not None and key:
            self.post_message(self.Completed(key, trigger))

    # --- keys ---------------------------------------------------------------------------------------------------
    async def _on_key(self, event: events.Key) -> None:
        if self.is_offering and event.key in ("up", "down", "tab", "enter"):
            if event.key in ("up", "down"):
                self._offers.action_step(-1 if event.key == "up" else 1)
            else:
                self.take_offer()
        elif event.key == "enter":
            self.post_message(self.Sent(self.text))
        elif event.key == "up" and not self.text:
            self.post_message(self.Moved("edit-last"))
        elif event.key == "up" and self.cursor_location == (0, 0):
            self.post_message(self.Moved("up"))
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()

    def action_new_line(self) -> None:
        self.insert("\n")

    def action_pages(self, direction: int) -> None:
        self.post_message(self.Moved("page-up" if direction < 0 else "page-down"))

    def action_leave_up(self) -> None:
        self.post_message(self.Moved("up"))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._look()

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()

    def _look(self) -> None:
        row, column = self.cursor_location
        cursor = sum(len(self.document.get_line(at)) + 1 for at in range(row)) + column
        self._trigger = trigger_at(self.text, cursor)
        if self._trigger is None:
            self._hide_offers()
        if self._refused != self.text:
            self._refused = ""
        self.post_message(self.Typed(self.text, self._trigger))
