"""Work that is given away: order, batches, stopping, dropping, failures, watching, and the end."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rushlight import Error, Progress, Stop
from rushlight.assistant.app import App
from rushlight.ui.desk.background import Background


def test_reads_come_back_in_the_order_of_asking(background: Background, pump: Callable[..., None]) -> None:
    found: list[int] = []
    for number in range(50):
        background.read(lambda _app, number=number: number, found.append)
    pump(lambda: len(found) == 50)
    assert found == list(range(50))


def test_nothing_is_called_on_another_thread(background: Background, pump: Callable[..., None]) -> None:
    threads: list[threading.Thread] = []

    def note(*_found: object) -> None:
        threads.append(threading.current_thread())

    def fail(_app: App) -> None:
        raise Error("no")

    background.read(lambda _app: 1, note)
    background.read(fail, note, note)
    background.task(lambda _app, _stop, report: report(Progress("a", 1)), note, on_progress=note)
    background.stream(lambda _app, _stop, _add: iter([1, 2, 3]), note, note)
    background.later(0.01, note)
    pump(lambda: len(threads) >= 7)
    assert set(threads) == {threading.current_thread()}


def test_a_failure_reaches_its_caller_and_a_bug_becomes_an_error(
    background: Background, pump: Callable[..., None]
) -> None:
    failed: list[Error] = []

    def bug(_app: App) -> None:
        raise ZeroDivisionError

    def refuse(_app: App, _stop: Stop) -> None:
        raise Error("Not like this.", hint="Like that.", kind="bad-thing")

    background.read(bug, failed=failed.append)
    background.task(refuse, failed=failed.append)
    pump(lambda: len(failed) == 2)
    assert {err.kind for err in failed} == {"bug", "bad-thing"}


def test_without_a_taker_errors_go_to_the_face(background: Background, pump: Callable[..., None]) -> None:
    heard: list[Error] = []
    background.on_error = heard.append

    def refuse(_app: App) -> None:
        raise Error("no")

    background.read(refuse)
    pump(lambda: heard)


def test_a_stream_comes_in_batches_complete_and_in_order(background: Background, pump: Callable[..., None]) -> None:
    batches: list[list[int]] = []
    ends: list[bool] = []

    def numbers(_app: App, _stop: Stop, _add: Callable[[int], None]) -> Iterator[int]:
        for number in range(2000):
            yield number
            if number % 20 == 0:
                time.sleep(0.002)

    background.stream(numbers, batches.append, lambda: ends.append(True))
    pump(lambda: ends)
    assert [number for batch in batches for number in batch] == list(range(2000))
    assert len(batches) < 200


def test_the_last_items_come_without_waiting_for_more(background: Background, pump: Callable[..., None]) -> None:
    heard: list[int] = []
    hold = threading.Event()

    def two_then_nothing(_app: App, _stop: Stop, _add: Callable[[int], None]) -> Iterator[int]:
        yield 1
        yield 2
        hold.wait(10)

    running = background.stream(two_then_nothing, heard.extend)
    pump(lambda: heard == [1, 2], timeout_s=5)
    hold.set()
    pump(lambda: running.is_over)


def test_what_is_added_on_the_way_comes_too(background: Background, pump: Callable[..., None]) -> None:
    heard: list[Any] = []
    ends: list[bool] = []

    def work(_app: App, _stop: Stop, add: Callable[[Any], None]) -> Iterator[Any]:
        add("loading")
        yield "text"

    background.stream(work, heard.extend, lambda: ends.append(True))
    pump(lambda: ends)
    assert heard == ["loading", "text"]


def test_stop_is_heard_by_the_work_and_drop_by_nobody(background: Background, pump: Callable[..., None]) -> None:
    heard: list[str] = []

    def until_stopped(_app: App, stop: Stop) -> str:
        while not stop.is_set():
            time.sleep(0.002)
        return "stopped"

    background.task(until_stopped, heard.append).stop()
    pump(lambda: heard == ["stopped"])
    dropped = background.task(until_stopped, heard.append)
    dropped.drop()
    pump(lambda: dropped.is_over)
    assert heard == ["stopped"]


def test_what_is_dropped_after_it_was_done_is_not_heard(background: Background, pump: Callable[..., None]) -> None:
    heard: list[int] = []
    first = background.read(lambda _app: 1, heard.append)
    done = background.read(lambda _app: 2, heard.append)
    first.drop()
    pump(lambda: done.is_over)
    assert heard == [2]


def test_watch_sees_what_another_connection_wrote(
    background: Background, pump: Callable[..., None], desk_app: App
) -> None:
    seen: list[bool] = []
    end = background.watch(lambda: seen.append(True))
    pump(lambda: background._watch_thread is not None and background._watch_thread.is_alive())
    deadline_s = time.monotonic() + 10
    while not seen and time.monotonic() < deadline_s:
        desk_app.conversations.create("something new")  # the watcher may not have taken its first look yet
        try:
            pump(lambda: seen, timeout_s=1.0)
        except AssertionError:
            continue
    assert seen
    end()


def test_a_watch_sees_what_the_background_itself_wrote(background: Background, pump: Callable[..., None]) -> None:
    seen: list[bool] = []
    background.watch(lambda: seen.append(True))
    for _ in range(10):
        background.read(lambda app: app.conversations.create("of our own"))
        try:
            pump(lambda: seen, timeout_s=1.0)
        except AssertionError:
            continue
        return
    raise AssertionError("own writes are not seen")


def test_close_finishes_writes_and_ends_the_rest(open_desk_app: Callable[[], App], desk_app: App) -> None:
    background = Background(open_desk_app, lambda call: None)
    stopped: list[bool] = []

    def until_stopped(_app: App, stop: Stop) -> None:
        while not stop.is_set():
            time.sleep(0.002)
        stopped.append(True)

    background.task(until_stopped)
    for number in range(20):
        background.read(lambda app, number=number: app.conversations.create(f"chat {number}"))
    background.close()
    assert stopped == [True]
    assert len(desk_app.conversations.list(limit=100)) == 20


def test_settings_that_change_hold_for_the_next_work(
    background: Background, pump: Callable[..., None], desk_app: App
) -> None:
    from rushlight.assistant.settings_file import set_setting

    found: list[int] = []
    background.read(lambda app: app.settings.number("engine.context"), found.append)
    pump(lambda: found)
    set_setting(desk_app.paths, "engine.context", "1234")
    background.read(lambda app: app.settings.number("engine.context"), found.append)
    pump(lambda: len(found) == 2)
    assert found[1] == 1234 != found[0]


def test_what_is_asked_for_when_it_ends_is_still_done(open_desk_app: Callable[[], App]) -> None:
    background = Background(open_desk_app, lambda _call: None)
    done: list[str] = []

    def last() -> None:
        background.read(lambda _app: done.append("asked for at the end"))

    background.at_end(last)
    forget = background.at_end(lambda: done.append("taken back"))
    forget()
    background.close()
    assert done == ["asked for at the end"]
