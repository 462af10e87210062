"""Completions, embeddings, responses and messages over engines that say what they are told."""

import array
import base64
from collections.abc import Callable
from typing import Any

import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.request import EmbedRequest, Message
from rushlight.assistant.events import Embeddings, Finished, ReasoningDelta, TextDelta, TokenLogprob
from rushlight.assistant.server.embeddings import joined

CALL = "<tool_call>"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


# --- completions ----------------------------------------------------------------------------------------------------
def test_completions(serve: Callable[..., Any]) -> None:
    served = serve([" is", " Paris"])
    body = served.post("/v1/completions", {"prompt": "The capital", "stop": "\n"}).json()
    assert body["object"] == "text_completion"
    assert body["choices"] == [{"index": 0, "text": " is Paris", "logprobs": None, "finish_reason": "stop"}]
    (request,) = served.engine.requests
    assert (request.prompt, request.messages, request.max_tokens) == ("The capital", (), 16)
    assert request.stop == ("\n",)


def test_several_prompts_and_token_ids(serve: Callable[..., Any]) -> None:
    served = serve(["a"], ["b"], ["c"], ["d"])
    body = served.post("/v1/completions", {"prompt": ["x", "y"], "n": 2}).json()
    assert [(choice["index"], choice["text"]) for choice in body["choices"]] == [(0, "a"), (1, "b"), (2, "c"), (3, "d")]
    assert body["usage"]["prompt_tokens"] == 28
    served.post("/v1/completions", {"prompt": [1, 2, 3]})
    served.post("/v1/completions", {"prompt": [[1, 2], [3]]})
    assert [request.token_ids for request in served.engine.requests[4:]] == [(1, 2, 3), (1, 2), (3,)]


def test_echo_with_logprobs_and_nothing_written(serve: Callable[..., Any]) -> None:
    """What lm-eval asks for a likelihood."""
    served = serve()
    body = served.post("/v1/completions", {"prompt": "abc", "echo": True, "logprobs": 1, "max_tokens": 0}).json()
    (choice,) = body["choices"]
    assert choice["text"] == "abc"
    assert choice["logprobs"]["tokens"] == ["a", "b", "c"]
    assert choice["logprobs"]["token_logprobs"] == [None, -1.0, -1.0]
    assert choice["logprobs"]["text_offset"] == [0, 1, 2]
    assert choice["logprobs"]["top_logprobs"][0] is None
    assert not served.engine.requests


def test_echo_before_what_is_written(serve: Callable[..., Any]) -> None:
    token = TokenLogprob(5, "d", -0.5, ((5, "d", -0.5),))
    served = serve([TextDelta("d", (token,))])
    body = served.post("/v1/completions", {"prompt": "abc", "echo": True, "logprobs": 1, "max_tokens": 1}).json()
    (choice,) = body["choices"]
    assert choice["text"] == "abcd"
    assert choice["logprobs"]["token_logprobs"] == [None, -1.0, -1.0, -0.5]
    assert choice["logprobs"]["text_offset"] == [0, 1, 2, 3]


def test_a_stream_of_completions(serve: Callable[..., Any]) -> None:
    served = serve(["a", "b"])
    events = served.events("/v1/completions", {"prompt": "x", "echo": True, "stream_options": {"include_usage": True}})
    assert "".join(event["choices"][0]["text"] for event in events[:-2]) == "xab"
    assert events[-2]["usage"]["completion_tokens"] == 2
    assert events[-1] == "[DONE]"


def test_logprobs_of_a_stream_are_those_that_were_asked_for(serve: Callable[..., Any]) -> None:
    said = [TextDelta(text, (TokenLogprob(5, text, -0.5, ((5, text, -0.5),)),)) for text in "de"]

    def streamed(**fields: Any) -> list[Any]:
        body = {"prompt": "abc", "max_tokens": 2, **fields}
        events = serve(said).events("/v1/completions", body)
        return [event["choices"][0]["logprobs"] for event in events[:-2]]  # without the end and its mark

    written = streamed(logprobs=1)
    assert [one["token_logprobs"] for one in written] == [[-0.5], [-0.5]]
    assert [one["top_logprobs"] for one in written] == [[{"d": -0.5}], [{"e": -0.5}]]
    assert [one["text_offset"] for one in written] == [[0], [1]]
    echoed = streamed(logprobs=1, echo=True)
    assert [one["token_logprobs"] for one in echoed] == [[None, -1.0, -1.0], [-0.5], [-0.5]]
    assert [one["text_offset"] for one in echoed] == [[0, 1, 2], [3], [4]]
    assert streamed(echo=True) == [None, None, None]


