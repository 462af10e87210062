"""The page of databases: every widget does what it says, hostile cells are letters, many tables stay usable."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest

from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.sql.charts import ChartSpec
from rushlight.assistant.sql.values import Result
from rushlight.ui.desk.sql_values import Answer, ChoiceRow, OtherRow, SqlState

HOSTILE = ("<b>bold</b>", "\x1b]0;owned\x07red\x1b[31m", "=1+1", "\x1b[0m=2+2", "\u202eabc", "a\nb\tc", "x" * 10_000)
ASK = "SELECT COUNT(*) FROM patient WHERE patient.city = 'Oslo'"


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.db"
    made = apsw.Connection(str(path))
    made.execute("CREATE TABLE patient (patient_id INTEGER PRIMARY KEY, name TEXT, city TEXT, fee REAL, x BLOB)")
    cells = [(HOSTILE[i % len(HOSTILE)], "Oslo" if i % 3 else "Bergen", 10.0 * i, b"\x00\xff") for i in range(700)]
    made.executemany("INSERT INTO patient (name, city, fee, x) VALUES (?, ?, ?, ?)", cells)
    made.close()
    return path


@pytest.fixture
def page(frame: Any, qtbot: Any) -> Iterator[Any]:
    from rushlight.ui.gui.pages.sql import SqlPage

    made = SqlPage(frame)
    qtbot.addWidget(made)
    made.resize(1200, 900)
    with qtbot.waitExposed(made):
        made.show()
    yield made
    made.leave()


@pytest.fixture
def opened(page: Any, clinic: Path, qtbot: Any) -> Any:
    page.ask_files = lambda: [str(clinic)]
    page.empty.buttons[0].click()
    qtbot.waitUntil(lambda: bool(page.desk.state.tables))
    return page


@pytest.fixture
def idle(opened: Any, qtbot: Any) -> Callable[[], None]:
    """Until nothing runs."""
    return lambda: qtbot.waitUntil(lambda: not opened.desk.state.busy)


def run(page: Any, sql: str, idle: Callable[[], None]) -> Answer:
    page.statement.field.setPlainText(sql)
    QTest.keyClick(page.statement.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert page.desk.state.busy == "running"
    idle()
    shown: Answer = page.desk.state.shown
    return shown


def test_an_empty_page_leads_to_files_and_recent_ones_come_back(page: Any, clinic: Path, qtbot: Any) -> None:
    assert page.empty.isVisible() and not page.question.isVisible() and not page.opening.isVisible()
    page.ask_files = list
    page.empty.buttons[0].click()
    assert not page.desk.state.busy
    page.desk.open([str(clinic)])
    qtbot.waitUntil(lambda: page.question.isVisible())
    assert not page.empty.isVisible() and page.start.isVisible()
    page.desk.remove("clinic")
    assert page.empty.isVisible() and [chip.text() for chip in page.opening.chips] == ["clinic.db"]
    page.opening.chips[0].click()
    qtbot.waitUntil(lambda: page.question.isVisible())
    page.side._fill_menu()
    words = [action.text() for action in page.side.menu.actions() if action.text()]
    assert words == [
        "Open files…",
        "Open a PostgreSQL server…",
        "Add files beside…",
        "Read them again",
        "Close clinic.db",
    ]


def test_a_question_is_asked_and_kept(
    opened: Any, idle: Any, fake_engine: FakeEngine, one_model: Any, frame: Any, qtbot: Any
) -> None:
    fake_engine.pieces = [ASK]
    assert not opened.question.ask_button.isEnabled()
    QTest.keyClicks(opened.question.field, "How many patients live in Oslo?")
    assert opened.question.ask_button.isEnabled()
    QTest.keyClick(opened.question.field, Qt.Key.Key_Return)
    assert opened.question.stop_button.isVisible() and opened.progress.isVisible()
    assert opened.question.field.selectedText() == "How many patients live in Oslo?"
    idle()
    assert opened.statement.field.statement == ASK and "466" in opened.rows.sentence.text()
    assert opened.head.title.text() == "How many patients live in Oslo?" and opened.head.keep.isVisible()
    opened.head.keep.click()
    qtbot.waitUntil(lambda: opened.examples.isVisible())
    assert opened.head.kept.isVisible() and not opened.head.keep.isVisible() and frame.told[-1][1] == "good"
    opened.new_thread()
    opened.question.fill("how many patients live in Oslo")
    opened.question.ask()
    idle()
    assert "accepted before" in opened.statement.said.text()
    opened.head.kept.click()
    qtbot.waitUntil(lambda: not opened.examples.isVisible())


def test_a_statement_is_changed_put_back_and_run(opened: Any, idle: Any) -> None:
    shown = run(opened, "SELECT city, sum(fee) AS fees\nFROM patient GROUP BY city", idle)
    assert shown.result is not None and opened.rows.grid.isVisible() and opened.rows.chart.isVisible()
    assert "Bergen: " in opened.rows.chart.accessibleDescription()
    opened.rows.chart.grab()
    opened.rows.kinds.chips[""].click()
    assert not opened.rows.chart.isVisible() and opened.rows.kinds.isVisible()
    opened.rows.kinds.chips["bar"].click()
    assert opened.rows.chart.isVisible()
    opened.statement.field.setPlainText("SELECT 1")
    assert opened.statement.back_button.isVisible() and not opened.statement.said.isVisible()
    opened.statement.back_button.click()
    assert opened.statement.field.statement == shown.sql and opened.statement.said.isVisible()
    opened.side.tree.named.emit("patient.name")
    assert "patient.name" in opened.statement.field.toPlainText()
    failed = run(opened, "SELECT nam FROM patient", idle)
    assert failed.problem and opened.rows.problem.isVisible() and not opened.rows.grid.isVisible()
    assert opened.rows.problem.hint.text() == "Did you mean patient.name?"


def test_what_is_typed_while_the_rows_are_read_stays(opened: Any, idle: Any) -> None:
    field = opened.statement.field
    field.setPlainText("SELECT 1")
    opened.statement.run()
    assert opened.desk.state.busy == "running"
    field.setPlainText("SELECT 2")
    idle()
    assert opened.desk.state.shown.sql == "SELECT 1" and field.statement == "SELECT 2"
    opened.statement.back_button.click()
    assert field.statement == "SELECT 1"
    field.setPlainText("SELECT 3")
    opened.desk._change(thread=(Answer("Q", "SELECT 4", result=Result(("a",), ((4,),))),), at=0)
    assert field.statement == "SELECT 4", "another one was chosen"


def test_a_new_thread_waits_for_the_answer(opened: Any, idle: Any, frame: Any) -> None:
    opened.question.fill("And now?")
    opened.statement.field.setPlainText("SELECT 1")
    opened.statement.run()
    assert opened.desk.state.busy == "running"
    opened.new_thread()
    assert frame.told[-1][0] == "Wait for the answer, or stop it first."
    assert opened.question.field.text() == "And now?"
    idle()
    assert opened.desk.state.shown.sql == "SELECT 1"
    opened.new_thread()
    assert not opened.question.field.text() and not opened.desk.state.thread


def test_hostile_cells_are_letters_in_grid_chart_and_clipboard(opened: Any, idle: Any, theme: Any) -> None:
    run(opened, "SELECT name, fee, x, NULL AS missing FROM patient LIMIT 7", idle)
    grid = opened.rows.grid
    shown = [grid.rows.data(grid.rows.index(row, 0)) for row in range(7)]
    assert shown[0] == "<b>bold</b>" and shown[1] == "red" and "\u202e" not in shown[4] and shown[5] == "a b c"
    assert len(shown[6]) <= 200 and grid.rows.data(grid.rows.index(0, 3)) == "NULL"
    grid.selectAll()
    lines = grid.copied().split("\n")
    assert len(lines) == 7 and lines[2].startswith("'=1+1\t") and lines[3].startswith("'=2+2\t")
    assert lines[0].split("\t")[2:] == ["00ff", ""]
    QTest.keyClick(grid, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == grid.copied()
    grid.setCurrentIndex(grid.rows.index(1, 0))
    QTest.keyClick(grid, Qt.Key.Key_Return)
    assert opened.rows.cell.isVisible() and opened.rows.cell.field.toPlainText() == "red"
    QTest.keyClick(opened.rows.cell.field, Qt.Key.Key_Escape)
    assert not opened.rows.cell.isVisible()
    from rushlight.ui.gui.sql.chart_view import ChartView

    view = ChartView(theme)
    view.resize(500, 300)
    days = tuple((f"2024-01-0{i}", 1.5 * i, float(i % 3)) for i in range(1, 8))
    for spec, result in (
        (ChartSpec("bar", 0, (1,)), Result(("n", "v"), tuple((one, i) for i, one in enumerate(HOSTILE)))),
        (ChartSpec("line", 0, (1, 2)), Result(("day", "<b>", "\x1b[31m"), days)),
        (ChartSpec("scatter", 1, (2,)), Result(("day", "a", "b"), days)),
        (ChartSpec("histogram", 1), Result(("day", "a", "b"), days)),
        (ChartSpec("bar", 0, (9,)), Result(("day", "a", "b"), days)),  # does not fit: nothing is drawn
    ):
        view.show_chart(spec, result)
        view.grab()
        assert "\x1b" not in view.accessibleDescription() and "\u202e" not in view.accessibleDescription()
    assert view.accessibleDescription() == ""


def test_a_large_result_is_virtual_sorted_and_shown_whole(opened: Any, idle: Any) -> None:
    shown = run(opened, "SELECT a.patient_id AS n, a.city FROM patient a, patient b LIMIT 9000", idle)
    assert shown.result is not None and shown.result.more and opened.rows.all_button.isVisible()
    opened.rows.all_button.click()
    idle()
    grid = opened.rows.grid
    assert grid.rows.rowCount() == 9000 and not opened.rows.all_button.isVisible() and grid.height() < 800
    grid.horizontalHeader().setSortIndicator(0, Qt.SortOrder.DescendingOrder)
    assert grid.rows.data(grid.rows.index(0, 0)) == "13"
    grid.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
    assert grid.rows.data(grid.rows.index(0, 0)) == "1"


def test_two_hundred_tables_are_searched(page: Any, tmp_path: Path, qtbot: Any) -> None:
    path = tmp_path / "wide.db"
    made = apsw.Connection(str(path))
    for i in range(200):
        made.execute(f"CREATE TABLE table_{i:03} (id INTEGER, {'invoice' if i == 77 else 'note'}_{i} TEXT)")
    made.close()
    page.desk.open([str(path)])
    qtbot.waitUntil(lambda: len(page.desk.state.tables) == 200)
    side = page.side
    assert side.filter.isVisible() and side.count.text() == "200 tables"
    page.find_table()
    QTest.keyClicks(side.filter, "invoice")
    assert side.count.text() == "1 of 200 tables" and side.tree.current_name() == "table_077"
    assert side.tree.isExpanded(side.tree.model().index(0, 0))
    heard: list[str] = []
    side.tree.named.connect(heard.append)
    QTest.keyClick(side.filter, Qt.Key.Key_Down)
    QTest.keyClick(side.tree, Qt.Key.Key_Down)
    QTest.keyClick(side.tree, Qt.Key.Key_Return)
    assert heard == ["table_077.invoice_77"]
    side.filter.setText("nothing like it")
    assert side.nothing.isVisible() and not side.tree.isVisible()
    side.tree.grab()
    QTest.keyClick(side.filter, Qt.Key.Key_Escape)
    assert side.count.text() == "200 tables"


def test_an_empty_database_and_a_broken_file_say_so(page: Any, tmp_path: Path, qtbot: Any) -> None:
    path = tmp_path / "empty.db"
    made = apsw.Connection(str(path))
    made.execute("CREATE TABLE x (a); DROP TABLE x")
    made.close()
    page.desk.open([str(path)])
    qtbot.waitUntil(lambda: page.no_tables.isVisible())
    assert not page.side.filter.isVisible()
    assert not page.question.isVisible() and page.side.nothing.text() == "There are no tables in it."
    page.desk.open([str(tmp_path / "nowhere.db")])
    qtbot.waitUntil(lambda: page.problem.isVisible())
    assert "does not exist" in page.problem.message.text()
    assert [one.text() for one in page.problem.buttons] == ["Open files…"]


def test_what_a_question_may_mean_is_chosen(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(opened.desk, "ask", lambda question, chosen=None: asked.append((question, chosen)))
    choices = (ChoiceRow("Oslo", ("patient.city", "clinic.city")), ChoiceRow("visit", ("visit", "visit_old")))
    opened.desk._change(thread=(Answer("Oslo visits?", "", choices=choices),), at=0)
    assert opened.choices.isVisible() and not opened.rows.isVisible()
    opened.choices.buttons[1].click()
    assert not asked
    opened.choices.buttons[5].click()
    assert asked == [("Oslo visits?", {"Oslo": "clinic.city", "visit": ""})]


def test_other_samples_and_unclear_values_are_said(opened: Any, idle: Any) -> None:
    made = Answer("Q", "SELECT 1", result=Result(("a",), ((1,),)), sentence="The answer is 1.", unclear=("“Oslo” <b>",),
                  others=(OtherRow("SELECT 2", "2 samples gave 1 row"),))  # fmt: skip
    opened.desk._change(thread=(made,), at=0)
    assert opened.rows.unclear.text() == "“Oslo” <b>" and opened.rows.others.isVisible()
    opened.rows.others._made[1].click()
    idle()
    assert opened.desk.state.shown.sql == "SELECT 2"


def test_the_thread_is_walked(opened: Any, idle: Any) -> None:
    first, second = (Answer(f"Question {i}", f"SELECT {i}", result=Result(("a",), ((i,),))) for i in (1, 2))
    opened.desk._change(thread=(first, second), at=1)
    assert opened.thread_line.isVisible() and opened.statement.field.statement == "SELECT 2"
    opened.thread_line.chips[0].click()
    assert opened.statement.field.statement == "SELECT 1" and opened.head.title.text() == "Question 1"


@pytest.mark.slow
def test_rows_are_exported(opened: Any, idle: Any, tmp_path: Path, frame: Any) -> None:
    frame.run_action("sql.export")
    assert frame.told[-1][0] == "There are no rows yet."
    run(opened, "SELECT city, sum(fee) FROM patient GROUP BY city", idle)
    for ending, head in ((".svg", b"<svg"), (".png", b"\x89PNG")):
        opened.ask_target = lambda _name, ending: str(tmp_path / f"chart{ending}")
        opened.export(ending)
        idle()
        assert (tmp_path / f"chart{ending}").read_bytes().startswith(head)
    run(opened, "SELECT name FROM patient", idle)
    opened.ask_target = lambda name, ending: str(tmp_path / "out")
    opened.head.export_menu.actions()[0].trigger()
    idle()
    assert (tmp_path / "out.csv").read_text().count("\n") > 700 and "700 rows were written" in frame.told[-1][0]


def test_a_name_without_an_ending_replaces_nothing(opened: Any, idle: Any, tmp_path: Path) -> None:
    run(opened, "SELECT city FROM patient LIMIT 3", idle)
    there = tmp_path / "report.csv"
    there.write_text("mine")
    opened.ask_target = lambda _name, _ending: str(tmp_path / "report")  # the dialog asks about this name
    opened.export(".csv")
    idle()
    assert opened.problem.isVisible() and "report.csv" in opened.problem.message.text()
    assert there.read_text() == "mine"
    opened.ask_target = lambda _name, _ending: str(there)
    opened.export(".csv")
    idle()
    assert not opened.problem.isVisible() and there.read_text().startswith("city")


@pytest.mark.slow
def test_dropped_files_are_opened_or_added(opened: Any, tmp_path: Path, qtbot: Any) -> None:
    other = tmp_path / "cities.csv"
    other.write_text("city,people\nOslo,700\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(other))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, data, buttons, keys)
    opened.dragEnterEvent(enter)
    assert enter.isAccepted()
    opened.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, buttons, keys))
    assert opened.opening.add_button.isVisible() and "cities.csv" in opened.opening.question.text()
    opened.opening.add_button.click()
    qtbot.waitUntil(lambda: len(opened.desk.state.files) == 2)
    assert not opened.opening.isVisible()


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [
        pytest.param(580, 420, 1.0, marks=pytest.mark.slow),
        (1000, 700, 3.0),
        pytest.param(1360, 860, 1.0, marks=pytest.mark.slow),
    ],
)
def test_every_size_shows_it_without_scrolling_sideways(
    opened: Any, idle: Any, theme: Any, width: int, height: int, scale: float, qtbot: Any
) -> None:
    long = "Which of all the towns that we have ever been to has brought in the highest fees, and why is that so?"
    run(opened, "SELECT city, sum(fee) AS fees FROM patient GROUP BY city", idle)
    opened.desk._change(
        thread=(Answer(long, opened.desk.state.shown.sql, result=opened.desk.state.shown.result),), at=0
    )
    theme.set_scale(scale)
    try:
        opened.resize(width, height)
        qtbot.wait(30)
        assert opened.width() == width and opened._column.horizontalScrollBar().maximum() == 0
        narrow = opened._is_narrow()
        assert opened.side.isVisible() is not narrow and opened.head.tables.isVisible() is narrow
        if narrow:
            opened.head.tables.click()
            assert opened.side.isVisible() and not opened._column.isVisible()
            opened.head.tables.click()
            assert opened._column.isVisible()
    finally:
        theme.set_scale(1.0)


def test_the_model_is_chosen_and_remembered(opened: Any, one_model: Any, frame: Any, qtbot: Any) -> None:
    assert opened.head.model.words == "Default model"
    opened.head.model.click()
    qtbot.waitUntil(lambda: opened.picker.list.count() == 1)
    QTest.keyClick(opened.picker.field, Qt.Key.Key_Return)
    assert opened.desk.state.model == one_model.id and frame.remembered.get("sql_model", "") == one_model.id


def test_a_state_with_nothing_in_it_is_drawn(page: Any) -> None:
    page.show_state(SqlState())
    page.grab()


def test_a_message_in_the_chat_is_a_question_to_a_database(
    window: Any, clinic: Path, fake_engine: FakeEngine, qtbot: Any
) -> None:
    fake_engine.pieces = [ASK]
    window.show_page("sql")
    window.page().desk.open([str(clinic)])
    qtbot.waitUntil(lambda: bool(window.page().desk.state.tables))
    window.show_page("chat")
    chat = window.page()
    chat.composer.text.setFocus()
    QTest.keyClicks(chat.composer.text, "@cli")
    chat.completing.look()
    assert chat.suggestions.is_open and chat.suggestions.current().kind == "database"
    QTest.keyClick(chat.composer.text, Qt.Key.Key_Return)
    assert chat.composer.text.toPlainText() == "@clinic.db "
    QTest.keyClicks(chat.composer.text, "How many live in Oslo?")
    QTest.keyClick(chat.composer.text, Qt.Key.Key_Return)
    assert window.page_id == "sql" and chat.composer.text.toPlainText() == ""
    desk = window.page().desk
    qtbot.waitUntil(lambda: desk.state.shown is not None and desk.state.shown.result is not None)
    assert desk.state.shown.question == "How many live in Oslo?" and desk.state.shown.sql == ASK
    window.show_page("chat")
    chat.composer.text.set_text("/sq")
    chat.completing.look()
    QTest.keyClick(chat.composer.text, Qt.Key.Key_Tab)
    assert chat.composer.text.toPlainText() == "/sql "


# --- saved questions and dashboards ---------------------------------------------------------------------------------
def test_a_question_with_a_parameter_is_saved_and_run_on_a_dashboard(
    opened: Any, idle: Any, frame: Any, qtbot: Any, clinic: Path
) -> None:
    opened.question.fill("Fees of a town")
    opened.statement.field.setPlainText("SELECT city, sum(fee) AS fees FROM patient WHERE city = :town GROUP BY city")
    qtbot.waitUntil(lambda: "town" in opened.statement.parameters.fields)
    opened.statement.run()
    idle()
    assert ":town has no value" in opened.rows.problem.message.text()
    field = opened.statement.parameters.fields["town"]
    assert field.placeholderText() == "text"
    field.setText("Oslo")
    assert opened.statement.run_button.isVisible()
    QTest.keyClick(field, Qt.Key.Key_Return)
    idle()
    assert opened.desk.state.shown.result.rows[0][0] == "Oslo" and not opened.head.keep.isVisible()
    opened.head.save.click()
    assert opened.save_panel.isVisible() and opened.save_panel.name.text() == "Fees of a town"
    opened.save_panel.dashboard_field.setText("Money")
    QTest.keyClick(opened.save_panel.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not opened.save_panel.isVisible())
    opened.open_save()
    opened.save_panel.save_button.click()
    qtbot.waitUntil(lambda: opened.save_panel.problem.isVisible())  # the name is taken
    assert opened.save_panel.save_button.text() == "Replace it"
    QTest.keyClick(opened.save_panel.name, Qt.Key.Key_Escape)
    assert not opened.save_panel.isVisible()
    frame.run_action("sql.saved")
    saved = opened.saved
    qtbot.waitUntil(lambda: len(saved.chips) == 2 and len(saved.cards) == 1)
    assert not opened._column.isVisible() and opened.head.title.text() == "Saved questions"
    saved.chips[1].click()
    qtbot.waitUntil(lambda: saved.desk.state.dashboard == "Money" and bool(saved.cards))
    (card,) = saved.cards.values()
    assert card.sentence.text() == "Not run yet." and saved.parameters.fields["town"].text() == "Oslo"
    saved.parameters.fields["town"].setText("Bergen")
    saved.run_button.click()
    qtbot.waitUntil(lambda: not saved.desk.state.is_running and "Bergen" in card.sentence.text())
    assert card.grid.isVisible() and not card.problem.text()
    card._open_menu()
    words = [action.text() for action in card.menu.actions() if action.text()]
    assert words == ["Rename", "Earlier", "Later", "Take off this dashboard", "Forget it"]
    card.menu.close()
    card._rename()
    card.field.setText("Money of a town")
    QTest.keyClick(card.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: card.name.words == "Money of a town")
    clinic.unlink()
    saved.run_button.click()
    qtbot.waitUntil(lambda: "does not exist" in card.problem.text())
    saved.remove_button.click()
    qtbot.waitUntil(lambda: saved.desk.state.dashboard == "" and len(saved.cards) == 1)
    card = next(iter(saved.cards.values()))
    saved.desk.remove(next(iter(saved.cards)))
    qtbot.waitUntil(lambda: saved.empty.isVisible())


def test_what_was_shown_when_it_was_asked_for_is_saved(opened: Any, idle: Any, qtbot: Any) -> None:
    run(opened, "SELECT count(*) AS n FROM patient", idle)
    opened.open_save()
    run(opened, "SELECT max(fee) AS most FROM patient", idle)
    opened.save_panel.name.setText("How many")
    opened.save_panel.save_button.click()
    qtbot.waitUntil(lambda: not opened.save_panel.isVisible())
    opened.saved.desk.refresh()
    qtbot.waitUntil(lambda: bool(opened.saved.desk.state.cards))
    assert [one.sql for one in opened.saved.desk.state.cards] == ["SELECT count(*) AS n FROM patient"]
    opened.open_save()
    opened.save_panel.name.setText("The highest fee")
    opened.desk.remove("clinic")
    opened.save_panel.save_button.click()
    assert opened.save_panel.problem.text() == "The files that it asks are not open any more."
    assert opened.save_panel.save_button.isEnabled()


@pytest.mark.slow
def test_a_saved_question_is_opened_among_the_questions(opened: Any, idle: Any, qtbot: Any) -> None:
    run(opened, "SELECT count(*) AS n FROM patient", idle)
    opened.saved.desk.save(opened.desk.held, opened.desk.state.shown, "How many", dashboard="")
    opened.show_view("saved")
    qtbot.waitUntil(lambda: bool(opened.saved.cards))
    opened.new_thread()
    next(iter(opened.saved.cards.values())).name.click()
    qtbot.waitUntil(lambda: opened.desk.state.shown is not None and opened.desk.state.shown.result is not None)
    assert opened.rows.sentence.text() == "The answer is 700." and opened.head.title.text() == "How many"


def test_a_server_is_opened_by_its_address(page: Any, qtbot: Any) -> None:
    page.side.ask_server()
    assert page.opening.address.isVisible()
    QTest.keyClicks(page.opening.address, "postgresql://reader:secret@localhost/shop")
    QTest.keyClick(page.opening.address, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.problem.isVisible())
    assert "secret" not in page.problem.message.text() and not page.desk.state.is_open
    page.side.ask_server()
    QTest.keyClick(page.opening.address, Qt.Key.Key_Escape)
    assert not page.opening.isVisible()


@pytest.mark.slow
def test_hostile_names_are_letters_and_are_quoted(page: Any, tmp_path: Path, qtbot: Any) -> None:
    from PySide6.QtWidgets import QAbstractButton, QLabel

    names = (
        "<b>bold</b>",
        "\x1b]0;own\x07esc\x1b[31m",
        "\u202egnp",
        'a"b',
        "select",
        "two\nlines",
        "'; drop table x;--",
    )
    path = tmp_path / "evil <b>.db"
    made = apsw.Connection(str(path))
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        made.execute(f"CREATE TABLE {quoted} ({quoted} TEXT); INSERT INTO {quoted} VALUES ('<i>x</i>')")
    made.close()
    page.desk.open([str(path)])
    qtbot.waitUntil(lambda: len(page.desk.state.tables) == len(names))
    for table in page.desk.state.tables:
        page.desk.look_into(table.place)
        qtbot.waitUntil(lambda: not page.desk.state.busy)
        assert page.desk.state.shown.result.rows == (("<i>x</i>",),)
        for one in (*page.findChildren(QLabel), *page.findChildren(QAbstractButton)):
            assert not set("\x1b\x07\u202e") & set(one.text()) and "<" not in one.toolTip()
