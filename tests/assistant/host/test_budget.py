"""Many models and other work under one budget: plans, cards, parked conversations, and memory that jobs ask for."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import TextDelta
from rushlight.assistant.host.inprocess import InProcessHost
from rushlight.assistant.host.lease import Lease
from rushlight.assistant.host.need import Need

Host = Callable[..., InProcessHost]
Model = Callable[..., LoadSettings]
MIB = 1024 * 1024


def ask(engine: EngineClient, prompt: str = "") -> str:
    """The answer: a fake worker's is its process id."""
    return "".join(
        event.text for event in engine.generate(GenerateRequest(prompt=prompt), Stop()) if isinstance(event, TextDelta)
    )


def states(host: InProcessHost) -> dict[str, str]:
    """Name of the model file and state of each engine."""
    return {Path(engine.path).stem: engine.state for engine in host.status().engines}


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


def idle(h: InProcessHost) -> None:
    """As if the fronts had gone: what is loaded may be unloaded."""
    for link in h._idle:
        link.close()
    wait_until(lambda: not any(engine.in_use for engine in h.status().engines))


@pytest.fixture
def pid() -> Iterator[int]:
    """Of a small process that memory is lent to: this one may hold more than what is asked for by now."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def test_three_models_in_a_budget_for_two(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=2500)
    loads = [model("need=1000 reports", name=name) for name in ("a", "b", "c")]
    left = []
    for load in (*loads, *loads):
        with h.open_engine(load) as engine:
            assert ask(engine)
        idle(h)
        left.append("".join(sorted(states(h))))
    assert left == ["a", "ab", "bc", "ac", "ab", "bc"], "the one unused for longest goes, every time"
    assert h.status().budget_bytes == 2500 * MIB


def test_a_model_waits_for_those_that_are_answering(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=1500, patience_s=20)
    busy = h.open_engine(model("need=1000 reports", name="busy"))
    thread = threading.Thread(target=ask, args=(busy, "sleep=1"))
    thread.start()
    wait_until(lambda: h.status().engines[0].unused_s == 0.0)
    seen: list[Progress] = []
    assert ask(h.open_engine(model("need=1000", name="next"), None, seen.append))
    assert seen[0].what == "Waiting"
    thread.join()
    assert states(h) == {"next": "ready"}


def test_models_asked_in_turn_replace_each_other_at_once(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=2500)
    started_s = time.monotonic()
    for name in ("a", "b", "c", "a"):  # the fronts stay attached, as those of a server
        assert ask(h.open_engine(model("need=1000 reports", name=name)))
        wait_until(lambda: not any(engine.in_use for engine in h.status().engines))
    assert time.monotonic() - started_s < 4


def test_the_plan_says_who_would_go_and_does_nothing(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=2500)
    for name in ("first", "second"):
        h.open_engine(model("need=1000 parks=100", name=name)).close()
    assert h.plan(model("need=1000 parks=100", name="first")).state == "loaded"
    assert h.plan(model("need=100", name="small")).state == "fits"
    in_use = h.plan(model("need=1000", name="third"))
    assert in_use.state == "does-not-fit" and "first.gguf 1.1 GiB (in use)" in in_use.message
    assert "memory.budget_mib" in in_use.hint
    idle(h)
    plan = h.plan(model("need=1000 parks=100", name="third"))
    assert (plan.state, plan.main_bytes, plan.free_bytes) == ("unloads", 1000 * MIB, 300 * MIB)
    assert [(holder.name, holder.goes) for holder in plan.holders] == [("first.gguf", True), ("second.gguf", False)]
    assert states(h) == {"first": "ready", "second": "ready"}
    with pytest.raises(Error) as caught:
        h.plan(LoadSettings("/nowhere/model.gguf"))
    assert caught.value.kind == "model-not-found"


def test_other_settings_that_cannot_fit_cost_nobody_anything(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=2500)
    h.open_engine(model("need=1000", name="kept", n_ctx=10)).close()
    idle(h)
    large = model("need=1000", name="kept", n_ctx=9000)
    with pytest.raises(Error, match=r"Cannot load kept.*Held by: kept.gguf 1000 MiB \(idle\)"):
        h.open_engine(large)
    assert [engine.load.n_ctx for engine in h.status().engines if engine.state == "ready"] == [10]


def test_parked_conversations_get_what_is_left(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=1300)
    engine = h.open_engine(model("need=1000 parks=512"))
    (status,) = h.status().engines
    assert status.parked_bytes == 300 * MIB
    assert engine.ready is not None and engine.ready.description == f"fake {300 * MIB}", "the worker was told so"


def test_layers_go_to_the_card_while_it_has_room(host: Host, model: Model) -> None:
    h = host(card_mib=(1000, 200))
    first = h.open_engine(model("need=900 card=800", name="first"))
    second = h.open_engine(model("need=900 card=800", name="second"))
    assert [(one.card_bytes, one.ready and one.ready.gpu_layers) for one in h.status().engines] == [
        (800 * MIB, 2),
        (0, 0),
    ]
    assert first.ready is not None and second.ready is not None
    assert not first.ready.notice
    assert "no room for any of its 2 layers" in second.ready.notice, "never silent"


def test_the_speed_of_the_last_answer_is_known(host: Host, model: Model) -> None:
    h = host()
    engine = h.open_engine(model())
    ask(engine, "speed=42.5")
    wait_until(lambda: h.status().engines[0].decode_per_s == 42.5)


def test_other_work_gets_memory_and_idle_models_go_for_it(host: Host, model: Model, pid: int) -> None:
    h = host(memory__budget_mib=2000)
    h.open_engine(model("need=1500")).close()
    idle(h)
    with h.memory("Whisper", 1000 * MIB, pid=pid):
        assert not h.status().engines
        with pytest.raises(Error, match="Held by: Whisper 1000 MiB"):
            h.open_engine(model("need=1500"))
    h.open_engine(model("need=1500")).close()


def test_other_work_waits_for_what_is_in_use(host: Host, model: Model, pid: int) -> None:
    h = host(memory__budget_mib=2000)
    engine = h.open_engine(model("need=1500 reports"))
    reasons: list[str] = []
    granted = threading.Event()

    def work() -> None:
        with h.memory("CLIP", 1000 * MIB, pid=pid, on_wait=reasons.append):
            granted.set()

    busy = threading.Thread(target=ask, args=(engine, "sleep=1"))
    busy.start()
    wait_until(lambda: h.status().engines[0].unused_s == 0.0)
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: bool(reasons))
    assert "model.gguf 1.5 GiB (in use)" in reasons[0]
    assert not granted.is_set()
    assert granted.wait(15), "once the model is idle it goes"
    for one in (busy, thread):
        one.join()


def test_memory_that_can_be_given_back_goes_to_a_model(host: Host, model: Model) -> None:
    h = host(memory__budget_mib=2000)
    engines, granted, asked = h._server.engines, threading.Event(), []

    def give_back() -> None:
        asked.append(True)
        h._loop.call_later(0.2, lambda: engines.give_back(lease))

    lease = Lease("the job “Train”", Need(1500 * MIB), 0, granted.set, lambda error: None, on_needed=give_back)
    h._loop.call_soon(lambda: engines.lend(lease))
    assert granted.wait(5)
    with pytest.raises(Error, match="Cannot load large"):
        h.open_engine(model("need=2500", name="large"))
    assert not asked, "it would not fit without the job either"
    h.open_engine(model("need=1000")).close()
    assert asked == [True] and states(h) == {"model": "ready"}


def test_use_is_told_when_it_begins_and_when_it_ends(host: Host, model: Model) -> None:
    h = host()
    told: list[bool] = []
    h._server.engines.on_use = told.append
    engine = h.open_engine(model("reports"))
    wait_until(lambda: told[-2:] == [True, False])  # while it was loaded
    ask(engine, "sleep=0.3")
    wait_until(lambda: told == [True, False, True, False])


def test_waiting_for_memory_can_be_stopped(host: Host, model: Model, pid: int) -> None:
    h = host(memory__budget_mib=2000)
    h.open_engine(model("need=1500"))
    stop = Stop()
    threading.Timer(0.3, stop.set).start()
    with pytest.raises(Error) as caught, h.memory("CLIP", 1000 * MIB, pid=pid, stop=stop):
        pass
    assert caught.value.kind == "stopped"


def test_what_can_never_be_had_is_refused_at_once(host: Host) -> None:
    with pytest.raises(Error) as caught, host(memory__budget_mib=2000).memory("Training", 3000 * MIB):
        pass
    assert caught.value.kind == "out-of-memory"
    assert "Training needs 2.9 GiB of memory; 2.0 GiB are free" in caught.value.message
    assert "raise memory.budget_mib" in caught.value.hint


def test_a_front_that_vanishes_gives_its_memory_back(host: Host, model: Model, pid: int) -> None:
    h = host(memory__budget_mib=2000)
    lent: Any = h.memory("Whisper", 1500 * MIB, pid=pid)
    lent.__enter__()
    assert h.plan(model("need=1000")).free_bytes == 500 * MIB
    lent.__exit__(None, None, None)
    wait_until(lambda: h.plan(model("need=1000")).free_bytes == 2000 * MIB)
