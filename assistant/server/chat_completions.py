"""/v1/chat/completions: pieces of an answer in OpenAI's shape, whole or as a stream."""

import secrets
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fastapi import Request
from starlette.responses import Response

from rushlight import Error
from rushlight.assistant.events import TokenLogprob
from rushlight.assistant.server.answering import answer
from rushlight.assistant.server.chat_fields import ChatBody, read_chat
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response, refusing
from rushlight.assistant.server.errors import openai_body
from rushlight.assistant.server.pieces import (
    CallArguments,
    CallStarted,
    ChatAsk,
    Ended,
    Noted,
    Piece,
    Text,
    Thought,
    Totals,
)
from rushlight.assistant.server.service import Exchange, Service
from rushlight.assistant.server.sse import EventStream, event


async def chat_completions(service: Service, request: Request) -> Response:
    """Answer a conversation."""
    body = await body_of(request, ChatBody)
    ask = read_chat(body)
    exchange = exchange_of(request)
    exchange.record.is_stream = bool(body.stream)
    pieces = pieces_of(service, exchange, ask)
    if body.stream:
        wants_usage = bool(body.stream_options and body.stream_options.include_usage)
        return EventStream(
            exchange,
            _stream(pieces, exchange, ask, wants_usage),
            failed,
            refusing(request),
        )
    try:
        return json_response(await _whole(pieces, exchange, ask))
    finally:
        exchange.close()


async def pieces_of(service: Service, exchange: Exchange, ask: ChatAsk) -> AsyncIterator[Piece]:
    """The pieces of an answer, noted in the request's record on their way."""
    record = exchange.record
    totals = Totals()
    async for piece in service.ask(
        exchange, ask.model, lambda app, named, stop, loading: answer(app, named, ask, stop, loading)
    ):
        if isinstance(piece, Noted):
            record.notices = (*record.notices, piece.kind)[:20]
            continue
        if not record.first_token_s and not isinstance(piece, Ended):
            record.first_token_s = time.monotonic() - record.began_s
        if isinstance(piece, Ended):
            totals.add(piece.usage)
            record.n_prompt_tokens = totals.n_prompt_tokens
            record.n_cached_tokens = totals.n_cached_tokens
            record.n_completion_tokens = totals.n_completion_tokens
            record.tokens_per_second = round(speed(totals), 1)
        yield piece


def speed(totals: Totals) -> float:
    """Tokens a second after the first of each choice."""
    return max(0, totals.n_completion_tokens - totals.n_choices) / totals.decode_s if totals.decode_s > 0 else 0.0


class _Head:
    """What all chunks of one answer share."""

    def __init__(self, exchange: Exchange, ask: ChatAsk) -> None:
        self.id = f"chatcmpl-{secrets.token_hex(12)}"
        self.created = int(time.time())
        self._exchange = exchange
        self._ask = ask

    def of(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self._exchange.record.model or self._ask.model,
            "system_fingerprint": "rushlight",
        }


async def _whole(pieces: AsyncIterator[Piece], exchange: Exchange, ask: ChatAsk) -> dict[str, Any]:
    texts = [""] * ask.n
    thoughts = [""] * ask.n
    calls: list[list[dict[str, Any]]] = [[] for _ in range(ask.n)]
    logprobs: list[list[dict[str, Any]]] = [[] for _ in range(ask.n)]
    reasons = ["stop"] * ask.n
    totals = Totals()
    async for piece in pieces:
        match piece:
            case Text():
                texts[piece.choice] += piece.text
                logprobs[piece.choice] += logprob_content(piece.logprobs)
            case Thought():
                thoughts[piece.choice] += piece.text
            case CallStarted():
                function = {"name": piece.name, "arguments": ""}
                calls[piece.choice].append({"id": piece.id, "type": "function", "function": function})
            case CallArguments():
                calls[piece.choice][piece.call]["function"]["arguments"] += piece.text
            case Ended():
                reasons[piece.choice] = piece.reason
                totals.add(piece.usage)
            case _:
                pass
    choices = []
    for i in range(ask.n):
        message: dict[str, Any] = {"role": "assistant", "content": texts[i] or (None if calls[i] else "")}
        message["refusal"] = None
        if thoughts[i]:
            message["reasoning_content"] = thoughts[i]
        if calls[i]:
            message["tool_calls"] = calls[i]
        choices.append(
            {
                "index": i,
                "message": message,
                "logprobs": {"content": logprobs[i], "refusal": None} if ask.logprobs >= 0 else None,
                "finish_reason": reasons[i],
            }
        )
    return {
        **_Head(exchange, ask).of("chat.completion"),
        "choices": choices,
        "usage": usage_of(totals),
        "timings": timings_of(totals, exchange),
    }


