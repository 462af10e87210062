"""/v1/messages and its count_tokens: Anthropic's interface over the same answers."""

import json
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Request
from msgspec import Meta, Struct
from starlette.responses import Response

from rushlight.assistant.engine.request import Message, TokenizeRequest
from rushlight.assistant.server.chat_completions import pieces_of
from rushlight.assistant.server.chat_fields import MAX_TOOLS, Limit, MessageField, Name, check_tools, read_stop
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response, refusing
from rushlight.assistant.server.errors import anthropic_body, bad
from rushlight.assistant.server.pieces import (
    CallArguments,
    CallStarted,
    ChatAsk,
    Ended,
    Piece,
    Text,
    Thought,
    Tool,
    ToolChoice,
    Totals,
)
from rushlight.assistant.server.service import Exchange, Service
from rushlight.assistant.server.small import count
from rushlight.assistant.server.sse import EventStream, event
from rushlight.assistant.server.tool_forms import find_form, told


class ToolField(Struct, kw_only=True):
    """One of `tools`."""

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    type: str | None = None


class ChoiceField(Struct, kw_only=True):
    """Which tool may or must be used."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(Struct, kw_only=True):
    """Whether the model thinks first."""

    type: str


class CountBody(Struct, kw_only=True):
    """POST /v1/messages/count_tokens"""

    messages: Annotated[list[MessageField], Meta(min_length=1)]
    model: Name | None = None
    system: str | list[dict[str, Any]] | None = None
    tools: Annotated[list[ToolField], Meta(max_length=MAX_TOOLS)] | None = None


class MessagesBody(CountBody, kw_only=True):
    """POST /v1/messages"""

    max_tokens: Limit | None = None
    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Limit | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    tool_choice: ChoiceField | None = None
    thinking: Thinking | None = None
    metadata: dict[str, Any] | None = None


async def messages(service: Service, request: Request) -> Response:
    """Answer a conversation, in Anthropic's shape."""
    body = await body_of(request, MessagesBody)
    ask = _ask(body)
    exchange = exchange_of(request)
    exchange.record.is_stream = bool(body.stream)
    made = _Made(exchange)
    pieces = pieces_of(service, exchange, ask)
    if body.stream:
        return EventStream(
            exchange,
            _stream(pieces, made),
            lambda err: event(anthropic_body(err), "error"),
            refusing(request),
            event({"type": "ping"}, "ping"),
        )
    try:
        async for piece in pieces:
            made.take(piece)
        return json_response(made.message())
    finally:
        exchange.close()


async def count_tokens(service: Service, request: Request) -> Response:
    """How many tokens the conversation is."""
    body = await body_of(request, CountBody)
    turns = told(find_form(""), _turns(body), _tools(body.tools or []))
    token_ids = await count(service, request, body.model or "", TokenizeRequest(messages=turns))
    return json_response({"input_tokens": len(token_ids)})


def _ask(body: MessagesBody) -> ChatAsk:
    tools = _tools(body.tools or [])
    sampling = {name: value for name in ("temperature", "top_p", "top_k") if (value := getattr(body, name)) is not None}
    choice = body.tool_choice
    return ChatAsk(
        model=body.model or "",
        messages=_turns(body),
        sampling=sampling,
        tools=tools,
        tool_choice=_choice(choice, tools),
        is_parallel=not (choice and choice.disable_parallel_tool_use),
        stop=read_stop(body.stop_sequences),
        max_tokens=-1 if body.max_tokens is None else body.max_tokens,
        reasoning="off" if body.thinking is not None and body.thinking.type == "disabled" else "auto",
        continue_final=body.messages[-1].get("role") == "assistant",
    )


def _choice(choice: ChoiceField | None, tools: tuple[Tool, ...]) -> ToolChoice:
    if choice is None or choice.type == "auto":
        return ToolChoice("auto")
    if choice.type == "none":
        return ToolChoice("none")
    if choice.type == "any":
        if not tools:
            raise bad("tool_choice is any, and there are no tools.", param="tool_choice")
        return ToolChoice("required")
    if choice.type != "tool" or all(tool.name != choice.name for tool in tools):
        raise bad("tool_choice must be auto, any, none, or name one of the tools.", param="tool_choice")
    return ToolChoice("named", choice.name or "")


def _tools(given: list[ToolField]) -> tuple[Tool, ...]:
    for i, one in enumerate(given):
        if one.type not in (None, "custom"):
            raise bad(f"Tools of the type {one.type!r} are not known.", param=f"tools[{i}].type")
    made = [Tool(one.name, one.description or "", one.input_schema or {}) for one in given]
    check_tools(made)
    return tuple(made)


def _turns(body: CountBody) -> tuple[Message, ...]:
    turns = []
    if body.system:
        turns.append(Message("system", _text(body.system, "system")))
    for i, message in enumerate(body.messages):
        turns += _turn(message, f"messages[{i}]")
    return tuple(turns)


