"""Chat completions over engines that say what they are told: requests as they reach the engine, answers, errors."""

from collections.abc import Callable
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.app import open_app
from rushlight.assistant.engine.request import Grammar, Message
from rushlight.assistant.events import Finished, Notice, ReasoningDelta, TextDelta, TokenLogprob
from rushlight.assistant.registry.values import NewAdapter

CALL = "<tool_call>"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
TIME = {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object", "properties": {}}}}


def test_an_answer_and_what_the_engine_was_asked(serve: Callable[..., Any], tiny_model: str) -> None:
    served = serve()
    answer = served.chat(temperature=0.5, max_completion_tokens=9, stop=["END", ""], seed=7, foo=1, bar=None)
    assert answer.status_code == 200
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == tiny_model
    (choice,) = body["choices"]
    assert choice["message"]["content"] == "Hello there"
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", None)
    assert body["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    (request,) = served.engine.requests
    assert request.messages == (Message("user", "Hello"),), "no system prompt of ours in a client's conversation"
    assert (request.sampling.temperature, request.sampling.seed, request.max_tokens) == (0.5, 7, 9)
    assert request.stop == ("END",)
    (record,) = [one for one in served.figures.records if one.path == "/v1/chat/completions"]
    assert record.ignored == ("bar", "foo")


def test_a_stream(serve: Callable[..., Any]) -> None:
    served = serve([Notice("a", "b"), ReasoningDelta("hm"), "Hel", "lo"])
    body = {"messages": [{"role": "user", "content": "x"}], "stream_options": {"include_usage": True}}
    events = served.events("/v1/chat/completions", body)
    assert events[-1] == "[DONE]"
    *chunks, last = events[:-1]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0]["role"] == "assistant"
    assert [delta.get("reasoning_content") for delta in deltas].count("hm") == 1
    assert "".join(delta.get("content") or "" for delta in deltas) == "Hello"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 4 + ["stop"]
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == 2
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_logprobs(serve: Callable[..., Any]) -> None:
    token = TokenLogprob(5, "Hé", -0.25, ((5, "Hé", -0.25), (6, "Ha", -2.0)))
    served = serve([TextDelta("Hé", (token,))])
    (choice,) = served.chat(logprobs=True, top_logprobs=2).json()["choices"]
    (content,) = choice["logprobs"]["content"]
    assert (content["token"], content["logprob"], content["bytes"]) == ("Hé", -0.25, [72, 195, 169])
    assert [top["token"] for top in content["top_logprobs"]] == ["Hé", "Ha"]
    assert served.engine.requests[0].logprobs == 2


def test_bytes_that_are_not_known_are_not_made_up(serve: Callable[..., Any]) -> None:
    """A part of a character reads as U+FFFD, whose bytes are not those of the token."""
    parts = (TokenLogprob(5, "\ufffd", -0.25, ((5, "\ufffd", -0.25), (6, "e", -2.0))), TokenLogprob(7, "\ufffd", -0.5))
    served = serve([TextDelta("é", parts)])
    first, second = served.chat(logprobs=True, top_logprobs=2).json()["choices"][0]["logprobs"]["content"]
    assert (first["token"], first["bytes"], second["bytes"]) == ("\ufffd", None, None)
    assert [top["bytes"] for top in first["top_logprobs"]] == [None, [101]]


def test_several_choices_have_seeds_of_their_own(serve: Callable[..., Any]) -> None:
    served = serve(["one"], ["two"], ["three"])
    body = served.chat(n=3, seed=10).json()
    assert [choice["message"]["content"] for choice in body["choices"]] == ["one", "two", "three"]
    assert [request.sampling.seed for request in served.engine.requests] == [10, 11, 12]
    assert body["usage"]["prompt_tokens"] == 7, "the prompt counts once"


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"response_format": {"type": "json_object"}}, "json_schema", '{"type": "object"}'),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True,
          "schema": {"type": "integer"}}}}, "json_schema", '{"type": "integer"}'),
        ({"grammar": 'root ::= "a"'}, "gbnf", 'root ::= "a"'),
        ({"grammar": {"kind": "lark", "text": 'start: "a"'}}, "lark", 'start: "a"'),
    ],
)  # fmt: skip
def test_forms_of_an_answer(serve: Callable[..., Any], given: Any, kind: str, text: str) -> None:
    served = serve()
    assert served.chat(**given).status_code == 200
    assert served.engine.requests[0].grammar == Grammar(kind, text)


