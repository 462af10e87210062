"""The small parts of jobs: the rate, lines from a process, the stop that can be taken back, logs, reasons of death."""

import random
import threading
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.jobs import wire
from rushlight.assistant.jobs.death import died
from rushlight.assistant.jobs.joblog import log_path, read_tail, remove_folder
from rushlight.assistant.jobs.process import nice_of
from rushlight.assistant.jobs.rate import Rate
from rushlight.assistant.jobs.stopping import JobStop
from rushlight.assistant.paths import find_paths


# --- rate ---------------------------------------------------------------------------------------------------------
def test_a_steady_rate_is_exact_and_not_told_too_early() -> None:
    rate = Rate()
    assert rate.update("Copying", 0, 0.0) is None
    assert rate.update("Copying", 20, 0.2) is None
    for tenth in range(6, 100):
        assert rate.update("Copying", 10 * tenth, tenth / 10) == pytest.approx(100)


def test_a_change_of_speed_shows_smoothly() -> None:
    rate, done, found = Rate(), 0.0, []
    for tenth in range(200):
        done += 10 if tenth < 100 else 1
        found.append(rate.update("x", done, tenth / 10))
    later = [one for one in found[100:] if one is not None]
    assert later == sorted(later, reverse=True), "no jumps"
    assert 10 < later[-1] < 30 and later[0] > 95


def test_a_stall_lets_the_rate_fall() -> None:
    rate = Rate()
    for tenth in range(50):
        rate.update("x", tenth * 10, tenth / 10)
    found = [rate.update("x", 490, 5 + tenth / 10) for tenth in range(100)]
    assert found[-1] is not None and found[-1] < 20


def test_other_work_or_going_back_begins_anew() -> None:
    rate = Rate()
    for tenth in range(20):
        assert tenth < 6 or rate.update("x", tenth, tenth / 10) is not None
        rate.update("x", tenth, tenth / 10)
    assert rate.update("y", 20, 2.1) is None
    for tenth in range(22, 40):
        rate.update("y", tenth, tenth / 10)
    assert rate.update("y", 5, 4.1) is None
    rate.forget()
    assert rate.update("y", 6, 100.0) is None, "a pause is no slowness"


def test_a_clock_that_stands_still_is_survived() -> None:
    rate = Rate()
    assert [rate.update("x", done, 1.0) for done in range(5)] == [None] * 5


# --- lines --------------------------------------------------------------------------------------------------------
EVENTS: list[wire.WireEvent] = [
    wire.Started("exit", True),
    wire.Progressed("Lesen – ünï\u2028", 3.5, None, "bytes"),
    wire.Noticed("kind", 'a "notice"\nof two lines'),
    wire.GotFurther(),
    wire.Held(),
    wire.Result({"a": [1, None, {"b": "c"}]}),
    wire.JobFailed("message", "hint", "kind"),
    wire.Stopped(),
]


def test_events_survive_any_cutting() -> None:
    data = b"".join(wire.line(event) for event in EVENTS)
    assert data.count(b"\n") == len(EVENTS)
    rng = random.Random(1)
    for _ in range(200):
        lines, found, at = wire.Lines(), [], 0
        while at < len(data):
            n = rng.randrange(1, 60)
            found += list(lines.feed(data[at : at + n]))
            at += n
        assert found == EVENTS and not lines.strange


def test_what_is_no_event_is_kept_for_the_log() -> None:
    lines = wire.Lines()
    junk = [
        b"loading model ...",
        b"{",
        b"[]",
        b'{"event":"odd"}',
        b'{"event":"progress"}',
        b"\xff\xfe\x00",
        b"9" * 5000,
    ]
    found = list(lines.feed(b"\n".join([*junk, b"", wire.line(wire.Stopped())])))
    assert found == [wire.Stopped()]
    assert len(lines.strange) == len(junk) and all(len(one) <= wire.MAX_TEXT_CHARS for one in lines.strange)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = wire.Lines()
    for _ in range(40):
        assert list(lines.feed(b"x" * 65536)) == []
    assert len(lines.strange) == 2 and len(lines._rest) <= wire.MAX_LINE_BYTES


def test_mutated_lines_never_raise() -> None:
    rng = random.Random(2)
    data = b"".join(wire.line(event) for event in EVENTS)
    for _ in range(2000):
        mutant = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        for event in wire.Lines().feed(bytes(mutant)):
            assert isinstance(event, wire.WireEvent)


# --- the stop -----------------------------------------------------------------------------------------------------
def test_a_held_job_waits_and_goes_on() -> None:
    held = threading.Event()
    stop = JobStop(held.set)
    stop.check()
    stop.hold()
    passed = threading.Event()

    def work() -> None:
        stop.check()
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5) and not passed.wait(0.1)
    stop.release()
    assert passed.wait(5)
    thread.join()


def test_a_held_job_ends_when_told() -> None:
    held, raised = threading.Event(), []
    stop = JobStop(held.set)
    stop.hold()

    def work() -> None:
        with pytest.raises(Error) as caught:
            stop.check()
        raised.append(caught.value.kind)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5)
    stop.set()
    thread.join(5)
    assert raised == ["stopped"]


def test_an_order_taken_back_in_time_has_no_effect() -> None:
    stop = JobStop(lambda: None)
    stop.hold()
    stop.set()
    assert stop.is_set()
    stop.release()
    stop.check()


# --- logs ---------------------------------------------------------------------------------------------------------
def test_the_tail_of_a_log(own_home: Path) -> None:
    paths = find_paths()
    assert read_tail(paths, "one", 5) == ""
    path = log_path(paths, "one")
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"line {number}\n" for number in range(10)))
    assert read_tail(paths, "one", 2) == "line 8\nline 9"
    assert read_tail(paths, "one", 100).startswith("line 0\n")
    path.with_name(path.name + ".1").write_text("".join(f"old {number}\n" for number in range(10)))
    assert read_tail(paths, "one", 12).splitlines()[:3] == ["old 8", "old 9", "line 0"]
    path.write_bytes(b"\xff" * 2_000_000 + b"\nlast\n")
    assert read_tail(paths, "one", 1) == "last"
    remove_folder(paths, "one")
    assert not path.exists()
    remove_folder(paths, "one")


# --- ends ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "out_of_memory", "words", "kind"),
    [
        (-9, True, "out of memory", "out-of-memory"),
        (-9, False, "signal 9 (SIGKILL)", "job-died"),
        (-11, False, "signal 11 (SIGSEGV)", "job-died"),
        (-64, False, "signal 64", "job-died"),
        (1, False, "exit code 1", "job-died"),
        (None, False, "unknown reason", "job-died"),
    ],
)
def test_reasons_of_death(status: int | None, out_of_memory: bool, words: str, kind: str) -> None:
    error = died(status, "", out_of_memory=out_of_memory)
    assert words in error.message and error.kind == kind and error.hint


def test_priorities_are_niceness() -> None:
    assert [nice_of(priority) for priority in (-100, -9, 0, 4, 100)] == [19, 19, 10, 6, 0]
