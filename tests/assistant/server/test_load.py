"""Many callers at once: the line and its end, loading, clients that go or do not read, an end that is clean."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from rushlight import Progress
from rushlight.assistant.engine.engine import FakeEngine
from rushlight.assistant.events import Finished, Usage

TOKEN = "a-token-of-the-tests"
CHAT = "/v1/chat/completions"


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """The seconds until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "it did not come to be"
        time.sleep(0.002)
    return time.monotonic() - began


def raw_request(served: Any, body: Any, path: str = CHAT) -> socket.socket:
    """A request over a socket of our own, so that we can leave rudely."""
    data = json.dumps(body).encode()
    sock = socket.create_connection(("127.0.0.1", served.port), 20)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    return sock


def message(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "x"}], **fields}


def gauge(served: Any, name: str) -> float:
    return float(served.service.gauges()[name][1])


def test_beyond_the_line_is_refused_at_once(serve: Callable[..., Any], endless: Any) -> None:
    words = endless()
    served = serve(words, n_parallel=2, n_waiting=3)
    held = [raw_request(served, message(stream=True)) for _ in range(5)]
    assert words.wait(lambda one: one.running == 2)
    wait_until(lambda: gauge(served, "requests_waiting") == 3)
    times = []
    for _ in range(50):
        began = time.monotonic()
        answer = served.chat()
        times.append(time.monotonic() - began)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["type"] == "rate_limit_error"
    assert statistics.median(times) < 0.05, times
    assert served.client.get("/health").status_code == 200
    assert words.running == 2
    for sock in held:
        sock.close()
    assert words.wait(lambda one: one.running == 0 and one.stopped >= 2)
    wait_until(lambda: gauge(served, "requests_generating") == 0)


def test_first_come_first_served(serve: Callable[..., Any]) -> None:
    leave = threading.Event()
    order: list[str] = []

    def script(request: Any, stop: Any) -> Iterator[Any]:
        order.append(request.messages[-1].content)
        leave.wait(20)
        yield Usage(1, 0, 0)
        yield Finished("stop")

    served = serve(script, n_parallel=1, n_waiting=8)
    socks = []
    for number in range(6):
        body = {"messages": [{"role": "user", "content": str(number)}]}
        socks.append(raw_request(served, body))
        wait_until(lambda n=number: gauge(served, "requests_waiting") + gauge(served, "requests_generating") == n + 1)
    leave.set()
    wait_until(lambda: len(order) == 6)
    assert order == list("012345")
    for sock in socks:
        sock.close()


def test_others_are_told_to_come_back_while_a_model_loads(serve: Callable[..., Any]) -> None:
    loaded = threading.Event()

    def open_engine(load: Any, stop: Any, on_progress: Any) -> Any:
        on_progress(Progress("Loading", 1, 2))
        assert loaded.wait(20)
        return FakeEngine(["ready"])

    served = serve(open_engine=open_engine)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: httpx.post(
            served.url + CHAT, json=message(), headers={"authorization": f"Bearer {TOKEN}"}, timeout=30
        ))  # fmt: skip
        wait_until(lambda: gauge(served, "models_loading") == 1)
        refused = served.chat()
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert served.client.get("/health").json() == {"status": "loading"}
        loaded.set()
        assert first.result().json()["choices"][0]["message"]["content"] == "ready"
    wait_until(lambda: gauge(served, "models_loading") == 0)
    assert served.chat().status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_goes_frees_its_place(serve: Callable[..., Any], endless: Any, stream: bool) -> None:
    words = endless()
    served = serve(words, n_parallel=1)
    times = []
    for number in range(20):
        sock = raw_request(served, message(stream=stream))
        assert words.wait(lambda one: one.running == 1)
        if stream and number % 2:
            assert sock.recv(1 + number * 10)
        sock.close()
        began = time.monotonic()
        assert words.wait(lambda one: one.running == 0)
        times.append(time.monotonic() - began)
    assert max(times) < 1.0, times
    assert statistics.median(times) < 0.5
    wait_until(lambda: gauge(served, "requests_generating") == 0 and gauge(served, "threads_busy") == 0)
    assert served.client.get("/health").status_code == 200


