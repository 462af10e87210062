"""Which action of the table does what in the chat page, so that menu, keys, palette and `/` reach the same things.

Knows the ids of actions and the page's methods.
"""

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMenu

from rushlight import Error
from rushlight.ui.desk.actions import Action, action, actions
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.chat.page import ChatPage

_IN_MENU = ("chat.rename", "chat.pin", "chat.move", "chat.branch", "chat.find", "chat.blind", "chat.delete")
_OF_LIST = ("chat.new", "chat.pin", "chat.move", "chat.delete")  # bound by the window, offered by `/` all the same


def bind_actions(page: "ChatPage") -> None:
    """Everything that the page does itself."""
    desk, composer = page.desk, page.composer
    slots = {
        "chat.stop": page.escape,
        "chat.regenerate": lambda: page.acting.act("regenerate"),
        "chat.continue": lambda: page.acting.act("continue"),
        "chat.edit-last": lambda: page.acting.act("edit"),
        "chat.copy-reply": lambda: page.acting.act("copy"),
        "chat.copy-code": lambda: page.acting.act("copy-code"),
        "chat.find": page.find_bar.open_bar,
        "chat.export": page.open_export,
        "chat.rename": page.head.rename,
        "chat.branch": lambda: page.acting.act("branch"),
        "chat.rate-up": lambda: page.acting.act("rate-up"),
        "chat.rate-down": lambda: page.acting.act("rate-down"),
        "chat.correct": lambda: page.acting.act("correct"),
        "chat.keep": lambda: page.acting.act("keep"),
        "chat.previous-version": lambda: page.acting.act("previous"),
        "chat.next-version": lambda: page.acting.act("next"),
        "chat.attach": page.files.ask_attachments,
        "chat.model": page.open_models,
        "chat.adapter": page.comparing.open_adapters,
        "chat.blind": page.comparing.toggle,
        "chat.vote-a": lambda: page.comparing.vote("a"),
        "chat.vote-b": lambda: page.comparing.vote("b"),
        "chat.vote-tie": lambda: page.comparing.vote("tie"),
        "chat.vote-bad": lambda: page.comparing.vote("bad"),
        "chat.sampler": page.toggle_sampler,
        "chat.system": page.open_system,
        "chat.left-out": page.open_context,
        "chat.undo": page.undo,
        "chat.retry": desk.retry,
        "chat.unqueue": page.take_back,
        "app.focus-input": composer.text.setFocus,
    }
    for action_id, slot in slots.items():
        page.frame.bind(action_id, slot, page)


def commands() -> tuple[tuple[str, str], ...]:
    """(action id, title) of what `/` offers: what concerns the chat, in the order of menus."""
    of_chat = tuple(
        (one.id, one.title)
        for one in actions()
        if one.id in _OF_LIST or (one.scope in ("chat", "empty-input") and one.id.startswith("chat."))
    )
    return (*of_chat, ("page.sql", text("Ask your databases")))


def fill_menu(page: "ChatPage") -> None:
    """The menu at the right of the head."""
    menu, run = page.head.menu, page.frame.run_action
    export = QMenu(action("chat.export").title, menu)
    for action_id in _IN_MENU:
        try:
            one = action(action_id)
        except Error:
            continue
        page.head.add_action(one.title, _keys(one), one.id, run)
        if action_id == "chat.branch":
            page.files.fill_export_menu(export, lambda: page.desk.state.title)
            menu.addMenu(export)
    menu.addSeparator()
    enter = menu.addAction(text("Enter sends, Shift+Enter is a new line"))
    enter.setCheckable(True)
    enter.setChecked(page.composer.text.enter_sends)
    enter.triggered.connect(page.set_enter_sends)
    menu.aboutToShow.connect(lambda: enter.setChecked(page.composer.text.enter_sends))
    menu.aboutToShow.connect(lambda: enter.setChecked(page.composer.text.enter_sends))
    page.export_menu = export


def _keys(one: Action) -> str:
    return QKeySequence(one.window_keys[0]).toString(QKeySequence.SequenceFormat.NativeText) if one.window_keys else ""
