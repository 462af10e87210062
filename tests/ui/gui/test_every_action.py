"""Everything that can be done is done by keys alone: by the menus, by the palette, by Tab; and says what it is.

Every state of every page is walked: with its panels open, its lists filled, its fields shown.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QAccessible, QAction, QGuiApplication, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLabel,
    QLineEdit,
    QMenu,
    QMenuBar,
    QWidget,
)

from rushlight.assistant.app import App
from rushlight.assistant.jobs.records import JobRecords
from rushlight.ui.desk.actions import Action, actions
from rushlight.ui.gui import pages as _registers_them  # noqa: F401
from rushlight.ui.gui.main_window import MainWindow

CODE = "Yes: [the way](https://example.org/way).\n\n```python\nprint('wax')\n```\n"
_PATIENCE = 45  # presses of Tab without anything new
_PAGE_OF = {
    "sql": "sql",
    "learn": "learn",
    "models": "models",
    "quantize": "quantize",
    "server": "server",
    "jobs": "jobs",
}  # of a scope; all others work on the chat page


@pytest.fixture
def filled(store: App) -> str:
    """A conversation with versions, a link and code; folders, the trash, jobs that are over. Its id."""
    conversations = store.conversations
    folder = conversations.folders.create("Work")
    conversations.create("In a folder", folder_id=folder.id)
    conversations.delete(conversations.create("Thrown away").id)
    conversations.create("Lamps")
    conversations.create("Matches")
    chat = conversations.create("Candles")
    asked = conversations.append(chat.id, None, "user", "Do candles burn?")
    conversations.append(chat.id, asked.id, "assistant", "No.")
    conversations.append(chat.id, asked.id, "assistant", CODE, reasoning="Wax burns.", state="stopped")
    records = JobRecords(store.store)
    for state in ("failed", "done", "cancelled"):
        job = records.insert("model-import", f"Job that is {state}", {"path": "nowhere.gguf"}, 0)
        ended: dict[str, Any] = {"state": state, "message": "It is not there.", "hint": "Look for it.",
                                 "notices": json.dumps([]), "started_at": 1.0, "ended_at": 2.0}  # fmt: skip
        records.change(job.id, ended)
    return chat.id


@pytest.fixture
def ready(filled: str, window: MainWindow, qtbot: Any) -> MainWindow:
    """The window with that conversation open, and the focus."""
    qtbot.waitUntil(lambda: not window.sidebar.desk.state.is_loading)
    window.open_conversation(filled)
    qtbot.waitUntil(lambda: window.conversation_id == filled and len(page(window).desk.turns) == 2)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def page(window: MainWindow) -> Any:
    return window.page()


def show_for(window: MainWindow, one: Action) -> None:
    window.show_page(_PAGE_OF.get(one.scope, "chat"))
    assert window.can_run(one.id), f"nobody does {one.id} on this page"


@pytest.fixture
def recorded(ready: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which actions were reached; none is done."""
    seen: list[str] = []
    monkeypatch.setattr(ready.shortcuts, "run", lambda action_id: seen.append(action_id) or True)
    yield seen


# --- reaching -------------------------------------------------------------------------------------------------------
def open_menu(window: MainWindow, title: QAction) -> QMenu:
    """By Alt and the letter of its title."""
    letter = title.text()[title.text().index("&") + 1].upper()
    QTest.keyClick(window, getattr(Qt.Key, f"Key_{letter}"), Qt.KeyboardModifier.AltModifier)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu), f"Alt+{letter} opens no menu"
    return menu


