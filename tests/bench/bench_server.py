"""The server: what HTTP costs over asking the engine directly, 64 callers at once, callers that leave.

1. A streamed answer of 64 tokens through `/v1/chat/completions` against `App.ask` in this process, alternating: whole
   time and time to the first word.
2. 64 clients for a minute on the demo model with room for 4 + 8: statuses, how fast refusals are, memory of the server.
   A refused client comes back after 0.1 to 0.5 s (Retry-After asks for more).
3. 100 clients that leave somewhere in their answer: how long until their place is free.

    python tests/bench/bench_server.py [--rounds N]     (N alternating rounds; N * 6 seconds of load)
"""

import asyncio
import json
import random
import signal
import statistics
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from measure import Row, alternate, machine, median_row, n_rounds, report
from rushlight_home import RUSHLIGHT, demo_model, own_home

N_TOKENS, N_CLIENTS = 64, 64
REFUSAL_LIMIT_S, MEMORY_LIMIT, FREE_LIMIT_S = 0.05, 1.05, 1.0
SYSTEM = "You are a helpful assistant."


class Client:
    """One connection that stays open; as little of a client as possible, since it takes the cores of the server."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> None:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        data = json.dumps(body).encode()
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(data)}\r\n\r\n"
        self._writer.write(head.encode() + data)
        await self._writer.drain()

    async def head(self) -> tuple[int, dict[str, str]]:
        assert self._reader is not None
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split()[1]), headers

    async def body(self, headers: dict[str, str]) -> bytes:
        assert self._reader is not None
        if "content-length" in headers:
            return await self._reader.readexactly(int(headers["content-length"]))
        whole = b""
        while True:
            size = int(await self._reader.readline(), 16)
            whole += await self._reader.readexactly(size)
            await self._reader.readline()
            if size == 0:
                return whole

    async def first(self) -> bytes:
        assert self._reader is not None
        return await self._reader.read(1)

    def leave(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None


def chat(text: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    return {"messages": messages, "max_tokens": N_TOKENS, "stream": True, **more}


def against_the_engine(port: int, token: str, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Whole time and time to the first word of both sides."""
    from rushlight.assistant.app import open_app
    from rushlight.assistant.ask_options import AskOptions
    from rushlight.assistant.events import TextDelta

    firsts: dict[str, list[float]] = {"server": [], "engine": []}
    number = iter(range(10**9))
    with open_app() as app, asyncio.Runner() as runner:
        client = Client(port, token)

        def question() -> str:
            return f"{next(number)} Tell me about the history of France."

        async def over_http() -> float:
            began = time.perf_counter()
            await client.send(chat(question()))
            status, _headers = await client.head()
            assert status == 200
            await client.first()
            firsts["server"].append(time.perf_counter() - began)
            rest = await client._reader.readuntil(b"\r\n0\r\n\r\n")  # type: ignore[union-attr]
            assert b"[DONE]" in rest
            took = time.perf_counter() - began
            client.leave()  # on a busy machine the other side takes longer than a connection is kept
            return took

        def server() -> float:
            return runner.run(over_http())

        def engine() -> float:
            began, first = time.perf_counter(), 0.0
            for event in app.ask(question(), system=SYSTEM, options=AskOptions(max_tokens=N_TOKENS)):
                if isinstance(event, TextDelta) and not first:
                    first = time.perf_counter() - began
            firsts["engine"].append(first)
            return time.perf_counter() - began

        server(), engine()
        firsts["server"].clear()
        firsts["engine"].clear()
        whole = alternate(rounds, {"server": server, "engine": engine})
        client.leave()
    return {"whole": whole, "first": firsts}


