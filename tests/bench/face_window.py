"""A child of bench_window: opens the window as `rushlight gui` does and says when it can be used, or a bare one.

python face_window.py rushlight|bare

Prints one line when the list shows conversations, the composer has the focus and everything was drawn; then stays
until standard input ends. What it adds to the program is a timer that looks every 5 ms.
"""

import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def _say_and_stay() -> None:
    import threading

    print("usable", flush=True)

    def wait() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def bare() -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QTextBrowser

    application = QApplication([])
    browser = QTextBrowser()
    browser.setPlainText("Hello")
    browser.resize(1360, 860)
    browser.show()
    QTimer.singleShot(0, _say_and_stay)
    application.exec()


def rushlight() -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QAbstractItemView, QApplication, QPlainTextEdit, QTextEdit

    start_loop = QApplication.exec
    timers: list[QTimer] = []

    def look() -> None:
        windows = [one for one in QApplication.topLevelWidgets() if one.isVisible() and hasattr(one, "sidebar")]
        if not windows or not isinstance(QApplication.focusWidget(), QPlainTextEdit | QTextEdit):
            return
        lists = windows[0].sidebar.findChildren(QAbstractItemView)
        if not any(one.model() is not None and one.model().rowCount() > 50 for one in lists):
            return
        timers[0].stop()
        windows[0].repaint()
        _say_and_stay()

    def watched_loop(*_given: object) -> int:
        timer = QTimer()
        timer.timeout.connect(look)
        timer.start(5)
        timers.append(timer)
        return start_loop()

    QApplication.exec = watched_loop  # type: ignore[method-assign,assignment]
    from rushlight.ui.cli.main import main

    main()


if __name__ == "__main__":
    kind = sys.argv[1]
    sys.argv = ["rushlight", "gui"]
    bare() if kind == "bare" else rushlight()