async def _stream(
    pieces: AsyncIterator[Piece], exchange: Exchange, ask: ChatAsk, wants_usage: bool
) -> AsyncIterator[bytes]:
    head = _Head(exchange, ask)
    totals = Totals()
    greeted: set[int] = set()

    def chunk(choice: int, delta: dict[str, Any], reason: str | None = None, **more: Any) -> bytes:
        first = b""
        if choice not in greeted:
            greeted.add(choice)
            first = chunk(choice, {"role": "assistant", "content": "", "refusal": None})
        one = {"index": choice, "delta": delta, "logprobs": None, "finish_reason": reason, **more}
        data = {**head.of("chat.completion.chunk"), "choices": [one]}
        if wants_usage:
            data["usage"] = None
        return first + event(data)

    async for piece in pieces:
        match piece:
            case Text():
                if piece.logprobs:
                    content = {"content": logprob_content(piece.logprobs), "refusal": None}
                    yield chunk(piece.choice, {"content": piece.text}, logprobs=content)
                elif piece.text:
                    yield chunk(piece.choice, {"content": piece.text})
            case Thought():
                yield chunk(piece.choice, {"reasoning_content": piece.text})
            case CallStarted():
                function = {"name": piece.name, "arguments": ""}
                call = {"index": piece.call, "id": piece.id, "type": "function", "function": function}
                yield chunk(piece.choice, {"tool_calls": [call]})
            case CallArguments():
                call = {"index": piece.call, "function": {"arguments": piece.text}}
                yield chunk(piece.choice, {"tool_calls": [call]})
            case Ended():
                totals.add(piece.usage)
                yield chunk(piece.choice, {}, piece.reason)
            case _:
                pass
    if wants_usage:
        last = {**head.of("chat.completion.chunk"), "choices": [], "usage": usage_of(totals)}
        yield event({**last, "timings": timings_of(totals, exchange)})
    yield event("[DONE]")


def logprob_content(logprobs: Iterable[TokenLogprob], unknown: list[int] | None = None) -> list[dict[str, Any]]:
    """Log-probabilities in the shape of chat completions. `unknown` stands for bytes that are not known."""
    return [
        {
            "token": one.text,
            "logprob": one.logprob,
            "bytes": _bytes(one.text, unknown),
            "top_logprobs": [
                {"token": text, "logprob": logprob, "bytes": _bytes(text, unknown)} for _id, text, logprob in one.top
            ],
        }
        for one in logprobs
    ]


def _bytes(text: str, unknown: list[int] | None) -> list[int] | None:
    # A part of a character reads as U+FFFD; its own bytes did not come along.
    return unknown if "\ufffd" in text else list(text.encode())


def usage_of(totals: Totals) -> dict[str, Any]:
    """The usage in OpenAI's shape."""
    return {
        "prompt_tokens": totals.n_prompt_tokens,
        "completion_tokens": totals.n_completion_tokens,
        "total_tokens": totals.n_prompt_tokens + totals.n_completion_tokens,
        "prompt_tokens_details": {"cached_tokens": totals.n_cached_tokens},
    }


def timings_of(totals: Totals, exchange: Exchange) -> dict[str, Any]:
    """How fast it was."""
    return {
        "time_to_first_token": round(exchange.record.first_token_s, 4),
        "prompt_seconds": round(totals.prompt_s, 4),
        "generation_seconds": round(totals.decode_s, 4),
        "tokens_per_second": round(speed(totals), 2),
    }


def failed(err: Error) -> bytes:
    """The last words of a stream that breaks."""
    return event(openai_body(err)) + event("[DONE]")
