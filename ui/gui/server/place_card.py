"""Where the server that is shown is reached: address, token, an example, the models it serves."""

from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from rushlight.ui.desk.server_values import ServedModel, ServerState
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, FlowLayout, button, label
from rushlight.ui.words import plural, text

_MOST_NAMES = 12


class Orders(Protocol):
    """Whoever does what the buttons say: `ServerDesk`."""

    def token(self, then: Callable[[str], None]) -> None: ...
    def example(self, then: Callable[[str], None]) -> None: ...
    def renew_token(self) -> None: ...
    def choose(self, key: str) -> None: ...


class PlaceCard(Card):
    """`on_copied` hears what was copied, in words."""

    def __init__(
        self, theme: Theme, desk: Orders, on_copied: Callable[[str], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, text("Where it is reached"), parent=parent)
        self._theme = theme
        self._desk = desk
        self._on_copied = on_copied
        self._chips: dict[str, Chip] = {}
        self._others = QWidget()
        self._others_flow = FlowLayout(self._others)
        self.address = _Words(text("Address for clients"))
        self.copy_button = button(text("Copy the address"), self.copy_address)
        self.example_button = button(text("Copy an example"), self.copy_example)
        self.example_button.setToolTip(text("A line for a shell that asks the server"))
        self.origin = label("", "muted", wrap=True)
        self.token_words = label("", "", wrap=True)
        self.token = _Words(text("Token"))
        self.token.hide()
        self.show_button = button(text("Show the token"), self.toggle_token)
        self.copy_token_button = button(text("Copy the token"), self.copy_token)
        self.renew_button = button(text("New token"), self._renew)
        self.models = label("", "muted", wrap=True)
        for widget in (
            self._others,
            self._line(self.address, self.copy_button, self.example_button),
            self.origin,
            label(text("Token"), "strong"),
            self.token_words,
            self._line(self.token, self.show_button, self.copy_token_button, self.renew_button),
            label(text("Models that are served"), "strong"),
            self.models,
        ):
            self.body.addWidget(widget)
        self.hide()

    def show_state(self, state: ServerState) -> None:
        found = state.server
        self.setVisible(found is not None)
        if found is None:
            self.hide_token()
            return
        if self.address.text() != state.base_url:
            self.address.say(state.base_url)
            self.hide_token()
        self.origin.setText(found.origin)
        self.token_words.setText(state.token_text)
        self.renew_button.setVisible(state.can_renew)
        self.renew_button.setToolTip(
            text("The server is begun again with it; clients need the new one.")
            if found.is_own
            else text("It holds when the server is begun again.")
        )
        self.models.setText(_models_words(state.models))
        self._show_others(state)

    # --- what can be done ---------------------------------------------------------------------------------------
    def copy_address(self) -> None:
        self._copy(self.address.text(), text("The address is copied."))

    def copy_example(self) -> None:
        self._desk.example(lambda line: self._copy(line, text("The example is copied.")))

    def copy_token(self) -> None:
        self._desk.token(lambda token: self._copy(token, text("The token is copied.")))

    def toggle_token(self) -> None:
        if self.token.isHidden():
            self._desk.token(self._show_token)
        else:
            self.hide_token()

    def hide_token(self) -> None:
        self.token.clear()
        self.token.hide()
        self.show_button.setText(text("Show the token"))

    # --- inside -------------------------------------------------------------------------------------------------
    def _show_token(self, token: str) -> None:
        self.token.say(token)
        self.token.show()
        self.show_button.setText(text("Hide the token"))

    def _renew(self) -> None:
        self.hide_token()
        self._desk.renew_token()

    def _copy(self, copied: str, said: str) -> None:
        if copied:
            QGuiApplication.clipboard().setText(copied)
            self._on_copied(said)

    def _show_others(self, state: ServerState) -> None:
        """Chips to choose by, where several run."""
        keys = [one.key for one in state.servers]
        if keys != list(self._chips):
            while self._others_flow.count():
                item = self._others_flow.takeAt(0)
                old = item.widget() if item is not None else None
                if old is not None:
                    old.hide()
                    old.deleteLater()
            self._chips = {}
            for one in state.servers:
                chip = Chip(self._theme, one.title, on_click=lambda key=one.key: self._desk.choose(key),
                            parent=self._others)  # fmt: skip
                self._others_flow.addWidget(chip)
                self._chips[one.key] = chip
        for key, chip in self._chips.items():
            chip.set_accent(key == state.chosen)
        self._others.setVisible(len(keys) > 1)

    def _line(self, field: QLineEdit, *buttons: QWidget) -> QWidget:
        line = QWidget()
        flow = FlowLayout(line)
        for one in (field, *buttons):
            flow.addWidget(one)
        return line


class _Words(QLineEdit):
    """Words to be marked and copied: as wide as they are, or as the room is."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setProperty("role", "bare")
        self.setReadOnly(True)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def say(self, words: str) -> None:
        self.setText(words)
        self.setCursorPosition(0)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self.text() + "  "), hint.height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance("m" * 8), super().minimumSizeHint().height())


def _models_words(models: tuple[ServedModel, ...]) -> str:
    if not models:
        return text("None yet: the catalogue is empty.")
    names = [one.id + (f" ({', '.join(one.aliases)})" if one.aliases else "") for one in models[:_MOST_NAMES]]
    rest = len(models) - len(names)
    if rest:
        names.append(plural("{count} more", "{count} more", rest))
    return ", ".join(names)