@pytest.mark.parametrize(
    "fields",
    [{"prompt": []}, {"prompt": [1, "a"]}, {"prompt": [[]]}, {"prompt": [-1]}, {"prompt": 5}, {"prompt": [True]},
     {"prompt": "a", "suffix": "b"}, {"prompt": "a", "best_of": 3}, {"prompt": "a", "logprobs": 21},
     {"prompt": ["a"] * 300}],
)  # fmt: skip
def test_completions_that_cannot_be(guarded: Any, fields: Any) -> None:
    assert guarded.post("/v1/completions", fields).status_code == 400


# --- embeddings -----------------------------------------------------------------------------------------------------
def test_embeddings(serve: Callable[..., Any]) -> None:
    served = serve()
    body = served.post("/v1/embeddings", {"input": ["ab", "a"]}).json()
    assert [one["index"] for one in body["data"]] == [0, 1]
    assert body["data"][0]["embedding"] == [2.0, 1.0, 1.0]
    assert served.loads[0].embeddings
    packed = served.post("/v1/embeddings", {"input": "ab", "encoding_format": "base64"}).json()
    numbers = array.array("f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(numbers) == [2.0, 1.0, 1.0]
    short = served.post("/v1/embeddings", {"input": "aaaa", "dimensions": 2}).json()["data"][0]["embedding"]
    assert short == pytest.approx([2**-0.5, 2**-0.5])


def test_many_texts_are_asked_in_pieces(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve()
    embed, asked = served.engine.embed, list[int]()

    def embed_few(request: EmbedRequest, stop: Stop) -> Embeddings:
        asked.append(len(request.texts))
        if len(request.texts) > 256:
            raise Error("A message between Rushlight's processes is too long.", kind="bad-frame")
        return embed(request, stop)

    monkeypatch.setattr(served.engine, "embed", embed_few)
    body = served.post("/v1/embeddings", {"input": ["a" * (i % 7 + 1) + f" {i}" for i in range(600)]}).json()
    assert asked == [256, 256, 88]
    assert [one["index"] for one in body["data"]] == list(range(600))
    assert [one["embedding"][1] for one in body["data"]] == [float(i % 7 + 1) for i in range(600)]
    assert body["usage"] == {"prompt_tokens": 1200, "total_tokens": 1200}


def test_pieces_of_embeddings_are_joined() -> None:
    one, other = Embeddings(((1.0,), (2.0,)), 5, (1,)), Embeddings(((3.0,), (4.0,)), 6, (0, 1))
    assert joined([one, other]) == Embeddings(((1.0,), (2.0,), (3.0,), (4.0,)), 11, (1, 2, 3))


@pytest.mark.parametrize(
    "fields",
    [{}, {"input": []}, {"input": ""}, {"input": [1, 2]}, {"input": [[1]]}, {"input": [None]}, {"input": ["a", ""]},
     {"input": "a", "dimensions": 4}, {"input": "a", "dimensions": 0}, {"input": "a", "encoding_format": "hex"}],
)  # fmt: skip
def test_embeddings_that_cannot_be(guarded: Any, fields: Any) -> None:
    assert guarded.post("/v1/embeddings", fields).status_code == 400


# --- responses ------------------------------------------------------------------------------------------------------
def test_a_response_and_the_next_one(serve: Callable[..., Any]) -> None:
    served = serve(["Hello"], ["Again"])
    first = served.post("/v1/responses", {"input": "Hi", "instructions": "Be kind.", "max_output_tokens": 5}).json()
    assert (first["object"], first["status"], first["output_text"]) == ("response", "completed", "Hello")
    second = served.post("/v1/responses", {"input": "More", "previous_response_id": first["id"]}).json()
    assert second["output_text"] == "Again"
    assert served.engine.requests[0].messages == (Message("system", "Be kind."), Message("user", "Hi"))
    assert served.engine.requests[1].messages == (
        Message("user", "Hi"),
        Message("assistant", "Hello"),
        Message("user", "More"),
    )
    gone = served.post("/v1/responses", {"input": "x", "previous_response_id": "resp_none"})
    assert (gone.status_code, gone.json()["error"]["param"]) == (404, "previous_response_id")


def test_a_response_with_a_call(serve: Callable[..., Any]) -> None:
    served = serve([ReasoningDelta("hm"), "So: ", Finished("stop", CALL)], ['{"city": "Rome"}'], [Finished("stop")])
    tools = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
    body = served.post("/v1/responses", {"input": "x", "tools": tools}).json()
    assert [item["type"] for item in body["output"]] == ["reasoning", "message", "function_call"]
    call = body["output"][2]
    assert (call["name"], call["arguments"]) == ("get_weather", '{"city": "Rome"}')
    served = serve(["warm"])
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}]},
        {"type": "reasoning", "summary": []},
        {"type": "function_call", "call_id": "c", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
    ]
    assert served.post("/v1/responses", {"input": items}).json()["output_text"] == "warm"
    assert [turn.role for turn in served.engine.requests[0].messages] == ["user", "assistant", "user"]


