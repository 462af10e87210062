"""The clients that people use, against `rushlight serve` with the demo model: openai, anthropic, LangChain, lm-eval's
way of asking, and raw HTTP where a client hides what matters."""

import contextlib
import json
import math
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.model

QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "add_person", "description": "Add a person.", "parameters": PERSON}}


@pytest.fixture(scope="module")
def openai(real: Any) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=real.url + "/v1", api_key=real.token, max_retries=0, timeout=240) as client:
        yield client


@pytest.fixture(scope="module")
def anthropic(real: Any) -> Iterator[Any]:
    anthropic = pytest.importorskip("anthropic")
    with anthropic.Anthropic(base_url=real.url, api_key=real.token, max_retries=0, timeout=240) as client:
        yield client


# --- openai ---------------------------------------------------------------------------------------------------------
def test_openai_chat_is_what_ask_would_say(openai: Any) -> None:
    system = [{"role": "system", "content": "You are a helpful assistant."}]
    answer = openai.chat.completions.create(model="smollm2", messages=system + QUESTION, max_tokens=24)
    assert "Paris" in answer.choices[0].message.content
    streamed, usage = "", None
    for chunk in openai.chat.completions.create(
        model="smollm2", messages=system + QUESTION, max_tokens=24, stream=True, stream_options={"include_usage": True}
    ):
        streamed += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        usage = chunk.usage or usage
    assert streamed == answer.choices[0].message.content
    assert usage.completion_tokens == answer.usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens > 0, "the second time the prompt is in the cache"


def test_openai_logprobs_seed_and_n(openai: Any) -> None:
    def ask(**more: Any) -> Any:
        return openai.chat.completions.create(
            model="smollm2", messages=QUESTION, max_tokens=5, temperature=1.2, seed=3, **more
        )

    first, again = ask(logprobs=True, top_logprobs=3, n=2), ask(n=2)
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices], "the same seeds say the same"
    assert texts[0] != texts[1]
    content = first.choices[0].logprobs.content
    assert "".join(one.token for one in content).strip() == texts[0].strip()
    for one in content:
        assert one.logprob <= 0
        assert len(one.top_logprobs) == 3
        assert one.top_logprobs[0].logprob >= one.top_logprobs[1].logprob


def test_openai_logit_bias_and_stop(openai: Any, real: Any) -> None:
    (token,) = real.client.post("/tokenize", json={"content": " Paris"}).json()["tokens"]
    said = openai.chat.completions.create(
        model="smollm2", messages=QUESTION, max_tokens=24, logit_bias={str(token): -100}
    )
    assert " Paris" not in said.choices[0].message.content
    stopped = openai.chat.completions.create(model="smollm2", messages=QUESTION, max_tokens=24, stop=[" "])
    assert " " not in stopped.choices[0].message.content
    assert stopped.choices[0].finish_reason == "stop"


def test_openai_json_schema(openai: Any) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": PERSON}}
    said = openai.chat.completions.create(
        model="smollm2", messages=[{"role": "user", "content": "Ada, 36 years old."}], response_format=form
    )
    person = json.loads(said.choices[0].message.content)
    assert set(person) == {"name", "age"}
    assert 0 <= person["age"] <= 99


def test_openai_tools_whole_and_streamed(openai: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "Add Ada, 36 years old."}]
    more = {"model": "smollm2", "tools": [TOOL], "tool_choice": "required", "parallel_tool_calls": False}
    answer = openai.chat.completions.create(messages=messages, **more)
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert set(json.loads(call.function.arguments)) == {"name", "age"}
    deltas = []
    for chunk in openai.chat.completions.create(messages=messages, stream=True, **more):
        deltas += chunk.choices[0].delta.tool_calls or [] if chunk.choices else []
    assert deltas[0].function.name == "add_person"
    assert len(deltas) >= 2, "the name comes first, then the arguments in pieces"
    assert deltas[0].function.arguments == ""
    assert set(json.loads("".join(delta.function.arguments for delta in deltas))) == {"name", "age"}
    # and on with what the tool said
    messages += [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "added"}]
    after = openai.chat.completions.create(model="smollm2", messages=messages, tools=[TOOL], max_tokens=8)
    assert after.choices[0].finish_reason in ("stop", "length", "tool_calls")


