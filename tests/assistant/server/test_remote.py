"""Models on other machines, asked of our own server over loopback: by the app, and through a second server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import EmbedRequest, Grammar, TokenizeRequest
from rushlight.assistant.events import Finished, Notice, ReasoningDelta, TextDelta, TokenLogprob, Usage
from rushlight.assistant.models import remote_tokens, remotes
from rushlight.assistant.paths import Paths
from rushlight.assistant.settings import load_settings

TOKEN = "a-token-of-the-tests"
CHAT = "/v1/chat/completions"
TOOL = {
    "type": "function",
    "function": {"name": "add", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Callable[..., App]]:
    """here(served) -> an app of another data folder, in which `served` is the remote model "far"."""
    apps: list[App] = []
    home = tmp_path / "here"
    paths = Paths(data=home, cache=home / "cache", runtime=home / "run")

    def start(served: Any, *, allow: bool = True, token: str = TOKEN, model: str = "") -> App:
        app = App(paths, load_settings(paths, {"engine.allow_remote": allow, "engine.remote_wait_s": 20}))
        apps.append(app)
        remotes.add_remote(app.catalogue, "far", served.url, token=token, model=model)
        return app

    yield start
    for app in apps:
        app.close()


def test_an_answer_from_elsewhere_is_marked(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    served = serve([ReasoningDelta("Hm."), "Hello", " there"])
    app = here(served)
    notice, *events = app.ask("Hi", model="far", stop_strings=["###"], max_tokens=9, seed=4)
    assert isinstance(notice, Notice) and notice.kind == "leaves-machine"
    assert events[:3] == [ReasoningDelta("Hm."), TextDelta("Hello"), TextDelta(" there")]
    assert isinstance(events[3], Usage)
    assert (events[3].n_prompt_tokens, events[3].n_cached_tokens, events[3].n_completion_tokens) == (7, 3, 2)
    assert events[4] == Finished("stop")
    (asked,) = served.engine.requests
    assert [(one.role, one.content) for one in asked.messages] == [
        ("system", "You are a helpful assistant."), ("user", "Hi")]  # fmt: skip
    assert (asked.stop, asked.max_tokens, asked.sampling.seed) == (("###",), 9, 4)


def test_schemas_grammars_and_logprobs_go_there(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    said = TextDelta("Hi", (TokenLogprob(7, "Hi", -0.5, ((7, "Hi", -0.5), (8, "Ho", -1.5))),))
    served = serve([said])
    app = here(served)
    schema = '{"type": "object"}'
    events = list(app.ask("Hi", model="far", grammar=Grammar("json_schema", schema), logprobs=2))
    assert served.engine.requests[-1].grammar == Grammar("json_schema", schema)
    assert served.engine.requests[-1].logprobs == 2
    assert [[(one.text, one.logprob, len(one.top)) for one in event.logprobs]
            for event in events if isinstance(event, TextDelta)] == [[("Hi", -0.5, 2)]]  # fmt: skip
    list(app.ask("Hi", model="far", grammar=Grammar("regex", "a+")))
    assert served.engine.requests[-1].grammar == Grammar("regex", "a+")


def test_vectors_and_tokens(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    app = here(serve())
    engine = app.engine("far", embeddings=True)
    made = engine.embed(EmbedRequest(("abc", "de"), normalize=False), Stop())
    assert made.vectors == ((3.0, 1.0, 1.0), (2.0, 1.0, 1.0))
    assert engine.tokenize(TokenizeRequest(text="ab")) == (97, 98)


def test_off_until_it_is_allowed(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    served = serve()
    app = here(served, allow=False)
    with pytest.raises(Error) as caught:
        list(app.ask("Hi", model="far"))
    assert caught.value.kind == "remote-off"
    assert "engine.allow_remote" in caught.value.hint
    assert not served.figures.records, "nothing was asked of it"


def test_adding_one_sends_nothing_there(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    served = serve()
    app = here(served)
    with pytest.raises(Error) as caught:
        app.model()
    assert caught.value.kind == "no-model", "it answers only where it was chosen"
    app.catalogue.alias("far", "default")
    assert app.model().is_remote
    assert not served.figures.records


def test_the_token_lies_in_a_private_file_and_nowhere_else(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    served = serve()
    app = here(served)
    (file,) = app.paths.remote_tokens.iterdir()
    assert (file.stat().st_mode & 0o777, app.paths.remote_tokens.stat().st_mode & 0o777) == (0o600, 0o700)
    list(app.ask("Hi", model="far"))
    app.store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for other in app.paths.data.rglob("*"):
        if other.is_file() and other != file:
            assert TOKEN.encode() not in other.read_bytes(), other
    file.chmod(0o644)
    with pytest.raises(Error, match="read by others"):
        remote_tokens.find(app.paths, "far")
    app.catalogue.remove("far")
    assert not list(app.paths.remote_tokens.iterdir())


def test_a_wrong_token_and_a_wrong_name(serve: Callable[..., Any], here: Callable[..., App]) -> None:
    served = serve()
    app = here(served, token="another-token-of-tests", model="gpt-99")
    with pytest.raises(Error) as caught:
        list(app.ask("Hi", model="far"))
    assert caught.value.kind == "remote-refused"
    assert "another-token-of-tests" not in str(caught.value)
    remote_tokens.keep(app.paths, "far", TOKEN)
    app.forget(app.engine("far"))
    with pytest.raises(Error) as caught:
        list(app.ask("Hi", model="far"))
    assert caught.value.kind == "remote-not-found"


def test_stopping_frees_the_place_there(serve: Callable[..., Any], here: Callable[..., App], endless: Any) -> None:
    words = endless()
    served = serve(words, n_parallel=1)
    app = here(served)
    for _ in range(3):
        stop = Stop()
        for event in app.ask("Hi", model="far", stop=stop):
            if isinstance(event, TextDelta):
                stop.set()
        assert event == Finished("cancelled")
        assert words.wait(lambda one: one.running == 0, 2)


@pytest.mark.parametrize("url", [
    "", "x", "machine:8000", "ftp://machine", "http://", "http://machine:99999", "http://machine:x", "http://machine:0",
    "http://user:secret@machine", "http://machine/?a=b", "http://machine/#a", "http://ma chine", "http://m\x1b[31m",
    "http://mächine", "http://machine\\@evil.com", "http://" + "a" * 600,
])  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Error) as caught:
        remotes.check_url(url)
    assert caught.value.kind == "bad-address"
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_addresses() -> None:
    assert remotes.check_url("http://Machine:8000/") == "http://machine:8000/v1"
    assert remotes.check_url("https://api.example.org/v1/") == "https://api.example.org/v1"
    assert remotes.check_url("http://[::1]:8000/openai/v1") == "http://[::1]:8000/openai/v1"
    private = {
        "https://far.example/v1": True,
        "http://127.0.0.1:1/v1": True,
        "http://localhost/v1": True,
        "http://192.168.1.2/v1": False,
        "http://far.example/v1": False,
        "http://localhost.evil.com/v1": False,
    }
    assert {url: remotes.is_private_way(url) for url in private} == private


# --- through a second server ----------------------------------------------------------------------------------------
@pytest.fixture
def chained(serve: Callable[..., Any], here: Callable[..., App]) -> Callable[..., tuple[Any, Any]]:
    """chained(script) -> (the server that has the model, one that has it as "far")."""

    def start(*scripts: Any) -> tuple[Any, Any]:
        far = serve(*scripts)
        app = here(far)
        (app.paths.settings).write_text("[engine]\nallow_remote = true\n")
        near = serve(paths=app.paths)
        return far, near

    return start


def test_a_server_passes_on(chained: Callable[..., Any]) -> None:
    far, near = chained(["Hello", " there"])
    assert near.chat(model="far").json()["choices"][0]["message"]["content"] == "Hello there"
    streamed = near.events(CHAT, {"model": "far", "messages": [{"role": "user", "content": "x"}]})
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in streamed[:-1]) == "Hello there"
    assert streamed[-1] == "[DONE]"
    two = near.chat(model="far", n=2, seed=1).json()
    assert [choice["message"]["content"] for choice in two["choices"]] == ["Hello there"] * 2
    assert [one.sampling.seed for one in far.engine.requests[-2:]] == [1, 2]
    (model,) = near.client.get("/v1/models").json()["data"]
    assert (model["id"], model["is_remote"]) == ("far", True)
    assert "leaves-machine" in near.client.get("/requests").json()["data"][-1]["notices"]
    vectors = near.post("/v1/embeddings", {"model": "far", "input": ["abc"]}).json()
    assert len(vectors["data"][0]["embedding"]) == 3
    completed = near.post("/v1/completions", {"model": "far", "prompt": "x", "max_tokens": 5}).json()
    assert completed["choices"][0]["text"] == "Hello there"
    message = near.post(
        "/v1/messages", {"model": "far", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    )
    assert message.json()["content"][0]["text"] == "Hello there"


def test_a_server_passes_calls_on(chained: Callable[..., Any]) -> None:
    _far, near = chained(['{"x": 5}'])
    body = {"model": "far", "tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False,
            "messages": [{"role": "user", "content": "x"}]}  # fmt: skip
    choice = near.post(CHAT, body).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"x": 5}'}
    streamed = [one["choices"][0] for one in near.events(CHAT, body)[:-1]]
    calls = [call for one in streamed for call in one["delta"].get("tool_calls", ())]
    assert calls[0]["function"]["name"] == "add"
    assert json.loads("".join(call["function"].get("arguments", "") for call in calls)) == {"x": 5}
    assert streamed[-1]["finish_reason"] == "tool_calls"


def test_a_server_tells_what_went_wrong_there(chained: Callable[..., Any]) -> None:
    far, near = chained([Error("It is broken.", kind="internal")])
    assert near.chat(model="far").status_code == 502
    far.close()
    assert near.chat(model="far").status_code == 502


def test_a_client_that_goes_is_gone_there_too(chained: Callable[..., Any], endless: Any) -> None:
    words = endless()
    _far, near = chained(words)
    with near.client.stream(
        "POST", CHAT, json={"model": "far", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    ) as answer:
        lines = answer.iter_lines()  # kept: one that is let go closes the connection
        assert next(lines)
        assert words.wait(lambda one: one.running == 1)
    assert words.wait(lambda one: one.running == 0, 3)
