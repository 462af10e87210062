"""The window's frame: pages, side column, actions, the line at the bottom, several windows, what is remembered."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.paths import find_paths
from rushlight.ui.desk.actions import actions
from rushlight.ui.desk.jobs_desk import JobsState
from rushlight.ui.desk.remembered import Remembered
from rushlight.ui.gui import page as page_module
from rushlight.ui.gui.application import Application
from rushlight.ui.gui.crossing import Crossing
from rushlight.ui.gui.main_window import MainWindow
from rushlight.ui.gui.notifications import Notifications
from rushlight.ui.gui.page import PageInfo
from rushlight.ui.gui.rail import Rail
from rushlight.ui.gui.theme import Theme


class ChatStandIn(QWidget):
    """A chat page that writes down what it is told to open."""

    def __init__(self, frame: Any) -> None:
        super().__init__()
        self.frame = frame
        self.opened: list[tuple[str | None, str | None]] = []
        self.has_left = False
        self.stopped = 0
        frame.bind("chat.stop", self._stop, self)

    def _stop(self) -> None:
        self.stopped += 1

    def open_conversation(self, conversation_id: str | None, message_id: str | None = None) -> None:
        self.opened.append((conversation_id, message_id))
        self.frame.note_conversation(conversation_id, "A title" if conversation_id else "")

    def leave(self) -> None:
        self.has_left = True


def _broken(_frame: Any) -> QWidget:
    raise Error("This page has no paper.", hint="Buy some.")


def _buggy(_frame: Any) -> QWidget:
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pages in place of the real ones, which have tests of their own."""
    from rushlight.ui.gui import pages as _real  # noqa: F401  (so that they do not register later)

    made = {
        "chat": PageInfo("chat", "Chat", "message-square", "top", 1, ChatStandIn, has_conversations=True),
        "models": PageInfo("models", "Models", "box", "top", 2, lambda frame: QLabel("models")),
        "jobs": PageInfo("jobs", "Jobs", "align-left", "bottom", 1, _broken),
        "settings": PageInfo("settings", "Settings", "settings", "bottom", 2, _buggy),
    }
    monkeypatch.setattr(page_module, "_pages", made)


def chat(window: MainWindow) -> ChatStandIn:
    found = window._made["chat"]
    assert isinstance(found, ChatStandIn)
    return found


def test_pages_are_made_when_they_are_shown(window: MainWindow) -> None:
    assert set(window._made) == {"chat"}
    assert chat(window).opened == [(None, None)]
    window.show_page("models")
    assert window.page_id == "models"
    assert set(window._made) == {"chat", "models"}
    first = window.page()
    window.show_page("chat")
    window.show_page("models")
    assert window.page() is first
    assert window.rail.buttons["models"].isChecked()


def test_the_side_column_stands_beside_the_chat_only(window: MainWindow, qtbot: Any) -> None:
    assert window.sidebar.isVisible()
    assert window.sidebar.width() == 264
    window.show_page("models")
    assert not window.sidebar.isVisible()
    assert window.side() is None
    window.show_page("chat")
    assert window.sidebar.isVisible()
    window.run_action("view.sidebar")
    assert not window.sidebar.isVisible()
    assert window.remembered.get("sidebar_shown", True) is False


def test_a_narrow_window_hides_the_side_column(window: MainWindow, qtbot: Any) -> None:
    window.resize(900, 600)
    qtbot.waitUntil(lambda: not window.sidebar.isVisible())
    window.run_action("view.sidebar")
    assert window.sidebar.isVisible()
    assert window.remembered.get("sidebar_shown", True) is True
    window.open_conversation("other")
    assert not window.sidebar.isVisible()
    window.resize(1360, 860)
    qtbot.waitUntil(lambda: window.sidebar.isVisible())


def test_a_page_that_cannot_be_made_says_why(window: MainWindow) -> None:
    window.show_page("jobs")
    page = window.page()
    assert page is not None
    said = [one.text() for one in page.findChildren(QLabel)]
    assert "This page has no paper." in said
    assert "Buy some." in said
    window.show_page("settings")
    page = window.page()
    assert page is not None
    assert any("Something went wrong" in one.text() for one in page.findChildren(QLabel))
    assert "ZeroDivisionError" in (find_paths().logs / "faults.log").read_text()


def test_an_action_is_done_by_the_shown_page(window: MainWindow, qtbot: Any) -> None:
    assert window.can_run("chat.stop")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert chat(window).stopped == 1
    window.show_page("models")
    assert not window.can_run("chat.stop")
    assert not window.shortcuts.actions["chat.stop"].isEnabled()
    window.run_action("chat.stop")
    assert chat(window).stopped == 1
    assert "not possible here" in window.status_line.words.text()


def test_a_binding_ends_with_its_widget(window: MainWindow, qtbot: Any) -> None:
    page = window.page()
    assert page is not None
    inner = QWidget(page)
    hits: list[int] = []
    window.bind("chat.find", lambda: hits.append(1), inner)
    window.run_action("chat.find")
    assert hits == [1]
    with qtbot.waitSignal(inner.destroyed):
        inner.deleteLater()
    assert not window.can_run("chat.find")


