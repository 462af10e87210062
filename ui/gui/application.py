"""The program behind the windows: one background, one theme, one memory for all of them; opens and closes windows.

Knows windows and what lives as long as the process; knows no page. A bug anywhere is written to the log of faults and
said at the bottom of the window; it ends nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator
from PySide6.QtWidgets import QApplication

from rushlight import Error
from rushlight.assistant.paths import Paths
from rushlight.ui.desk.background import Background, open_face_app
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.gui.collecting import Collector
from rushlight.ui.gui.crossing import Crossing
from rushlight.ui.gui.main_window import MainWindow
from rushlight.ui.gui.page import pages
from rushlight.ui.gui.theme import Theme
from rushlight.ui.words import is_english, language, text

if TYPE_CHECKING:
    from rushlight.assistant.app import App

FIRST_RUN = "first-run"


class Application:
    """Needs a QApplication. `open_app` and `theme_choice` are for tests."""

    def __init__(
        self, paths: Paths, *, open_app: "Callable[[], App] | None" = None, theme_choice: str | None = None
    ) -> None:
        from rushlight.ui.gui import pages as _registers_them  # noqa: F401

        self.paths = paths
        self._collector = Collector()
        self.remembered = Remembered(paths.data / "window.json")
        self.theme = Theme(
            theme_choice or self.remembered.get("theme", "system"), self.remembered.get("text_scale", 1.0)
        )
        self.crossing = Crossing()
        self.background = Background(open_app or partial(open_face_app, paths), self.crossing.deliver)
        self.background.on_error = self.show_error
        self.windows: list[MainWindow] = []
        self.on_end: Callable[[], None] = lambda: None  # the last window was closed
        self._is_closed = self._is_quitting = False
        qt_application().setLayoutDirection(QLocale(language() or "en").textDirection())
        self._qt_words = _translate_qt(language())
        self.theme.apply()

    # --- windows ------------------------------------------------------------------------------------------------
    def open_window(self, conversation_id: str | None = None) -> MainWindow:
        """One more, with what the window of that number remembers. It is not shown yet."""
        window = MainWindow(self, self.remembered.window(len(self.windows)))
        self.windows.append(window)
        window.start(conversation_id)
        self._look_for_models(window)
        return window

    def restore_windows(self, conversation_id: str | None = None) -> None:
        """As many as were open when the program ended, shown."""
        for _ in range(self.remembered.n_windows):
            self.open_window().show()
        if conversation_id is not None:
            self.windows[0].open_conversation(conversation_id)

    def new_window(self, conversation_id: str | None = None) -> MainWindow:
        """One more with a new chat, a little beside the present one."""
        index = len(self.windows)
        before = self.active_window()
        memory = self.remembered.window(index)
        memory.set("page", "chat")
        memory.set("conversation", conversation_id or "")
        memory.set("geometry", "")
        window = self.open_window(conversation_id)
        if before is not None:
            window.resize(before.size())
            window.move(before.pos().x() + 32, before.pos().y() + 32)
        window.show()
        self.remembered.set_n_windows(len(self.windows))
        return window

    def active_window(self) -> MainWindow | None:
        """The one the user works in, or any."""
        active = QApplication.activeWindow()
        return next((one for one in self.windows if one is active), self.windows[-1] if self.windows else None)

    def wish(self, verb: str, conversation_id: str) -> None:
        """What a second start of the program wants of this one."""
        if verb == "new-window":
            self.new_window().bring_forward()
            return
        window = self.active_window()
        if window is None:
            return
        if verb == "open":
            window.open_conversation(conversation_id)
        window.bring_forward()

    def window_closed(self, window: MainWindow) -> None:
        """The last one ends the program; what the others remember moves up."""
        if window not in self.windows:
            return
        if not self._is_quitting and len(self.windows) > 1:
            self._forget(window)
        self.windows.remove(window)
        window.deleteLater()
        if not self.windows:
            self.close()
            self.on_end()

    def quit(self) -> None:
        """Close all windows; the next start opens them again."""
        self._is_quitting = True
        self.remembered.set_n_windows(len(self.windows))
        for window in list(self.windows):
            window.close()

    def close(self) -> None:
        """Stop what runs for this face and finish what was asked of the store. Twice is fine."""
        if self._is_closed:
            return
        self._is_closed = self._is_quitting = True
        for window in list(self.windows):
            window.close()
        self.background.close()
        self.crossing.close()
        if self._qt_words is not None:  # else it would go on translating until somebody collects it
            QApplication.removeTranslator(self._qt_words)
            self._qt_words = None
        self._collector.close()

    # --- errors -------------------------------------------------------------------------------------------------
    def show_error(self, err: Error) -> None:
        """What no page showed itself."""
        window = self.active_window()
        if window is not None:
            window.show_error(err)

    def report_bug(self, err: BaseException) -> Error:
        """Write it down and make of it something that can be shown."""
        from rushlight.ui.cli.crash_log import write_crash

        where = write_crash(err, ["gui"])
        hint = text("Details are in {file}.", file=where) if where is not None else ""
        return Error(text("Something went wrong in Rushlight itself."), hint=hint, kind="bug")

    # --- inside -------------------------------------------------------------------------------------------------
    def _forget(self, window: MainWindow) -> None:
        at = self.windows.index(window)
        for earlier, later in zip(self.windows[at:], self.windows[at + 1 :], strict=False):
            for key in ("geometry", "page", "conversation"):
                earlier.memory.set(key, later.memory.get(key, ""))
        memories = [one.memory for one in self.windows]
        for later, memory in zip(self.windows[at + 1 :], memories[at:], strict=False):
            later.memory = memory
        self.remembered.set_n_windows(len(self.windows) - 1)

    def _look_for_models(self, window: MainWindow) -> None:
        """Without a single model there is nothing to talk to: the page of the first start says what to do."""
        if not any(page.id == FIRST_RUN for page in pages()):
            return

        def then(has_models: bool) -> None:
            if not has_models and window in self.windows:
                window.show_page(FIRST_RUN)

        self.background.read(lambda app: bool(app.models), then)


class _QtWords(QTranslator):
    """Qt's own words, as in the menu of a text field; keys keep the names that our sentences give them."""

    def translate(self, context: str, source: str, note: str | None = None, n: int = -1) -> str | None:
        return None if context == "QShortcut" else super().translate(context, source, note, n)


def _translate_qt(wanted: str) -> QTranslator | None:
    """In the language of our sentences, as long as what is returned lives."""
    made = _QtWords()
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if is_english() or not made.load(f"qtbase_{wanted}", folder):
        return None
    qt_application().installTranslator(made)
    return made


def qt_application() -> QApplication:
    """The one there is."""
    found = QApplication.instance()
    assert isinstance(found, QApplication)
    return found
