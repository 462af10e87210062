"""Where the server that is shown is reached: its address, an example, the models it serves."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from rushlight.ui.desk.server_values import ServedModel, ServerState
from rushlight.ui.gui.server.words_field import WordsField, line_of
from rushlight.ui.gui.theme import Theme
from rushlight.ui.gui.widgets import Card, Chip, FlowLayout, button, label
from rushlight.ui.words import plural, text

_MOST_NAMES = 12


class Orders(Protocol):
    """Whoever does what the buttons say: `ServerDesk`."""

    def example(self, then: Callable[[str], None]) -> None: ...
    def choose(self, key: str) -> None: ...


class PlaceCard(Card):
    """`on_copied` hears what was copied, in words; hidden while no server runs."""

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
        self.address = WordsField(text("Address for clients"))
        self.copy_button = button(text("Copy the address"), self.copy_address)
        self.example_button = button(text("Copy an example"), self.copy_example)
        self.example_button.setToolTip(text("A line for a shell that asks the server"))
        self.origin = label("", "muted", wrap=True)
        self.models = label("", "muted", wrap=True)
        for widget in (
            self._others,
            line_of(self.address, self.copy_button, self.example_button),
            self.origin,
            label(text("Models that are served"), "strong"),
            self.models,
        ):
            self.body.addWidget(widget)
        self.hide()

    def show_state(self, state: ServerState) -> None:
        found = state.server
        self.setVisible(found is not None)
        if found is None:
            return
        if self.address.text() != state.base_url:
            self.address.say(state.base_url)
        self.origin.setText(found.origin)
        self.models.setText(_models_words(state.models))
        self._show_others(state)

    # --- what can be done ---------------------------------------------------------------------------------------
    def copy_address(self) -> None:
        self._copy(self.address.text(), text("The address is copied."))

    def copy_example(self) -> None:
        self._desk.example(lambda line: self._copy(line, text("The example is copied.")))

    # --- inside -------------------------------------------------------------------------------------------------
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
                chip = Chip(self._theme, one.title, on_click=partial(self._desk.choose, one.key),
                            parent=self._others)  # fmt: skip
                self._others_flow.addWidget(chip)
                self._chips[one.key] = chip
        for key, chip in self._chips.items():
            chip.set_accent(key == state.chosen)
        self._others.setVisible(len(keys) > 1)


def _models_words(models: tuple[ServedModel, ...]) -> str:
    if not models:
        return text("None yet: the catalogue is empty.")
    names = [one.id + (f" ({', '.join(one.aliases)})" if one.aliases else "") for one in models[:_MOST_NAMES]]
    rest = len(models) - len(names)
    if rest:
        names.append(plural("{count} more", "{count} more", rest))
    return ", ".join(names)