def test_every_action_is_in_a_menu(window: MainWindow) -> None:
    shown = [action for menu in window.menuBar().actions() for action in menu.menu().actions()]
    assert {window.shortcuts.actions[one.id] for one in actions()} <= set(shown)


def test_the_line_at_the_bottom_goes_by_itself(window: MainWindow, qtbot: Any) -> None:
    assert not window.status_line.isVisible()
    done: list[int] = []
    window.tell("<b>Moved</b>\x1b[31m", "good", action="Undo", on_action=lambda: done.append(1))
    assert window.status_line.isVisible()
    assert window.status_line.words.text().startswith("<b>Moved</b>")
    assert window.status_line.words.textFormat() == Qt.TextFormat.PlainText
    assert "\x1b" not in window.status_line.words.text()
    qtbot.mouseClick(window.status_line.button, Qt.MouseButton.LeftButton)
    assert done == [1]
    assert not window.status_line.isVisible()
    window.tell("Saved.")
    window.status_line._timer.setInterval(1)
    window.status_line._timer.start()
    qtbot.waitUntil(lambda: not window.status_line.isVisible())


def test_errors_of_background_work_are_shown(window: MainWindow, qtbot: Any) -> None:
    def fail(_app: App) -> None:
        raise Error("The disk is full.", hint="Remove something.", kind="disk-full")

    window.background.read(fail)
    qtbot.waitUntil(lambda: "The disk is full." in window.status_line.words.text())
    assert "Remove something." in window.status_line.words.text()


def test_several_windows_and_what_they_remember(window: MainWindow, application: Application, qtbot: Any) -> None:
    window.open_conversation("one")
    second = application.new_window()
    assert chat(second).opened == [(None, None)]
    assert second.background is window.background
    second.open_conversation("two")
    second.resize(700, 520)  # within the screen that the platform claims to have
    second.show_page("models")
    second.save()
    window.save()
    assert Remembered(find_paths().data / "window.json").n_windows == 2

    again = Application(find_paths(), open_app=application.background._open_app, theme_choice="light")
    again.restore_windows()
    assert [one.page_id for one in again.windows] == ["chat", "models"]
    assert chat(again.windows[0]).opened == [("one", None)]
    assert again.windows[1].width() == 700
    again.close()


def test_closing_one_window_keeps_what_the_other_remembers(window: MainWindow, application: Application) -> None:
    window.open_conversation("one")
    second = application.new_window("two")
    window.close()
    assert application.windows == [second]
    kept = Remembered(find_paths().data / "window.json")
    assert kept.n_windows == 1
    assert kept.window(0).get("conversation", "") == "two"
    second.open_conversation("three")
    assert Remembered(find_paths().data / "window.json").window(0).get("conversation", "") == "three"


def test_quit_keeps_all_windows_for_the_next_start(window: MainWindow, application: Application) -> None:
    application.new_window()
    ended: list[int] = []
    application.on_end = lambda: ended.append(1)
    pages = [chat(one) for one in application.windows]
    window.run_action("app.quit")
    assert ended == [1]
    assert all(page.has_left for page in pages)
    assert Remembered(find_paths().data / "window.json").n_windows == 2


def test_a_wish_of_a_second_start(window: MainWindow, application: Application) -> None:
    application.wish("open", "abc")
    assert chat(window).opened[-1] == ("abc", None)
    application.wish("raise", "")
    application.wish("new-window", "")
    assert len(application.windows) == 2


def test_the_window_is_named_for_the_conversation(window: MainWindow) -> None:
    window.note_conversation("abc", "Lamps\x1b[2J & <b>candles</b>")
    assert window.windowTitle() == "Lamps & <b>candles</b> – Rushlight"
    window.show_page("models")
    assert window.windowTitle() == "Models – Rushlight"