def test_effort_and_template_options(serve: Callable[..., Any]) -> None:
    served = serve()
    served.chat(reasoning_effort="none")
    served.chat(reasoning_effort="low", chat_template_kwargs={"custom": [1]})
    off, low = served.engine.requests
    assert off.reasoning == "off"
    assert ("reasoning_effort", '"low"') in low.template_options
    assert ("custom", "[1]") in low.template_options


def test_logit_bias_forbids_at_minus_100(serve: Callable[..., Any]) -> None:
    served = serve()
    served.chat(logit_bias={"5": -100, "6": 12.5})
    assert served.engine.requests[0].sampling.logit_bias == ((5, float("-inf")), (6, 12.5))


def test_a_conversation_with_parts_and_calls(serve: Callable[..., Any]) -> None:
    served = serve()
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Weather"}, {"type": "text", "text": "?"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c2", "content": "warm"},
    ]
    assert served.post("/v1/chat/completions", {"messages": messages, "tools": [WEATHER]}).status_code == 200
    turns = served.engine.requests[0].messages
    assert [turn.role for turn in turns] == ["developer", "user", "assistant", "user"]
    assert turns[1].content == "Weather?"
    assert "get_weather" in turns[0].content, "the tools are described to a model whose template knows none"
    assert turns[2].content == '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    assert turns[3].content.count("<tool_response>") == 2


