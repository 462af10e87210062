"""The body of /v1/chat/completions, and its reading into our own terms. Knows OpenAI's shapes; asks no engine."""

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from rushlight.assistant.engine.request import Grammar, Message
from rushlight.assistant.server.errors import bad
from rushlight.assistant.server.pieces import ChatAsk, Tool, ToolChoice

MAX_CHOICES = 16
MAX_TOOLS = 256
MAX_STOPS = 16
MAX_TOP_LOGPROBS = 20

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Limit = Annotated[int, Meta(ge=-1, le=2**31 - 1)]  # -1 = as many as fit
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Number = Annotated[float, Meta(ge=-1e9, le=1e9)]
Name = Annotated[str, Meta(max_length=200)]


# Read by hand, since clients differ in what they leave out; this says what is expected.
MessageField = Annotated[
    dict[str, Any],
    Meta(
        extra_json_schema={
            "type": "object",
            "required": ["role", "content"],
            "properties": {
                "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
                "content": {
                    "anyOf": [
                        {"type": "string"},
                        {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["type", "text"],
                                "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
                            },
                        },
                    ]
                },
                "tool_call_id": {"type": "string"},
            },
        }
    ),
]


class StreamOptions(Struct):
    """How a stream ends."""

    include_usage: bool | None = None


class JsonSchema(Struct):
    """The form of an answer."""

    schema: dict[str, Any] | None = None
    name: str | None = None
    strict: bool | None = None


class ResponseFormat(Struct):
    """text, json_object or json_schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class Function(Struct):
    """A function that may be called."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ToolField(Struct):
    """One of `tools`."""

    type: str
    function: Function | None = None


class GrammarField(Struct):
    """A grammar: ours, beside OpenAI's fields."""

    kind: Literal["gbnf", "lark", "regex", "json", "json_schema"]
    text: str = ""


class LoraField(Struct):
    """An adapter file below the data folder."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    scale: Annotated[float, Meta(ge=-100, le=100)] = 1.0


class SamplingFields(Struct, kw_only=True):
    """What every generating endpoint of OpenAI's shape takes. null is the same as absent."""

    model: Name | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Limit | None = None
    min_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    typical_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-100, le=100)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-100, le=100)] | None = None
    repeat_penalty: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    repetition_penalty: Annotated[float, Meta(ge=0.01, le=100)] | None = None
    seed: Whole | None = None
    logit_bias: dict[str, Number] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_CHOICES)] | None = None
    max_tokens: Limit | None = None
    grammar: str | GrammarField | None = None
    lora: list[LoraField] | None = None
    cache_prompt: bool | None = None


class ChatBody(SamplingFields, kw_only=True):
    """POST /v1/chat/completions"""

    messages: Annotated[list[MessageField], Meta(min_length=1)]
    max_completion_tokens: Limit | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[ToolField], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None


def read_chat(body: ChatBody) -> ChatAsk:
    """The request in our own terms. Raises `Refusal` for what is asked in a way that cannot be answered."""
    tools = read_tools(body.tools or [])
    choice = read_tool_choice(body.tool_choice, tools)
    grammar = read_grammar(body.grammar, body.response_format)
    if grammar is not None and tools and choice.kind != "none":
        if choice.kind == "auto" and body.response_format is not None and body.grammar is None:
            pass  # agents send both; a call is held by its tool's schema, and what is said is free
        else:
            raise bad("A grammar and tools cannot be used together.", param="grammar")
    max_tokens = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens
    logprobs = -1
    if body.logprobs:
        logprobs = body.top_logprobs or 0
    elif body.top_logprobs:
        raise bad("top_logprobs needs logprobs: true.", param="top_logprobs")
    reasoning, options = read_effort(body.reasoning_effort)
    options += tuple((name, json.dumps(value)) for name, value in (body.chat_template_kwargs or {}).items())
    return ChatAsk(
        model=body.model or "",
        messages=tuple(read_message(message, i) for i, message in enumerate(body.messages)),
        sampling=read_sampling(body),
        tools=tools,
        tool_choice=choice,
        is_parallel=body.parallel_tool_calls is not False,
        grammar=grammar,
        stop=read_stop(body.stop),
        max_tokens=-1 if max_tokens is None else max_tokens,
        logprobs=logprobs,
        n=body.n or 1,
        reasoning=reasoning,
        template_options=options,
        lora=tuple((use.path, use.scale) for use in body.lora or ()),
        continue_final=bool(body.continue_final_message),
        cache_prompt=body.cache_prompt is not False,
    )


def read_sampling(body: SamplingFields) -> dict[str, Any]:
    """The fields of `Sampling` that were given."""
    sampling: dict[str, Any] = {}
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "presence_penalty", "frequency_penalty"):
        value = getattr(body, name)
        if value is not None:
            sampling[name] = value
    penalty = body.repeat_penalty if body.repeat_penalty is not None else body.repetition_penalty
    if penalty is not None:
        sampling["repeat_penalty"] = penalty
    if body.seed is not None:
        sampling["seed"] = body.seed if body.seed == -1 else body.seed % (2**32 - 1)
    if body.logit_bias:
        sampling["logit_bias"] = [_bias(token, bias) for token, bias in body.logit_bias.items()]
    return sampling


def _bias(token: str, bias: float) -> tuple[int, float]:
    """-100 forbids a token, as OpenAI says of it."""
    if not (token.isascii() and token.isdecimal() and len(token) <= 9):
        raise bad(f"logit_bias: {token[:40]!r} is no token id.", param="logit_bias")
    if not -100 <= bias <= 100:
        raise bad(f"logit_bias: {bias} for token {token}; -100 to 100 is allowed.", param="logit_bias")
    return int(token), float("-inf") if bias <= -100 else bias