def test_the_events_of_a_response(serve: Callable[..., Any]) -> None:
    served = serve(["Hel", "lo"])
    events = served.events("/v1/responses", {"input": "x"})
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert events[-1]["response"]["output_text"] == "Hello"
    assert events[-1]["response"]["usage"]["output_tokens"] == 2


def test_log_probabilities_of_a_response(serve: Callable[..., Any]) -> None:
    tokens = [TokenLogprob(5, "Hé", -0.25, ((5, "Hé", -0.25), (6, "Ha", -2.0))), TokenLogprob(7, "\ufffd", -0.5)]
    said = [TextDelta("Hé", (tokens[0],)), TextDelta("!", (tokens[1],)), TextDelta("", (tokens[0],))]
    served = serve(said)
    (item,) = served.post("/v1/responses", {"input": "x", "top_logprobs": 2}).json()["output"]
    assert served.engine.requests[0].logprobs == 2
    first, second, third = item["content"][0]["logprobs"]
    assert first == third
    assert (first["token"], first["logprob"], first["bytes"]) == ("Hé", -0.25, [72, 195, 169])
    assert [(top["token"], top["logprob"]) for top in first["top_logprobs"]] == [("Hé", -0.25), ("Ha", -2.0)]
    assert second == {"token": "\ufffd", "logprob": -0.5, "bytes": [], "top_logprobs": []}
    events = serve(said).events("/v1/responses", {"input": "x", "top_logprobs": 2})
    by_kind = {event["type"].removeprefix("response."): event for event in events}
    deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
    assert deltas == [[first], [second], [third]]
    assert by_kind["content_part.added"]["part"]["logprobs"] == []
    whole = by_kind["completed"]["response"]["output"][0]["content"][0]
    for part in (by_kind["output_text.done"], by_kind["content_part.done"]["part"], whole):
        assert part["logprobs"] == [first, second, third]


@pytest.mark.parametrize(
    "fields",
    [{}, {"input": []}, {"input": [{"type": "computer_call"}]}, {"input": [{"role": "user", "content": [{}]}]},
     {"input": "x", "tools": [{"type": "web_search"}]}, {"input": "x", "text": {"format": {"type": "json_schema"}}},
     {"input": "x", "tool_choice": "required"}, {"input": [{"type": "reasoning"}]}],
)  # fmt: skip
def test_responses_that_cannot_be(guarded: Any, fields: Any) -> None:
    assert guarded.post("/v1/responses", fields).status_code == 400


# --- messages -------------------------------------------------------------------------------------------------------
def test_a_message(serve: Callable[..., Any]) -> None:
    served = serve([ReasoningDelta("hm"), "Hel", "lo", Finished("stop", "END")])
    body = {
        "model": "",
        "max_tokens": 9,
        "system": [{"type": "text", "text": "Be kind."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "stop_sequences": ["END"],
        "top_k": 5,
    }
    answer = served.post("/v1/messages", body).json()
    assert answer["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": ""},
        {"type": "text", "text": "Hello"},
    ]
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "END")
    assert answer["usage"]["input_tokens"] + answer["usage"]["cache_read_input_tokens"] == 7
    (request,) = served.engine.requests
    assert request.messages == (Message("system", "Be kind."), Message("user", "Hi"))
    assert (request.max_tokens, request.stop, request.sampling.top_k) == (9, ("END",), 5)