def test_without_a_model_the_first_start_is_shown(
    application: Application, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcome = PageInfo("first-run", "Welcome", "sparkles", "hidden", 1, lambda frame: QLabel("welcome"))
    monkeypatch.setitem(page_module._pages, "first-run", welcome)
    window = application.open_window()
    qtbot.waitUntil(lambda: window.page_id == "first-run")
    assert window.memory.get("page", "") == "chat"


def test_rows_are_mirrored_where_the_language_is(
    qapp: Any, open_app: Any, one_model: Any, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    monkeypatch.setenv("LANGUAGE", "ar")
    application = Application(find_paths(), open_app=open_app, theme_choice="light")
    try:
        window = application.open_window()
        window.resize(1360, 860)
        window.show()
        assert window.layoutDirection() == Qt.LayoutDirection.RightToLeft
        assert window.rail.mapTo(window, window.rail.rect().topLeft()).x() > window.width() // 2
    finally:
        application.close()
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


def test_a_bug_in_a_slot_is_said_and_written_down(
    window: MainWindow, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rushlight.ui.gui.main import _show_bugs

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    _show_bugs(application)
    sys.excepthook(ValueError, ValueError("private words"), None)
    assert "Something went wrong" in window.status_line.words.text()
    assert "private words" not in window.status_line.words.text()
    assert "ValueError" in (find_paths().logs / "faults.log").read_text()
    err = Error("No such model.", hint="Choose another.")
    sys.excepthook(Error, err, None)
    assert window.status_line.words.text() == "No such model. Choose another."


def a_job(state: JobState, job_id: str = "j") -> Job:
    return Job(
        id=job_id, kind="model-import", title="Import <b>x</b>", state=state, priority=0, what="Copying", done=1,
        total=2, unit="B", rate=None, remaining_s=None, message="", hint="", notices=(), created_at=0, started_at=0,
        ended_at=None, n_restarts=0, result={}, arguments={},
    )  # fmt: skip


@pytest.mark.parametrize(("state", "said"), [("done", "Done: "), ("failed", "Failed: "), ("cancelled", "Cancelled: ")])
def test_the_end_of_a_job_is_said(window: MainWindow, application: Application, state: JobState, said: str) -> None:
    notifications = Notifications(application)
    notifications._finished(a_job(state))
    assert window.status_line.words.text() == f"{said}Import <b>x</b>"
    assert window.status_line.button.text() == "Show the jobs"
    window.show_page("jobs")
    window.status_line.clear()
    notifications._finished(a_job(state))
    assert not window.status_line.isVisible()  # whoever looks at the jobs sees it there
    notifications.close()


def test_the_rail_says_that_jobs_are_at_work(window: MainWindow, application: Application) -> None:
    notifications = Notifications(application)
    notifications.show(JobsState(n_running=2))
    assert window.rail.buttons["jobs"].accessibleName() == "Jobs: 2 at work"
    notifications.show(JobsState())
    assert window.rail.buttons["jobs"].accessibleName() == "Jobs"
    notifications.close()


@pytest.mark.parametrize(("scale", "height"), [(1.0, 860), (1.0, 360), (2.0, 700), (3.0, 860), (3.0, 700)])
def test_no_buttons_of_the_rail_lie_over_one_another(qapp: Any, qtbot: Any, scale: float, height: int) -> None:
    infos = [PageInfo(f"page{n}", "Page", "box", "bottom" if n > 6 else "top", n, QLabel) for n in range(9)]
    rail = Rail(Theme("light", scale), tuple(infos))
    qtbot.addWidget(rail)
    rail.resize(rail.width(), height)
    rail.show()
    qapp.processEvents()
    places = [button.geometry() for button in rail.buttons.values()]
    assert len(places) == 9 and all(rail.rect().contains(place) for place in places)
    assert not [one for n, one in enumerate(places) for other in places[:n] if one.intersects(other)]
    assert all(button.iconSize().height() <= button.height() for button in rail.buttons.values())


def test_the_crossing_keeps_the_order_and_ends(qapp: Any, qtbot: Any) -> None:
    crossing = Crossing()
    ran: list[tuple[int, bool]] = []
    here = threading.get_ident()

    def speak() -> None:
        for number in range(1000):
            crossing.deliver(lambda number=number: ran.append((number, threading.get_ident() == here)))

    thread = threading.Thread(target=speak)
    thread.start()
    qtbot.waitUntil(lambda: len(ran) == 1000)
    thread.join()
    assert ran == [(number, True) for number in range(1000)]
    crossing.deliver(lambda: ran.append((-1, True)))
    crossing.close()
    crossing.deliver(lambda: ran.append((-2, True)))
    qapp.processEvents()
    assert len(ran) == 1000


_CHILD = """
import os, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from rushlight.assistant.paths import find_paths
from rushlight.ui.gui.application import Application

qt = QApplication([])
application = Application(find_paths())
window = application.open_window()
window.show()
qt.processEvents()
print("MODULES", *sorted(sys.modules), flush=True)
window.resize(700, 520)
window.run_action("view.theme")
window.run_action("view.larger")
window.show_page("settings")
before = window.memory.get("geometry", "")

def look():
    if window.memory.get("geometry", "") != before:
        os.kill(os.getpid(), 9)

timer = QTimer()
timer.timeout.connect(look)
timer.start(10)
qt.exec()
"""


def test_what_is_remembered_survives_a_kill(own_home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _CHILD], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == -9, done.stderr
    kept = Remembered(own_home / "window.json")
    assert kept.get("theme", "") == "light"
    assert kept.get("text_scale", 0.0) == 1.1
    assert kept.window(0).get("page", "") == "settings"
    assert len(kept.window(0).get("geometry", "")) > 20
    # The first second belongs to the user: what is heavy comes when it is needed.
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("MODULES")]
    heavy = {"markdown_it", "pygments", "ziamath", "numpy", "httpx", "llama_cpp", "textual", "asyncio", "click"}
    assert not heavy & set(line.split())


def test_no_file_of_the_frame_is_missing_from_what_is_shipped() -> None:
    import rushlight.ui.gui as package

    assets = Path(package.__path__[0]) / "assets"
    assert (assets / "fonts" / "OFL-Inter.txt").is_file()
    assert (assets / "icons" / "LICENSE").is_file()
    assert (assets / "rushlight.svg").is_file()