def test_every_action_is_reached_by_the_menus(ready: MainWindow, recorded: list[str]) -> None:
    titles = {one.id: title for title in ready.menuBar().actions() for one in actions() if is_in(title, ready, one.id)}
    for one in actions():
        show_for(ready, one)
        assert one.id in titles, f"{one.id} is in no menu"
        menu = open_menu(ready, titles[one.id])
        wanted = ready.shortcuts.actions[one.id]
        for _ in menu.actions():
            QTest.keyClick(menu, Qt.Key.Key_Down)
            if menu.activeAction() is wanted:
                break
        else:
            pytest.fail(f"{one.id} is not reached in its menu")
        QTest.keyClick(menu, Qt.Key.Key_Return)
        assert recorded == [one.id]
        recorded.clear()
        assert QApplication.activePopupWidget() is None


def is_in(title: QAction, window: MainWindow, action_id: str) -> bool:
    menu = title.menu()
    return isinstance(menu, QMenu) and window.shortcuts.actions[action_id] in menu.actions()


def test_every_action_is_reached_by_the_palette(ready: MainWindow, qtbot: Any, monkeypatch: Any) -> None:
    seen: list[str] = []
    ready.run_action("app.palette")
    card = ready.palette_card
    assert card is not None
    monkeypatch.setattr(ready.shortcuts, "run", lambda action_id: seen.append(action_id) or True)
    for one in actions():
        card.open()
        card.field.setText(one.title[:-1])  # each key lists all anew: only the last is pressed
        QTest.keyClicks(card.field, one.title[-1])
        qtbot.waitUntil(lambda: not card._is_stale)
        lines = [card.model.line(row) for row in card.model.entries()]
        assert one.id in [line.id for line in lines if line.kind == "action"], one.title
        while card.current().id != one.id:
            before = card.current()
            QTest.keyClick(card.field, Qt.Key.Key_Down)
            assert card.current() is not before, f"{one.id} is not walked to"
        QTest.keyClick(card.field, Qt.Key.Key_Return)
        assert seen == [one.id]
        seen.clear()
        assert not card.isVisible()


def test_every_key_does_its_action(ready: MainWindow, recorded: list[str]) -> None:
    """Those of the table that belong to the window; a key of a list or of an empty field is its widget's."""
    for one in actions():
        show_for(ready, one)
        if one.scope in ("empty-input", "list"):
            continue
        for key in ready.shortcuts.actions[one.id].shortcuts():
            combination = key[0]
            focus = QApplication.focusWidget() or ready
            QTest.keyClick(focus, combination.key(), combination.keyboardModifiers())
            assert recorded == [one.id], key.toString()
            recorded.clear()


# --- doing ----------------------------------------------------------------------------------------------------------
def state_of(window: MainWindow) -> tuple[object, ...]:
    """What a user could notice."""
    shown = [one for one in QApplication.allWidgets() if one.isVisible() and not isinstance(one, QMenuBar)]
    words = tuple(sorted(one.text() for one in shown if isinstance(one, QAbstractButton | QLabel | QLineEdit)))
    chat = next((one for one in window.findChildren(QWidget) if one.objectName() == "chat-page"), None)
    desk = getattr(chat, "desk", None)
    return (
        window.page_id, window.conversation_id, window.theme.choice, window.theme.scale, window.windowTitle(),
        len(shown), words, QGuiApplication.clipboard().text(), window.status_line.words.text(),
        window.status_line.isVisible(), desk.state if desk else None, desk.turns if desk else None,
        window.sidebar.desk.state, id(QApplication.focusWidget()), len(window.application.windows),
    )  # fmt: skip


# What does nothing where it is asked for on purpose, with the reason.
NOTHING_TO_DO = {
    "chat.stop": "nothing runs",
    "chat.unqueue": "nothing waits",
    "chat.retry": "nothing failed",
    "chat.undo": "nothing was done",
    "page.chat": "it is shown already",
    "sql.stop": "nothing runs",
    "models.unload-all": "nothing is loaded",
    "view.normal-size": "it is that size",
    "app.focus-input": "it has the focus",
    "app.quit": "would end the window",
}
# What needs an open database, and only says so here: test_sql.py does it.
NOTHING_TO_DO |= {
    f"sql.{what}": "nothing is open" for what in ("reload", "run", "new", "keep", "save", "export", "advise", "find")
}
# What must have been done before.
BEFORE = {"chat.next-version": "chat.previous-version", "chat.next": "chat.previous", "chat.previous": "chat.next"}


