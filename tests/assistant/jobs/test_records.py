"""The rows of jobs: found, listed, changed only where allowed; and what orders make of rows without a process."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.jobs.job import ACTIVE, OVER, STATES, Job, JobState, Order
from rushlight.assistant.jobs.ledger import Ledger
from rushlight.assistant.jobs.records import JobRecords, remaining_s
from rushlight.assistant.jobs.resting import after_death, after_order
from rushlight.assistant.store.database import Store


@pytest.fixture
def add(records: JobRecords) -> Callable[..., Job]:
    """add("title", state="paused", priority=3): a stored job."""

    def make(title: str = "a job", *, state: JobState = "waiting", priority: int = 0) -> Job:
        job = records.insert("fake", title, {"steps": 1}, priority)
        records.change(job.id, {"state": state})
        return records.get(job.id)

    return make


Add = Callable[..., Job]


def kind_of(call: Callable[[], object]) -> str:
    with pytest.raises(Error) as caught:
        call()
    assert caught.value.message and caught.value.hint
    return caught.value.kind


def test_a_new_job_waits(records: JobRecords) -> None:
    job = records.insert("fake", "Count", {"steps": 5, "of": ["a", None]}, 2)
    assert records.get(job.id) == job
    assert (job.state, job.kind, job.title, job.priority) == ("waiting", "fake", "Count", 2)
    assert job.arguments == {"steps": 5, "of": ["a", None]} and job.result == {} and job.notices == ()
    assert job.fraction is None and not job.is_over and job.started_at is None
    assert abs(job.created_at - time.time()) < 5


def test_find_as_conversations_do(records: JobRecords, add: Add) -> None:
    first, second = add("Import a.gguf"), add("Import a.gguf")
    assert records.find(first.id) == first
    assert records.find(first.id[-6:].upper()) == first
    assert records.find("Import a.gguf") == second, "of equal titles the newest"
    assert kind_of(lambda: records.find(first.id[:6])) == "job-ambiguous"  # both of this second
    for name in ("abc", "", "%%%%", "Import"):
        assert kind_of(lambda name=name: records.find(name)) == "job-not-found"  # type: ignore[misc]


def test_list_pages_and_states(records: JobRecords, add: Add) -> None:
    made = [add(str(number), state=state) for number, state in enumerate(STATES)]
    assert [job.title for job in records.list()] == [str(number) for number in reversed(range(len(STATES)))]
    first = records.list(limit=3)
    assert [job.title for job in records.list(before=first[-1].id, limit=2)] == ["4", "3"]
    assert {job.state for job in records.list(list(OVER))} == OVER
    assert records.list([]) == [] and records.list(before="no such job") == []
    assert {job.state for job in records.to_do()} == ACTIVE
    assert records.get(made[0].id) == made[0]


def test_to_do_is_in_the_order_of_running(records: JobRecords, add: Add) -> None:
    for title, priority in (("b", 0), ("d", -1), ("a", 5), ("c", 0)):
        add(title, priority=priority)
    assert [job.title for job in records.to_do()] == ["a", "b", "c", "d"]


def test_a_change_holds_only_in_the_given_states(records: JobRecords, add: Add) -> None:
    job = add()
    assert not records.change(job.id, {"state": "done"}, only_in=("running", "pausing"))
    assert not records.change(job.id, {"state": "done"}, only_in=())
    assert records.get(job.id).state == "waiting"
    assert records.change(job.id, {"state": "done", "result": '{"n": 1}'}, only_in=("waiting",))
    assert records.get(job.id).result == {"n": 1}
    assert not records.change("nobody", {"state": "done"})
    with pytest.raises(apsw.ConstraintError):
        records.change(job.id, {"state": "odd"})


def test_only_what_is_over_is_removed(records: JobRecords, add: Add) -> None:
    for state in STATES:
        job = add(state=state)
        if state in OVER:
            records.remove(job.id)
            assert kind_of(lambda job=job: records.get(job.id)) == "job-not-found"  # type: ignore[misc]
        else:
            assert kind_of(lambda job=job: records.remove(job.id)) == "job-not-over"  # type: ignore[misc]
    assert kind_of(lambda: records.remove("nobody")) == "job-not-found"
    waiting = add()
    assert records.remove_waiting(waiting.id) and not records.remove_waiting(waiting.id)


def test_work_for_a_host(records: JobRecords, add: Add) -> None:
    assert not records.has_work()
    paused, done = add(state="paused"), add(state="done")
    assert not records.has_work()
    records.change(done.id, {"needs_cleaning": 1})
    assert records.has_work() and [job.id for job in records.to_clean()] == [done.id]
    records.change(done.id, {"needs_cleaning": 0})
    records.change(paused.id, {"state": "waiting"})
    assert records.has_work()


def test_what_a_host_asks_all_the_time_goes_through_indexes(records: JobRecords) -> None:
    """A history of many thousand jobs must not be read twice a second."""
    db = records.store._db
    asked: list[str] = []
    db.exec_trace = lambda _cursor, sql, _bindings: asked.append(sql) or True
    records.has_work()
    records.to_do()
    records.to_clean()
    db.exec_trace = None
    assert len(asked) == 3
    for sql in asked:
        plan = [str(row[3]) for row in db.execute("EXPLAIN QUERY PLAN " + sql, (None,) * sql.count("?"))]
        assert any("USING" in step and "INDEX jobs_to_" in step for step in plan), (sql, plan)
        assert not any("TEMP B-TREE" in step or step == "SCAN jobs" for step in plan), (sql, plan)


# --- orders without a process -------------------------------------------------------------------------------------
# state: what pause, resume and cancel make of it; None = refused
RESTING: dict[JobState, tuple[JobState | None, JobState | None, JobState | None]] = {
    "waiting": ("paused", "waiting", "cancelled"),
    "paused": ("paused", "waiting", "cancelled"),
    "done": (None, None, None),
    "failed": (None, None, None),
    "cancelled": (None, None, "cancelled"),
}


@pytest.mark.parametrize("state", RESTING)
def test_orders_to_a_job_without_a_process(add: Add, state: JobState) -> None:
    job = replace(add(), state=state)
    orders: tuple[Order, ...] = ("pause", "resume", "cancel")
    for order, expected in zip(orders, RESTING[state], strict=True):
        if expected is None:
            assert kind_of(lambda order=order: after_order(job, order)) == "job-over"  # type: ignore[misc]
            continue
        found, columns = after_order(job, order)
        assert found == expected
        assert columns.get("state", state) == expected
        assert bool(columns) == (expected != state)


def test_a_job_whose_host_died(add: Add) -> None:
    job = replace(add(), started_at=1.0, n_restarts=2)
    found = {state: after_death(replace(job, state=state)) for state in STATES}
    assert found["running"] == {"state": "waiting", "n_restarts": 3}
    assert found["pausing"] == {"state": "paused"}
    assert found["cancelling"]["state"] == "cancelled" and found["cancelling"]["needs_cleaning"] == 1
    assert all(found[state] == {} for state in ("waiting", "paused", "done", "failed", "cancelled"))


def test_one_that_never_began_left_nothing_to_clean(add: Add) -> None:
    assert after_order(add(), "cancel")[1]["needs_cleaning"] == 0


# --- a store that cannot be written now ---------------------------------------------------------------------------
def test_what_a_locked_store_refuses_is_owed_and_paid_later(add: Add, records: JobRecords) -> None:
    job = add()
    impatient = Store(records.store.path, busy_timeout_ms=20)
    ledger = Ledger(lambda: JobRecords(impatient))
    with records.store.transaction():  # somebody else writes
        assert ledger.write(job.id, state="running", what="A") == "store-locked"
        assert ledger.write(job.id, what="B") == "store-locked"
        assert len(ledger) == 1 and job.id in ledger
        ledger.pay()
        assert len(ledger) == 1
    ledger.pay()
    assert not len(ledger) and job.id not in ledger
    found = records.get(job.id)
    assert (found.state, found.what) == ("running", "B")
    assert ledger.write(job.id, state="done") == ""
    impatient.close()


def test_many_writers_at_once(records: JobRecords, add: Add, own_home: Path) -> None:
    """Hosts and faces write the same row; each change is whole."""
    job = add()

    def write(column: str) -> None:
        store = Store(records.store.path)
        for number in range(50):
            JobRecords(store).change(job.id, {column: number})
        store.close()

    threads = [threading.Thread(target=write, args=(column,)) for column in ("priority", "done", "n_restarts")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = records.get(job.id)
    assert (found.priority, found.done, found.n_restarts) == (49, 49.0, 49)


def test_remaining_time() -> None:
    assert remaining_s(25, 100, 5) == 15
    assert remaining_s(120, 100, 5) == 0
    assert remaining_s(1, None, 5) is remaining_s(1, 2, None) is remaining_s(1, 2, 0) is None
