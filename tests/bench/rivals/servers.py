"""Servers that answer /v1/completions, ours and rivals', and the one client that measures them all."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rivals.environment import rival_python

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    system: str = ""  # what it was built with, in its own words
    token: str = ""

    def first_model(self) -> str:
        """The name of the first model that it offers."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        link.request("GET", "/v1/models", headers={"Authorization": f"Bearer {self.token or 'none'}"})
        name: str = json.loads(link.getresponse().read())["data"][0]["id"]
        return name


@contextmanager
def xllamacpp(model: Path, *numbers: int) -> Iterator[Server]:
    """`numbers`: context, batch, threads, slots. Raises RivalMissing."""
    python = rival_python("xllamacpp", builds_llama=False)
    command = [python, HERE / "xllamacpp_server.py", model, *map(str, numbers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            line = ""
            while not line.startswith("{"):
                line = process.stdout.readline()
                if not line:
                    raise SystemExit("xllamacpp's server ended before it listened.")
            ready = json.loads(line)
            yield Server(ready["port"], ready["system"])
        finally:
            process.stdin.close()


@contextmanager
def llama_cpp_server(model: Path, n_ctx: int, n_batch: int, n_threads: int, _n_slots: int) -> Iterator[Server]:
    """It has no slots: one answer at a time; by default a new request would end it. Raises RivalMissing."""
    python = rival_python("llama_cpp_server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"model": model, "host": "127.0.0.1", "port": port, "n_ctx": n_ctx, "n_batch": n_batch,
               "n_threads": n_threads, "n_threads_batch": n_threads, "verbose": False,
               "interrupt_requests": False}  # fmt: skip
    command: list[Any] = [python, "-m", "llama_cpp.server"]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        yield Server(port)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def rushlight(env: Mapping[str, str]) -> Iterator[Server]:
    """`rushlight serve` in a home whose settings are those of the measurement."""
    command = [Path(sys.executable).with_name("rushlight"), "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, env=dict(env), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            token = Path(ready["token_file"]).read_text().strip() if ready.get("token_file") else ""
            yield Server(int(ready["address"].rpartition(":")[2]), token=token)
        finally:
            process.send_signal(signal.SIGINT)


def _wait_for(port: int, process: "subprocess.Popen[Any]") -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise SystemExit("llama_cpp.server did not begin to listen.")


def ask_all(server: Server, model: str, prompts: Sequence[str], n_tokens: int) -> tuple[float, list[float]]:
    """All prompts at once, a connection each, streamed, greedy, exactly `n_tokens` each: (seconds, first pieces)."""
    n = len(prompts)
    firsts, reasons, problems = [0.0] * n, [""] * n, [""] * n
    gate = threading.Barrier(n + 1)

    def client(i: int) -> None:
        body = {"model": model, "prompt": prompts[i], "max_tokens": n_tokens, "temperature": 0.0, "stream": True,
                "logit_bias": {"0": -100, "2": -100}}  # fmt: skip
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.token or 'none'}"}
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        link.connect()
        gate.wait()
        start = time.perf_counter()
        link.request("POST", "/v1/completions", json.dumps(body), headers)
        answer = link.getresponse()
        if answer.status != 200:
            problems[i] = f"{answer.status}: {answer.read(500)!r}"
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            problems[i] = str(event.get("error") or problems[i])
            choices = event.get("choices") or [{}]
            if choices[0].get("text"):
                firsts[i] = firsts[i] or time.perf_counter() - start
            reasons[i] = choices[0].get("finish_reason") or reasons[i]
        link.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    spent_s = time.perf_counter() - start
    if reasons != ["length"] * n:
        raise SystemExit(f"port {server.port}: answers ended otherwise than asked for: {reasons} {problems}")
    return spent_s, firsts


def settings_file(env: Mapping[str, str], text: str) -> None:
    """The settings of a benchmark's own home."""
    folder = Path(env["RUSHLIGHT_HOME"])
    path = folder / "settings.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
