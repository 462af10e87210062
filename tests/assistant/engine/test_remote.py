"""Models on other machines: what is asked, what is made of answers, and every way in which a stranger can misbehave."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine import remote_http, sse_lines
from rushlight.assistant.engine.remote import Place, RemoteEngine
from rushlight.assistant.engine.remote_body import generate_body, listed
from rushlight.assistant.engine.request import (
    EmbedRequest,
    GenerateRequest,
    Grammar,
    LoraUse,
    Message,
    Sampling,
    ScoreRequest,
    TokenizeRequest,
)
from rushlight.assistant.events import Event, Finished, Notice, ReasoningDelta, TextDelta, Usage

ASK = GenerateRequest(messages=(Message("user", "Hello"),))
Answer = Callable[[str, Any, socket.socket], None]


class Stranger:
    """A server of a few lines that answers as the test says. `asked`: (path, headers, body) of every request."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.gone = threading.Event()  # the last connection was ended by the other side
        self._answer = answer
        self._context = context
        self._sock = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._sock.getsockname()[1]}/v1"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock:
                data = b""
                while b"\r\n\r\n" not in data:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    data += piece
                head, _, body = data.partition(b"\r\n\r\n")
                text = head.decode()
                n = next(
                    (
                        int(line.split(":")[1])
                        for line in text.split("\r\n")
                        if line.lower().startswith("content-length")
                    ),
                    0,
                )
                while len(body) < n:
                    body += sock.recv(65536)
                self.asked.append((text.split()[1], text, json.loads(body) if body else None))
                self._answer(text.split()[1], self.asked[-1][2], sock)
        except OSError:
            self.gone.set()

    def close(self) -> None:
        self._sock.close()


def reply(
    sock: socket.socket, body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = ""
) -> None:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}Connection: close\r\n\r\n"
    )
    sock.sendall(head.encode() + body)


def events(sock: socket.socket, *datas: Any, end: bool = True) -> None:
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for data in datas:
        text = data if isinstance(data, str) else json.dumps(data)
        sock.sendall(b"data: " + text.encode() + b"\n\n")
    if end:
        sock.sendall(b"data: [DONE]\n\n")


def chunk(reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


MODELS = json.dumps({"data": [{"id": "big", "max_model_len": 4096}]}).encode()


@pytest.fixture
def stranger() -> Iterator[Callable[..., tuple[Stranger, RemoteEngine]]]:
    """stranger(answer) -> (server, engine); `answer(path, body, sock)` speaks; /models is answered for it."""
    opened: list[Any] = []

    def start(answer: Answer, *, wait_s: float = 20, token: str = "", model: str = "big", **options: Any) -> Any:
        def both(path: str, body: Any, sock: socket.socket) -> None:
            if path == "/v1/models":
                reply(sock, MODELS)
            else:
                answer(path, body, sock)

        server = Stranger(both, **options)
        engine = RemoteEngine(Place(server.url, model, token), wait_s=wait_s)
        opened.extend((engine, server))
        return server, engine

    yield start
    for one in opened:
        one.close()


def said(engine: RemoteEngine, request: GenerateRequest = ASK) -> list[Event]:
    return list(engine.generate(request, Stop()))


def kind_of(engine: RemoteEngine, request: GenerateRequest = ASK) -> str:
    with pytest.raises(Error) as caught:
        said(engine, request)
    assert engine.place.token not in str(caught.value) or not engine.place.token
    return caught.value.kind


def test_a_stream(stranger: Any) -> None:
    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        events(sock, chunk(role="assistant"), chunk(reasoning_content="Hm."), chunk(content="Hel"), chunk(content="lo"),
               chunk("stop"), {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2,
                                                        "prompt_tokens_details": {"cached_tokens": 3}}})  # fmt: skip

    server, engine = stranger(answer, token="secret-token")
    first, *rest = said(engine)
    assert isinstance(first, Notice) and first.kind == "leaves-machine" and server.url in first.text
    assert rest[:3] == [ReasoningDelta("Hm."), TextDelta("Hel"), TextDelta("lo")]
    assert isinstance(rest[3], Usage)
    assert (rest[3].n_prompt_tokens, rest[3].n_cached_tokens, rest[3].n_completion_tokens) == (7, 3, 2)
    assert rest[4] == Finished("stop")
    path, head, body = server.asked[-1]
    assert path == "/v1/chat/completions"
    assert "authorization: bearer secret-token" in head.lower()
    assert body["messages"] == [{"role": "user", "content": "Hello"}]
    assert (body["model"], body["temperature"], body["stream"]) == ("big", 0.0, True)
    assert "secret-token" not in repr(engine.place)


