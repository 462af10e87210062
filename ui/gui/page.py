"""Pages of the window: how one registers, and what a page may ask of the window it is in.

Knows no page by name. A page is any QWidget; it may have the methods of `Page` beside it, and none is required.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from rushlight.ui.desk.background import Background
    from rushlight.ui.desk.remembered import Remembered
    from rushlight.ui.gui.theme import Theme


class Frame(Protocol):
    """The window, as a page sees it. Everything is called on the window's thread."""

    @property
    def background(self) -> "Background":
        """Where work with the store and with models is given to. One for all windows."""

    @property
    def remembered(self) -> "Remembered":
        """What the window remembers between starts. One for all windows."""

    @property
    def theme(self) -> "Theme":
        """Colours, fonts and sizes. One for all windows; `theme.changed` says that they are others now."""

    def show_page(self, page_id: str) -> None:
        """Show the page of that id; it is made when it is shown for the first time."""

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Show the chat page with that conversation; None is a new chat."""

    def note_conversation(self, conversation_id: str | None, title: str = "") -> None:
        """The chat page says which conversation it shows now, and under which title."""

    def run_action(self, action_id: str) -> None:
        """Do what the menu, a key or the palette would do. An action that nobody does now says so at the bottom."""

    def bind(self, action_id: str, slot: Callable[[], None], widget: "QWidget") -> None:
        """The action does this while `widget` is in the shown page. The last one bound is asked first."""

    def can_run(self, action_id: str) -> bool:
        """Whether somebody would do it now."""

    def tell(
        self, text: str, kind: str = "info", *, action: str = "", on_action: Callable[[], None] | None = None
    ) -> None:
        """A line at the bottom for some seconds. Kinds: info, good, bad. `action`: words of a button in it."""

    def side(self) -> "QWidget | None":
        """The side column's widget of the shown page, where it has one."""


@runtime_checkable
class ConversationPage(Protocol):
    """What the page "chat" must have. Before it is shown for the first time the window calls this once."""

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        """Show it; None is a new chat."""


@runtime_checkable
class Leaving(Protocol):
    """A page that has something to put away. Called once, when its window closes."""

    def leave(self) -> None:
        """Store what is not stored yet and stop what runs for this page only."""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """One page. `make` is called when the page is shown for the first time, so imports belong inside it."""

    id: str
    title: str  # asked for through `ui.words.text` when it registers
    icon: str  # name of a file in assets/icons
    place: Literal["top", "bottom", "hidden"]  # of the rail; hidden: reached by other ways only
    order: int
    make: "Callable[[Frame], QWidget]"
    has_conversations: bool = False  # the side column with the conversations stands beside it
    under: str = ""  # the page in the rail that this hidden one belongs to


_pages: dict[str, PageInfo] = {}


def register(info: PageInfo) -> None:
    """Add a page, or put another in its place."""
    _pages[info.id] = info


def pages() -> tuple[PageInfo, ...]:
    """All of them: the top of the rail, then its bottom, each in its order."""
    places = ("top", "bottom", "hidden")
    return tuple(sorted(_pages.values(), key=lambda page: (places.index(page.place), page.order)))
