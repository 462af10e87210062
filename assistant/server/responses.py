"""/v1/responses: OpenAI's newer interface over the same answers. Earlier ones are kept for `previous_response_id`, in
memory only."""

import copy
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Request
from msgspec import Meta, Struct
from starlette.responses import Response

from rushlight import Error
from rushlight.assistant.engine.request import Message
from rushlight.assistant.events import TokenLogprob
from rushlight.assistant.server.chat_completions import logprob_content, pieces_of, timings_of
from rushlight.assistant.server.chat_fields import (
    MAX_TOOLS,
    MAX_TOP_LOGPROBS,
    JsonSchema,
    Limit,
    Name,
    ResponseFormat,
    check_tools,
    read_content,
    read_effort,
    read_grammar,
    read_tool_choice,
)
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response, refusing
from rushlight.assistant.server.errors import Refusal, bad, openai_body
from rushlight.assistant.server.pieces import (
    CallArguments,
    CallStarted,
    ChatAsk,
    Ended,
    Piece,
    Text,
    Thought,
    Tool,
    Totals,
)
from rushlight.assistant.server.service import Exchange, Service
from rushlight.assistant.server.sse import EventStream, event

MAX_KEPT = 1000
MAX_KEPT_CHARS = 32 * 1024 * 1024


class TextFormat(Struct, kw_only=True):
    """The form of an answer, flat."""

    type: Literal["text", "json_object", "json_schema"]
    schema: dict[str, Any] | None = None
    name: str | None = None
    strict: bool | None = None


class TextField(Struct, kw_only=True):
    """`text` of a request."""

    format: TextFormat | None = None


class Reasoning(Struct, kw_only=True):
    """How much thinking."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None


class ResponsesBody(Struct, kw_only=True):
    """POST /v1/responses"""

    input: str | Annotated[list[dict[str, Any]], Meta(min_length=1)]
    model: Name | None = None
    instructions: str | None = None
    max_output_tokens: Limit | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_TOP_LOGPROBS)] | None = None
    stream: bool | None = None
    tools: Annotated[list[dict[str, Any]], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    text: TextField | None = None
    reasoning: Reasoning | None = None
    previous_response_id: Annotated[str, Meta(max_length=200)] | None = None
    store: bool | None = None
    metadata: dict[str, Any] | None = None


class Kept:
    """The conversations of the last responses, oldest given up first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[tuple[Message, ...], int]] = OrderedDict()
        self._n_chars = 0

    def add(self, response_id: str, messages: tuple[Message, ...]) -> None:
        n_chars = sum(len(message.content) + len(message.tool_calls) for message in messages)
        self._kept[response_id] = (messages, n_chars)
        self._n_chars += n_chars
        while len(self._kept) > MAX_KEPT or (self._n_chars > MAX_KEPT_CHARS and len(self._kept) > 1):
            self._n_chars -= self._kept.popitem(last=False)[1][1]

    def find(self, response_id: str) -> tuple[Message, ...]:
        if response_id not in self._kept:
            raise Refusal(
                f"There is no response {response_id[:80]!r} (any more).",
                "Send the whole conversation as input.",
                kind="not-found",
                param="previous_response_id",
            )
        return self._kept[response_id][0]


async def responses(service: Service, request: Request) -> Response:
    """Answer, in the shape of the responses interface."""
    body = await body_of(request, ResponsesBody)
    kept: Kept = request.app.state.kept
    history = kept.find(body.previous_response_id) if body.previous_response_id else ()
    new = read_input(body.input)
    ask = _ask(body, (*history, *new))
    exchange = exchange_of(request)
    exchange.record.is_stream = bool(body.stream)
    made = _Made(body, exchange)

    def keep() -> None:
        if body.store is not False:
            kept.add(made.id, (*history, *new, made.message()))

    pieces = pieces_of(service, exchange, ask)
    if body.stream:
        return EventStream(exchange, _stream(pieces, made, keep), made.failed, refusing(request))
    try:
        async for piece in pieces:
            for _event in made.take(piece):
                pass
        keep()
        return json_response(made.response(made.status))
    finally:
        exchange.close()


def _ask(body: ResponsesBody, messages: tuple[Message, ...]) -> ChatAsk:
    tools = _tools(body.tools or [])
    choice = read_tool_choice(body.tool_choice, tools)
    form = body.text.format if body.text is not None else None
    shape = ResponseFormat(form.type, JsonSchema(form.schema)) if form is not None else None
    reasoning, options = read_effort(body.reasoning.effort if body.reasoning is not None else None)
    sampling: dict[str, Any] = {}
    if body.temperature is not None:
        sampling["temperature"] = body.temperature
    if body.top_p is not None:
        sampling["top_p"] = body.top_p
    if body.instructions:
        messages = (Message("system", body.instructions), *messages)
    return ChatAsk(
        model=body.model or "",
        messages=messages,
        sampling=sampling,
        tools=tools,
        tool_choice=choice,
        is_parallel=body.parallel_tool_calls is not False,
        grammar=read_grammar(None, shape),
        max_tokens=-1 if body.max_output_tokens is None else body.max_output_tokens,
        logprobs=-1 if not body.top_logprobs else body.top_logprobs,
        reasoning=reasoning,
        template_options=options,
    )


