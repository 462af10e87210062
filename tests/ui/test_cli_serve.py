"""`rushlight serve`: what it prints, where it listens, who may read the token, and its end."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

RUSHLIGHT = [sys.executable, "-P", "-m", "rushlight"]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(own_home: Path) -> Iterator[Start]:
    """start("--port", "0") starts a server and waits for its first line, kept in `first_line`."""
    running: list[subprocess.Popen[str]] = []

    def begin(*args: str, **env: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [*RUSHLIGHT, "serve", *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **env},
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        process.first_line = process.stdout.readline()  # type: ignore[attr-defined]
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def facts(process: Any) -> dict[str, Any]:
    assert process.first_line, process.stderr.read()
    found: dict[str, Any] = json.loads(process.first_line)
    return found


def models(url: str, token: str, **options: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, **options) as client:
        return client.get(url + "/v1/models", headers={"authorization": f"Bearer {token}"})


def test_the_token_is_in_a_private_file_and_not_on_the_screen(start: Start, own_home: Path) -> None:
    process = start("--port", "0")
    file = own_home / "server-token"
    token = file.read_text().strip()
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(token) >= 32
    address = process.first_line.split()[2]  # type: ignore[attr-defined]
    assert models(address, token).status_code == 200
    assert models(address, "wrong").status_code == 401
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stderr.read() == ""
    said = process.first_line + process.stdout.read()  # type: ignore[attr-defined]
    assert str(file) in said
    assert token not in said
    second = start("--port", "0", "--json", "--show-token")
    assert facts(second)["token"] == token, "the next start has the same one"


def test_json_is_one_line_of_facts(start: Start, own_home: Path) -> None:
    process = start("--port", "0", "--json")
    found = facts(process)
    assert found.keys() == {"address", "token_file", "pid"}
    assert found["token_file"] == str(own_home / "server-token")
    assert found["pid"] == process.pid
    process.terminate()
    assert process.wait(20) == 0


def test_a_unix_socket(start: Start, own_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    process = start("--socket", str(path), "--json")
    assert facts(process)["address"] == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    token = (own_home / "server-token").read_text().strip()
    transport = httpx.HTTPTransport(uds=str(path))
    assert models("http://anything", token, transport=transport).status_code == 200
    assert models("http://anything", "wrong", transport=httpx.HTTPTransport(uds=str(path))).status_code == 401
    second = start("--socket", str(path))
    assert second.wait(20) == 1, "a living server is not thrown out"
    process.terminate()
    assert process.wait(20) == 0
    assert not path.exists()
    path.write_text("precious")
    assert start("--socket", str(path)).wait(20) == 1
    assert path.read_text() == "precious"


def test_a_token_of_the_users(start: Start, own_home: Path) -> None:
    process = start("--port", "0", "--json", RUSHLIGHT_TOKEN="a-token-that-the-user-chose")
    assert facts(process)["token_file"] == ""
    assert models(facts(process)["address"], "a-token-that-the-user-chose").status_code == 200
    assert not (own_home / "server-token").exists()
    for weak in ("", "short", "with spaces in it, long enough", "nicht-ascii-äöüß-lang-genug"):
        refused = start("--port", "0", RUSHLIGHT_TOKEN=weak)
        assert refused.wait(20) == 1, weak


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.invalid"])
def test_other_addresses_need_a_token_of_the_users(start: Start, host: str) -> None:
    process = start("--host", host, "--port", "0")
    assert process.wait(20) == 1
    assert process.stderr is not None
    assert "token" in process.stderr.read()


def test_all_addresses_with_a_token_of_the_users(start: Start) -> None:
    token = "a-token-that-the-user-chose"
    process = start("--host", "0.0.0.0", "--port", "0", "--json", RUSHLIGHT_TOKEN=token)
    port = facts(process)["address"].rpartition(":")[2]
    assert models(f"http://127.0.0.1:{port}", token).status_code == 200, "by the address that was reached"
    headers = {"authorization": f"Bearer {token}", "host": f"evil.com:{port}"}
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"http://127.0.0.1:{port}/v1/models", headers=headers).status_code == 403


def test_a_token_file_that_others_can_read_is_refused(start: Start, own_home: Path) -> None:
    file = own_home / "server-token"
    file.write_text("a-token-that-others-have-read\n")
    file.chmod(0o644)
    process = start("--port", "0")
    assert process.wait(20) == 1
    file.unlink()
    target = own_home / "elsewhere"
    target.write_text("a-token-behind-a-link-of-others\n")
    file.symlink_to(target)
    assert start("--port", "0").wait(20) == 1


def test_a_port_that_is_taken(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start("--port", str(taken.getsockname()[1]), "--json")
        assert process.wait(20) == 1
        assert process.stdout is not None
        assert json.loads(process.first_line + process.stdout.read())["error"]["kind"] == "port-taken"  # type: ignore[attr-defined]


def test_port_and_socket_together(start: Start, tmp_path: Path) -> None:
    assert start("--port", "0", "--socket", str(tmp_path / "s")).wait(20) in (1, 2)


def test_help_and_other_verbs_import_no_server(rushlight: Any) -> None:
    assert rushlight("serve", "--help").returncode == 0
    code = "import sys; from rushlight.ui.cli.main import run; run(['serve', '--help']); print({'fastapi', 'uvicorn'} & set(sys.modules))"  # noqa: E501
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("set()")


def test_starts_that_race_agree_on_a_token(own_home: Path) -> None:
    code = "from rushlight.assistant.paths import find_paths; from rushlight.assistant.server.token import find_token; print(find_token(find_paths()).text)"  # noqa: E501
    racing = [subprocess.Popen([sys.executable, "-P", "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(6)]
    tokens = {process.communicate(timeout=60)[0].strip() for process in racing}
    assert len(tokens) == 1
    assert [file.name for file in own_home.iterdir() if "server-token" in file.name] == ["server-token"]