@pytest.mark.parametrize("one", [one for one in actions() if one.id not in NOTHING_TO_DO], ids=lambda one: one.id)
def test_every_action_does_something(ready: MainWindow, one: Action, qtbot: Any, monkeypatch: Any) -> None:
    asked: list[str] = []

    def ask(*_given: object, **_more: object) -> tuple[list[str], str]:
        asked.append("for files")
        return [], ""

    monkeypatch.setattr("PySide6.QtWidgets.QFileDialog.getOpenFileNames", ask)
    show_for(ready, one)
    if one.scope == "models":
        qtbot.waitUntil(lambda: bool(page(ready).desk.state.rows))
    if one.scope == "jobs":
        qtbot.waitUntil(lambda: bool(page(ready).desk.state.rows))
    if one.id in BEFORE:
        was = state_of(ready)
        ready.run_action(BEFORE[one.id])
        qtbot.waitUntil(lambda: state_of(ready) != was or one.id.startswith("chat.p"))
    settle(qtbot)
    QGuiApplication.clipboard().setText("before")
    before = state_of(ready)
    assert ready.can_run(one.id)
    ready.run_action(one.id)
    qtbot.waitUntil(lambda: bool(asked) or state_of(ready) != before, timeout=5000)
    close_dialogs()


def settle(qtbot: Any) -> None:
    """What was begun is shown."""
    for _ in range(5):
        qtbot.wait(10)


def close_dialogs() -> None:
    for one in QApplication.topLevelWidgets():
        if one.isVisible() and not isinstance(one, MainWindow):
            one.close()


# --- walking and reading --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Scene:
    """A state of the window, and how it comes about."""

    name: str
    make: Callable[[MainWindow, Any], None]


def act(*action_ids: str, on: str = "chat") -> Callable[[MainWindow, Any], None]:
    def make(window: MainWindow, _qtbot: Any) -> None:
        window.show_page(on)
        for action_id in action_ids:
            window.run_action(action_id)

    return make


def _model_card(window: MainWindow, qtbot: Any) -> None:
    window.show_page("models")
    qtbot.waitUntil(lambda: bool(page(window).desk.state.rows))
    page(window).show_model(page(window).desk.state.rows[0].id)
    qtbot.waitUntil(lambda: page(window).panel.isVisible())


def _job_log(window: MainWindow, qtbot: Any) -> None:
    window.show_page("jobs")
    qtbot.waitUntil(lambda: bool(page(window).desk.state.rows))
    page(window).open_log(page(window).desk.state.rows[0].job.id)


def _asked(window: MainWindow, qtbot: Any) -> None:
    """A database with rows, chart, advice, a kept example and an earlier question."""
    path = window.application.paths.data / "clinic.csv"
    path.write_text("city,fee\n" + "".join(f"Town {i % 30},{i}\n" for i in range(900)))
    window.show_page("sql")
    sql = page(window)
    sql.desk.open([str(path)])
    qtbot.waitUntil(lambda: bool(sql.desk.state.tables))
    sql.desk.run("SELECT city, sum(fee) AS fees FROM clinic WHERE fee > 3 GROUP BY city", question="Fees?")
    qtbot.waitUntil(lambda: bool(sql.desk.state.advice.phase))
    sql.desk.keep()
    qtbot.waitUntil(lambda: bool(sql.desk.state.examples))
    sql.advice.how_button.click()
    sql.rows.cell.open("city", "Town 1")