def _turn(message: dict[str, Any], where: str) -> list[Message]:
    """One message; results of tools become turns of their own before what else it says."""
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        raise bad(f"{where}.role must be user or assistant.", param=f"{where}.role")
    if isinstance(content, str):
        return [Message(role, content)]
    if not isinstance(content, list):
        raise bad(f"{where}.content must be a text or a list of blocks.", param=f"{where}.content")
    texts, thoughts, calls = [], [], []
    turns: list[Message] = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(_text([block], where))
        elif kind == "tool_use":
            function = {"name": str(block.get("name") or ""), "arguments": json.dumps(block.get("input") or {})}
            calls.append({"id": str(block.get("id") or ""), "type": "function", "function": function})
        elif kind == "tool_result":
            said = _text(block.get("content") or "", where)
            turns.append(Message("tool", said, tool_call_id=str(block.get("tool_use_id") or "")))
        elif kind == "thinking":
            thoughts.append(str(block.get("thinking") or ""))
        elif kind != "redacted_thinking":
            raise bad(
                f"{where}: blocks of the type {str(kind)[:40]!r} cannot be read; only text can.",
                "Images and documents need a model that takes them.",
                param=f"{where}.content",
            )
    if texts or calls or not turns:
        turns.append(
            Message(role, "".join(texts), reasoning="".join(thoughts), tool_calls=json.dumps(calls) if calls else "")
        )
    return turns


def _text(content: Any, where: str) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise bad(f"{where} must be a text or a list of text blocks.", param=where)
    texts = []
    for block in content:
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise bad(f"{where}: only blocks of the type text can be read here.", param=where)
        texts.append(block["text"])
    return "".join(texts)


_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class _Made:
    """A message in the making: its blocks, and the events by which a stream tells of them."""

    def __init__(self, exchange: Exchange) -> None:
        self.id = f"msg_{secrets.token_hex(12)}"
        self._exchange = exchange
        self._blocks: list[dict[str, Any]] = []
        self._arguments = ""
        self._reason: str | None = None
        self._stop_sequence: str | None = None
        self._totals = Totals()
        self._is_open = False

    def message(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self._exchange.record.model,
            "content": self._blocks,
            "stop_reason": self._reason,
            "stop_sequence": self._stop_sequence,
            "usage": self._usage(),
        }

    def _usage(self) -> dict[str, Any]:
        totals = self._totals
        return {
            "input_tokens": totals.n_prompt_tokens - totals.n_cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": totals.n_cached_tokens,
            "output_tokens": totals.n_completion_tokens,
        }

    def begin(self) -> list[dict[str, Any]]:
        return [{"type": "message_start", "message": {**self.message(), "content": []}}, {"type": "ping"}]

    def take(self, piece: Piece) -> list[dict[str, Any]]:
        """The events of one piece."""
        match piece:
            case Text() if piece.text:
                events = self._in_block("text", {"type": "text", "text": ""})
                self._blocks[-1]["text"] += piece.text
                return [*events, self._delta({"type": "text_delta", "text": piece.text})]
            case Thought():
                events = self._in_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                self._blocks[-1]["thinking"] += piece.text
                return [*events, self._delta({"type": "thinking_delta", "thinking": piece.text})]
            case CallStarted():
                block = {"type": "tool_use", "id": f"toolu_{piece.id[5:]}", "name": piece.name, "input": {}}
                events = self._close_block()  # it reads the arguments of the call before
                self._arguments = ""
                return [*events, *self._open_block(block)]
            case CallArguments():
                self._arguments += piece.text
                return [self._delta({"type": "input_json_delta", "partial_json": piece.text})]
            case Ended():
                self._totals.add(piece.usage)
                self._reason = "stop_sequence" if piece.stop_string else _REASONS.get(piece.reason, "end_turn")
                self._stop_sequence = piece.stop_string or None
                return self._close_block()
            case _:
                return []

    def end(self) -> list[dict[str, Any]]:
        delta = {"stop_reason": self._reason, "stop_sequence": self._stop_sequence}
        return [{"type": "message_delta", "delta": delta, "usage": self._usage()}, {"type": "message_stop"}]

    def _in_block(self, kind: str, block: dict[str, Any]) -> list[dict[str, Any]]:
        if self._is_open and self._blocks[-1]["type"] == kind:
            return []
        return [*self._close_block(), *self._open_block(block)]

    def _open_block(self, block: dict[str, Any]) -> list[dict[str, Any]]:
        self._blocks.append(block)
        self._is_open = True
        return [{"type": "content_block_start", "index": len(self._blocks) - 1, "content_block": dict(block)}]

    def _close_block(self) -> list[dict[str, Any]]:
        if not self._is_open:
            return []
        self._is_open = False
        block = self._blocks[-1]
        if block["type"] == "tool_use":
            try:
                block["input"] = json.loads(self._arguments or "{}")
            except ValueError:  # cut off by max_tokens
                block["input"] = {}
        return [{"type": "content_block_stop", "index": len(self._blocks) - 1}]

    def _delta(self, delta: dict[str, Any]) -> dict[str, Any]:
        return {"type": "content_block_delta", "index": len(self._blocks) - 1, "delta": delta}


async def _stream(pieces: AsyncIterator[Piece], made: _Made) -> AsyncIterator[bytes]:
    has_begun = False
    async for piece in pieces:
        events = [] if has_begun else made.begin()
        has_begun = True
        for one in (*events, *made.take(piece)):
            yield event(one, one["type"])
    for one in made.end():
        yield event(one, one["type"])