# --- tools ----------------------------------------------------------------------------------------------------------
def test_a_call_that_must_be_made(serve: Callable[..., Any]) -> None:
    served = serve(['"get_weather"'], ['{"city": ', '"Paris"}'], [Finished("stop")])
    body = served.chat(tools=[WEATHER, TIME], tool_choice="required", stop="x", temperature=0.3).json()
    (choice,) = body["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert call["id"].startswith("call_")
    names, arguments, further = served.engine.requests
    assert names.grammar == Grammar("json_schema", '{"enum": ["get_weather", "get_time"]}')
    assert names.messages[-1] == Message("assistant", '<tool_call>\n{"name": ')
    assert names.continue_final
    assert arguments.messages[-1].content == '<tool_call>\n{"name": "get_weather", "arguments": '
    assert arguments.grammar.kind == "json_schema"
    assert arguments.sampling.temperature == 0.3
    assert further.stop == (CALL,)


def test_a_named_call_asks_once(serve: Callable[..., Any]) -> None:
    served = serve(['{"city": "Rome"}'])
    choice = {"type": "function", "function": {"name": "get_weather"}}
    body = served.chat(tools=[WEATHER, TIME], tool_choice=choice).json()
    (call,) = body["choices"][0]["message"]["tool_calls"]
    assert call["function"]["name"] == "get_weather"
    assert len(served.engine.requests) == 1


def test_a_call_that_the_model_decides_on(serve: Callable[..., Any]) -> None:
    served = serve(
        ["Let me look.\n", Finished("stop", CALL)],
        ['{"city": "Paris"}'],
        [Finished("stop", CALL)],
        ['{"city": "Rome"}'],
        [Finished("stop")],
    )
    events = served.events("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "tools": [WEATHER]})
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "Let me look.\n"
    calls: dict[int, str] = {}
    for delta in deltas:
        for call in delta.get("tool_calls", ()):
            calls[call["index"]] = calls.get(call["index"], "") + call["function"]["arguments"]
    assert calls == {0: '{"city": "Paris"}', 1: '{"city": "Rome"}'}
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_call_from_thoughts_that_never_end(serve: Callable[..., Any]) -> None:
    served = serve(
        [ReasoningDelta('hm\n<tool_call>\n{"name": "get_weather", "arguments": {}}'), Finished("stop")],
        ['{"city": "Paris"}'],
        [Finished("stop")],
    )
    (choice,) = served.chat(tools=[WEATHER]).json()["choices"]
    assert choice["finish_reason"] == "tool_calls" and not choice["message"]["content"]
    assert [call["function"]["arguments"] for call in choice["message"]["tool_calls"]] == ['{"city": "Paris"}']


def test_no_second_call_where_one_at_a_time_is_asked(serve: Callable[..., Any]) -> None:
    served = serve([Finished("stop", CALL)], ['{"city": "Paris"}'])
    body = served.chat(tools=[WEATHER], parallel_tool_calls=False).json()
    assert len(body["choices"][0]["message"]["tool_calls"]) == 1
    assert len(served.engine.requests) == 2


def test_an_answer_without_a_call(serve: Callable[..., Any]) -> None:
    served = serve(["Just words"])
    (choice,) = served.chat(tools=[WEATHER]).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Just words", "stop")
    assert "tool_calls" not in choice["message"]


def test_json_in_the_middle_is_no_call(serve: Callable[..., Any]) -> None:
    served = serve(["See ", Finished("stop", '{"name":')], [' "x"} done'])
    (choice,) = served.chat(tools=[WEATHER]).json()["choices"]
    assert choice["message"]["content"] == 'See {"name": "x"} done'


def test_an_object_at_the_beginning_is_a_call_if_it_names_a_tool(serve: Callable[..., Any]) -> None:
    lead = Finished("stop", '{"name":')
    served = serve([lead], [' "get_weather", "argu'], ['{"city": "Oslo"}'], [Finished("stop")])
    (choice,) = served.chat(tools=[WEATHER, TIME]).json()["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
    served = serve([lead], [' "Ada", "age"'], [' "Ada", "age": 36}'])
    (choice,) = served.chat(tools=[WEATHER, TIME]).json()["choices"]
    assert choice["message"]["content"] == '{"name": "Ada", "age": 36}'
    assert choice["finish_reason"] == "stop"


def test_no_tools_are_told_where_none_may_be_used(serve: Callable[..., Any]) -> None:
    served = serve(["words"])
    served.chat(tools=[WEATHER], tool_choice="none")
    (request,) = served.engine.requests
    assert request.messages == (Message("user", "Hello"),)
    assert request.stop == ()


def test_arguments_that_are_cut_off(serve: Callable[..., Any]) -> None:
    served = serve([Finished("stop", CALL)], ['{"city": "Pa', Finished("length")])
    (choice,) = served.chat(tools=[WEATHER], max_tokens=5).json()["choices"]
    assert choice["finish_reason"] == "length"


def test_a_schema_that_cannot_be_held_is_loosened(serve: Callable[..., Any]) -> None:
    text = {"type": "string", "not": {"const": "x"}}
    parameters = {"type": "object", "properties": {"a": text}, "if": {}, "required": ["a"]}
    odd = {"type": "function", "function": {"name": "odd", "parameters": parameters}}
    served = serve([Error("no", kind="bad-grammar")], ['{"a": "b"}'], [Finished("stop")])
    body = served.chat(tools=[odd], tool_choice="required").json()
    assert body["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"a": "b"}'
    first, second = [request.grammar.text for request in served.engine.requests[:2]]
    assert '"not"' not in first
    assert '"if"' not in first
    assert second == '{"type": "object"}'
    strict = {**odd, "function": {**odd["function"], "strict": True}}
    served = serve([Error("it cannot be held", kind="bad-grammar")])
    answer = served.chat(tools=[strict], tool_choice="required")
    assert answer.status_code == 400
    assert "cannot be held" in answer.json()["error"]["message"]


# --- what is wrong --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]},
         "messages[0].content"),
        ({"messages": [{"role": "assistant", "tool_calls": [5]}]}, "messages[0].tool_calls"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 2**40}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"seed": 2**70}, "seed"),
        ({"n": 0}, "n"),
        ({"n": 10_000}, "n"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logit_bias": {"x": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"stop": ["a"] * 99}, "stop"),
        ({"tools": [WEATHER, WEATHER]}, "tools"),
        ({"tools": [{"type": "retrieval"}]}, "tools[0].type"),
        ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"grammar": "a", "response_format": {"type": "json_object"}}, "grammar"),
        ({"lora": [{"path": "../../etc/passwd"}]}, "lora"),
        ({"lora": [{"path": "/etc/passwd"}]}, "lora"),
        ({"model": "a b"}, "model"),
        ({"model": "../../etc/passwd"}, None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(guarded: Any, fields: Any, param: str | None) -> None:
    n_asked = len(guarded.engine.requests)
    answer = guarded.chat(**fields)
    assert answer.status_code == (404 if param is None else 400), answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert len(guarded.engine.requests) == n_asked


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"[]", b"null", b'"a"', b"{", b'{"messages": [{}]}x', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}',
     b'{"messages": [{"role": "user", "content": "\\ud800"}]}', b"[" * 100_000, b'{"a":' * 50_000],
)  # fmt: skip
def test_what_is_no_json(guarded: Any, data: bytes) -> None:
    answer = guarded.client.post("/v1/chat/completions", content=data, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Error("Too long.", kind="context-full"), 400, "context_length_exceeded"),
        (Error("Busy.", kind="busy"), 429, "rate_limit_exceeded"),
        (Error("Gone.", kind="worker-died"), 500, "worker_died"),
        (Error("No room.", kind="out-of-memory"), 503, "out_of_memory"),
        (ValueError("a bug"), 500, "internal"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_of_the_engine(
    serve: Callable[..., Any], error: Exception, status: int, code: str, stream: bool, capfd: Any
) -> None:
    served = serve([error])
    answer = served.chat(stream=stream)
    assert answer.status_code == status, "an error before the first word is an honest status, in a stream too"
    assert answer.json()["error"]["code"] == code
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert "a bug" not in answer.text
    capfd.readouterr()


def test_an_error_in_the_middle_of_a_stream(serve: Callable[..., Any]) -> None:
    served = serve(["Hel", Error("It died.", kind="worker-died")])
    events = served.events("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]})
    assert events[-2]["error"]["code"] == "worker_died"
    assert events[-1] == "[DONE]"


def test_an_engine_that_was_unloaded_is_opened_again(serve: Callable[..., Any]) -> None:
    served = serve([Error("Unloaded.", kind="unloaded")], ["back"])
    assert served.chat().json()["choices"][0]["message"]["content"] == "back"
    assert len(served.loads) == 2


def test_models_and_names(serve: Callable[..., Any], tiny_model: str) -> None:
    served = serve()
    (listed,) = served.client.get("/v1/models").json()["data"]
    assert listed["id"] == tiny_model
    assert served.client.get(f"/v1/models/{tiny_model}").json()["id"] == tiny_model
    missing = served.client.get("/v1/models/nothing-like-it")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert served.chat(model=tiny_model).status_code == 200
    assert served.chat(model="gpt-3.5-turbo").status_code == 404


def test_candidates_and_what_is_promoted_are_listed_and_served(
    serve: Callable[..., Any], tiny_model: str, gguf_builder: Any, tmp_path: Any
) -> None:
    with open_app(host="in-process") as app:
        model = app.model()
        for number, scope in ((1, "chat"), (2, "chat"), (3, "sql:lamps-1a2b3c4d")):
            file = gguf_builder.tiny_lora_gguf(tmp_path / f"{number}.gguf", seed=number)
            new = NewAdapter(file, scope, model.sha256, model.id, name=f"a{number}")
            adapter = app.registry.add_adapter(new)
            app.registry.record_evaluation(adapter, suite="s", suite_sha256="0" * 64, passed=True, report={})
        app.registry.promote("a1")
    served = serve()
    listed = [one["id"] for one in served.client.get("/v1/models").json()["data"]]
    assert listed == [tiny_model, *sorted([f"{tiny_model}@candidate", f"{tiny_model}@promoted",
                                           "sql:lamps-1a2b3c4d@candidate"])]  # fmt: skip
    for name, file in ((tiny_model, ""), (f"{tiny_model}@promoted", "a1"), (f"{tiny_model}@candidate", "a2"),
                       ("sql:lamps-1a2b3c4d@candidate", "a3")):  # fmt: skip
        assert served.chat(model=name).json()["model"] == name
        assert [one.path.endswith(f"{file}.gguf") for one in served.engine.requests[-1].lora] == [True] * bool(file)
    missing = served.chat(model="sql:lamps-1a2b3c4d@promoted")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_adapters_by_name_and_by_file(serve: Callable[..., Any], tiny_model: str, own_home: Any) -> None:
    folder = own_home / "adapters"
    folder.mkdir()
    file = folder / "mine.gguf"
    file.write_bytes(b"x")
    outside = own_home.parent / "outside.gguf"
    outside.write_bytes(b"x")
    (folder / "link.gguf").symlink_to(outside)
    served = serve()
    body = served.chat(model=f"{tiny_model}@mine").json()
    assert body["model"] == f"{tiny_model}@mine"
    assert served.chat(lora=[{"path": "adapters/mine.gguf", "scale": 0.5}]).status_code == 200
    named, given = served.engine.requests
    assert [(use.path, use.scale) for use in named.lora] == [(str(file.resolve()), 1.0)]
    assert [(use.path, use.scale) for use in given.lora] == [(str(file.resolve()), 0.5)]
    assert served.chat(model=f"{tiny_model}@other").status_code == 404
    assert served.chat(model=f"{tiny_model}@../mine").status_code == 404
    for path in ("adapters/link.gguf", str(outside), "../outside.gguf", "adapters", "adapters/../../outside.gguf"):
        assert served.chat(lora=[{"path": path}]).status_code == 400, path


def test_small_endpoints(serve: Callable[..., Any]) -> None:
    served = serve()
    assert served.client.get("/health", headers={"authorization": ""}).json() == {"status": "ok"}
    assert served.post("/tokenize", {"content": "ab"}).json() == {"tokens": [97, 98], "count": 2}
    assert served.post("/tokenize", {}).status_code == 400
    assert served.client.get("/tokenizer_info").json().keys() >= {"bos_token", "eos_token", "chat_template"}
    assert served.client.get("/tokenizer_info?model=none").status_code == 404
    assert served.post("/v1/rerank", {"query": "a", "documents": ["b"]}).status_code == 400
    form = served.client.post("/v1/audio/transcriptions", files={"file": b"RIFF"}, data={"model": "whisper-1"})
    assert form.status_code == 400
    assert "speech" in form.json()["error"]["message"]
    assert served.client.get("/nothing").status_code == 404
    assert served.client.get("/v1/chat/completions").status_code == 405
    served.chat()
    text = served.client.get("/metrics").text
    assert 'rushlight_requests_total{path="/v1/chat/completions",status="200"} 1' in text
    assert "rushlight_completion_tokens_total 2" in text
    newest = served.client.get("/requests").json()["data"]
    assert {"number", "path", "status", "model", "duration_s", "n_prompt_tokens"} <= newest[0].keys()


def test_the_description_of_the_interface(serve: Callable[..., Any]) -> None:
    described = serve().client.get("/openapi.json").json()
    body = described["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = body["$ref"].rsplit("/", 1)[-1]
    assert "messages" in described["components"]["schemas"][name]["properties"]