def _saved(window: MainWindow, qtbot: Any) -> None:
    """A dashboard with a question that has a parameter."""
    _asked(window, qtbot)
    sql = page(window)
    sql.desk._change(parameters=())
    sql.desk.run("SELECT city FROM clinic WHERE city = :town")
    qtbot.waitUntil(lambda: not sql.desk.state.busy)
    held, shown = sql.desk.held, sql.desk.state.shown
    sql.saved.desk.save(held, dataclasses.replace(shown, given=(("town", "Town 1"),)), "One town", dashboard="Towns")
    sql.show_view("saved")
    qtbot.waitUntil(lambda: bool(sql.saved.cards))
    sql.saved.desk.choose("Towns")
    qtbot.waitUntil(lambda: bool(sql.saved.cards) and not sql.saved.desk.state.is_loading)


def _lesson(window: MainWindow, qtbot: Any) -> None:
    """A lesson with an example that is chosen."""
    from rushlight.assistant.learn.example import Draft, Turn
    from rushlight.assistant.learn.lessons import LessonBook
    from rushlight.ui.desk.learn_values import Choice

    made: list[str] = []

    def make(app: App) -> str:
        book = LessonBook(app.store)
        lesson = book.create("letters", "feedback", scope="chat")
        book.add(lesson, [Draft(prompt=(Turn("user", f"Write {n}"),), answer=f"Dear {n}") for n in range(50)])
        return lesson.id

    window.application.background.read(make, made.append)
    qtbot.waitUntil(lambda: bool(made))
    window.show_page("learn")
    learn = page(window)
    learn.desk.choose(Choice("lesson", made[0]))
    qtbot.waitUntil(lambda: learn.lesson.table.rowCount() > 1)
    learn.lesson.table.setCurrentCell(1, 0)
    learn.lesson.answer.setPlainText("Dear all")


def _all_settings(window: MainWindow, qtbot: Any) -> None:
    window.show_page("settings")
    qtbot.waitUntil(lambda: bool(page(window).desk.state.rows))
    page(window).desk.show_all(True)


def _link(window: MainWindow, _qtbot: Any) -> None:
    page(window).link.ask("https://example.org/way")


def _queue(window: MainWindow, _qtbot: Any) -> None:
    from rushlight.ui.desk.chat_view import Problem, Queued

    page(window).queue.show_queue((Queued("One"), Queued("Two")))
    page(window).notice.show_notice("Exported.")
    page(window).problem.show_state(Problem("It failed.", "Try again.", "error", ("chat.retry",)))


def _two_answers(window: MainWindow, _qtbot: Any) -> None:
    from rushlight.ui.desk.chat_adapters import AdapterRow, Rivals
    from rushlight.ui.desk.chat_blind import Blind

    page(window).show_pair(Blind(Rivals(AdapterRow("1", "polite-1")), "voting", "Why?", f"See {CODE}", "So."))
    page(window).blind_line.show_words("Compared blind.")


def _adapters(window: MainWindow, _qtbot: Any) -> None:
    from rushlight.ui.desk.chat_adapters import AdapterRow

    rows = (AdapterRow("1", "polite-1", is_promoted=True), AdapterRow("2", "polite-2"))
    state = dataclasses.replace(page(window).desk.state, adapters=rows, adapter="polite-1", adapter_percent=80)
    page(window).head.show_state(state)
    page(window).adapters.open_under(page(window).head.adapter, state)


SCENES = [
    Scene("chat", act()),
    Scene("new-chat", act("chat.new")),
    Scene("find", act("chat.find")),
    Scene("sampler", act("chat.sampler")),
    Scene("system", act("chat.system")),
    Scene("left-out", act("chat.left-out")),
    Scene("correct", act("chat.correct")),
    Scene("edit", act("chat.edit-last")),
    Scene("rename", act("chat.rename")),
    Scene("search", act("app.search")),
    Scene("trash", act("conversations.trash")),
    Scene("undo", act("chat.delete")),
    Scene("link", _link),
    Scene("problem", _queue),
    Scene("two-answers", _two_answers),
    Scene("adapters", _adapters),
    Scene("get-a-model", act("models.get", on="models")),
    Scene("found-models", act("models.find", on="models")),
    Scene("model-card", _model_card),
    Scene("job-log", _job_log),
    Scene("all-settings", _all_settings),
    Scene("learn", act(on="learn")),
    Scene("learn-lesson", _lesson),
    Scene("sql-answer", _asked),
    Scene("sql-saved", _saved),
    Scene("first-run", act(on="first-run")),
]