def test_a_whole_answer_where_a_stream_was_asked_for(stranger: Any) -> None:
    whole = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "length"}]}
    _server, engine = stranger(lambda _path, _body, sock: reply(sock, json.dumps(whole).encode()))
    assert said(engine)[1] == TextDelta("Hello")
    assert said(engine)[-1] == Finished("length")


def test_calls_of_tools(stranger: Any) -> None:
    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        pieces: list[dict[str, Any]] = [
            {"index": 0, "id": "a", "function": {"name": "add", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"x": '}},
            {"index": 0, "function": {"arguments": "1}"}},
        ]
        events(sock, *(chunk(tool_calls=[piece]) for piece in pieces), chunk("tool_calls"))

    server, engine = stranger(answer)
    tools = json.dumps([{"type": "function", "function": {"name": "add"}}])
    texts = [
        one.text
        for one in said(engine, GenerateRequest(messages=ASK.messages, tools=tools))
        if isinstance(one, TextDelta)
    ]
    assert texts == ['<tool_call>\n{"name": "add", "arguments": {"x": 1}}\n</tool_call>']
    assert server.asked[-1][2]["tools"] == json.loads(tools)


def test_logprobs(stranger: Any) -> None:
    content = [{"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Hi", "logprob": -0.5}]}, {"junk": 1}]

    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        one = chunk("stop", content="Hi")
        one["choices"][0]["logprobs"] = {"content": content}
        events(sock, one)

    _server, engine = stranger(answer)
    delta = said(engine, GenerateRequest(messages=ASK.messages, logprobs=1))[1]
    assert isinstance(delta, TextDelta)
    assert [(one.text, one.logprob, one.top) for one in delta.logprobs] == [("Hi", -0.5, ((-1, "Hi", -0.5),))]


def test_embeddings_in_their_order(stranger: Any) -> None:
    def answer(_path: str, body: Any, sock: socket.socket) -> None:
        data = [{"index": i, "embedding": [float(text), 0.0]} for i, text in enumerate(body["input"])]
        reply(sock, json.dumps({"data": data[::-1], "usage": {"prompt_tokens": len(data)}}).encode())

    server, engine = stranger(answer)
    made = engine.embed(EmbedRequest(tuple(map(str, range(1, 101))), normalize=False), Stop())
    assert [vector[0] for vector in made.vectors] == list(range(1, 101))
    assert made.n_tokens == 100
    assert sum(path == "/v1/embeddings" for path, _head, _body in server.asked) == 2
    assert engine.embed(EmbedRequest(("3",)), Stop()).vectors == ((1.0, 0.0),)


@pytest.mark.parametrize("data", [
    {}, {"data": []}, {"data": [{"embedding": []}]}, {"data": [{"embedding": [1.0, "x"]}]},
    {"data": [{"embedding": [1.0], "index": 5}]}, {"data": [{"embedding": "AAAA"}]}, [],
])  # fmt: skip
def test_embeddings_that_are_none(stranger: Any, data: Any) -> None:
    _server, engine = stranger(lambda _path, _body, sock: reply(sock, json.dumps(data).encode()))
    with pytest.raises(Error) as caught:
        engine.embed(EmbedRequest(("a",)), Stop())
    assert caught.value.kind == "remote-broken"


