"""One chat request to a model on another machine: its calls of tools are made there, and passed on as they come."""

import secrets
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.remote import LEAVES, RemoteEngine
from rushlight.assistant.engine.remote_deltas import CallPiece, Reason, Said
from rushlight.assistant.engine.remote_deltas import Thought as Pondered
from rushlight.assistant.events import Usage
from rushlight.assistant.server.model_names import Named, adapters
from rushlight.assistant.server.pieces import (
    CallArguments,
    CallStarted,
    ChatAsk,
    Ended,
    Noted,
    Piece,
    Text,
    Thought,
    ToolChoice,
)
from rushlight.assistant.server.tool_forms import tools_json


def answer(app: App, named: Named, ask: ChatAsk, stop: Stop) -> Iterator[Piece]:
    """The pieces of every choice, one choice after the other; each ends with `Ended`."""
    request = app.request(
        ask.messages,
        named.model,
        system="",
        options=AskOptions(sampling=ask.sampling),
        grammar=ask.grammar,
        stop_strings=ask.stop,
        logprobs=ask.logprobs,
        lora=(*named.lora, *adapters(app.paths, ask.lora)),
    )
    request = replace(
        request,
        max_tokens=ask.max_tokens,
        reasoning=ask.reasoning,
        template_options=ask.template_options,
        continue_final=ask.continue_final,
        tools=tools_json(ask.tools) if ask.tools else "",
    )
    more: dict[str, Any] = {}
    if ask.tools:
        more = {"tool_choice": _choice(ask.tool_choice), "parallel_tool_calls": ask.is_parallel}
    engine = app.engine(named.model, stop=stop)
    assert isinstance(engine, RemoteEngine)
    yield Noted(LEAVES)
    for choice in range(ask.n):
        asked = request
        if choice and request.sampling.seed >= 0:
            asked = replace(
                request, sampling=replace(request.sampling, seed=(request.sampling.seed + choice) % (2**32 - 1))
            )
        reason = "stop"
        started: dict[int, int] = {}  # their number of a call -> ours
        for one in engine.answer(asked, stop, more):
            match one:
                case Said():
                    yield Text(choice, one.text, one.logprobs)
                case Pondered():
                    yield Thought(choice, one.text)
                case CallPiece():
                    if one.index not in started:
                        started[one.index] = len(started)
                        call_id = one.id[:100] or f"call_{secrets.token_hex(12)}"
                        yield CallStarted(choice, started[one.index], call_id, one.name)
                    if one.arguments:
                        yield CallArguments(choice, started[one.index], one.arguments)
                case Reason():
                    reason = one.reason
                case Usage():
                    yield Ended(choice, "tool_calls" if started and reason == "stop" else reason, "", one)


def _choice(choice: ToolChoice) -> Any:
    if choice.kind == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.kind
