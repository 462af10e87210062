"""No request makes the server fail: schemathesis over its own description, and junk that no description covers."""

import http.client
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOKEN = "a-token-of-the-tests"
PATHS = (
    "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
    "/v1/messages/count_tokens", "/v1/rerank", "/tokenize",
)  # fmt: skip
FIELDS = (
    "model", "messages", "prompt", "input", "max_tokens", "temperature", "top_p", "top_k", "n", "stop", "seed",
    "logprobs", "top_logprobs", "logit_bias", "tools", "tool_choice", "response_format", "stream", "stream_options",
    "grammar", "lora", "echo", "system", "content", "query", "documents", "text", "reasoning", "instructions",
    "chat_template_kwargs", "previous_response_id", "dimensions", "encoding_format", "thinking", "role", "type", "name",
    "function", "parameters", "json_schema", "schema", "path", "scale", "kind",
)  # fmt: skip
EDGES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**31 - 1, 2**63 - 1, 2**63, -(2**63) - 1, 1e308, -0.0, 5e-324, 1.5, "", "x",
    "\0", "\u202e", "a" * 5000, "../../etc/passwd", "<|im_start|>", "<tool_call>", [], {}, [[]], [None], {"": {}},
    "json_schema", "function", "user", "tool", "assistant", "required", {"type": "function", "function": {"name": "f"}},
    {"role": "user", "content": "x"}, [{"role": "user", "content": "x"}], [{"role": "assistant", "content": []}],
)  # fmt: skip


def junk(pick: random.Random, depth: int = 0) -> Any:
    kind = pick.random()
    if depth > 3 or kind < 0.5:
        return pick.choice(EDGES)
    if kind < 0.7:
        return [junk(pick, depth + 1) for _ in range(pick.randint(0, 3))]
    return {pick.choice(FIELDS): junk(pick, depth + 1) for _ in range(pick.randint(0, 5))}


def body(pick: random.Random) -> dict[str, Any]:
    """Junk that looks like a request: the fields that are needed are often there."""
    made = {pick.choice(FIELDS): junk(pick) for _ in range(pick.randint(0, 6))}
    if pick.random() < 0.7:
        made.setdefault("messages", [{"role": "user", "content": "x"}])
    for name in ("prompt", "input", "content", "query"):
        if pick.random() < 0.5:
            made.setdefault(name, "x")
    return made


def check_junk(served: Any, n: int, seed: int) -> None:
    pick = random.Random(seed)
    for number in range(n):
        path, data = pick.choice(PATHS), json.dumps(body(pick))
        answer = served.client.post(path, content=data, headers={"content-type": "application/json"})
        assert answer.status_code < 500, (number, path, data, answer.text)
        if answer.status_code >= 400:
            assert answer.json()["error"]["message"], (path, data)
    assert served.client.get("/health").status_code == 200


def test_junk_is_answered(guarded: Any, capfd: Any) -> None:
    check_junk(guarded, 400, seed=1)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_much_junk_is_answered(guarded: Any) -> None:
    check_junk(guarded, 20_000, seed=2)


def test_broken_http_is_answered_or_cut_off(guarded: Any) -> None:
    pick = random.Random(3)
    whole = f"POST /tokenize HTTP/1.1\r\nHost: 127.0.0.1:{guarded.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
    whole += 'Content-Type: application/json\r\nContent-Length: 16\r\n\r\n{"content": "a"}'
    for _ in range(60):
        data = bytearray(whole.encode())
        for _ in range(pick.randint(1, 5)):
            data[pick.randrange(len(data))] = pick.randrange(256)
        connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=20)
        connection.connect()
        assert connection.sock is not None
        connection.sock.sendall(bytes(data[: pick.randint(1, len(data))]))
        import socket

        connection.sock.shutdown(socket.SHUT_WR)
        said = connection.sock.recv(64)
        assert not said or int(said.split()[1]) < 500, (bytes(data), said)
        connection.close()
    assert guarded.client.get("/health").status_code == 200


def schemathesis(quick: Any, folder: Path, n: int, phases: str) -> None:
    """Examples for every operation against a real server and engine: no 5xx, and the engine lives."""
    pytest.importorskip("schemathesis")
    program = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            program, "run", f"{quick.url}/openapi.json", "--header", f"Authorization: Bearer {quick.token}",
            "--checks", "not_a_server_error", "--max-examples", str(n), "--phases", phases, "--request-timeout", "600",
            "--continue-on-failure", "--generation-deterministic", "--no-color",
        ],
        cwd=folder, capture_output=True, text=True, timeout=3500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    pids = {engine["pid"] for engine in quick.host_status()["models"]}
    said = quick.client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
    assert said.status_code == 200
    assert {engine["pid"] for engine in quick.host_status()["models"]} == pids, "no worker died"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_schemathesis(quick: Any, tmp_path: Path) -> None:
    schemathesis(quick, tmp_path, 100, "examples,coverage,fuzzing")