def test_scores_and_tokens(stranger: Any) -> None:
    logprobs = {"tokens": ["a", "b"], "token_logprobs": [None, -2.0], "top_logprobs": [None, {"b": -2.0, "c": -1.0}]}

    def answer(path: str, body: Any, sock: socket.socket) -> None:
        if path == "/tokenize":
            reply(sock, b'{"tokens": [1, 2, 3]}')
        else:
            assert body["echo"] is True and body["max_tokens"] == 0
            reply(sock, json.dumps({"choices": [{"logprobs": logprobs}]}).encode())

    _server, engine = stranger(answer)
    tokens = engine.score(ScoreRequest(prompt="ab", logprobs=2), Stop()).tokens
    assert [(one.text, one.logprob) for one in tokens] == [("a", 0.0), ("b", -2.0)]
    assert [text for _id, text, _p in tokens[1].top] == ["c", "b"]
    assert engine.tokenize(TokenizeRequest(text="abc")) == (1, 2, 3)


def test_where_nobody_counts_a_conversation_is_estimated(stranger: Any) -> None:
    _server, engine = stranger(lambda _path, _body, sock: reply(sock, b"{}", "404 Not Found"))
    assert 100 < len(engine.tokenize(TokenizeRequest(messages=(Message("user", "x" * 700),)))) < 300
    with pytest.raises(Error) as caught:
        engine.tokenize(TokenizeRequest(text="abc"))
    assert caught.value.kind == "not-supported"


def test_bodies() -> None:
    request = GenerateRequest(
        messages=(Message("assistant", "", tool_calls='[{"id": "a"}]'), Message("tool", "1", tool_call_id="a")),
        sampling=Sampling(temperature=0.5, top_k=40, seed=3, logit_bias=((5, float("-inf")),), repeat_penalty=1.1),
        stop=("###",), max_tokens=9, logprobs=2, continue_final=True,
        template_options=(("reasoning_effort", '"high"'), ("enable_thinking", "true")),
    )  # fmt: skip
    body = generate_body(request, "big", "vllm")
    assert body["messages"][0] == {"role": "assistant", "content": None, "tool_calls": [{"id": "a"}]}
    assert body["messages"][1]["tool_call_id"] == "a"
    assert (body["temperature"], body["top_k"], body["seed"], body["logit_bias"]) == (0.5, 40, 3, {"5": -100.0})
    assert (body["stop"], body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (["###"], 9, True, 2)
    assert body["continue_final_message"] is True
    assert (body["reasoning_effort"], body["chat_template_kwargs"]) == ("high", {"enable_thinking": True})
    assert "chat_template_kwargs" not in generate_body(request, "big", "")
    assert generate_body(GenerateRequest(token_ids=(1, 2)), "big", "llama.cpp")["prompt"] == [1, 2]
    with pytest.raises(Error, match="adapter"):
        generate_body(GenerateRequest(prompt="x", lora=(LoraUse("a.gguf"),)), "big", "")


@pytest.mark.parametrize(("kind", "grammar", "field"), [
    ("", Grammar("json_schema", '{"type": "object"}'), "response_format"),
    ("", Grammar("json"), "response_format"),
    ("", Grammar("gbnf", 'root ::= "a"'), None),
    ("", Grammar("regex", "a+"), None),
    ("vllm", Grammar("regex", "a+"), "structured_outputs"),
    ("vllm", Grammar("gbnf", 'root ::= "a"'), "structured_outputs"),
    ("vllm", Grammar("lark", 'start: "a"'), None),
    ("llama.cpp", Grammar("gbnf", 'root ::= "a"'), "grammar"),
    ("llama.cpp", Grammar("regex", "a+"), None),
    ("rushlight", Grammar("lark", 'start: "a"'), "grammar"),
])  # fmt: skip
def test_a_grammar_is_sent_where_it_is_held_and_refused_elsewhere(kind: str, grammar: Grammar, field: Any) -> None:
    request = GenerateRequest(messages=ASK.messages, grammar=grammar)
    if field:
        assert field in generate_body(request, "big", kind)
    else:
        with pytest.raises(Error) as caught:
            generate_body(request, "big", kind)
        assert caught.value.kind == "not-supported"


# --- strangers that misbehave ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("status", "kind"), [
    ("401 Unauthorized", "remote-refused"), ("403 Forbidden", "remote-refused"), ("404 Not Found", "remote-not-found"),
    ("400 Bad Request", "remote-bad-request"), ("422 No", "remote-bad-request"), ("429 Slow", "remote-busy"),
    ("503 Later", "remote-busy"), ("500 Oh", "remote-failed"), ("302 Found", "remote-broken"),
    ("204 Nothing", "remote-failed"),
])  # fmt: skip
def test_refusals_have_their_kinds(stranger: Any, status: str, kind: str) -> None:
    body = json.dumps({"error": {"message": "No.\x1b[31m\u202e red"}}).encode()
    more = "Location: http://127.0.0.1:9/evil\r\nRetry-After: 7\r\n"
    server, engine = stranger(lambda _path, _body, sock: reply(sock, body, status, more=more), token="secret-token")
    with pytest.raises(Error) as caught:
        said(engine)
    assert caught.value.kind == kind
    assert "\x1b" not in str(caught.value) and "\u202e" not in str(caught.value)
    assert "secret-token" not in str(caught.value)
    if kind == "remote-busy":
        assert "7 seconds" in caught.value.hint
    assert all(path.startswith("/v1/") for path, _head, _body in server.asked), "no redirect is followed"