def test_a_message_with_a_tool(serve: Callable[..., Any]) -> None:
    served = serve(["So", Finished("stop", CALL)], ['{"city":', ' "Rome"}'], [Finished("stop")])
    tools = [{"name": "get_weather", "description": "d", "input_schema": SCHEMA}]
    body = {"max_tokens": 50, "tools": tools, "messages": [{"role": "user", "content": "x"}]}
    events = served.events("/v1/messages", body)
    assert [event["type"] for event in events] == [
        "message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop",
        "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    assert events[5]["content_block"]["type"] == "tool_use"
    assert events[5]["content_block"]["input"] == {}
    assert "".join(event["delta"]["partial_json"] for event in events[6:8]) == '{"city": "Rome"}'
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_message_with_two_calls(serve: Callable[..., Any]) -> None:
    served = serve(
        [Finished("stop", CALL)],
        ['{"city": ', '"Paris"}'],
        [Finished("stop", CALL)],
        ['{"city": "Rome"}'],
        [Finished("stop")],
    )
    tools = [{"name": "get_weather", "input_schema": SCHEMA}]
    body = {"max_tokens": 50, "tools": tools, "messages": [{"role": "user", "content": "x"}]}
    answer = served.post("/v1/messages", body).json()
    assert [block["type"] for block in answer["content"]] == ["tool_use", "tool_use"]
    assert [block["input"] for block in answer["content"]] == [{"city": "Paris"}, {"city": "Rome"}]
    assert answer["stop_reason"] == "tool_use"


def test_results_of_tools_and_a_beginning_of_the_answer(serve: Callable[..., Any]) -> None:
    served = serve(["warm"])
    messages = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "get_weather", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "sunny"},
                                     {"type": "text", "text": "and?"}]},
        {"role": "assistant", "content": "It is"},
    ]  # fmt: skip
    assert served.post("/v1/messages", {"max_tokens": 5, "messages": messages}).status_code == 200
    (request,) = served.engine.requests
    assert [turn.role for turn in request.messages] == ["user", "assistant", "user", "assistant"]
    assert request.messages[2].content == "<tool_response>\nsunny\n</tool_response>\nand?"
    assert request.continue_final


def test_tool_choices_of_messages(serve: Callable[..., Any]) -> None:
    tools = [{"name": "a", "input_schema": SCHEMA}, {"name": "b", "input_schema": SCHEMA}]
    body = {"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tools": tools}
    served = serve(['"b"'], ['{"city": "x"}'], [Finished("stop")])
    answer = served.post("/v1/messages", {**body, "tool_choice": {"type": "any"}}).json()
    assert (answer["content"][0]["name"], answer["content"][0]["input"]) == ("b", {"city": "x"})
    served = serve(['{"city": "x"}'])
    answer = served.post("/v1/messages", {**body, "tool_choice": {"type": "tool", "name": "a"}}).json()
    assert answer["content"][0]["name"] == "a"
    wrong = served.post("/v1/messages", {**body, "tool_choice": {"type": "tool", "name": "c"}})
    assert wrong.json()["type"] == "error"
    assert wrong.json()["error"]["type"] == "invalid_request_error"


def test_tokens_are_counted(serve: Callable[..., Any]) -> None:
    served = serve()
    answer = served.post("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "x"}]})
    assert answer.status_code == 200
    assert "input_tokens" in answer.json()


@pytest.mark.parametrize(
    "fields",
    [{}, {"messages": []}, {"messages": [{"role": "wizard", "content": ""}]},
     {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
     {"messages": [{"role": "user", "content": 5}]}, {"messages": [{"role": "user"}]},
     {"messages": [{"role": "user", "content": "x"}], "tools": [{"name": "a", "type": "bash_20250124"}]}],
)  # fmt: skip
def test_messages_that_cannot_be(guarded: Any, fields: Any) -> None:
    answer = guarded.post("/v1/messages", {"max_tokens": 5, **fields})
    assert (answer.status_code, answer.json()["type"]) == (400, "error")