async def flood(port: int, token: str, seconds: float, pid: int) -> tuple[Counter[int], list[float], list[int]]:
    """Statuses, seconds of refusals, memory of the server over time."""
    statuses: Counter[int] = Counter()
    refusals: list[float] = []
    memory: list[int] = []
    end = time.monotonic() + seconds
    pick = random.Random(1)

    async def caller(number: int) -> None:
        client = Client(port, token)
        while time.monotonic() < end:
            began = time.monotonic()
            await client.send(chat(f"{number} {pick.random()} Hello", max_tokens=8, stream=number % 2 == 0))
            status, headers = await client.head()
            await client.body(headers)
            statuses[status] += 1
            if status == 429:
                refusals.append(time.monotonic() - began)
                await asyncio.sleep(pick.uniform(0.1, 0.5))
        client.leave()

    async def watcher() -> None:
        process = psutil.Process(pid)
        while time.monotonic() < end:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(0.5)

    await asyncio.gather(watcher(), *(caller(number) for number in range(N_CLIENTS)))
    return statuses, refusals, memory


async def leaving(port: int, token: str, n: int) -> list[float]:
    """Seconds from leaving to a free place."""
    pick, times = random.Random(2), []
    watch = Client(port, token)
    for number in range(n):
        client = Client(port, token)
        long = "the history of the world, " * pick.choice([1, 1, 200])
        await client.send(chat(f"{number} Tell me about {long}", max_tokens=-1))
        await asyncio.sleep(pick.uniform(0.0, 0.5))
        client.leave()
        began = time.monotonic()
        while True:
            await watch.send({}, "/metrics")
            _status, headers = await watch.head()
            if b"rushlight_requests_generating 0\n" in await watch.body(headers):
                break
            await asyncio.sleep(0.005)
        times.append(time.monotonic() - began)
    watch.leave()
    return times


def main() -> None:
    rounds = n_rounds(10, __doc__)
    before = machine()
    with own_home(demo_model()) as env:
        command = [RUSHLIGHT, "serve", "--port", "0", "--json"]
        server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            facts = json.loads(server.stdout.readline())
            port, token = int(facts["address"].rpartition(":")[2]), Path(facts["token_file"]).read_text().strip()
            asked = against_the_engine(port, token, rounds)
            statuses, refusals, memory = asyncio.run(flood(port, token, 6.0 * rounds, server.pid))
            n_files = psutil.Process(server.pid).num_fds()
            free = asyncio.run(leaving(port, token, 10 * rounds))
            n_files_after = psutil.Process(server.pid).num_fds()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)
    refusals.sort()
    p99 = refusals[int(len(refusals) * 0.99)] if refusals else 0.0
    warm = memory[len(memory) // 10 :]
    quarter = max(1, len(warm) // 4)
    early, late = statistics.median(warm[:quarter]), statistics.median(warm[-quarter:])
    rows = [
        median_row(f"{N_TOKENS} tokens / the engine asked directly", asked["whole"], "server", "engine", "s"),
        median_row("first word / the engine asked directly", asked["first"], "server", "engine", "ms", scale=1000),
        Row(f"{N_CLIENTS} clients: refusal, p99 / limit", p99 * 1000, REFUSAL_LIMIT_S * 1000, "ms", 1.0),
        Row("memory in the last / first quarter", late / 2**20, early / 2**20, "MiB", MEMORY_LIMIT),
        Row("place free after leaving, worst / limit", max(free) * 1000, FREE_LIMIT_S * 1000, "ms", 1.0),
    ]
    notes = [
        f"{N_CLIENTS} clients for {6 * rounds} s: "
        + ", ".join(f"{n} times {code}" for code, n in sorted(statuses.items())),
        f"refusals: median {statistics.median(refusals) * 1000:.1f} ms, worst {refusals[-1] * 1000:.1f} ms"
        if refusals else "nobody was refused",
        f"place free after leaving: median {statistics.median(free) * 1000:.0f} ms of {len(free)}; "
        f"descriptors of the server {n_files} before, {n_files_after} after",
    ]  # fmt: skip
    report("rushlight serve", rows, before, notes)


if __name__ == "__main__":
    main()
