"""`rushlight models add-remote` and `remote-token`: what is printed, what is refused, what is kept."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rushlight.ui.cli.main import run

TOKEN = "a-token-of-the-tests"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def far() -> Iterator[str]:
    """The address of a server with two models and an answer for everybody who has the token."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.reply(401, {"error": {"message": "Who are you?"}})
            elif self.path.endswith("/models"):
                self.reply(200, {"data": [{"id": "one", "max_model_len": 4096}, {"id": "two"}]})
            elif self.path.endswith("/chat/completions"):
                message = {"role": "assistant", "content": "Paris."}
                self.reply(200, {"choices": [{"message": message, "finish_reason": "stop"}]})
            else:
                self.reply(404, {})

        do_GET = do_POST = answer

        def log_message(self, *_words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """cli("models", "list") -> (exit code, stdout, stderr)."""
    monkeypatch.setenv("FAR_TOKEN", TOKEN)
    monkeypatch.setenv("WRONG_TOKEN", "another-token")

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_from_adding_to_forgetting(cli: Run, far: str, own_home: Path) -> None:
    code, out, _err = cli("models", "add-remote", "big", far, "--model", "one", "--token-from-env", "FAR_TOKEN")
    assert code == 0
    assert f"leaves this machine: it goes to {far}/v1" in out
    assert "engine.allow_remote" in out
    code, _out, err = cli("ask", "-m", "big", "Hi")
    assert code == 1 and "remote models are off" in err
    assert cli("settings", "set", "engine.allow_remote", "true")[0] == 0
    code, out, err = cli("ask", "-m", "big", "Hi")
    assert (code, out) == (0, "Paris.\n")
    assert f"This answer comes from {far}/v1: what is written leaves this machine." in err
    answer = json.loads(cli("ask", "-m", "big", "--json", "Hi")[1])
    assert [notice["kind"] for notice in answer["notices"]] == ["leaves-machine"]
    assert "remote" in cli("models", "list")[1]
    (listed,) = json.loads(cli("models", "list", "--json")[1])
    assert (listed["is_remote"], listed["url"], listed["default"]) == (True, f"{far}/v1", False)
    shown = cli("models", "show", "big")[1]
    assert "what is written to it leaves this machine" in shown and f"{far}/v1" in shown
    assert TOKEN not in shown
    assert cli("models", "verify", "big")[0] == 0
    assert cli("models", "fit", "big")[0] == 1
    code, out, _err = cli("models", "remove", "big")
    assert code == 0 and "token" in out
    assert not list((own_home / "remote-tokens").iterdir())


def test_what_its_machine_says_is_kept(cli: Run, far: str) -> None:
    added = cli(
        "models", "add-remote", "big", far, "--model", "one", "--token-from-env", "FAR_TOKEN", "--allow", "--json"
    )
    assert json.loads(added[1]) == {
        "id": "big", "url": f"{far}/v1", "model": "one", "purpose": "chat", "n_ctx": 4096, "is_remote": True,
        "allowed": True,
    }  # fmt: skip
    assert "true" in cli("settings", "show", "engine.allow_remote")[1]


@pytest.mark.parametrize(("options", "said"), [
    (["--token-from-env", "FAR_TOKEN"], "has 2 models: one, two"),
    (["--token-from-env", "FAR_TOKEN", "--model", "three"], "no model called three"),
    (["--token-from-env", "WRONG_TOKEN", "--model", "one"], "refused the token"),
    (["--token-from-env", "NO_SUCH_VARIABLE"], "empty or not set"),
    (["--token-from-env", "sk-12345"], "not the token itself"),
])  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_added(cli: Run, far: str, options: list[str], said: str) -> None:
    code, _out, err = cli("models", "add-remote", "big", far, "--allow", *options)
    assert code != 0 and said in err
    assert "sk-12345" not in err
    assert json.loads(cli("models", "list", "--json")[1]) == []
    assert "false" in cli("settings", "show", "engine.allow_remote")[1]


def test_names_that_are_taken_and_addresses_that_are_none(cli: Run, far: str) -> None:
    assert cli("models", "add-remote", "big", far, "--model", "one")[0] == 0
    assert "taken" in cli("models", "add-remote", "big", far, "--model", "two")[2]
    assert "already, as big" in cli("models", "add-remote", "other", far, "--model", "one")[2]
    assert "no address" in cli("models", "add-remote", "other", "machine:8000")[2]
    code, _out, err = cli("models", "add-remote", "lan", "http://192.0.2.1:8000")
    assert code == 0 and "not encrypted" in err


def test_another_token(cli: Run, far: str) -> None:
    cli("models", "add-remote", "big", far, "--model", "one")
    cli("settings", "set", "engine.allow_remote", "true")
    assert "refused the token" in cli("ask", "-m", "big", "Hi")[2]
    assert cli("models", "remote-token", "big", "--token-from-env", "FAR_TOKEN")[0] == 0
    assert cli("ask", "-m", "big", "Hi")[1] == "Paris.\n"
    assert cli("models", "remote-token", "big", "--remove")[0] == 0
    assert "refused the token" in cli("ask", "-m", "big", "Hi")[2]
    assert cli("models", "remote-token", "big")[0] == 2
