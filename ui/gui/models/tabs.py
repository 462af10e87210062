"""The chips in the head of the pages about models, which lead from one to the others. Knows pages by id only."""

from functools import partial

from rushlight.ui.gui.page import Frame, pages
from rushlight.ui.gui.pages.parts import PageHead
from rushlight.ui.gui.widgets import Chip
from rushlight.ui.words import text

MODELS = "models"


def add_tabs(head: PageHead, frame: Frame, current: str) -> dict[str, Chip]:
    """A chip for the models page and for each page under it; the current one is marked. By page id."""
    chips = {}
    for info in pages():
        if info.id != MODELS and info.under != MODELS:
            continue
        title = text("On this machine") if info.id == MODELS else info.title
        is_current = info.id == current
        chip = Chip(frame.theme, title, accent=is_current, on_click=partial(frame.show_page, info.id))
        chip.setAccessibleDescription(text("This page") if is_current else text("Goes to that page"))
        head.add_tab(chip)
        chips[info.id] = chip
    return chips
