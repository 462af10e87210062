"""What can be done with a message, by the names that the message view, the keys and the menu have for it.

Knows the desk and the page; every judgement and choice of version can be taken back, which is offered at the bottom.
"""

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from rushlight.ui.desk.turn import Turn
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.ui.gui.chat.page import ChatPage

_WHOLE_CHAT = ("continue", "see-left-out", "copy-code")


class Acting:
    """`act` by name; "" for the turn is the one with the focus, else the last one that the action fits."""

    def __init__(self, page: "ChatPage") -> None:
        self._page = page
        self._expects_undo = False

    def act(self, name: str, turn_id: str = "") -> None:
        if name in _WHOLE_CHAT:
            self._act_on_chat(name)
            return
        page, desk = self._page, self._page.desk
        turn = self._turn_for(name, turn_id)
        if turn is None:
            page.frame.tell(text("There is no message yet."))
        elif name in ("rate-up", "rate-down"):
            self.expect_undo()
            desk.rate(turn.id, "up" if name == "rate-up" else "down")
        elif name == "keep":
            self.expect_undo()
            desk.keep(turn.id)
        elif name in ("previous", "next"):
            self.expect_undo()
            desk.show_version(turn.id, -1 if name == "previous" else 1)
        elif name == "correct":
            page.only(page.correction)
            page.correction.open_for(turn.id, turn.correction if turn.correction is not None else turn.text)
        elif name == "regenerate":
            desk.regenerate(turn.id)
        elif name == "copy":
            self._copy(desk.copy_text(turn.id), text("The message was copied."))
        elif name == "edit":
            page.composer.begin_edit(turn.id, turn.text)
        elif name == "branch":
            desk.branch(turn.id)

    def correct(self, turn_id: str, better: str) -> None:
        """How the reply should have been."""
        self.expect_undo()
        self._page.desk.correct(turn_id, better)

    def expect_undo(self) -> None:
        """Something is done now that can be taken back; `offer_undo` says so when it is done."""
        self._expects_undo = True

    def offer_undo(self) -> None:
        """Called whenever the state may have changed."""
        desk = self._page.desk
        if self._expects_undo and desk.state.undo:
            self._expects_undo = False
            said = text("Noted: {what}.", what=desk.state.undo)
            self._page.frame.tell(said, "good", action=text("Undo"), on_action=desk.undo)

    def _act_on_chat(self, name: str) -> None:
        page = self._page
        if name == "continue":
            page.desk.continue_reply()
        elif name == "see-left-out":
            page.open_context()
        elif code := page.desk.last_code():
            self._copy(code, text("The last code block was copied."))
        else:
            page.frame.tell(text("There is no code in this chat."))

    def _copy(self, written: str, said: str) -> None:
        QGuiApplication.clipboard().setText(written)
        self._page.frame.tell(said, "good")

    def _turn_for(self, name: str, turn_id: str) -> Turn | None:
        turns = self._page.desk.turns
        if turn_id:
            return next((one for one in turns if one.id == turn_id), None)
        if name == "branch" or (name == "regenerate" and turns and turns[-1].role == "user"):
            return turns[-1] if turns else None
        role = "user" if name == "edit" else "assistant"
        focused = self._page.view.focused_turn()
        for one in turns:
            if one.id == focused and one.role == role:
                return one
        return next((one for one in reversed(turns) if one.role == role), None)
