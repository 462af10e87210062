"""Says that a job has ended: at the bottom of the window, and by the system's tray where nobody looks.

Also keeps the number of jobs at work on the rail. Knows `JobsDesk`; one for all windows.
"""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from rushlight.assistant.safety.plain import plain_line
from rushlight.ui.desk.jobs_desk import JobsDesk, JobsState
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.jobs.job import Job
    from rushlight.ui.gui.application import Application


class Notifications:
    """Follows the jobs from its making on."""

    def __init__(self, application: "Application") -> None:
        self._application = application
        self._tray: QSystemTrayIcon | None = None
        self._desk = JobsDesk(application.background, self)
        self._desk.on_finished = self._finished
        self._desk.refresh()

    def show(self, state: JobsState) -> None:
        """The view of the jobs' desk: a number on each rail."""
        for window in self._application.windows:
            window.rail.show_count("jobs", state.n_running)

    def close(self) -> None:
        self._desk.close()
        if self._tray is not None:
            self._tray.hide()

    def _finished(self, job: "Job") -> None:
        title, kind = plain_line(job.title), "info"
        match job.state:
            case "done":
                words, kind = text("Done: {title}", title=title), "good"
            case "failed":
                words, kind = text("Failed: {title}", title=title), "bad"
            case _:
                words = text("Cancelled: {title}", title=title)
        nobody_looks = QApplication.activeWindow() is None
        if nobody_looks and QSystemTrayIcon.isSystemTrayAvailable():
            self._say_in_tray(words, is_bad=kind == "bad")
        window = self._application.active_window()
        if window is not None and window.page_id != "jobs":
            window.tell(words, kind, action=text("Show the jobs"), on_action=lambda: window.show_page("jobs"))

    def _say_in_tray(self, words: str, *, is_bad: bool) -> None:
        if self._tray is None:
            from rushlight.ui.gui.icons import app_icon

            self._tray = QSystemTrayIcon(app_icon())
            self._tray.setToolTip("Rushlight")
            self._tray.messageClicked.connect(self._come)
            self._tray.activated.connect(lambda _reason: self._come())
            self._tray.show()
        sign = QSystemTrayIcon.MessageIcon.Warning if is_bad else QSystemTrayIcon.MessageIcon.Information
        # Some desktops read markup in it, pictures included.
        self._tray.showMessage("Rushlight", words.replace("<", "‹"), sign)

    def _come(self) -> None:
        window = self._application.active_window()
        if window is not None:
            window.bring_forward()
            window.show_page("jobs")
