"""The real window, walked through by a program of its own, for a test that traces it: `hostile_window.py SAYS RESULT`.

Opens what tests/hostile_home.py has prepared, looks at all of it, points at and presses every link, lets a reply be
written, asks the palette, the search and every page; never presses a button that says it opens an address.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface, QGuiApplication, QHelpEvent
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QApplication, QLabel, QToolTip, QWidget

from rushlight import Error
from rushlight.assistant.app import App
from rushlight.assistant.chat.conversation import NewAttachment
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.paths import find_paths
from rushlight.assistant.settings import read_settings
from rushlight.ui.desk.chat_view import ChatState, Problem, Queued
from rushlight.ui.gui.application import Application

_LIMIT_S = 90.0
_PLACES = 25  # hovered and pressed on one screen, at most
_LINES = 45  # told, asked, shown as problems


def reads_markup(words: str) -> bool:
    """Whether a tool tip would take it for HTML that has an element in it."""
    return GuiQt.mightBeRichText(words) and "<" in words  # type: ignore[attr-defined]  # the stubs do not know it


class Walk:
    """One window and what was seen of it."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.some = texts[:: max(1, len(texts) // _LINES)]  # of every kind
        self.engine = FakeEngine([texts[0]])
        paths = find_paths()
        self.application = Application(paths, open_app=self._open_app, theme_choice="light")
        self.window = self.application.open_window()
        self.window.resize(1360, 860)
        self.window.show()
        self.longest_s, self.longest = 0.0, ""
        self.n_screens = self.n_links = self.n_pressed = 0
        self.asked: set[str] = set()  # addresses that the user was asked about
        self.faults: set[str] = set()

    def _open_app(self) -> App:
        paths = find_paths()
        return App(
            paths, read_settings(paths)[0], host="in-process", open_engine=lambda _load, _stop, _tell: self.engine
        )

    # --- time ---------------------------------------------------------------------------------------------------
    def do(self, what: str, step: Callable[[], object]) -> None:
        """One step and what comes of it at once, timed by what this thread worked: the machine may be busy."""
        began_s = time.thread_time()
        step()
        self._note(what, began_s)
        self.turn(what)

    def turn(self, what: str) -> None:
        began_s = time.thread_time()
        QApplication.processEvents()
        self._note(what, began_s)

    def _note(self, what: str, began_s: float) -> None:
        taken_s = time.thread_time() - began_s
        if taken_s > self.longest_s:
            self.longest_s, self.longest = taken_s, what

    def until(self, what: str, condition: Callable[[], object]) -> None:
        end_s = time.monotonic() + _LIMIT_S
        while not condition():
            if time.monotonic() > end_s:
                raise SystemExit(f"This did not come about: {what}")
            self.turn(what)
            time.sleep(0.002)

    # --- looking ------------------------------------------------------------------------------------------------
    @property
    def page(self) -> Any:
        return self.window.page()

    def look(self, what: str) -> None:
        """Paint all of it, and `check` it."""
        self.do(f"painting {what}", self.window.grab)
        self.n_screens += 1
        self.check(what)

    def check(self, what: str) -> None:
        """Nothing in sight may read a stranger's words as markup."""
        for one in self.window.findChildren(QWidget):
            if not one.isVisible():
                continue
            if reads_markup(one.toolTip()):
                self.faults.add(f"{what}: {type(one).__name__} has a tool tip with markup: {one.toolTip()[:120]!r}")
            if isinstance(one, QLabel) and one.textFormat() != Qt.TextFormat.PlainText and "<" in one.text():
                self.faults.add(f"{what}: {type(one).__name__} reads markup: {one.text()[:120]!r}")
            if isinstance(one, QLabel | QAbstractButton) and any(sign in one.text() for sign in "\x1b\x9b\x07\u202e"):
                self.faults.add(f"{what}: {type(one).__name__} shows a control character: {one.text()[:120]!r}")

    def read_aloud(self) -> int:
        """All that a screen reader could ask."""
        n, todo = 0, [QAccessible.queryAccessibleInterface(self.window)]
        while todo and n < 3000:
            one: QAccessibleInterface | None = todo.pop()
            if one is None or not one.isValid():
                continue
            n += 1
            for kind in (QAccessible.Text.Name, QAccessible.Text.Description, QAccessible.Text.Value):
                one.text(kind)
            todo += [one.child(at) for at in range(min(one.childCount(), 200))]
        return n

    def point_at_links(self) -> None:
        """Hover, wait for the tip, press; leave the question by Cancel."""
        view = self.page.view
        places = [stop for stop in view._pool.stops() if stop[2] >= 0]
        self.n_links += len(places)
        for turn, widget, link in places[:_PLACES]:
            at = turn.stop_rect(widget, link).center()
            where = QPoint(int(at.x()), int(at.y()))
            if not turn.rect().contains(where):
                continue
            self.do("hovering", lambda turn=turn, where=where: QTest.mouseMove(turn, where))
            tip = QHelpEvent(QEvent.Type.ToolTip, where, turn.mapToGlobal(where))
            self.do("a tool tip", lambda turn=turn, tip=tip: QApplication.sendEvent(turn, tip))
            if reads_markup(QToolTip.text()):
                self.faults.add(f"a link's tool tip has markup: {QToolTip.text()[:120]!r}")
            QToolTip.hideText()
            self.do(
                "pressing a link",
                lambda turn=turn, where=where: QTest.mouseClick(turn, Qt.MouseButton.LeftButton, pos=where),
            )
            self.n_pressed += 1
            if self.page.link.isVisible():
                self.asked.add(self.page.link.url.toString())
                self.do("the question", self.page.link.close_panel)

    # --- the way ------------------------------------------------------------------------------------------------
    def conversations(self, ids: list[str]) -> None:
        for conversation_id in ids:
            self.window.open_conversation(conversation_id)
            self.until(
                "a conversation is shown",
                lambda wanted=conversation_id: self.window.conversation_id == wanted and self.page.view.turns,
            )
            view, bar = self.page.view, self.page.view.verticalScrollBar()
            self.look("a conversation")
            self.do("the beginning", lambda bar=bar: bar.setValue(0))
            while True:
                self.point_at_links()
                self.turn("formulas")
                if self.n_screens % 20 == 0:
                    self.look("messages")
                self.do("painting messages", view.viewport().grab)
                self.n_screens += 1
                before = bar.value()
                self.do("scrolling", lambda bar=bar: bar.setValue(bar.value() + int(bar.pageStep() * 0.8)))
                if bar.value() == before:
                    break
            self.do("selecting all", view.select_all)
            self.do("copying", view.copy)
        self.read_aloud()
        for said in self.some:
            self.do("finding", lambda said=said: self.page.view.find(said[:40], 1))
        self.page.view.find("", 0)

    def answers(self) -> None:
        """A reply is written, letter by letter now and then, as a model would write it."""
        self.window.open_conversation(None)
        self.until("a new chat", lambda: not self.page.desk.turns)
        for at in range(0, min(len(self.texts), 3 * _LINES), _LINES):
            some = "\n\n".join(self.texts[at : at + _LINES])
            self.engine.pieces = tuple(some[start : start + 7] for start in range(0, len(some), 7))
            n = len(self.page.desk.turns)
            self.page.desk.send(self.texts[at])
            self.until("an answer begins", lambda n=n: len(self.page.desk.turns) >= n + 2)
            self.until("an answer ends", lambda: self.page.desk.state.activity == "idle")
            self.look("an answer")

    def said_by_the_window(self) -> None:
        """Errors, problems, notices, titles, the head's parts; in a narrow window too, where ends are left out."""
        page = self.page
        for at, said in enumerate(self.some):
            self.do("an error", lambda said=said: self.application.show_error(Error(said, hint=said)))
            self.do("a title", lambda said=said: self.window.note_conversation(self.window.conversation_id, said))
            page.problem.show_state(Problem(said, said, said, ("chat.retry",)))
            page.notice.show_notice(said)
            page.queue.show_queue((Queued(said), Queued(said, (NewAttachment(said, said),))))
            page.head.title.set_words(said)
            page.head.model.set_words(said)
            page.composer.fill(said)
            page.composer.show_state(ChatState(attachments=(NewAttachment(said, said),) * 2))
            page.correction.open_for(page.desk.turns[-1].id, said)
            page.link.ask(said)
            if at % 10 == 0:
                self.window.resize(760 + 10 * at, 620)
                self.look("what the window says")
            self.turn("what the window says")
            self.check("what the window says")
            page.correction.close_panel()
            page.link.close_panel()
        page.problem.show_state(None)
        page.queue.show_queue(())
        self.window.resize(1360, 860)
        for action in ("chat.sampler", "chat.left-out", "chat.model", "chat.system"):
            self.window.run_action(action)
            self.look(action)
            self.rest()
            self.look(action)
            page.escape()
        page.composer.show_state(page.desk.state)
        page.composer.fill("")

    def lists(self) -> None:
        """The palette and the search of the side column, asked for these words; the folders open."""
        side = self.window.sidebar
        self.window.run_action("app.palette")
        card = self.window.palette_card
        for said in self.some:
            self.do("the palette", lambda said=said: card.open(said))
            self.until("the palette has found", lambda: not card._is_stale)
            self._tips_of(card.list, "the palette")
        self.look("the palette")
        card.close_card()
        for row in [row for row in side.list.conversations.rows if row.kind == "folder"][:20]:
            side.desk.toggle_folder(row.id)
        for said in ["", *self.some[::3]]:
            self.window.run_action("app.search")
            side.field.setText(said)
            side.desk.search(said)
            self.until("the list has found", lambda: not side.desk.state.is_loading)
            self.rest(0.05)
            self._tips_of(side.list, "the list of chats")
            self.look("the list of chats")
        side.field.clear()
        side.toggle_trash()
        self.rest()
        self.look("the trash")
        side.toggle_trash()

    def _tips_of(self, shown: QAbstractScrollArea, what: str) -> None:
        model: Any = shown.model()  # type: ignore[attr-defined]
        for row in range(min(model.rowCount(), 60)):
            index = model.index(row, 0)
            tip = model.data(index, Qt.ItemDataRole.ToolTipRole) or ""
            model.data(index, Qt.ItemDataRole.AccessibleTextRole)
            if reads_markup(str(tip)):
                self.faults.add(f"{what}: a row has a tool tip with markup: {tip[:120]!r}")

    def pages(self, jobs: list[str]) -> None:
        self.window.show_page("models")
        self.until("the models are listed", lambda: self.page.desk.state.rows)
        for row in self.page.desk.state.rows[:_LINES]:
            self.do("a model's card", lambda row=row: self.page.show_model(row.id))
            self.rest(0.03)
        self.rest()
        self.look("the models")
        self.scroll()
        self.window.show_page("jobs")
        self.until("the jobs are listed", lambda: self.page.desk.state.rows)
        for job_id in jobs[:10]:
            self.do("a job's log", lambda job_id=job_id: self.page.open_log(job_id))
            self.rest(0.05)
        self.look("the jobs")
        self.scroll()
        self.window.show_page("settings")
        self.rest()
        for said in self.some[::3]:
            self.do("a search of settings", lambda said=said: self.page.desk.search(said))
        self.look("the settings")
        self.window.show_page("first-run")
        self.rest()
        self.look("the first start")
        self.window.show_page("chat")

    def scroll(self) -> None:
        """Every scrolled area of the page from top to bottom."""
        for area in self.page.findChildren(QAbstractScrollArea):
            bar = area.verticalScrollBar()
            for value in range(0, bar.maximum() + 1, max(1, bar.pageStep())):
                self.do("scrolling a page", lambda bar=bar, value=value: bar.setValue(value))
                self.look("a page")

    def rest(self, seconds: float = 0.25) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.turn("resting")
            time.sleep(0.002)


