"""The way into the window: `main(["--conversation", "ID"])`. Finds out whether there can be one, then hands over.

Imports Qt only after it has looked that Qt and a screen are there, so that what is missing is said in words.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.installing import pip_line
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.paths import Paths
    from rushlight.ui.gui.application import Application


def main(argv: list[str]) -> int:
    """Open the window, or bring the one that is open to the front. Returns when the last window is closed."""
    wish, conversation_id = _read_arguments(argv)
    _look_for_qt()
    try:
        from rushlight.ui.gui.single_instance import claim, hand_over
    except ImportError as err:  # the package is there, a library of the system is not
        raise Error(
            text("Qt cannot be loaded: {reason}", reason=err),
            hint=text("On Debian and Ubuntu: sudo apt install libegl1 libxkbcommon0 libdbus-1-3 libxcb-cursor0"),
            kind="qt-broken",
        ) from err
    from rushlight.assistant.paths import find_paths

    paths = find_paths()
    _speak(paths)
    lock = claim(paths)
    if lock is None:
        hand_over(paths, wish)
        return 0
    try:
        return _run(conversation_id)
    finally:
        lock.release()


def _speak(paths: "Paths") -> None:
    """In the language that was chosen in the settings page, before any word is shown."""
    from rushlight.ui.desk.remembered import Remembered

    chosen = Remembered(paths.data / "window.json").get("language", "")
    if chosen:
        os.environ["LANGUAGE"] = chosen


def _run(conversation_id: str | None) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from rushlight.assistant.paths import find_paths
    from rushlight.ui.gui.application import Application

    QApplication.setDesktopFileName("rushlight")
    QApplication.setApplicationName("rushlight")
    QApplication.setApplicationDisplayName("Rushlight")
    qt = QApplication(sys.argv[:1])
    qt.setQuitOnLastWindowClosed(False)
    paths = find_paths()
    application = Application(paths)
    application.on_end = qt.quit
    _show_bugs(application)
    application.restore_windows(conversation_id)
    for window in application.windows:  # the first size suits most screens, not all
        window.resize(window.size().boundedTo(window.screen().availableSize()))
    kept: list[Any] = []  # what must live as long as the loop

    def later() -> None:
        """What nobody waits for."""
        from rushlight.ui.gui.icons import app_icon
        from rushlight.ui.gui.notifications import Notifications
        from rushlight.ui.gui.single_instance import WishServer

        try:
            kept.append(WishServer(paths, application.wish))
        except Error as err:
            application.show_error(err)
        qt.setWindowIcon(app_icon())
        kept.append(Notifications(application))

    QTimer.singleShot(0, later)
    kept.append(_end_on_signals(application.quit))
    try:
        return int(qt.exec())
    finally:
        sys.excepthook = sys.__excepthook__
        application.close()


def _read_arguments(argv: list[str]) -> tuple[str, str | None]:
    """(what a window that is open already is asked for, the conversation to open)."""
    if not argv:
        return "raise", None
    if argv == ["--new-window"]:
        return "new-window", None
    if len(argv) == 2 and argv[0] == "--conversation":
        return f"open {argv[1]}", argv[1]
    raise Error(
        text("The window does not know {arguments}.", arguments=" ".join(argv)[:80]),
        hint=text("It takes --conversation ID or --new-window."),
        kind="usage",
    )


def _look_for_qt() -> None:
    """Say what is missing before Qt ends the process for it."""
    if find_spec("PySide6") is None:
        raise Error(
            text("The window needs PySide6, which is not installed."),
            hint=pip_line("rushlight[gui]"),
            kind="no-qt",
        )
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if os.environ.get("WAYLAND_DISPLAY"):
        return
    if not os.environ.get("DISPLAY"):
        raise Error(
            text("There is no screen here for a window."),
            hint=text("The terminal app does the same: rushlight tui"),
            kind="no-screen",
        )
    from ctypes import CDLL

    try:
        CDLL("libxcb-cursor.so.0")
    except OSError:
        raise Error(
            text("Qt needs the library libxcb-cursor, which is not installed."),
            hint=text("On Debian and Ubuntu: sudo apt install libxcb-cursor0"),
            kind="no-xcb-cursor",
        ) from None


def _show_bugs(application: "Application") -> None:
    """An exception in a slot is a bug: it is logged and said, and the window goes on."""

    def hook(kind: type[BaseException], err: BaseException, _trace: object) -> None:
        if issubclass(kind, KeyboardInterrupt):
            application.quit()
        elif isinstance(err, Error):
            application.show_error(err)
        else:
            application.show_error(application.report_bug(err))

    sys.excepthook = hook


def _end_on_signals(end: Callable[[], None]) -> object:
    """Ctrl+C in the terminal and a polite kill close the windows as their crosses would."""
    if os.name != "posix":
        return None
    from PySide6.QtCore import QSocketNotifier

    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    notifier = QSocketNotifier(read_end, QSocketNotifier.Type.Read)

    def heard() -> None:
        os.read(read_end, 64)
        end()

    notifier.activated.connect(heard)
    return notifier