def _tools(given: list[dict[str, Any]]) -> tuple[Tool, ...]:
    made = []
    for i, one in enumerate(given):
        name, parameters = one.get("name"), one.get("parameters") or {}
        if one.get("type") != "function" or not isinstance(name, str) or not name or not isinstance(parameters, dict):
            raise bad(
                f"Only tools of the type function, with a name and parameters, are known; not {one.get('type')!r}.",
                param=f"tools[{i}]",
            )
        made.append(Tool(name[:256], str(one.get("description") or ""), parameters, one.get("strict") is True))
    check_tools(made)
    return tuple(made)


def read_input(given: str | list[dict[str, Any]]) -> tuple[Message, ...]:
    """The items of `input` as turns."""
    if isinstance(given, str):
        return (Message("user", given),)
    turns: list[Message] = []
    for i, item in enumerate(given):
        where = f"input[{i}]"
        kind = item.get("type") or "message"
        if kind == "message":
            role = item.get("role")
            if role not in ("system", "developer", "user", "assistant"):
                raise bad(f"{where}.role must be system, developer, user or assistant.", param=where)
            turns.append(Message(role, read_content(item.get("content"), f"{where}.content")))
        elif kind == "function_call":
            call = {
                "id": str(item.get("call_id") or item.get("id") or ""),
                "type": "function",
                "function": {"name": str(item.get("name") or ""), "arguments": str(item.get("arguments") or "{}")},
            }
            last = turns[-1] if turns else None
            if last is not None and last.role == "assistant":  # several calls, or text and a call, are one turn
                calls = [*json.loads(last.tool_calls or "[]"), call]
                turns[-1] = Message("assistant", last.content, tool_calls=json.dumps(calls))
            else:
                turns.append(Message("assistant", "", tool_calls=json.dumps([call])))
        elif kind == "function_call_output":
            output = item.get("output")
            text = output if isinstance(output, str) else read_content(output, f"{where}.output")
            turns.append(Message("tool", text, tool_call_id=str(item.get("call_id") or "")))
        elif kind != "reasoning":
            raise bad(f"{where}: items of the type {str(kind)[:40]!r} cannot be read.", param=where)
    if not turns:
        raise bad("input holds no message.", param="input")
    return tuple(turns)


