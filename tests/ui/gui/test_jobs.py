"""The page of jobs: what it shows of them, and that every order reaches the store by key and by button."""

from collections.abc import Callable
from typing import Any

import pytest

from rushlight.assistant.app import App
from rushlight.assistant.jobs.job import Job, JobState
from rushlight.assistant.jobs.records import JobRecords


@pytest.fixture
def add_job(store: App) -> Callable[..., Job]:
    """A job in the store as if it had come that far; nobody works on it."""

    def add(state: JobState, title: str = "Import tiny.gguf", **values: Any) -> Job:
        records = JobRecords(store.store)
        job = records.insert("model-import", title, {"path": "/nowhere/tiny.gguf"}, 0)
        records.change(job.id, {"state": state, **values})
        return records.get(job.id)

    return add


@pytest.fixture
def page(frame: Any, shown_page: Callable[[Any, int, int], Any]) -> Callable[[], Any]:
    def open_page() -> Any:
        from rushlight.ui.gui.pages.jobs import JobsPage

        return shown_page(JobsPage(frame), 900, 600)

    return open_page


def test_an_empty_page_says_what_it_is_for_and_offers_a_step(page: Any, frame: Any) -> None:
    shown = page()
    assert shown.empty.isVisible() and not shown.clear_button.isVisible()
    shown.empty.buttons[0].click()
    assert frame.shown_pages == ["models"] and frame.ran == ["models.get"]


def test_a_paused_job_shows_what_may_be_done(page: Any, add_job: Any, store: App, qtbot: Any) -> None:
    job = add_job("paused", what="Copying", done=340e6, total=1200e6, unit="bytes")
    shown = page()
    card = shown.cards[job.id]
    assert card.resume.isVisible() and card.cancel.isVisible() and not card.pause.isVisible()
    assert "340.0 MB of 1.2 GB" in card.accessibleDescription()
    card.cancel.click()
    qtbot.waitUntil(lambda: store.jobs.get(job.id).state == "cancelled")
    qtbot.waitUntil(lambda: card.retry.isVisible() and not card.cancel.isVisible())
    assert not card.resume.isVisible()


def test_a_failed_job_says_why_and_what_to_do(page: Any, add_job: Any) -> None:
    job = add_job("failed", message="The disk is full.", hint="Free 2 GB.", ended_at=5.0, started_at=1.0)
    card = page().cards[job.id]
    assert card.accessibleName() == "Import tiny.gguf: Failed"
    assert "The disk is full." in card.accessibleDescription() and "Free 2 GB." in card.accessibleDescription()
    assert card.retry.isVisible() and card.remove.isVisible() and not card.pause.isVisible()


def test_what_came_of_a_job_leads_to_the_model(page: Any, add_job: Any, frame: Any) -> None:
    job = add_job("done", result='{"id": "acme/tiny@Q8_0"}', ended_at=5.0, started_at=1.0)
    card = page().cards[job.id]
    assert "acme/tiny@Q8_0 is ready." in card.accessibleDescription()
    card.model.click()
    assert frame.shown_pages == ["models"]


def test_titles_of_strangers_are_shown_as_plain_text(page: Any, add_job: Any, qtbot: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QLabel

    job = add_job("failed", title="<b>x</b>\x1b[31m\u202egnp", message="<img src=file:///etc/passwd>")
    card = page().cards[job.id]
    labels = card.findChildren(QLabel)
    assert labels and all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)
    assert "<b>x</b>gnp" in [label.text() for label in labels]


def test_orders_reach_the_job_that_has_the_focus(page: Any, add_job: Any, frame: Any, store: App, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    older = add_job("paused", title="Older")
    add_job("paused", title="Newer")
    shown = page()
    first = shown.cards[shown.desk.state.rows[0].id]
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Down)
    second = shown.cards[shown.desk.state.rows[1].id]
    assert second.hasFocus()
    frame.run_action("jobs.pause")  # it is paused already
    assert "does not allow" in frame.told[-1][0]
    frame.run_action("jobs.cancel")
    wanted = second.row.id
    qtbot.waitUntil(lambda: store.jobs.get(wanted).state == "cancelled")
    assert store.jobs.get(({row.id for row in shown.desk.state.rows} - {wanted}).pop()).state == "paused"
    assert older.id in shown.cards


def test_jobs_of_others_appear_and_go_by_themselves(page: Any, add_job: Any, store: App, qtbot: Any) -> None:
    first = add_job("done", title="First", ended_at=2.0)
    shown = page()
    second = add_job("paused", title="Second")
    qtbot.waitUntil(lambda: second.id in shown.cards)
    shown.clear_button.click()
    qtbot.waitUntil(lambda: first.id not in shown.cards)
    assert second.id in shown.cards and not shown.clear_button.isVisible()


def test_the_log_opens_below_follows_and_closes_with_escape(page: Any, add_job: Any, store: App, qtbot: Any) -> None:
    from PySide6.QtCore import Qt

    job = add_job("paused")
    shown = page()
    shown.cards[job.id].setFocus()
    qtbot.keyClick(shown.cards[job.id], Qt.Key.Key_Return)
    assert shown.log.isVisible() and shown.log.words.hasFocus()
    shown.log.show_log("one\n")
    shown.log.show_log("one\ntwo <b>\n")
    assert shown.log.words.toPlainText() == "one\ntwo <b>\n"
    qtbot.keyClick(shown.log, Qt.Key.Key_Escape)
    assert not shown.log.isVisible() and shown.cards[job.id].hasFocus()


def test_everything_that_takes_the_focus_has_a_name(page: Any, add_job: Any) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QWidget

    add_job("paused")
    add_job("failed")
    shown = page()
    nameless = [
        widget
        for widget in shown.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not widget.accessibleName()
    ]
    assert nameless == []


def test_at_200_percent_in_a_small_window_nothing_lies_beside_the_page(
    page: Any, add_job: Any, frame: Any, qtbot: Any
) -> None:
    add_job("paused", title="Download org/a-repository-with-a-rather-long-name-GGUF (Q4_K_M)")
    add_job("failed", message="The disk is full: 43 GB are needed, 12 GB are free.", hint="Free some space.")
    shown = page()
    frame.theme.set_scale(2.0)
    try:
        shown.resize(772, 540)
        column = shown._column
        qtbot.waitUntil(lambda: column.widget().minimumSizeHint().width() <= column.viewport().width())
        assert shown.width() <= 772
    finally:
        frame.theme.set_scale(1.0)


def test_a_page_that_is_not_shown_reads_nothing(page: Any, add_job: Any, frame: Any, qtbot: Any) -> None:
    shown = page()
    shown.hide()
    assert not shown.desk._follows
    job = add_job("paused")
    shown.show()
    qtbot.waitUntil(lambda: job.id in shown.cards)


def test_the_delete_key_in_the_log_removes_no_job(page: Any, add_job: Any, frame: Any, store: App) -> None:
    job = add_job("failed")
    shown = page()
    shown.open_log(job.id)
    frame.run_action("jobs.remove")
    assert store.jobs.get(job.id).state == "failed" and frame.told == []