def main(says: Path, result: Path) -> None:
    given = json.loads(says.read_text())
    qt = QApplication([])
    qt.setQuitOnLastWindowClosed(False)
    walk = Walk(given["texts"])
    bugs: list[str] = []
    at_end = sys.excepthook

    def in_a_slot(_kind: type[BaseException], err: BaseException, _trace: object) -> None:
        bugs.append("".join(traceback.format_exception(err))[-1500:])

    sys.excepthook = in_a_slot
    clock: dict[str, float] = {}
    for name, part in (
        ("conversations", lambda: walk.conversations(given["conversations"])),
        ("answers", walk.answers),
        ("window", walk.said_by_the_window),
        ("lists", walk.lists),
        ("pages", lambda: walk.pages(given["jobs"])),
    ):
        began_s = time.monotonic()
        try:
            part()
        except Exception:
            sys.excepthook = at_end
            raise
        clock[name] = round(time.monotonic() - began_s, 2)
    clipboard = QGuiApplication.clipboard().text()
    title = walk.window.windowTitle()
    walk.application.close()
    QApplication.processEvents()
    result.write_text(
        json.dumps(
            {
                "longest_s": walk.longest_s, "longest": walk.longest, "n_screens": walk.n_screens,
                "n_links": walk.n_links, "n_pressed": walk.n_pressed, "asked": sorted(walk.asked),
                "faults": sorted(walk.faults), "bugs": bugs, "title": title, "n_copied": len(clipboard), "clock": clock,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