def tab(back: bool = False) -> None:
    widget = QApplication.focusWidget()
    assert widget is not None
    key = Qt.Key.Key_Backtab if back else Qt.Key.Key_Tab
    held = Qt.KeyboardModifier.ShiftModifier if back else Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QKeyEvent(QEvent.Type.KeyPress, key, held))


def walk(back: bool = False) -> set[QWidget]:
    """All that Tab visits, until nothing new came for a while: a message with many links is visited many times."""
    seen: set[QWidget] = set()
    n_old = 0
    while n_old < _PATIENCE:
        tab(back)
        now = QApplication.focusWidget()
        assert now is not None, "the focus was lost"
        n_old = n_old + 1 if now in seen else 0
        seen.add(now)
    return seen


def by_arrows(seen: set[QWidget]) -> set[QWidget]:
    """Of buttons of which one is pressed, Tab visits that one, and the arrows go from there to the others."""
    found: set[QWidget] = set()
    for one in seen:
        group = one.group() if isinstance(one, QAbstractButton) else None
        if group is not None and group.exclusive() and one.isVisible():
            one.setFocus()
            n, keys = len(group.buttons()), (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Up)
            for key in [key for key in keys for _ in range(n)]:
                QTest.keyClick(QApplication.focusWidget(), key)
                found.add(QApplication.focusWidget())
    return found


def controls(window: MainWindow) -> list[QWidget]:
    """What can be used: whatever takes the focus by Tab, and every button that is shown."""
    found = []
    for one in window.findChildren(QWidget):
        if not (one.isVisible() and one.isEnabled()) or one.focusProxy() is not None or isinstance(one, QMenuBar):
            continue
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus or isinstance(one, QAbstractButton):
            found.append(one)
    return found


def described(one: QWidget) -> str:
    return f"{type(one).__name__} {one.objectName()} “{one.accessibleName()}” in {type(one.parentWidget()).__name__}"


@pytest.fixture(params=SCENES, ids=lambda scene: scene.name)
def scene(request: pytest.FixtureRequest, ready: MainWindow, qtbot: Any) -> MainWindow:
    """The window in one of its states."""
    request.param.make(ready, qtbot)
    settle(qtbot)
    if QApplication.focusWidget() is None:
        next(iter(ready.rail.buttons.values())).setFocus()
    return ready


def test_tab_reaches_every_control_both_ways(scene: MainWindow) -> None:
    wanted = controls(scene)
    forwards, backwards = walk(), walk(back=True)
    reached = (forwards & backwards) | by_arrows(forwards & backwards)
    assert [described(one) for one in wanted if one not in reached and one.isVisible()] == []


def test_every_control_says_what_it_is(scene: MainWindow) -> None:
    wrong = []
    for one in controls(scene):
        interface = QAccessible.queryAccessibleInterface(one)
        role = interface.role() if interface is not None else QAccessible.Role.NoRole
        name = interface.text(QAccessible.Text.Name) if interface is not None else ""
        is_plain = role == QAccessible.Role.NoRole or (
            role == QAccessible.Role.Client and not isinstance(one, QAbstractScrollArea)
        )
        if is_plain or not name.strip():
            wrong.append(f"{described(one)}: {role.name}, “{name}”")
    assert wrong == []


def test_the_palette_does_what_another_page_does(ready: MainWindow, qtbot: Any) -> None:
    """It lists all that can be done; the page that does it is shown first."""
    ready.show_page("settings")
    ready.run_action("models.get")
    assert ready.page_id == "models"
    assert page(ready).get_panel.isVisible()
    ready.run_action("jobs.log")
    assert ready.page_id == "jobs"
