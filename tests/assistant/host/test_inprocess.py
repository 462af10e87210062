"""Engines of one host: shared, replaced, evicted, refused, unloaded, explained."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Progress, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.events import TextDelta
from rushlight.assistant.host.inprocess import InProcessHost

Host = Callable[..., InProcessHost]
Model = Callable[..., LoadSettings]


def ask(engine: EngineClient, prompt: str = "") -> str:
    return "".join(
        event.text for event in engine.generate(GenerateRequest(prompt=prompt), Stop()) if isinstance(event, TextDelta)
    )


def states(host: InProcessHost) -> dict[str, str]:
    return {Path(engine.path).stem: engine.state for engine in host.status().engines}


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


def test_equal_settings_share_one_engine(host: Host, model: Model) -> None:
    h = host()
    first, second = h.open_engine(model()), h.open_engine(model())
    assert ask(first) == ask(second)
    assert len(h.status().engines) == 1


def test_a_replaced_file_is_loaded_anew(host: Host, model: Model) -> None:
    h = host()
    with h.open_engine(model("reports")) as old:
        before = ask(old)
    with h.open_engine(model("reports slow=0")) as new:
        assert ask(new) != before


def test_other_settings_replace_an_idle_engine(host: Host, model: Model) -> None:
    h = host(keep_alive=300)
    h.open_engine(model("reports", n_ctx=10)).close()
    wait_until(lambda: not h.status().engines[0].in_use, 8)
    h.open_engine(model("reports", n_ctx=20)).close()
    (engine,) = h.status().engines
    assert engine.load.n_ctx == 20


def test_other_settings_load_beside_a_working_engine(host: Host, model: Model) -> None:
    h = host()
    first = h.open_engine(model(n_ctx=10))
    second = h.open_engine(model(n_ctx=20))
    assert ask(first) != ask(second)


def test_other_settings_are_refused_where_both_do_not_fit(host: Host, model: Model) -> None:
    h = host(available_mib=1500)
    engine = h.open_engine(model("need=1000", n_ctx=10))
    with pytest.raises(Error) as caught:
        h.open_engine(model("need=1000", n_ctx=20))
    assert caught.value.kind == "busy"
    assert ask(engine)


def test_refusal_says_both_numbers(host: Host, model: Model) -> None:
    h = host(available_mib=1500, reserve_mib=500)
    with pytest.raises(Error) as caught:
        h.open_engine(model("need=2048", name="large"))
    assert caught.value.kind == "out-of-memory"
    for part in ("large.gguf", "2.0 GiB", "1000 MiB", "500 MiB", "memory.reserve_mib"):
        assert part in caught.value.message
    h.open_engine(model("need=100", name="small"))
    wait_until(lambda: states(h) == {"small": "ready"})


def test_the_longest_unused_makes_room(host: Host, model: Model) -> None:
    h = host(available_mib=2500)
    for name in ("first", "second"):
        h.open_engine(model("need=1000", name=name)).close()
    for link in h._idle:  # as if those fronts had gone
        link.close()
    wait_until(lambda: not any(engine.in_use for engine in h.status().engines))
    kept = h.open_engine(model("need=1000", name="third"))
    assert states(h) == {"second": "ready", "third": "ready"}
    with pytest.raises(Error, match="Cannot load fourth"):
        h.open_engine(model("need=9000", name="fourth"))
    wait_until(lambda: "fourth" not in states(h))
    assert states(h) == {"second": "ready", "third": "ready"}, "nothing goes for what cannot fit anyway"
    assert ask(kept)


def test_progress_reaches_all_who_wait(host: Host, model: Model) -> None:
    h = host()
    load = model("progress=5 slow=0.3")
    seen: dict[int, list[Progress]] = {0: [], 1: []}
    engines: list[EngineClient] = []

    def open_one(number: int) -> None:
        engines.append(h.open_engine(load, None, seen[number].append))

    threads = [threading.Thread(target=open_one, args=(number,)) for number in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ask(engine) for engine in engines}) == 1
    for reports in seen.values():
        assert reports and reports[-1] == Progress("loading", 5, 5, "parts")


def test_stop_takes_back_a_load(host: Host, model: Model, processes: Any) -> None:
    h = host()
    stop = Stop()
    threading.Timer(0.5, stop.set).start()
    started_s = time.monotonic()
    with pytest.raises(Error) as caught:
        h.open_engine(model("hang"), stop)
    assert caught.value.kind == "stopped"
    assert time.monotonic() - started_s < 2
    wait_until(lambda: not h.status().engines)
    assert ask(h.open_engine(model("", name="next")))


def test_one_who_stops_waiting_disturbs_nobody(host: Host, model: Model) -> None:
    h = host()
    load = model("slow=1")
    stop = Stop()
    threading.Timer(0.3, stop.set).start()
    engines: list[EngineClient] = []
    patient = threading.Thread(target=lambda: engines.append(h.open_engine(load)))
    patient.start()
    with pytest.raises(Error, match="Stopped"):
        h.open_engine(load, stop)
    patient.join()
    assert ask(engines[0])


@pytest.mark.parametrize(
    ("orders", "kind", "words"),
    [
        ("fail=bad-file", "bad-file", "The file is bad."),
        ("say=GGML_ASSERT(n>0)_failed abort", "bad-file", "GGML_ASSERT(n>0)_failed"),
        ("kill", "worker-died", "signal 9 (SIGKILL)"),
        ("exit=3", "worker-died", "exit code 3"),
    ],
)
def test_why_a_load_failed(host: Host, model: Model, orders: str, kind: str, words: str) -> None:
    h = host()
    started_s = time.monotonic()
    with pytest.raises(Error) as caught:
        h.open_engine(model(orders, name="broken"))
    assert time.monotonic() - started_s < 5
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert ask(h.open_engine(model("", name="sound"))), "the next one works"


def test_a_missing_file(host: Host) -> None:
    with pytest.raises(Error) as caught:
        host().open_engine(LoadSettings("/nowhere/model.gguf"))
    assert caught.value.kind == "model-not-found"
    assert "/nowhere/model.gguf" in caught.value.message


def test_why_a_working_engine_died(host: Host, model: Model) -> None:
    h = host()
    engine = h.open_engine(model())
    started_s = time.monotonic()
    with pytest.raises(Error, match="signal 9") as caught:
        ask(engine, "die=9")
    assert caught.value.kind == "worker-died"
    assert time.monotonic() - started_s < 5
    assert ask(h.open_engine(model()))


def test_the_cause_is_quoted_without_control_bytes(host: Host, model: Model) -> None:
    with pytest.raises(Error) as caught:
        ask(host().open_engine(model()), "exit=70")
    assert "exit code 70" in caught.value.message
    assert "GGML_ASSERT(x > 0) failed" in caught.value.message
    assert "\x1b" not in caught.value.message


def test_an_engine_that_hangs_up_is_explained_too(host: Host, model: Model) -> None:
    h = host()
    with pytest.raises(Error) as caught:
        ask(h.open_engine(model()), "close")
    assert caught.value.kind == "connection-lost"


def test_unused_models_are_unloaded(host: Host, model: Model) -> None:
    h = host(keep_alive=1)
    engine = h.open_engine(model("reports"))
    for _ in range(3):
        ask(engine)
        time.sleep(0.5)
        assert states(h) == {"model": "ready"}, "use keeps it loaded"
    wait_until(lambda: not h.status().engines, 8)
    with pytest.raises(Error) as caught:
        ask(engine)
    assert caught.value.kind == "unloaded"


def test_a_working_engine_is_not_unloaded(host: Host, model: Model) -> None:
    h = host(keep_alive=0)
    assert ask(h.open_engine(model("reports")), "sleep=2")


def test_without_reports_an_attached_front_is_use(host: Host, model: Model) -> None:
    h = host(keep_alive=0)
    engine = h.open_engine(model())
    time.sleep(1.5)
    assert ask(engine)
    for link in h._idle:
        link.close()
    wait_until(lambda: not h.status().engines)


def test_unload(host: Host, model: Model) -> None:
    h = host()
    load = model("reports")
    engine = h.open_engine(load)
    h.open_engine(model("reports", name="other"))
    assert h.unload(load.path) == 1
    assert states(h) == {"other": "ready"}
    with pytest.raises(Error) as caught:
        ask(engine)
    assert caught.value.kind == "unloaded"
    assert h.unload() == 1
    assert h.unload() == 0


def test_a_busy_engine_is_not_unloaded(host: Host, model: Model) -> None:
    h = host()
    engine = h.open_engine(model("reports"))
    thread = threading.Thread(target=lambda: ask(engine, "sleep=1"))
    thread.start()
    wait_until(lambda: h.status().engines[0].unused_s == 0.0)
    with pytest.raises(Error) as caught:
        h.unload()
    assert caught.value.kind == "busy"
    thread.join()


def test_an_engine_out_of_hand_is_stopped_while_memory_runs_out(host: Host, model: Model) -> None:
    available = [10_000]
    h = host(available_mib=lambda: available[0])
    greedy = h.open_engine(model("need=1 grow=400", name="greedy"))
    modest = h.open_engine(model("need=10", name="modest"))
    available[0] = 20
    wait_until(lambda: states(h) == {"modest": "ready"}, 4)
    available[0] = 10_000
    with pytest.raises(Error, match="ran out of memory") as caught:
        ask(greedy)
    assert caught.value.kind == "out-of-memory"
    assert ask(modest)


def test_closing_ends_the_workers(host: Host, model: Model, processes: Any) -> None:
    h = host()
    engine = h.open_engine(model())
    pid = int(ask(engine))
    assert pid in processes()
    h.close()
    assert not processes()
    with pytest.raises(Error) as caught:
        ask(engine)
    assert caught.value.kind in ("host-ended", "host-died")
    with pytest.raises(Error):
        h.open_engine(model())


def test_a_stopped_worker_does_not_stop_the_host(host: Host, model: Model) -> None:
    h = host()
    pid = int(ask(h.open_engine(model(name="stopped"))))
    os.kill(pid, signal.SIGSTOP)
    assert ask(h.open_engine(model(name="other")))
    assert len(h.status().engines) == 2
