"""Pieces of a stranger's answer as values of ours: checked, counted, and nothing believed that does not fit.

Knows the shapes of chat completions and completions, whole and streamed; knows no connection.
"""

import math
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from rushlight import Error
from rushlight.assistant.engine.remote_http import said_in
from rushlight.assistant.events import TokenLogprob, Usage

UNKNOWN_TOKEN = -1  # the other side gives texts of tokens, not their numbers
_MAX_TOP = 20


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Said(Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(Struct):
    index: int = 0
    delta: _Said | None = None
    message: _Said | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: Any = None


class _Details(Struct):
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of what is said."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of what is thought before."""

    text: str


@dataclass(frozen=True, slots=True)
class CallPiece:
    """A piece of the call of a tool: the first of each `index` has its name."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it ended: "stop", "length" or "tool_calls"."""

    reason: str


Delta = Said | Thought | CallPiece | Reason | Usage
_DECODER = msgspec.json.Decoder(_Chunk)


def deltas(data: bytes, url: str) -> list[Delta]:
    """What one event says. Raises `Error` for what is no event of such an answer, and for errors told in one."""
    try:
        chunk = _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise broken(url, "an event is no answer in OpenAI's shape") from None
    if chunk.error is not None:
        told = said_in({"error": chunk.error})
        raise Error(f"{url} failed while it answered{': ' + told if told else ''}.", kind="remote-failed")
    out: list[Delta] = []
    for choice in chunk.choices or ():
        if choice.index:
            continue  # only one was asked for
        said = choice.delta or choice.message or _Said(content=choice.text)
        thought = said.reasoning_content or said.reasoning
        if thought:
            out.append(Thought(thought))
        logprobs = _logprobs(choice.logprobs)
        if said.content or logprobs:
            out.append(Said(said.content or "", logprobs))
        for at, call in enumerate(said.tool_calls or ()):
            function = call.function or _Function()
            # Whole answers do not number their calls.
            index = call.index if choice.delta is not None else at
            out.append(CallPiece(index, call.id or "", function.name or "", function.arguments or ""))
        if choice.finish_reason:
            known = {"length": "length", "tool_calls": "tool_calls", "function_call": "tool_calls"}
            out.append(Reason(known.get(choice.finish_reason, "stop")))
    if chunk.usage is not None:
        usage = chunk.usage
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details is not None else 0
        out.append(Usage(_count(usage.prompt_tokens), _count(cached), _count(usage.completion_tokens)))
    return out


def broken(url: str, why: str) -> Error:
    """The answer is none."""
    return Error(
        f"The answer of {url} cannot be read: {why}.",
        hint="Does a server with OpenAI's interface listen there?",
        kind="remote-broken",
    )


def _count(value: int | None) -> int:
    return max(0, min(value or 0, 2**31 - 1))


def _logprobs(value: Any) -> tuple[TokenLogprob, ...]:
    """Log-probabilities of either shape; () for anything else."""
    if not isinstance(value, dict):
        return ()
    if isinstance(value.get("content"), list):
        found = []
        for one in value["content"]:
            token, logprob = _pair(one)
            if token is None:
                continue
            tops = one.get("top_logprobs")
            pairs = [_pair(other) for other in tops[:_MAX_TOP]] if isinstance(tops, list) else []
            top = tuple((UNKNOWN_TOKEN, text, p) for text, p in pairs if text is not None)
            found.append(TokenLogprob(UNKNOWN_TOKEN, token, logprob, top))
        return tuple(found)
    return prompt_logprobs(value)


def _pair(one: Any) -> tuple[str | None, float]:
    token = one.get("token") if isinstance(one, dict) else None
    logprob = one.get("logprob") if isinstance(one, dict) else None
    return (token if isinstance(token, str) else None), _number(logprob)


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return max(-1e9, min(0.0, float(value))) if is_number else 0.0


def prompt_logprobs(value: Any) -> tuple[TokenLogprob, ...]:
    """Log-probabilities in the shape of completions: lists of tokens, numbers, and dictionaries of alternatives."""
    tokens = value.get("tokens") if isinstance(value, dict) else None
    numbers = value.get("token_logprobs") if isinstance(value, dict) else None
    if not isinstance(tokens, list) or not isinstance(numbers, list) or len(tokens) != len(numbers):
        return ()
    tops = value.get("top_logprobs")
    found = []
    for at, (token, number) in enumerate(zip(tokens, numbers, strict=True)):
        if not isinstance(token, str):
            return ()
        top = tops[at] if isinstance(tops, list) and at < len(tops) and isinstance(tops[at], dict) else {}
        alternatives = sorted(((_number(p), text) for text, p in list(top.items())[:_MAX_TOP]), reverse=True)
        found.append(
            TokenLogprob(
                UNKNOWN_TOKEN, token, _number(number), tuple((UNKNOWN_TOKEN, text, p) for p, text in alternatives)
            )
        )
    return tuple(found)
