"""The adapter's chip and the blind comparison of a chat page: what opens, what is begun, voted and ended.

Knows the desk and the page; whose answer is whose it does not know.
"""

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.chat_adapters import Rivals, rivals_text
from rushlight.ui.desk.chat_view import ChatState
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.registry.blind import Ballot
    from rushlight.ui.gui.chat.page import ChatPage


class Comparing:
    """For one chat page."""

    def __init__(self, page: "ChatPage") -> None:
        self._page = page
        self.menu = QMenu(page)
        self.menu.setAccessibleName(text("Compare blind"))
        desk = page.desk
        page.head.adapter_pressed.connect(self.open_adapters)
        page.adapters.chosen.connect(desk.choose_adapter)
        page.adapters.strength_set.connect(desk.set_adapter_percent)
        page.adapters.compare_wanted.connect(self.toggle)
        page.adapters.manage.connect(lambda: page.frame.show_page("learn"))
        page.adapters.closed.connect(page.composer.text.setFocus)
        page.blind.voted.connect(self.vote)
        page.blind.left.connect(self.end)
        page.blind.link.connect(page.open_link)
        page.blind_line.left.connect(self.end)

    def show_state(self, state: ChatState) -> None:
        page = self._page
        page.adapters.show_state(state)
        page.show_pair(state.blind)
        page.blind_line.show_words(_words(state))

    def open_adapters(self) -> None:
        """The list under the adapter's chip."""
        state = self._page.desk.state
        if state.adapters:
            self._page.adapters.open_under(self._page.head.adapter, state)
        else:
            self._tell_none()

    def toggle(self) -> None:
        """Begin to compare: at once, or after the choice of whom; or end it."""
        page = self._page
        if page.desk.state.blind.rivals is not None:
            self.end()
            return
        found = page.desk.rivals()
        if not found:
            self._tell_none()
        elif len(found) == 1:
            self._begin(found[0])
        else:
            self.menu.clear()
            for one in found:
                made = self.menu.addAction(plain_line(rivals_text(one)).replace("&", "&&"))
                made.triggered.connect(partial(self._begin, one))
            chip = page.head.adapter
            self.menu.popup(chip.mapToGlobal(QPoint(0, chip.height())))

    def compare_in_new_chat(self, adapter: str) -> None:
        """An adapter is to be tried, as another page asks."""
        self._page.desk.compare_in_new_chat(adapter)
        self._page.composer.text.setFocus()

    def end(self) -> None:
        self._page.desk.end_comparing()
        self._page.composer.text.setFocus()

    def vote(self, ballot: "Ballot") -> None:
        if self._page.desk.state.blind.stage == "voting":
            self._page.composer.text.setFocus()  # the buttons go with the pair
            self._page.desk.vote(ballot)
        else:
            self._page.frame.tell(text("There is nothing to vote on now."))

    def _begin(self, rivals: Rivals, _checked: bool = False) -> None:
        self._page.desk.compare(rivals)
        self._page.composer.text.setFocus()

    def _tell_none(self) -> None:
        self._page.frame.tell(text("No adapter was taught for chats with this model yet. The page Learn teaches one."))


def _words(state: ChatState) -> str:
    rivals = state.blind.rivals
    if rivals is None:
        return ""
    return text("Compared blind: {both}. Each question is answered by both.", both=plain_line(rivals_text(rivals)))