@pytest.mark.parametrize("datas", [
    ["{"], ["[]"], ["null"], ['"text"'], ['{"choices": 5}'], ['{"choices": [{"delta": {"content": 7}}]}'],
    ["[" * 100_000], ['{"choices": [{"delta": {"tool_calls": [{"index": "a"}]}}]}'], [chunk(content="Hel")], [],
    [chunk(tool_calls=[{"index": i, "function": {"name": "f"}}]) for i in range(200)],
], ids=range(11))  # fmt: skip
def test_garbage_in_the_stream(stranger: Any, datas: Any) -> None:
    _server, engine = stranger(lambda _path, _body, sock: events(sock, *datas))
    assert kind_of(engine) == "remote-broken"


def test_an_error_in_the_stream(stranger: Any) -> None:
    _server, engine = stranger(
        lambda _path, _body, sock: events(sock, chunk(content="a"), {"error": {"message": "Oh."}})
    )
    assert kind_of(engine) == "remote-failed"


@pytest.mark.parametrize("data", [
    b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000,
])  # fmt: skip
def test_what_is_no_answer(stranger: Any, data: bytes) -> None:
    _server, engine = stranger(lambda _path, _body, sock: sock.sendall(data))
    assert kind_of(engine) == "remote-broken"


@pytest.mark.parametrize("piece", [b"x", b"data: x", b"data: x\n"], ids=["no event", "a line", "an event"])
def test_ten_megabytes_without_an_end(stranger: Any, piece: bytes) -> None:
    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        events(sock, end=False)
        many = piece * (65536 // len(piece))
        if not piece.endswith(b"\n"):
            many = (piece if piece != b"x" else b"") + b"x" * 65536
        for _ in range(400):
            sock.sendall(many)

    server, engine = stranger(answer)
    assert kind_of(engine) == "remote-broken"
    assert server.gone.wait(5), "we hang up"


def test_a_stream_that_does_not_end(stranger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_http, "MAX_ANSWER_BYTES", 256 * 1024)

    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        events(sock, end=False)
        while True:
            sock.sendall(b"data: " + json.dumps(chunk(content="word " * 100)).encode() + b"\n\n")

    server, engine = stranger(answer)
    assert kind_of(engine) == "remote-broken"
    assert server.gone.wait(5)


def test_an_answer_that_does_not_end(stranger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_http, "MAX_ANSWER_BYTES", 256 * 1024)

    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        while True:
            sock.sendall(b" " * 65536)

    _server, engine = stranger(answer)
    assert kind_of(engine) == "remote-broken"


@pytest.mark.parametrize("talk", ["nothing", "headers", "comments", "drips"])
def test_silence_has_an_end(stranger: Any, talk: str) -> None:
    over = threading.Event()

    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        if talk != "nothing":
            events(sock, end=False)
        while not over.wait(0.05):
            if talk == "comments":
                sock.sendall(b": still working\n\n")
            elif talk == "drips":
                sock.sendall(b"d")

    _server, engine = stranger(answer, wait_s=0.6)
    began = time.monotonic()
    assert kind_of(engine) == "remote-silent"
    assert time.monotonic() - began < 5
    over.set()


@pytest.mark.parametrize("talk", ["nothing", "headers", "words"])
def test_stop_hangs_up_at_once(stranger: Any, talk: str) -> None:
    asked = threading.Event()

    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        if talk != "nothing":
            events(sock, *([chunk(content="word ")] if talk == "words" else []), end=False)
        asked.set()
        if not sock.recv(1):
            raise ConnectionResetError

    server, engine = stranger(answer)
    stop = Stop()
    stopped_at: list[float] = []

    def later() -> None:
        assert asked.wait(10)
        time.sleep(0.1)
        stopped_at.append(time.monotonic())
        stop.set()

    thread = threading.Thread(target=later)
    thread.start()
    got = list(engine.generate(ASK, stop))
    thread.join()
    assert time.monotonic() - stopped_at[0] < 1
    assert got[-1] == Finished("cancelled")
    assert server.gone.wait(5)


def test_closing_the_answer_hangs_up(stranger: Any) -> None:
    def answer(_path: str, _body: Any, sock: socket.socket) -> None:
        events(sock, chunk(content="word "), end=False)
        if not sock.recv(1):
            raise ConnectionResetError

    server, engine = stranger(answer)
    answer_ = engine.generate(ASK, Stop())
    next(answer_), next(answer_)
    answer_.close()
    assert server.gone.wait(5)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    engine = RemoteEngine(Place(f"http://127.0.0.1:{port}/v1", "big"), wait_s=5)
    assert kind_of(engine) == "remote-unreachable"
    engine.close()
    engine = RemoteEngine(Place("http://no-such-machine.invalid/v1", "big"), wait_s=5)
    assert kind_of(engine) == "remote-unreachable"
    engine.close()


def test_a_certificate_that_proves_nothing(stranger: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("worthless.pem"))
    _server, engine = stranger(lambda _path, _body, sock: events(sock, chunk("stop", content="x")), context=context)
    assert kind_of(engine) == "remote-tls"


def test_one_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            sock, _ = server.accept()
            with sock:
                sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.recv(65536)

        thread = threading.Thread(target=serve)
        thread.start()
        engine = RemoteEngine(Place(f"https://127.0.0.1:{server.getsockname()[1]}/v1", "big"), wait_s=5)
        assert kind_of(engine) == "remote-tls"
        engine.close()
        thread.join()


def test_the_only_model_is_found_and_several_are_listed(stranger: Any) -> None:
    server, engine = stranger(lambda _path, _body, sock: events(sock, chunk("stop", content="x")), model="")
    said(engine)
    assert server.asked[-1][2]["model"] == "big"
    many = {"data": [{"id": "a", "meta": {"n_ctx_train": 8}}, {"id": "b" * 300}, {"id": "c\x1b"}, 5, {"id": "d"}]}
    assert [(one.name, one.n_ctx) for one in listed(many)] == [("a", 8), ("d", 0)]


def test_nothing_is_left_behind(stranger: Any) -> None:
    server, _engine = stranger(lambda _path, _body, sock: events(sock, chunk("stop", content="x")))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        engine = RemoteEngine(Place(server.url, "big"), wait_s=5)
        said(engine)
        engine.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 3


def test_events_read_in_any_pieces() -> None:
    data = b": hi\r\n\r\ndata: a\ndata:b\n\nevent: x\rdata: c\r\rid: 1\n\ndata: d\r\n\r\ndata: lost"
    for size in (1, 2, 3, 7, 100):
        reader = sse_lines.EventReader()
        got = [one for at in range(0, len(data), size) for one in reader.feed(data[at : at + size])]
        assert got == [b"a\nb", b"c", b"d"], size