def test_openai_embeddings(openai: Any) -> None:
    made = openai.embeddings.create(model="smollm2", input=["a cat", "a cat", "the stock market"], dimensions=64)
    vectors = [one.embedding for one in made.data]
    assert [len(vector) for vector in vectors] == [64, 64, 64]
    assert math.fsum(number * number for number in vectors[0]) == pytest.approx(1, abs=1e-4)
    assert vectors[0] == pytest.approx(vectors[1], abs=1e-3)
    assert made.usage.prompt_tokens > 5


def test_openai_responses(openai: Any) -> None:
    first = openai.responses.create(model="smollm2", input="My name is Ada.", max_output_tokens=8)
    assert first.output_text
    kinds = []
    for event in openai.responses.create(
        model="smollm2", input="What is my name?", previous_response_id=first.id, max_output_tokens=12, stream=True
    ):
        kinds.append(event.type)
        last = event
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    assert kinds[-1] in ("response.completed", "response.incomplete")
    assert last.response.usage.input_tokens > first.usage.input_tokens
    form = {"format": {"type": "json_schema", "name": "person", "schema": PERSON, "strict": True}}
    with openai.responses.stream(model="smollm2", input="Ada, 36 years old.", text=form) as stream:
        said = "".join(one.delta for one in stream if one.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.output_text == said
    assert set(json.loads(said)) == {"name", "age"}


def test_openai_models_and_errors(openai: Any, real: Any) -> None:
    import openai as package

    assert [model.id for model in openai.models.list()] == ["smollm2"]
    assert openai.models.retrieve("smollm2").id == "smollm2"
    with pytest.raises(package.NotFoundError) as missing:
        openai.chat.completions.create(model="gpt-9", messages=QUESTION)
    assert missing.value.code == "model_not_found"
    with pytest.raises(package.BadRequestError) as long:
        openai.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "word " * 9000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(package.BadRequestError) as grammar:
        openai.chat.completions.create(model="smollm2", messages=QUESTION, extra_body={"grammar": "root ::= x"})
    assert grammar.value.code == "bad_grammar"
    stranger = package.OpenAI(base_url=real.url + "/v1", api_key="wrong", max_retries=0)
    with pytest.raises(package.AuthenticationError), stranger:
        stranger.models.list()


def test_a_grammar_of_ours(openai: Any) -> None:
    lark = {"kind": "lark", "text": 'start: "yes" | "no"'}
    for grammar in ('root ::= "yes" | "no"', {"kind": "regex", "text": "yes|no"}, lark):
        said = openai.chat.completions.create(model="smollm2", messages=QUESTION, extra_body={"grammar": grammar})
        assert said.choices[0].message.content in ("yes", "no")


# --- completions as harnesses use them ------------------------------------------------------------------------------
def test_echo_gives_the_likelihoods_of_the_model(openai: Any) -> None:
    """The log-probabilities of an echoed prompt are those with which the model would write it."""
    prompt = "The capital of France is"
    written = openai.completions.create(model="smollm2", prompt=prompt, max_tokens=2, logprobs=1)
    text = prompt + written.choices[0].text
    echoed = openai.completions.create(model="smollm2", prompt=text, max_tokens=0, echo=True, logprobs=1)
    (choice,) = echoed.choices
    assert choice.text == text
    logprobs = choice.logprobs
    assert "".join(logprobs.tokens) == text
    assert logprobs.token_logprobs[0] is None
    assert logprobs.token_logprobs[-2:] == pytest.approx(written.choices[0].logprobs.token_logprobs, abs=0.05)
    assert logprobs.text_offset == [sum(map(len, logprobs.tokens[:i])) for i in range(len(logprobs.tokens))]
    greedy = [max(top.values()) for top in logprobs.top_logprobs[-2:]]
    assert logprobs.token_logprobs[-2:] == pytest.approx(greedy), "what was written greedily is the likeliest"


def test_likelihood_tells_sense_from_nonsense(openai: Any, real: Any) -> None:
    """lm-eval's loglikelihood: token ids of context and continuation, echo, one token more than wanted."""

    sense, nonsense = (likelihood_of(openai, real, "The capital of France is", word) for word in (" Paris", " Apples"))
    assert sense > nonsense


HARNESS = """
import json, os, lm_eval
done = lm_eval.simple_evaluate(
    model="local-completions",
    model_args={"model": "smollm2", "base_url": os.environ["URL"] + "/v1/completions", "tokenizer_backend": "remote",
                "auth_token": os.environ["TOKEN"], "max_length": 2048, "num_concurrent": 2},
    tasks=[json.loads(os.environ["TASK"])],
    log_samples=True,
)
print(json.dumps({"acc": done["results"]["ours"]["acc,none"],
                  "likelihoods": [[one[0] for one in sample["filtered_resps"]] for sample in done["samples"]["ours"]]}))
"""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_lm_eval_itself(real: Any, openai: Any, tmp_path: Path) -> None:
    """The harness in an environment of its own, with a task of ours: multiple choice, by loglikelihood through echo."""
    import importlib.util
    import os

    where = Path(__file__).parents[2] / "bench" / "rivals" / "environment.py"
    spec = importlib.util.spec_from_file_location("rival_environment", where)
    assert spec is not None and spec.loader is not None
    environment = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(environment)
    python = environment.rival_python("lm-eval", builds_llama=False)
    items = [
        {"q": "The capital of France is", "options": [" Paris", " Apples"], "answer": 0},
        {"q": "Two and two is", "options": [" purple", " four"], "answer": 1},
        {"q": "The sun rises in the", "options": [" morning", " stone"], "answer": 0},
    ]
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, items)))
    task = {
        "task": "ours", "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "data.jsonl")}},
        "test_split": "test", "output_type": "multiple_choice", "doc_to_text": "{{q}}", "doc_to_choice": "{{options}}",
        "doc_to_target": "{{answer}}", "target_delimiter": "", "metric_list": [{"metric": "acc"}],
    }  # fmt: skip
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "URL": real.url,
           "TOKEN": real.token, "OPENAI_API_KEY": real.token, "TASK": json.dumps(task)}  # fmt: skip
    done = subprocess.run([python, "-c", HARNESS], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["acc"] == 1.0
    for item, likelihoods in zip(items, found["likelihoods"], strict=True):
        for option, likelihood in zip(item["options"], likelihoods, strict=True):
            assert likelihood == pytest.approx(likelihood_of(openai, real, str(item["q"]), str(option)), abs=0.3)


def likelihood_of(openai: Any, real: Any, context: str, continuation: str) -> float:
    """What the server says when it is asked as the harness asks."""
    n = len(real.client.post("/tokenize", json={"content": context}).json()["tokens"])
    ids = real.client.post("/tokenize", json={"content": context + continuation}).json()["tokens"]
    made = openai.completions.create(model="smollm2", prompt=[ids], echo=True, max_tokens=1, logprobs=1, seed=1)
    return float(sum(made.choices[0].logprobs.token_logprobs[n:-1]))


# --- anthropic ------------------------------------------------------------------------------------------------------
def test_anthropic_messages(anthropic: Any) -> None:
    said = anthropic.messages.create(
        model="smollm2", max_tokens=24, system="You are a helpful assistant.", messages=QUESTION
    )
    assert "Paris" in said.content[0].text
    with anthropic.messages.stream(
        model="smollm2", max_tokens=24, system="You are a helpful assistant.", messages=QUESTION
    ) as stream:
        assert "".join(stream.text_stream) == said.content[0].text
        final = stream.get_final_message()
    assert final.stop_reason == said.stop_reason
    counted = anthropic.messages.count_tokens(model="smollm2", system="You are a helpful assistant.", messages=QUESTION)
    assert counted.input_tokens == said.usage.input_tokens + said.usage.cache_read_input_tokens


def test_anthropic_tools(anthropic: Any) -> None:
    tools = [{"name": "add_person", "description": "Add a person.", "input_schema": PERSON}]
    messages: list[Any] = [{"role": "user", "content": "Add Ada, 36 years old."}]
    with anthropic.messages.stream(
        model="smollm2", max_tokens=200, messages=messages, tools=tools, tool_choice={"type": "any"}
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_message()
    assert "input_json" in kinds
    used = [block for block in final.content if block.type == "tool_use"]
    assert set(used[0].input) == {"name", "age"}
    assert final.stop_reason == "tool_use"
    messages += [
        {"role": "assistant", "content": final.content},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": one.id, "content": "ok"} for one in used]},
    ]
    after = anthropic.messages.create(model="smollm2", max_tokens=8, messages=messages, tools=tools)
    assert after.usage.output_tokens > 0


def test_anthropic_errors(anthropic: Any, real: Any) -> None:
    import anthropic as package

    with pytest.raises(package.NotFoundError):
        anthropic.messages.create(model="claude-99", max_tokens=5, messages=QUESTION)
    with pytest.raises(package.BadRequestError):
        anthropic.messages.create(model="smollm2", max_tokens=5, messages=[{"role": "wizard", "content": "x"}])
    with (
        pytest.raises(package.AuthenticationError),
        package.Anthropic(base_url=real.url, api_key="wrong", max_retries=0) as stranger,
    ):
        stranger.messages.create(model="smollm2", max_tokens=5, messages=QUESTION)


# --- LangChain, npm -------------------------------------------------------------------------------------------------
def test_langchain(real: Any) -> None:
    langchain = pytest.importorskip("langchain_openai")
    chat = langchain.ChatOpenAI(
        base_url=real.url + "/v1", api_key=real.token, model="smollm2", max_retries=0, max_tokens=60, temperature=0
    )
    assert (
        "Paris" in chat.invoke([("system", "You are a helpful assistant."), ("user", QUESTION[0]["content"])]).content
    )
    assert "".join(chunk.content for chunk in chat.stream("Say hello.")) != ""
    called = chat.bind_tools([TOOL], tool_choice="add_person").invoke("Add Ada, 36 years old.")
    assert set(called.tool_calls[0]["args"]) == {"name", "age"}
    person = chat.with_structured_output(PERSON | {"title": "Person"}, method="json_schema").invoke("Ada, 36 years old")
    assert set(person) == {"name", "age"}
    gathered = None
    for chunk in chat.bind_tools([TOOL], tool_choice="add_person").stream("Add Ada, 36 years old."):
        gathered = chunk if gathered is None else gathered + chunk
    assert gathered is not None and set(gathered.tool_calls[0]["args"]) == {"name", "age"}
    made = langchain.OpenAIEmbeddings(
        base_url=real.url + "/v1", api_key=real.token, model="smollm2", max_retries=0, check_embedding_ctx_length=False
    )
    assert len(made.embed_documents(["a", "b"])) == 2
    openai_package = pytest.importorskip("openai")
    with pytest.raises(openai_package.NotFoundError):
        langchain.ChatOpenAI(base_url=real.url + "/v1", api_key=real.token, model="gpt-9", max_retries=0).invoke("x")
    with pytest.raises(openai_package.AuthenticationError):
        langchain.ChatOpenAI(base_url=real.url + "/v1", api_key="wrong", model="smollm2", max_retries=0).invoke("x")


NODE = """
import OpenAI from "openai";
const client = new OpenAI({ baseURL: process.env.URL + "/v1", apiKey: process.env.TOKEN, maxRetries: 0 });
const messages = [{ role: "system", content: "You are a helpful assistant." },
                  { role: "user", content: "What is the capital of France?" }];
const said = await client.chat.completions.create({ model: "smollm2", messages, max_tokens: 24 });
let streamed = "";
for await (const chunk of await client.chat.completions.create(
    { model: "smollm2", messages, max_tokens: 24, stream: true })) streamed += chunk.choices[0]?.delta?.content ?? "";
const tool = JSON.parse(process.env.TOOL);
const called = await client.chat.completions.create({ model: "smollm2", tools: [tool], tool_choice: "required",
  parallel_tool_calls: false, messages: [{ role: "user", content: "Add Ada, 36 years old." }] });
let args = "";
const ada = [{ role: "user", content: "Add Ada, 36 years old." }];
for await (const chunk of await client.chat.completions.create({ model: "smollm2", tools: [tool], stream: true,
    tool_choice: "required", parallel_tool_calls: false, messages: ada }))
  args += chunk.choices[0]?.delta?.tool_calls?.[0]?.function?.arguments ?? "";
const person = await client.chat.completions.create({ model: "smollm2", messages,
  response_format: { type: "json_schema",
                     json_schema: { name: "p", strict: true, schema: tool.function.parameters } } });
let status = 0;
try { await new OpenAI({ baseURL: process.env.URL + "/v1", apiKey: "wrong", maxRetries: 0 }).models.list(); }
catch (e) { status = e.status; }
const vectors = await client.embeddings.create({ model: "smollm2", input: ["a"] });
let code = "";
try { await client.chat.completions.create({ model: "gpt-9", messages }); } catch (e) { code = e.code; }
console.log(JSON.stringify({ said: said.choices[0].message.content, streamed, code, status,
  streamedCall: JSON.parse(args), person: JSON.parse(person.choices[0].message.content),
  call: JSON.parse(called.choices[0].message.tool_calls[0].function.arguments), n: vectors.data[0].embedding.length }));
"""


@pytest.mark.slow
def test_npm_openai(real: Any, tmp_path: Path) -> None:
    import os
    import shutil

    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("this machine lacks Node")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    subprocess.run([npm, "install", "--silent", "openai@6"], cwd=tmp_path, check=True, timeout=240)
    (tmp_path / "ask.mjs").write_text(NODE)
    env = {**os.environ, "URL": real.url, "TOKEN": real.token, "TOOL": json.dumps(TOOL)}
    done = subprocess.run(
        [node, "ask.mjs"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert "Paris" in said["said"]
    assert said["streamed"] == said["said"]
    assert set(said["call"]) == set(said["streamedCall"]) == set(said["person"]) == {"name", "age"}
    assert said["status"] == 401
    assert said["code"] == "model_not_found"
    assert said["n"] > 100


# --- clients that go ------------------------------------------------------------------------------------------------
def leave(real: Any, number: int) -> float:
    """Send a request and go at some moment of it; the seconds until nothing is generated any more."""
    import socket

    long = "Tell me everything about " + "the history of the world, " * (200 if number % 2 else 1)
    body = json.dumps({"messages": [{"role": "user", "content": f"{number} {long}"}], "stream": number % 3 != 0})
    port = int(real.url.rpartition(":")[2])
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {real.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
        sock.sendall(head.encode() + body.encode())
        if number % 3 and number % 5:
            sock.recv(1 + number * 7)
        else:
            time.sleep(0.02 * (number % 7))
    began = time.monotonic()
    while "rushlight_requests_generating 0" not in real.client.get("/metrics").text:
        assert time.monotonic() - began < 10
        time.sleep(0.005)
    return time.monotonic() - began


def check_leaving(real: Any, n: int) -> None:
    real.client.post("/v1/chat/completions", json={"messages": QUESTION, "max_tokens": 1})
    times = sorted(leave(real, number) for number in range(n))
    assert times[len(times) // 2] < 0.5, times
    assert times[-1] < 2.0, times  # on a machine that others keep busy
    print(f"{n} clients left: free after {times[n // 2] * 1e3:.0f} ms (median), {times[-1] * 1e3:.0f} ms at most")
    after = real.client.post("/v1/chat/completions", json={"messages": QUESTION, "max_tokens": 3})
    assert after.json()["usage"]["completion_tokens"] == 3


def test_clients_that_go_free_their_place(real: Any) -> None:
    check_leaving(real, 8)


@pytest.mark.slow
def test_two_hundred_clients_that_go(real: Any) -> None:
    def descriptors() -> list[str]:
        found = []
        for path in Path(f"/proc/{real.facts['pid']}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(str(path.readlink()))
        return sorted(found)

    check_leaving(real, 20)
    before = descriptors()
    check_leaving(real, 200)
    end = time.monotonic() + 10
    while len(descriptors()) > len(before) and time.monotonic() < end:
        time.sleep(0.1)  # the last to go is still being let go
    assert len(descriptors()) <= len(before), (before, descriptors())