def test_one_that_waits_in_line_and_goes_is_forgotten(serve: Callable[..., Any], endless: Any) -> None:
    words = endless()
    served = serve(words, n_parallel=1)
    first = raw_request(served, message())
    assert words.wait(lambda one: one.running == 1), "the second one is to find the place taken"
    second = raw_request(served, message())
    wait_until(lambda: gauge(served, "requests_waiting") == 1)
    second.close()
    wait_until(lambda: gauge(served, "requests_waiting") == 0)
    assert len(served.engine.requests) == 1
    first.close()
    assert words.wait(lambda one: one.running == 0)


def test_one_that_loads_and_goes_stops_the_loading(serve: Callable[..., Any]) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def open_engine(load: Any, stop: Any, on_progress: Any) -> Any:
        stop.on_set(stopped.set)
        begun.set()
        assert stopped.wait(20)
        stop.check()

    served = serve(open_engine=open_engine)
    sock = raw_request(served, message())
    assert begun.wait(10)
    sock.close()
    assert stopped.wait(5)
    wait_until(lambda: gauge(served, "requests_generating") == 0)


def test_a_slow_reader_holds_nobody(serve: Callable[..., Any]) -> None:
    served = serve(["x" * 1000] * 5000, n_parallel=1)  # more than the buffers of the connection hold
    slow = [raw_request(served, message(stream=True)) for _ in range(3)]
    wait_until(lambda: gauge(served, "requests_generating") == 0 and len(served.engine.requests) == 3, 30)
    assert served.chat().status_code == 200
    for sock in slow:
        sock.close()