def read_stop(stop: str | list[str] | None) -> tuple[str, ...]:
    """The stop strings; empty ones say nothing."""
    listed = [stop] if isinstance(stop, str) else stop or []
    if len(listed) > MAX_STOPS or any(len(one) > 1024 for one in listed):
        raise bad(f"At most {MAX_STOPS} stop strings of 1024 characters are possible.", param="stop")
    return tuple(one for one in listed if one)


def read_effort(effort: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """(reasoning, template options) of an effort: none turns thinking off where the template can."""
    if effort is None:
        return "auto", ()
    if effort in ("none", "minimal"):
        return "off", ()
    known = {"xhigh": "high", "max": "high"}.get(effort, effort)
    return "auto", (("reasoning_effort", json.dumps(known)), ("enable_thinking", "true"))


def read_grammar(grammar: str | GrammarField | None, response_format: ResponseFormat | None) -> Grammar | None:
    """What the answer must match."""
    form = response_format if response_format is not None and response_format.type != "text" else None
    if grammar is not None:
        if form is not None:
            raise bad("grammar and response_format cannot be used together.", param="grammar")
        if isinstance(grammar, str):
            return Grammar("gbnf", grammar) if grammar.strip() else None
        return Grammar(grammar.kind, grammar.text)
    if form is None:
        return None
    if form.type == "json_object":
        return Grammar("json_schema", '{"type": "object"}')
    schema = form.json_schema.schema if form.json_schema is not None else None
    if schema is None:
        raise bad("response_format of the type json_schema needs json_schema.schema.", param="response_format")
    return Grammar("json_schema", json.dumps(schema))


def read_tools(tools: list[ToolField]) -> tuple[Tool, ...]:
    """The tools, each name once."""
    made = []
    for i, one in enumerate(tools):
        if one.type != "function" or one.function is None:
            raise bad(f"Only tools of the type function are known, not {one.type[:40]!r}.", param=f"tools[{i}].type")
        function = one.function
        made.append(Tool(function.name, function.description or "", function.parameters or {}, bool(function.strict)))
    check_tools(made)
    return tuple(made)


def check_tools(tools: list[Tool]) -> None:
    """Raise where two have one name."""
    names = [tool.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise bad(f"Two tools are called {twice[:80]!r}.", param="tools")


def read_tool_choice(choice: str | dict[str, Any] | None, tools: tuple[Tool, ...]) -> ToolChoice:
    """auto, none, required, or one function by name (in the forms of chat completions and of responses)."""
    if choice is None:
        return ToolChoice("auto")
    if isinstance(choice, str):
        if choice not in ("auto", "none", "required"):
            raise bad(f"tool_choice is {choice[:40]!r}; auto, none, required or a function is expected.",
                      param="tool_choice")  # fmt: skip
        if choice == "required" and not tools:
            raise bad("tool_choice is required, and there are no tools.", param="tool_choice")
        return ToolChoice(choice)
    function = choice.get("function")
    name = function.get("name") if isinstance(function, dict) else choice.get("name")
    if choice.get("type") != "function" or not isinstance(name, str):
        raise bad("tool_choice must name a function.", param="tool_choice")
    if all(tool.name != name for tool in tools):
        raise bad(f"tool_choice names {name[:80]!r}, which is not among the tools.", param="tool_choice")
    return ToolChoice("named", name)


def read_message(message: dict[str, Any], index: int) -> Message:
    """One turn of the conversation."""
    where = f"messages[{index}]"
    role = message.get("role")
    if role == "function":
        role = "tool"
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise bad(f"{where}.role must be system, developer, user, assistant or tool.", param=f"{where}.role")
    calls = message.get("tool_calls")
    return Message(
        role=role,
        content=read_content(message.get("content"), f"{where}.content"),
        reasoning=_text(message, "reasoning_content", where) or _text(message, "reasoning", where),
        name=_text(message, "name", where),
        tool_call_id=_text(message, "tool_call_id", where),
        tool_calls=_calls(calls, where) if calls else "",
    )


def _text(message: dict[str, Any], name: str, where: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad(f"{where}.{name} must be a text.", param=f"{where}.{name}")
    return value


def read_content(content: Any, where: str) -> str:
    """The text of a content: a string, or parts of the type text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad(f"{where} must be a text or a list of parts.", param=where)
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "input_text", "output_text", "refusal"):
            text = part.get("text" if kind != "refusal" else "refusal")
            if not isinstance(text, str):
                raise bad(f"{where}: a part of the type {kind} needs a text.", param=where)
            texts.append(text)
        elif isinstance(part, str):
            texts.append(part)
        else:
            raise bad(
                f"{where}: parts of the type {str(kind)[:40]!r} cannot be read; only text can.",
                "Images and audio need a model that takes them.",
                param=where,
            )
    return "".join(texts)


def _calls(calls: Any, where: str) -> str:
    """Earlier calls, checked, as JSON in OpenAI's shape."""
    made = []
    for call in calls if isinstance(calls, list) else [None]:
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        arguments = function.get("arguments", "{}") if isinstance(function, dict) else None
        if not isinstance(call, dict) or not isinstance(name, str) or not isinstance(arguments, str | dict):
            raise bad(f"{where}.tool_calls must be a list of function calls.", param=f"{where}.tool_calls")
        text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
        made.append(
            {"id": str(call.get("id") or ""), "type": "function", "function": {"name": name, "arguments": text}}
        )
    return json.dumps(made, ensure_ascii=False)
