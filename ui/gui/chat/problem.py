"""What went wrong, in the page: the message, what can be done, and buttons for it. What was typed stays where it is.

Knows `Problem` values and the names of actions; how a problem looks is the business of `ErrorPanel`.
"""

from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from rushlight import Error
from rushlight.ui.desk.actions import action
from rushlight.ui.desk.chat_view import Problem
from rushlight.ui.gui.announce import announce
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import ErrorPanel, with_role

_MAX_CHARS = 2000  # an error may quote a file


class ProblemPanel(ErrorPanel):
    """Hidden while all is well. `chosen` is the id of an action."""

    chosen = Signal(str)
    dismissed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(theme, on_dismiss=self._say_dismissed, parent=parent)
        self._shown: Problem | None = None

    def _say_dismissed(self) -> None:
        self.dismissed.emit()

    def show_state(self, problem: Problem | None) -> None:
        """As the state of the chat has it; None hides it."""
        if problem == self._shown:
            return
        self._shown = problem
        if problem is None:
            self.hide()
            return
        known = [(title, partial(self.chosen.emit, id_)) for id_ in problem.actions if (title := _title(id_))]
        self.show_problem(problem.message[:_MAX_CHARS], problem.hint[:_MAX_CHARS], known)
        if self.buttons:
            with_role(self.buttons[0], "primary")
        announce(self, f"{problem.message} {problem.hint}")


def _title(action_id: str) -> str:
    try:
        return action(action_id).title
    except Error:
        return ""