def test_one_that_never_reads_is_cut_off(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.assistant.server.http_server.READ_LIMIT_S", 0.3)
    served = serve(["x" * 1000] * 5000)
    sock = raw_request(served, message(stream=True))
    wait_until(lambda: any(one.path == CHAT and one.duration_s for one in served.figures.records), 30)
    with pytest.raises(OSError):
        while sock.recv(1 << 20):
            pass
        raise ConnectionResetError
    sock.close()


def test_one_that_never_asks_is_cut_off(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.assistant.server.http_server.REQUEST_LIMIT_S", 0.3)
    served = serve()
    silent = socket.create_connection(("127.0.0.1", served.port), 20)
    dripping = socket.create_connection(("127.0.0.1", served.port), 20)
    dripping.sendall(b"GET /health HTTP/1.1\r\nHo")
    for sock in (silent, dripping):
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
        sock.close()
    kept = served.client  # an open connection that has been used is not cut off by that
    assert kept.get("/health").status_code == 200
    time.sleep(0.5)
    assert kept.get("/health").status_code == 200


def test_a_stream_is_kept_alive_while_nothing_comes(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rushlight.assistant.server.sse.KEEP_ALIVE_S", 0.05)

    def script(request: Any, stop: Any) -> Iterator[Any]:
        time.sleep(0.4)
        yield Usage(1, 0, 0)
        yield Finished("stop")

    served = serve(script)
    assert served.chat(stream=True).text.count(": still working") >= 3
    ping = served.post("/v1/messages", message(stream=True, max_tokens=5)).text
    assert ping.count("event: ping") >= 3


def test_the_end_stops_what_is_being_said(serve: Callable[..., Any], endless: Any) -> None:
    words = endless()
    served = serve(words)
    sock = raw_request(served, message(stream=True))
    assert words.wait(lambda one: one.running == 1)
    began = time.monotonic()
    served.close()
    assert time.monotonic() - began < 5
    assert words.running == 0
    said = b""
    while data := sock.recv(65536):
        said += data
    assert b'"code":"stopped"' in said, "the client is told why"
    sock.close()


def test_the_end_does_not_answer_those_in_line(serve: Callable[..., Any], endless: Any) -> None:
    words = endless()
    served = serve(words, n_parallel=1)
    socks = [raw_request(served, message()) for _ in range(4)]
    assert words.wait(lambda one: one.running == 1)
    wait_until(lambda: gauge(served, "requests_waiting") == 3)
    served.close()
    assert len(served.engine.requests) == 1
    assert [sock.recv(20).split()[1] for sock in socks] == [b"503"] * 4
    for sock in socks:
        sock.close()


def test_nothing_is_left_behind(serve: Callable[..., Any], endless: Any) -> None:
    """Descriptors and threads after many clients that left."""
    words = endless(0.002)
    served = serve(words, n_parallel=4)

    def some(count: int) -> None:
        for _ in range(count):
            sock = raw_request(served, message(stream=True))
            assert words.wait(lambda one: one.running > 0)
            sock.close()
            assert words.wait(lambda one: one.running == 0)

    def count() -> tuple[int, int]:
        wait_until(lambda: gauge(served, "threads_busy") == 0 and served.figures.n_running == 0)
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    some(8)
    before = count()
    some(30)
    after = count()
    assert after[0] <= before[0] + 1
    assert after[1] <= before[1]


def test_a_flood_is_refused_before_anything_is_made_of_it(serve: Callable[..., Any], endless: Any) -> None:
    """Beyond a full line not even the catalogue is asked; other models, and requests of no model, still are."""
    words = endless()
    served = serve(words, n_parallel=1, n_waiting=0)
    held = raw_request(served, message(stream=True))
    assert words.wait(lambda one: one.running == 1)
    looked: list[str] = []
    find = served.service.short

    async def short(work: Any) -> Any:
        looked.append("catalogue")
        return await find(work)

    served.service.short = short
    for path, body in (
        (CHAT, message()), (CHAT, {"messages": 5}), ("/v1/messages", message(max_tokens=5)),
        ("/v1/completions", {"prompt": "x"}), ("/v1/responses", {"input": "x"}), ("/v1/embeddings", {"input": "x"}),
    ):  # fmt: skip
        answer = served.post(path, body)
        assert answer.status_code == 429, path
        assert "retry-after" in answer.headers
    assert served.client.post("/v1/messages", json=message(max_tokens=5)).json()["error"]["type"] == "rate_limit_error"
    assert not looked
    assert served.chat(model="no-such-model").status_code == 404
    assert served.post("/tokenize", {"text": "a"}).status_code in (400, 429)
    assert served.client.post(CHAT, content=b"{", headers={"content-type": "application/json"}).status_code == 429
    held.close()
    assert words.wait(lambda one: one.running == 0)
    wait_until(lambda: gauge(served, "requests_generating") == 0)
    assert served.client.post(CHAT, content=b"{", headers={"content-type": "application/json"}).status_code == 400


def test_many_who_ask_at_once_look_at_the_catalogue_once(serve: Callable[..., Any]) -> None:
    served = serve()
    looked = []
    find = served.service.short

    async def short(work: Any) -> Any:
        looked.append(1)
        return await find(work)

    served.service.short = short
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: served.client.get("/v1/models/tiny-nothing").status_code, range(8)))
    assert statuses == [404] * 8
    before = len(looked)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: served.chat().status_code, range(4))) == {200}
    assert len(looked) - before <= 2


def test_as_many_at_once_as_the_engine_has_slots(
    serve: Callable[..., Any], endless: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUSHLIGHT_ENGINE_SLOTS", "2")
    words = endless()
    served = serve(words, n_parallel=0, n_waiting=1)
    held = [raw_request(served, message(stream=True)) for _ in range(3)]
    assert words.wait(lambda one: one.running == 2)
    wait_until(lambda: gauge(served, "requests_waiting") == 1)
    assert served.chat().status_code == 429
    for sock in held:
        sock.close()
    assert words.wait(lambda one: one.running == 0)
