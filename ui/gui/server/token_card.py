"""The server's token: shown on demand, copied, renewed. It is hidden again whenever the page is left."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.server_values import ServerState
from rushlight.ui.gui.server.words_field import WordsField, line_of
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, button, label
from rushlight.ui.words import text


class Tokens(Protocol):
    """Whoever keeps it: `ServerDesk`."""

    def token(self, then: Callable[[str], None]) -> None: ...
    def renew_token(self) -> None: ...


class TokenCard(Card):
    """`on_done` hears what was done, in words."""

    def __init__(
        self, theme: Theme, desk: Tokens, on_done: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Token"), parent=parent)
        self._desk = desk
        self._on_done = on_done
        self._key = ""  # of the server whose token is shown
        self.words = label("", "", wrap=True)
        self.token = WordsField(text("Token"))
        self.token.hide()
        self.show_button = button(text("Show the token"), self.toggle)
        self.copy_button = button(text("Copy the token"), self.copy)
        self.renew_button = button(text("New token"), self.renew)
        self.body.addWidget(self.words)
        self.body.addWidget(line_of(self.token, self.show_button, self.copy_button, self.renew_button))

    def show_state(self, state: ServerState) -> None:
        found = state.server
        key = found.key if found is not None else ""
        if key != self._key:
            self._key = key
            self.hide_token()
        self.words.setText(state.token_text)
        self.renew_button.setVisible(state.can_renew)
        is_own = found is not None and found.is_own
        self.renew_button.setToolTip(
            text("The server is begun again with it; clients need the new one.")
            if is_own
            else text("It holds when the server is begun again.")
        )

    # --- what can be done ---------------------------------------------------------------------------------------
    def toggle(self) -> None:
        """Show it, or hide it."""
        if self.token.isHidden():
            self._desk.token(self._show)
        else:
            self.hide_token()

    def copy(self) -> None:
        self._desk.token(self._copy)

    def renew(self) -> None:
        self.hide_token()
        self._desk.renew_token()
        self._on_done(text("The server has a new token; clients need it."))

    def hide_token(self) -> None:
        self.token.clear()
        self.token.hide()
        self.show_button.setText(text("Show the token"))

    # --- inside -------------------------------------------------------------------------------------------------
    def _show(self, token: str) -> None:
        self.token.say(token)
        self.token.show()
        self.show_button.setText(text("Hide the token"))

    def _copy(self, token: str) -> None:
        QGuiApplication.clipboard().setText(token)
        self._on_done(text("The token is copied."))
