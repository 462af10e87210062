"""What the settings page shows beside the settings: how it looks, what could leave this machine, where data is kept.

Knows the theme, what the window remembers, and where things lie; nothing here is in settings.toml.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFormLayout, QGridLayout, QLabel, QWidget

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.gui.page import Frame
from rushlight.ui.gui.settings.editors import ChoiceEditor, FlagEditor
from rushlight.ui.gui.theme import CHOICES, STEPS
from rushlight.ui.gui.widgets import Card, FlowLayout, button, label
from rushlight.ui.words import LOCALE, text

_THEME, _SCALE, _LANGUAGE = "theme", "text_scale", "language"


@dataclass(frozen=True, slots=True)
class Places:
    """What the cards tell of this machine; read in the background."""

    data: Path
    models: Path
    settings: Path
    endpoint: str
    proxy: str


class AppearanceCard(Card):
    """Theme, text size and language; they hold at once, but for the language."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(frame.theme, text("Appearance"), parent=parent)
        self._frame = frame
        theme = frame.theme
        names = {"system": text("As the system says"), "light": text("Light"), "dark": text("Dark")}
        self.theme_choice = ChoiceEditor([(one, names[one]) for one in CHOICES], self._set_theme)
        self.size_choice = ChoiceEditor([(str(one), f"{one:.0%}") for one in STEPS], self._set_size)
        self.language_choice = ChoiceEditor(languages(), self._set_language)
        self._note = label("", "small", wrap=True)
        self._note.hide()
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        for words, editor in (
            (text("Theme"), self.theme_choice),
            (text("Text size"), self.size_choice),
            (text("Language"), self.language_choice),
        ):
            editor.field.setAccessibleName(words)
            self._form.addRow(label(words), editor.field)
        self.body.addLayout(self._form)
        self.body.addWidget(self._note)
        theme.changed.connect(self._follow)
        self._follow()
        self.language_choice.show_text(frame.remembered.get(_LANGUAGE, ""))

    def _follow(self) -> None:
        self.theme_choice.show_text(self._frame.theme.choice)
        scale = self._frame.theme.scale
        self.size_choice.show_text(next((str(step) for step in STEPS if abs(step - scale) < 0.01), str(scale)))

    def _set_theme(self, value: str) -> None:
        self._frame.remembered.set(_THEME, value)
        self._frame.theme.set_choice(value)

    def _set_size(self, value: str) -> None:
        self._frame.remembered.set(_SCALE, float(value))
        self._frame.theme.set_scale(float(value))

    def _set_language(self, value: str) -> None:
        self._frame.remembered.set(_LANGUAGE, value)
        self._note.setText(text("The language changes with the next start."))
        self._note.show()


def languages() -> list[tuple[str, str]]:
    """(code, name in its own words) of what there is a catalogue for; "" is the system's."""
    from PySide6.QtCore import QLocale

    found = [("", text("As the system says")), ("en", "English")]
    for catalogue in sorted(LOCALE.glob("*/LC_MESSAGES/rushlight.mo")):
        code = catalogue.parent.parent.name
        name = QLocale(code).nativeLanguageName()
        found.append((code, name[:1].upper() + name[1:] if name else code))
    return found


class PrivacyCard(Card):
    """What is kept here, and the few things that would reach out; each only when the user starts it."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(frame.theme, text("Privacy"), parent=parent)
        self.body.addWidget(label(text("Nothing leaves this machine."), "strong", wrap=True))
        self.body.addWidget(
            label(
                text(
                    "Chats, ratings, corrections and documents stay in the data folder below. Rushlight sends no "
                    "statistics, looks for no updates, and has no account."
                ),
                "muted",
                wrap=True,
            )
        )
        self._download = label("", "muted", wrap=True)
        self.body.addWidget(self._download)

    def show_places(self, places: Places) -> None:
        origin = plain_line(places.endpoint)
        if places.proxy:
            words = text(
                "The one exception is a download that you start: the name of the model goes to {origin}, by way of "
                "the proxy {proxy}.",
                origin=origin,
                proxy=plain_line(places.proxy),
            )
        else:
            words = text(
                "The one exception is a download that you start: the name of the model goes to {origin}.", origin=origin
            )
        self._download.setText(words)


class DataCard(Card):
    """Where things lie, with Open and Copy."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(frame.theme, text("Your data"), parent=parent)
        self._frame = frame
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 1)
        self.body.addLayout(self._grid)
        self.open_folder: Callable[[Path], bool] = lambda path: QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
        self.paths: dict[str, QLabel] = {}

    def show_places(self, places: Places) -> None:
        for name, path in (
            (text("Data folder"), places.data),
            (text("Models"), places.models),
            (text("Settings file"), places.settings),
        ):
            if name in self.paths:
                self.paths[name].setText(plain_line(str(path)))
                continue
            self._add(name, path)

    def _add(self, name: str, path: Path) -> None:
        row = self._grid.rowCount()
        title = label(name, "small")
        shown = label(plain_line(str(path)), "", wrap=True)
        shown.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        shown.setAccessibleName(name)
        self.paths[name] = shown
        buttons = QWidget()
        flow = FlowLayout(buttons)
        opener = button(text("Open"), lambda: self._open(path))
        opener.setAccessibleName(text("Open: {name}", name=name))
        copier = button(text("Copy"), lambda: self._copy(path))
        copier.setAccessibleName(text("Copy the path: {name}", name=name))
        flow.addWidget(opener)
        flow.addWidget(copier)
        self._grid.addWidget(title, row, 0)
        self._grid.addWidget(shown, row + 1, 0)
        self._grid.addWidget(buttons, row + 2, 0)

    def _open(self, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        if not folder.is_dir():
            self._frame.tell(text("{path} is not there yet.", path=plain_line(str(folder))))
        elif not self.open_folder(folder):
            self._frame.tell(text("This system has no program that opens folders. The path can be copied."), "bad")

    def _copy(self, path: Path) -> None:
        QGuiApplication.clipboard().setText(str(path))
        self._frame.tell(text("The path was copied."), "good")


class KeyboardCard(Card):
    """How the composer takes Enter, and the way to the list of shortcuts."""

    def __init__(self, frame: Frame, parent: QWidget | None = None) -> None:
        super().__init__(frame.theme, text("Keyboard"), parent=parent)
        self._frame = frame
        words = text("Enter sends the message")
        self.enter_sends = FlagEditor(words, self._set_enter)
        self.enter_sends.field.setAccessibleName(words)
        self.follow()
        self.body.addWidget(self.enter_sends.field)
        self.body.addWidget(
            label(text("Shift+Enter begins a new line. Off, it is the other way round."), "small", wrap=True)
        )
        self.shortcuts = button(text("All keyboard shortcuts"), lambda: frame.run_action("app.shortcuts"))
        row = QWidget()
        FlowLayout(row).addWidget(self.shortcuts)
        self.body.addWidget(row)

    def follow(self) -> None:
        """The chat page has the same switch in its menu."""
        self.enter_sends.show_text("true" if self._frame.remembered.get("enter_sends", True) else "false")

    def _set_enter(self, value: str) -> None:
        self._frame.remembered.set("enter_sends", value == "true")
