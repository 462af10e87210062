"""Showing one thing of a page from elsewhere: a model from the palette, a setting from a hint.

Knows pages by id only. A page says once per window how it shows one of its things.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from rushlight.ui.gui.page import Frame

_known: "WeakKeyDictionary[Frame, dict[str, Callable[[str], None]]]" = WeakKeyDictionary()


def shows_items(frame: "Frame", page_id: str, show: Callable[[str], None]) -> None:
    """The page of that id in this window shows a thing of its own by `show(item_id)`."""
    _known.setdefault(frame, {})[page_id] = show


def show_item(frame: "Frame", page_id: str, item_id: str) -> None:
    """Go to the page, and to the thing in it. A page that was never shown is made by going there."""
    frame.show_page(page_id)
    show = _known.get(frame, {}).get(page_id)
    if show is not None:
        show(item_id)
