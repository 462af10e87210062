"""The page of the server: begin and end it, where it is reached, how it is begun, what is asked of it.

Knows the server's desk and its cards. It looks every second while it is shown.
"""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from rushlight import Error
from rushlight.ui.desk.server_desk import ServerDesk
from rushlight.ui.desk.server_values import ServerState
from rushlight.ui.gui.models.tabs import add_tabs
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.pages.parts import PageColumn, PageHead, View
from rushlight.ui.gui.server.figures_line import FiguresLine
from rushlight.ui.gui.server.place_card import PlaceCard
from rushlight.ui.gui.server.plan_card import PlanCard
from rushlight.ui.gui.server.requests_table import RequestsTable
from rushlight.ui.gui.server.token_card import TokenCard
from rushlight.ui.gui.widgets import Card, EmptyState, ErrorPanel, button, label, with_role
from rushlight.ui.words import text

_LOOK_EVERY_MS = 1000


class ServerPage(QWidget):
    """Made once a window, when it is first shown."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frame = frame
        theme = frame.theme
        self.setAccessibleName(text("Server"))
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_EVERY_MS)
        self.desk = ServerDesk(frame.background, frame.remembered, View(self.show_state))
        self.desk.on_ended = self._ended
        self._head = PageHead(theme, text("Models"))
        self.tabs = add_tabs(self._head, frame, "server")
        self.state_chip = label("", "chip")
        self.state_chip.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Maximum)
        self.start_button = button(text("Start the server"), self.desk.start, "primary")
        self.stop_button = button(text("Stop the server"), self.desk.stop)
        for one in (self.state_chip, self.start_button, self.stop_button):
            self._head.add(one)
        self._column = PageColumn(theme, text("Server"))
        self.problem = ErrorPanel(theme, on_dismiss=self.desk.dismiss)
        self.empty = EmptyState(
            theme,
            text("The server is not running"),
            text("It lets other programs use the models of this machine, through the interfaces of OpenAI and "
                 "Anthropic. Only this machine reaches it, and only with the token."),
            [(text("Start the server"), self.desk.start)],
            icon_name="hard-drive",
        )  # fmt: skip
        self.empty.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.empty.hide()
        self.place = PlaceCard(theme, self.desk, lambda said: frame.tell(said, "good"))
        self.token = TokenCard(theme, self.desk, lambda said: frame.tell(said, "good"))
        self.plan = PlanCard(theme, self.desk, self.desk.restart)
        self.figures = FiguresLine(theme)
        self.requests = RequestsTable(theme)
        self._log = Card(theme, text("Requests"))
        self._log.body.addWidget(self.figures)
        self._log.body.addWidget(
            label(text("The last ones, the newest first; no word of them is kept."), "small", wrap=True)
        )
        self._log.body.addWidget(self.requests)
        self._log.hide()
        for widget in (self.problem, self.empty, self.place, self._log, self.token, self.plan):
            self._column.body.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._head)
        layout.addWidget(self._column, 1)
        self._timer.timeout.connect(self.desk.refresh)
        for action_id, slot in (
            ("server.toggle", self.toggle),
            ("server.restart", lambda: self._of_running(self.desk.restart)),
            ("server.copy-address", lambda: self._of_running(self.place.copy_address)),
            ("server.copy-example", lambda: self._of_running(self.place.copy_example)),
            ("server.token", self.token.toggle),
            ("server.copy-token", self.token.copy),
            ("server.renew-token", self.token.renew),
        ):
            frame.bind(action_id, slot, self)
        self.show_state(self.desk.state)

    def show_state(self, state: ServerState) -> None:
        words = {
            "stopped": text("stopped"),
            "starting": text("starting"),
            "running": text("serving"),
            "ending": text("ending"),
        }
        self.state_chip.setText(words[state.phase])
        with_role(self.state_chip, "chip-good" if state.phase == "running" else "chip")
        is_stopped = state.phase == "stopped"
        had_focus = self.start_button.hasFocus() or self.stop_button.hasFocus()
        self.start_button.setVisible(is_stopped)
        self.stop_button.setVisible(not is_stopped)
        self.stop_button.setEnabled(state.phase != "ending")
        if had_focus:
            (self.start_button if is_stopped else self.stop_button).setFocus()
        self.empty.setVisible(is_stopped and not state.is_loading)
        if state.problem:
            self.problem.show_problem(state.problem, state.hint)
        else:
            self.problem.hide()
        self.place.show_state(state)
        self.token.show_state(state)
        self.plan.show_state(state)
        self._log.setVisible(state.server is not None)
        self.figures.show_figures(state.figures)
        self.requests.show_rows(state.requests)

    def _of_running(self, order: Callable[[], None]) -> None:
        """What can only be done with a server that runs."""
        if self.desk.state.server is None:
            self._frame.tell(text("No server is running."))
        else:
            order()

    def toggle(self) -> None:
        """Begin it, or end it."""
        if self.desk.state.phase == "stopped":
            self.desk.start()
        else:
            self.desk.stop()

    def _ended(self, err: Error) -> None:
        self._frame.tell(
            f"{err.message} {err.hint or ''}".strip(), "bad", action=text("See"), on_action=self._show_page
        )

    def _show_page(self) -> None:
        self._frame.show_page("server")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.desk.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        self.token.hide_token()
        super().hideEvent(event)

    def leave(self) -> None:
        self._timer.stop()
        self.desk.close()
