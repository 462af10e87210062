"""What the window itself does of the table of actions: pages, sizes, theme, search, windows, the list at the side.

Pages bind their own; where both did, the page's counts while it is shown. Knows the window and its parts.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog

from rushlight.ui.words import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rushlight.ui.gui.main_window import MainWindow


def bind(window: "MainWindow") -> None:
    """Everything below, for as long as the window is there."""
    theme, sidebar = window.theme, window.sidebar

    def scale(change: "Callable[[], None]") -> None:
        change()
        window.remembered.set("text_scale", theme.scale)
        window.tell(text("Text size: {percent} %", percent=round(theme.scale * 100)))

    slots: dict[str, Callable[[], None]] = {
        "view.sidebar": window.toggle_side,
        "view.larger": lambda: scale(lambda: theme.step_scale(1)),
        "view.smaller": lambda: scale(lambda: theme.step_scale(-1)),
        "view.normal-size": lambda: scale(lambda: theme.set_scale(1.0)),
        "view.theme": lambda: next_theme(window),
        "page.chat": lambda: window.show_page("chat"),
        "page.sql": lambda: window.show_page("sql"),
        "page.models": lambda: window.show_page("models"),
        "page.learn": lambda: window.show_page("learn"),
        "page.quantize": lambda: window.show_page("quantize"),
        "page.server": lambda: window.show_page("server"),
        "page.jobs": lambda: window.show_page("jobs"),
        "page.settings": lambda: window.show_page("settings"),
        "chat.new": lambda: window.open_conversation(None),
        "chat.next": lambda: sidebar.open_neighbour(1),
        "chat.previous": lambda: sidebar.open_neighbour(-1),
        "chat.pin": sidebar.pin_opened,
        "chat.move": sidebar.move_opened,
        "chat.delete": sidebar.delete_opened,
        "chat.undo": sidebar.undo,
        "folder.new": sidebar.new_folder,
        "conversations.trash": sidebar.toggle_trash,
        "conversations.import": lambda: choose_import(window),
        "app.palette": lambda: open_palette(window),
        "app.search": sidebar.search,
        "app.shortcuts": lambda: open_shortcut_list(window),
        "app.new-window": window.open_window,
        "app.quit": lambda: window.application.quit(),
    }
    for action_id, slot in slots.items():
        window.bind(action_id, slot, window)


def next_theme(window: "MainWindow") -> None:
    window.theme.next_choice()
    window.remembered.set("theme", window.theme.choice)
    said = {"system": text("Light or dark as the system says"), "light": text("Light"), "dark": text("Dark")}
    window.tell(said[window.theme.choice])


def open_palette(window: "MainWindow", words: str = "") -> None:
    """Made when it is wanted for the first time."""
    if window.palette_card is None:
        from rushlight.ui.gui.palette import Palette

        window.palette_card = Palette(window, window.whole)
    window.palette_card.open(words)


def open_shortcut_list(window: "MainWindow") -> None:
    if window.shortcut_card is None:
        from rushlight.ui.gui.shortcut_list import ShortcutList

        window.shortcut_card = ShortcutList(window, window.whole)
    window.shortcut_card.open()


def choose_import(window: "MainWindow") -> None:
    """Choose an export of another program; taking it in is a job."""
    dialog = QFileDialog(window, text("Import conversations from a file"))
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.setNameFilters([text("Conversations (*.json *.jsonl *.zip)"), text("All files (*)")])
    dialog.fileSelected.connect(lambda chosen: window.sidebar.desk.import_file(Path(chosen)))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