class _Made:
    """A response in the making: its items, and the events by which a stream tells of them."""

    def __init__(self, body: ResponsesBody, exchange: Exchange) -> None:
        self.id = f"resp_{secrets.token_hex(16)}"
        self.created_at = int(time.time())
        self.status = "completed"
        self._body = body
        self._exchange = exchange
        self._items: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._totals = Totals()
        self._number = 0

    def message(self) -> Message:
        """The answer as a turn of the conversation."""
        text, calls = "", []
        for item in self._items:
            if item["type"] == "message":
                text += item["content"][0]["text"]
            elif item["type"] == "function_call":
                function = {"name": item["name"], "arguments": item["arguments"]}
                calls.append({"id": item["call_id"], "type": "function", "function": function})
        return Message("assistant", text, tool_calls=json.dumps(calls) if calls else "")

    def response(self, status: str, error: dict[str, Any] | None = None) -> dict[str, Any]:
        """The whole response as it is now."""
        body, totals = self._body, self._totals
        texts = [item["content"][0]["text"] for item in self._items if item["type"] == "message"]
        usage = {
            "input_tokens": totals.n_prompt_tokens,
            "input_tokens_details": {"cached_tokens": totals.n_cached_tokens},
            "output_tokens": totals.n_completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": totals.n_prompt_tokens + totals.n_completion_tokens,
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "error": error,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": self._exchange.record.model,
            "output": copy.deepcopy(self._items),  # an event is written later, when they have grown
            "output_text": "".join(texts),
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
            "store": body.store is not False,
            "temperature": body.temperature,
            "text": {"format": {"type": "text"} if not body.text or not body.text.format else body.text.format},
            "tool_choice": body.tool_choice or "auto",
            "tools": body.tools or [],
            "top_p": body.top_p,
            "truncation": "disabled",
            "usage": usage if status in ("completed", "incomplete") else None,
            "metadata": body.metadata or {},
            "timings": timings_of(totals, self._exchange),
        }

    def begin(self) -> list[dict[str, Any]]:
        started = self.response("in_progress")
        return [
            self._event("response.created", response=started),
            self._event("response.in_progress", response=started),
        ]

    def take(self, piece: Piece) -> list[dict[str, Any]]:
        """The events of one piece."""
        match piece:
            case Text():
                return self._text(piece.text, piece.logprobs)
            case Thought():
                return self._thought(piece.text)
            case CallStarted():
                item = {
                    "id": f"fc_{secrets.token_hex(16)}",
                    "type": "function_call",
                    "status": "in_progress",
                    "call_id": piece.id,
                    "name": piece.name,
                    "arguments": "",
                }
                return [*self._close_item(), *self._add_item(item)]
            case CallArguments():
                assert self._open is not None
                self._open["arguments"] += piece.text
                return [self._event("response.function_call_arguments.delta", delta=piece.text, **self._place())]
            case Ended():
                self._totals.add(piece.usage)
                self.status = "incomplete" if piece.reason == "length" else "completed"
                if not self._items:
                    return [*self._text(""), *self._close_item()]
                return self._close_item()
            case _:
                return []

    def end(self) -> dict[str, Any]:
        return self._event(f"response.{self.status}", response=self.response(self.status))

    def failed(self, err: Error) -> bytes:
        """The last event of a stream that breaks."""
        error = openai_body(err)["error"]
        told = self.response("failed", {"code": "server_error", "message": error["message"]})
        return event(self._event("response.failed", response=told), "response.failed")

    def _text(self, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        if self._open is None or self._open["type"] != "message":
            item: dict[str, Any] = {"id": f"msg_{secrets.token_hex(16)}", "type": "message", "status": "in_progress",
                    "role": "assistant", "content": []}  # fmt: skip
            events += [*self._close_item(), *self._add_item(item)]
            part: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            added = {**part, "logprobs": []}  # an event is written later, when the part has grown
            events.append(self._event("response.content_part.added", content_index=0, part=added, **self._place()))
            item["content"] = [part]
        assert self._open is not None
        told = logprob_content(logprobs, unknown=[])  # here it must be a list
        self._open["content"][0]["text"] += text
        self._open["content"][0]["logprobs"] += told
        if text or told:
            events.append(
                self._event("response.output_text.delta", content_index=0, delta=text, logprobs=told, **self._place())
            )
        return events

    def _thought(self, text: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        if self._open is None or self._open["type"] != "reasoning":
            item = {"id": f"rs_{secrets.token_hex(16)}", "type": "reasoning", "status": "in_progress", "summary": [],
                    "content": [{"type": "reasoning_text", "text": ""}]}  # fmt: skip
            events += [*self._close_item(), *self._add_item(item)]
        assert self._open is not None
        self._open["content"][0]["text"] += text
        events.append(self._event("response.reasoning_text.delta", content_index=0, delta=text, **self._place()))
        return events

    def _add_item(self, item: dict[str, Any]) -> list[dict[str, Any]]:
        self._items.append(item)
        self._open = item
        place = {"output_index": len(self._items) - 1}
        return [self._event("response.output_item.added", item=json.loads(json.dumps(item)), **place)]

    def _close_item(self) -> list[dict[str, Any]]:
        item = self._open
        if item is None:
            return []
        item["status"] = "completed"
        place = self._place()
        events: list[dict[str, Any]] = []
        if item["type"] == "message":
            part = item["content"][0]
            text, told = part["text"], part["logprobs"]
            events.append(self._event("response.output_text.done", content_index=0, text=text, logprobs=told, **place))
            events.append(self._event("response.content_part.done", content_index=0, part=part, **place))
        elif item["type"] == "function_call":
            events.append(
                self._event(
                    "response.function_call_arguments.done", arguments=item["arguments"], name=item["name"], **place
                )
            )
        else:
            text = item["content"][0]["text"]
            events.append(self._event("response.reasoning_text.done", content_index=0, text=text, **place))
        events.append(self._event("response.output_item.done", item=item, output_index=place["output_index"]))
        self._open = None
        return events

    def _place(self) -> dict[str, Any]:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._items) - 1}

    def _event(self, kind: str, **more: Any) -> dict[str, Any]:
        made = {"type": kind, "sequence_number": self._number, **more}
        self._number += 1
        return made


async def _stream(pieces: AsyncIterator[Piece], made: _Made, keep: Any) -> AsyncIterator[bytes]:
    has_begun = False
    async for piece in pieces:
        events = [] if has_begun else made.begin()
        has_begun = True
        for one in (*events, *made.take(piece)):
            yield event(one, one["type"])
    keep()
    last = made.end()
    yield event(last, last["type"])
