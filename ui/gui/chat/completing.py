"""Completion in the composer: what is typed decides what is offered, what is chosen is done.

Knows the field, the list, the page's commands and folders of this machine; folders are read in the background.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QKeyEvent

from rushlight.ui.desk.background import Background, Running
from rushlight.ui.gui.chat.completion import (
    Candidate,
    Trigger,
    at_candidates,
    folder_entries,
    folder_of,
    library_candidates,
    slash_candidates,
    trigger_at,
    word_for_folder,
)
from rushlight.ui.gui.chat.completion_list import CompletionList
from rushlight.ui.gui.chat.composer_text import ComposerText

if TYPE_CHECKING:
    from rushlight.assistant.app import App

_PAUSE_MS = 40
_WITH_WORDS = ("page.sql",)  # commands that are chosen to be gone on with
Databases = Callable[[], Sequence[tuple[str, str]]]  # (what is written behind the @, title)
Commands = Callable[[], Sequence[tuple[str, str]]]  # (action id, title) of what `/` offers


class Completing(QObject):
    """Joins the field and the list. Escape closes the list until another sign is typed."""

    action_chosen = Signal(str)
    preset_chosen = Signal(str)
    model_chosen = Signal(str)
    file_chosen = Signal(object)  # Path

    def __init__(
        self,
        background: Background,
        text: ComposerText,
        offered: CompletionList,
        commands: Commands,
        databases: Databases = lambda: (),
    ) -> None:
        super().__init__(text)
        self._databases = databases
        self._background = background
        self._text = text
        self._list = offered
        self._commands = commands
        self._names: tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | None = None  # presets, models
        self._asked_names = False
        self._folder: Path | None = None
        self._entries: list[Candidate] = []
        self._reading: Running | None = None
        self._closed_at: tuple[str, int] | None = None
        self._trigger: Trigger | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self.look)
        text.first_ear = self._hear
        text.keeps_tab = lambda: offered.current() is not None and offered.is_open
        text.textChanged.connect(self._timer.start)
        text.cursorPositionChanged.connect(self._timer.start)
        text.focused.connect(lambda has_focus: None if has_focus else self.close())
        offered.chosen.connect(self._take)
        offered.closed.connect(self._on_closed)

    def look(self) -> None:
        """Offer what fits what stands before the cursor."""
        self._timer.stop()
        written = self._text.toPlainText()
        trigger = trigger_at(written, self._text.cursor_position()) if self._text.hasFocus() else None
        self._trigger = trigger
        if trigger is None:
            self._closed_at = None
            self._names, self._asked_names, self._folder = None, False, None  # asked anew next time
            self._list.close_list()
            return
        if self._closed_at == (trigger.sign, trigger.start):
            return
        self._closed_at = None
        if trigger.sign == "#":
            self._list.offer(library_candidates())
            return
        self._ask_names()
        presets, models = self._names or ((), ())
        if trigger.sign == "/":
            self._list.offer(slash_candidates(trigger.word, self._commands(), presets, models))
            return
        self._ask_folder(folder_of(trigger.word, Path.home()))
        self._list.offer(at_candidates(trigger.word, models, self._entries, self._databases()))

    def close(self) -> None:
        """As Escape does, without keeping it closed."""
        self._list.close_list()

    # --- inside -------------------------------------------------------------------------------------------------
    def _hear(self, event: QKeyEvent) -> bool:
        if self._timer.isActive() and (self._list.is_open or self._text.toPlainText().startswith("/")):
            self.look()  # typed faster than the pause: the key is meant for what is true now
        return self._list.take_key(event)

    def _on_closed(self) -> None:
        if self._trigger is not None:
            self._closed_at = (self._trigger.sign, self._trigger.start)

    def _take(self, candidate: Candidate) -> None:
        trigger = self._trigger
        if trigger is None:
            return
        end = self._text.cursor_position()
        if candidate.value in _WITH_WORDS:
            self._text.replace_range(trigger.start, end, f"{candidate.title} ")
            return
        if candidate.kind == "database":
            self._list.close_list()
            self._text.replace_range(trigger.start, end, f"@{candidate.value} ")
            return
        if candidate.kind == "folder":
            self._text.replace_range(trigger.start + 1, end, word_for_folder(candidate.value, Path.home()))
            self.look()
            return
        self._list.close_list()
        self._text.replace_range(trigger.start, end, "")
        if candidate.kind == "action":
            self.action_chosen.emit(candidate.value)
        elif candidate.kind == "preset":
            self.preset_chosen.emit(candidate.value)
        elif candidate.kind == "model":
            self.model_chosen.emit(candidate.value)
        elif candidate.kind == "file":
            self.file_chosen.emit(Path(candidate.value))

    def _ask_names(self) -> None:
        if self._asked_names:
            return
        self._asked_names = True

        def read(app: "App") -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
            presets = tuple(one.name for one in app.presets.list())
            return presets, tuple((one.id, one.quantization) for one in app.models if one.purpose == "chat")

        def known(found: tuple[tuple[str, ...], tuple[tuple[str, str], ...]]) -> None:
            self._names = found
            self.look()

        self._background.read(read, known, lambda _err: None)  # no store: the commands are offered all the same

    def _ask_folder(self, folder: Path) -> None:
        if folder == self._folder:
            return
        self._folder, self._entries = folder, []
        if self._reading is not None:
            self._reading.drop()

        def known(entries: list[Candidate]) -> None:
            if folder == self._folder:
                self._entries = entries
                self.look()

        # Not with the store's short work: a folder on a network may take its time.
        self._reading = self._background.task(lambda _app, _stop: folder_entries(folder), known, lambda _err: None)
