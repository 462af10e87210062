"""Clients that leave, read a byte a second, stop in the middle or never begin; numbers at their edges; old holes.

Threats 28 to 33. After all of it the server is as it was: places, threads, tasks, descriptors and memory.
"""

import asyncio
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

TOKEN = "a-token-of-the-tests"
CHAT = "/v1/chat/completions"


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> float:
    """The seconds until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "it did not come to be"
        time.sleep(0.002)
    return time.monotonic() - began


def request_bytes(port: int, body: Any, path: str = CHAT) -> bytes:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def is_free(served: Any) -> bool:
    gauges = served.service.gauges()
    return all(gauges[name][1] == 0 for name in ("requests_generating", "requests_waiting", "threads_busy"))


class State:
    """What must not grow."""

    def __init__(self, served: Any) -> None:
        wait_until(lambda: is_free(served) and served.figures.n_running == 0)
        self.tasks = len(tasks_of(served))
        self.threads = threading.active_count()
        self.files = len(list(Path("/proc/self/fd").iterdir()))


def tasks_of(served: Any) -> set[Any]:
    """The tasks of the server's loop."""
    return {task for task in asyncio.all_tasks(served._server._loop) if not task.done()}


@pytest.mark.parametrize("n", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_clients_that_leave_at_any_byte(serve: Callable[..., Any], endless: Any, n: int) -> None:
    """Within their request, while it waits, before the first word and after any of them; by FIN and by RST."""
    words = endless(0.002)
    served = serve(words, n_parallel=2, n_waiting=4)
    pick = random.Random(20261125)

    def leave(number: int) -> float:
        kind = number % 3
        text = "x" * pick.choice([1, 10_000, 200_000])
        body = {"messages": [{"role": "user", "content": text}], "stream": number % 2 == 0}
        data = request_bytes(served.port, body)
        with socket.create_connection(("127.0.0.1", served.port), 20) as sock:
            if pick.random() < 0.5:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leave with a reset
            if kind == 0:
                sock.sendall(data[: pick.randrange(1, len(data))])
            else:
                sock.sendall(data)
                if kind == 1 and body["stream"]:
                    sock.recv(pick.randint(1, 2000))
                else:
                    time.sleep(pick.random() * 0.05)
        return wait_until(lambda: is_free(served))

    both = [socket.create_connection(("127.0.0.1", served.port), 20) for _ in range(2)]
    for sock in both:
        sock.sendall(request_bytes(served.port, {"messages": [{"role": "user", "content": "x"}], "stream": True}))
    assert words.wait(lambda one: one.running == 2), "every thread has been made"
    for sock in both:
        sock.close()
    for number in range(12):
        leave(number)
    before = State(served)
    times = sorted(leave(number) for number in range(n))
    after = State(served)
    print(
        f"{n} clients that left: place free after {times[n // 2] * 1000:.0f} ms (median), "
        f"{times[-1] * 1000:.0f} at most"
    )
    assert times[-1] < 1.0, times[-5:]
    assert after.tasks <= before.tasks
    assert after.threads <= before.threads
    assert after.files <= before.files + 1
    assert served.client.get("/health").status_code == 200
    assert "word" in next(iter_text(served)), "the next one is answered"


def iter_text(served: Any) -> Iterator[str]:
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    with served.client.stream("POST", CHAT, json=body) as answer:
        for line in answer.iter_lines():
            if "word" in line:
                yield line
                return


def test_fifty_slow_readers_hold_nobody(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte a second each: the answers are made and done with, others are served, and all of them are cut off."""
    monkeypatch.setattr("rushlight.assistant.server.http_server.READ_LIMIT_S", 4.0)
    served = serve(["x" * 1000] * 400, n_parallel=4, n_waiting=64)
    warm = [threading.Thread(target=served.chat) for _ in range(16)]
    for thread in warm:
        thread.start()
    for thread in warm:
        thread.join()
    before = State(served)
    slow = []
    for _ in range(50):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", served.port))
        sock.sendall(request_bytes(served.port, {"messages": [{"role": "user", "content": "x"}], "stream": True}))
        slow.append(sock)
    end = time.monotonic() + 8
    times = []
    while time.monotonic() < end:
        began = time.monotonic()
        status = served.client.get("/health").status_code
        times.append(time.monotonic() - began)
        assert status == 200
        for sock in slow:
            sock.setblocking(False)
            try:
                sock.recv(1)
            except OSError:
                pass
        time.sleep(0.5)
    assert is_free(served), "the answers were made long ago"
    assert served.chat().status_code == 200
    wait_until(lambda: served.figures.n_running == 0, 20)
    for sock in slow:
        sock.close()
    after = State(served)
    assert after.tasks <= before.tasks + 1
    assert after.files <= before.files + 2
    assert sorted(times)[len(times) // 2] < 0.5


def test_half_open_ones_and_a_slow_loris(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that say nothing, half a head, a head without its body, a letter at a time."""
    monkeypatch.setattr("rushlight.assistant.server.http_server.REQUEST_LIMIT_S", 1.0)
    monkeypatch.setattr("rushlight.assistant.server.guard.RECEIVE_LIMIT_S", 1.0)
    served = serve()
    whole = request_bytes(served.port, {"messages": [{"role": "user", "content": "x" * 500}]})
    beginnings = [b"", whole[:20], whole[:-300], whole[: whole.index(b"\r\n\r\n") + 4]]
    socks = []
    for number in range(60):
        sock = socket.create_connection(("127.0.0.1", served.port), 20)
        sock.sendall(beginnings[number % 4])
        socks.append(sock)
    ended: set[int] = set()
    end = time.monotonic() + 15
    while len(ended) < len(socks) and time.monotonic() < end:
        for number, sock in enumerate(socks):
            if number in ended:
                continue
            sock.setblocking(False)
            try:
                if number % 4 == 1:
                    sock.send(b"a")
                if not sock.recv(4096):
                    ended.add(number)
            except BlockingIOError:
                pass
            except OSError:
                ended.add(number)
        assert served.client.get("/health").status_code == 200
        time.sleep(0.2)
    assert len(ended) == len(socks)
    for sock in socks:
        sock.close()
    assert served.chat().status_code == 200


def test_a_body_that_does_not_come_while_the_line_is_full(
    serve: Callable[..., Any], endless: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rushlight.assistant.server.guard.RECEIVE_LIMIT_S", 0.5)
    words = endless()
    served = serve(words, n_parallel=1, n_waiting=0)
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True}
    with socket.create_connection(("127.0.0.1", served.port), 20) as held:
        held.sendall(request_bytes(served.port, body))
        assert words.wait(lambda one: one.running == 1)
        with socket.create_connection(("127.0.0.1", served.port), 20) as sock:
            sock.sendall(request_bytes(served.port, body)[:-5])
            said = b""
            while piece := sock.recv(4096):
                said += piece
            assert said.split()[1] == b"408"
    assert words.wait(lambda one: one.running == 0)


EDGES: tuple[Any, ...] = (
    -1, 0, 1, 2**31 - 1, 2**31, -(2**31) - 1, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), 10**40,
    1e308, -1e308, 1e-308, 0.5, -0.0,
)  # fmt: skip
NUMBERS = (
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "typical_p", "n", "seed",
    "presence_penalty", "frequency_penalty", "repeat_penalty", "top_logprobs",
)  # fmt: skip


def test_numbers_at_their_edges(quick: Any) -> None:
    """Against a real engine: never a 5xx, never a dead worker. NaN and infinities are no JSON."""
    pid = None
    for name in NUMBERS:
        for value in EDGES:
            body = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "logprobs": True, name: value}
            if name == "n" and isinstance(value, int) and 1 < value <= 16:
                continue
            answer = quick.client.post(CHAT, json=body)
            assert answer.status_code in (200, 400), (name, value, answer.text)
            pid = pid or {engine["pid"] for engine in quick.host_status()["models"]}
    for word in ("NaN", "Infinity", "-Infinity", "1e999", "0x10", "+1", "1_000", "--1"):
        data = f'{{"messages": [{{"role": "user", "content": "x"}}], "max_tokens": 1, "temperature": {word}}}'
        answer = quick.client.post(CHAT, content=data, headers={"content-type": "application/json"})
        assert answer.status_code == 400, word
    for token in ("-1", "0", "2147483648", "99999999999999999999", "a", "", "１"):
        answer = quick.client.post(
            CHAT, json={"messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "logit_bias": {token: 1}}
        )
        assert answer.status_code in (200, 400), token
    assert {engine["pid"] for engine in quick.host_status()["models"]} == pid, "no worker died"


@pytest.mark.parametrize("name", [
    "../../etc/passwd", "..", "/etc/passwd", "sha256:../../x", "a\0b", "%2e%2e%2f", "x" * 300, "C:\\x", "file:///x",
    " ",    "smollm2@../../x", "smollm2@/etc/passwd", "@", "a@", "remote:x", "\u202e",
])  # fmt: skip
def test_names_that_look_like_paths(guarded: Any, name: str) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "model": name}
    answer = guarded.client.post(CHAT, json=body)
    assert answer.status_code in (400, 404), answer.text
    assert "root:" not in answer.text


def test_ranges_and_lengths_of_old_holes(guarded: Any) -> None:
    """CVE-2025-62727 (Range), negative Content-Length, bombs of headers: each is over within a second."""
    for head in (
        b"Range: bytes=" + b"0-1," * 10_000 + b"\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(5000)),
        b"Cookie: " + b"a=b; " * 20_000 + b"\r\n",
    ):
        with socket.create_connection(("127.0.0.1", guarded.port), 10) as sock:
            began = time.monotonic()
            start = f"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
            try:
                sock.sendall(start.encode() + head + b"\r\n")
                answer = sock.recv(200)
            except OSError:
                answer = b""
            assert not answer or answer.split()[1] in (b"200", b"400", b"413", b"431"), (head[:40], answer)
            assert time.monotonic() - began < 1.0, head[:40]
    assert guarded.client.get("/health").status_code == 200
