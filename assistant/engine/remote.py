"""The seam over another machine: a model behind any address with OpenAI's interface, asked like a loaded one.

What it is asked leaves this machine; every answer says so first, with a notice of the kind "leaves-machine". Knows
requests and answers; the connection is in `remote_http`, the shapes are in `remote_body` and `remote_deltas`.
"""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rushlight import Error, Stop
from rushlight.assistant.engine.remote_body import (
    RUSHLIGHT,
    VLLM,
    Listed,
    embed_body,
    generate_body,
    is_chat,
    kind_of,
    listed,
    score_body,
)
from rushlight.assistant.engine.remote_deltas import (
    CallPiece,
    Delta,
    Reason,
    Said,
    Thought,
    broken,
    deltas,
    prompt_logprobs,
)
from rushlight.assistant.engine.remote_http import RemoteConnection
from rushlight.assistant.engine.request import BeamRequest, EmbedRequest, GenerateRequest, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import (
    Beams,
    Embeddings,
    Event,
    Finished,
    Notice,
    ReasoningDelta,
    Scores,
    TextDelta,
    Usage,
)

LEAVES = "leaves-machine"  # the kind of the notice
_TEXTS_AT_ONCE = 64
_MAX_DIMENSIONS = 65_536
_CHARS_PER_TOKEN = 3.5  # where nobody counts
_MAX_CALLS = 128


@dataclass(frozen=True, slots=True)
class Place:
    """Where a remote model is asked, and by which name."""

    url: str
    model: str = ""
    token: str = ""

    def __repr__(self) -> str:  # the token never into a log by accident
        return f"Place({self.url!r}, {self.model!r})"


class RemoteEngine:
    """Satisfies `Engine`. For one thread.

    for event in RemoteEngine(Place("http://machine:8000/v1", "qwen3"), wait_s=300).generate(request, stop): ...
    """

    def __init__(self, place: Place, *, wait_s: float) -> None:
        self.place = place
        self._there = RemoteConnection(place.url, place.token, wait_s=wait_s)
        self._name = ""
        self._kind: str | None = None
        self._can_count = True

    def close(self) -> None:
        """Hang up."""
        self._there.close()

    # --- Engine -------------------------------------------------------------------------------------------------
    def generate(self, request: GenerateRequest, stop: Stop) -> Iterator[Event]:
        """The events of one answer. Calls of tools come as text, in the form <tool_call>{...}</tool_call>."""
        yield Notice(LEAVES, f"This answer comes from {self.place.url}: what is written leaves this machine.")
        calls: dict[int, list[str]] = {}
        usage, reason = Usage(0, 0, 0), ""
        try:
            for one in self.answer(request, stop):
                match one:
                    case Said():
                        yield TextDelta(one.text, one.logprobs)
                    case Thought():
                        yield ReasoningDelta(one.text)
                    case CallPiece():
                        name_and_arguments = calls.setdefault(one.index, ["", ""])
                        name_and_arguments[0] += one.name
                        name_and_arguments[1] += one.arguments
                    case Reason():
                        reason = one.reason
                    case Usage():
                        usage = one
        except Error as err:
            if err.kind != "stopped":
                raise
            yield usage
            yield Finished("cancelled")
            return
        for name, arguments in calls.values():
            yield TextDelta(
                f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments or "{}"}}}\n</tool_call>'
            )
        yield usage
        yield Finished("length" if reason == "length" else "stop")

    def answer(self, request: GenerateRequest, stop: Stop, more: Mapping[str, Any] | None = None) -> Iterator[Delta]:
        """The pieces of one answer, calls of tools among them; the last but one says why it ended, the last what it
        cost. `more`: further fields of the body."""
        body = {**generate_body(request, self._model(stop), self._which(stop)), **(more or {})}
        path = "/chat/completions" if is_chat(request) else "/completions"
        began_s, first_s = time.monotonic(), 0.0
        usage: Usage | None = None
        reason: Reason | None = None
        n_pieces = 0
        seen_calls: set[int] = set()
        for data in self._there.stream(path, body, stop):
            for one in deltas(data, self.place.url):
                match one:
                    case Usage():
                        usage = one
                    case Reason():
                        reason = one
                    case _:
                        if isinstance(one, CallPiece):
                            seen_calls.add(one.index)
                            if len(seen_calls) > _MAX_CALLS:
                                raise broken(self.place.url, f"it calls more than {_MAX_CALLS} tools at once")
                        first_s = first_s or time.monotonic()
                        n_pieces += 1
                        yield one
        if reason is None:
            raise broken(self.place.url, "it ended in the middle")
        yield reason
        now_s = time.monotonic()
        usage = usage or Usage(0, 0, n_pieces)
        yield Usage(
            usage.n_prompt_tokens,
            usage.n_cached_tokens,
            usage.n_completion_tokens,
            prompt_s=(first_s or now_s) - began_s,
            decode_s=now_s - first_s if first_s else 0.0,
        )

    def embed(self, request: EmbedRequest, stop: Stop) -> Embeddings:
        """The vectors of the texts, asked for some dozens at a time."""
        vectors: list[tuple[float, ...]] = []
        n_tokens = 0
        for first in range(0, len(request.texts), _TEXTS_AT_ONCE):
            body = embed_body(request, self._model(stop), first, _TEXTS_AT_ONCE)
            answer = self._there.post("/embeddings", body, stop)
            vectors += self._vectors(answer, len(body["input"]))
            usage = answer.get("usage")
            counted = usage.get("prompt_tokens") if isinstance(usage, dict) else 0
            n_tokens += counted if isinstance(counted, int) and 0 <= counted < 2**31 else 0
        if len({len(vector) for vector in vectors}) > 1:
            raise broken(self.place.url, "its vectors are of different lengths")
        return Embeddings(tuple(_unit(v) if request.normalize else v for v in vectors), n_tokens=n_tokens)

    def _vectors(self, answer: Any, n_texts: int) -> list[tuple[float, ...]]:
        entries = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(entries, list) or len(entries) != n_texts:
            raise broken(self.place.url, f"{n_texts} vectors are expected")
        found: dict[int, tuple[float, ...]] = {}
        for at, entry in enumerate(entries):
            numbers = entry.get("embedding") if isinstance(entry, dict) else None
            index = entry.get("index", at) if isinstance(entry, dict) else at
            if not isinstance(numbers, list) or not 0 < len(numbers) <= _MAX_DIMENSIONS:
                raise broken(self.place.url, "an embedding is no list of numbers")
            if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
                raise broken(self.place.url, "an embedding holds something that is no number")
            if not isinstance(index, int) or not 0 <= index < n_texts or index in found:
                raise broken(self.place.url, "its vectors are not numbered from 0 on")
            found[index] = tuple(map(float, numbers))
        return [found[index] for index in range(n_texts)]

    def score(self, request: ScoreRequest, stop: Stop) -> Scores:
        """How likely a prompt is, where the other side can say so (`echo` with `logprobs`)."""
        answer = self._there.post("/completions", score_body(request, self._model(stop), self._which(stop)), stop)
        choices = answer.get("choices") if isinstance(answer, dict) else None
        first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        tokens = prompt_logprobs(first.get("logprobs"))
        if not tokens:
            raise Error(
                f"{self.place.url} does not tell how likely a prompt is.",
                hint="It would need `echo` with `logprobs`, as vLLM and Rushlight have it.",
                kind="not-supported",
            )
        return Scores(tokens)

    def search(self, request: BeamRequest, stop: Stop) -> Beams:
        """No server that is spoken to as OpenAI's searches for the likeliest answer."""
        raise Error(
            f"{self.place.url} does not search for the likeliest answers.",
            hint="Use a model on this machine.",
            kind="not-supported",
        )

    def tokenize(self, request: TokenizeRequest) -> tuple[int, ...]:
        """The token ids of a text. Of a conversation, where the other side does not count: -1 for each of about as
        many as there will be."""
        if self._can_count:
            try:
                return self._counted(request)
            except Error as err:
                if err.kind not in ("remote-not-found", "remote-bad-request", "remote-broken", "remote-refused"):
                    raise
                self._can_count = False
        if request.messages:
            n_chars = sum(len(message.content) + len(message.role) + 16 for message in request.messages)
            return (-1,) * math.ceil(n_chars / _CHARS_PER_TOKEN)
        raise Error(
            f"{self.place.url} does not tell the tokens of a text.",
            hint="It would need /tokenize, as llama.cpp's server, vLLM and Rushlight have it.",
            kind="not-supported",
        )

    def _counted(self, request: TokenizeRequest) -> tuple[int, ...]:
        stop = Stop()
        which = self._which(stop)
        if request.messages and which not in (RUSHLIGHT, VLLM):
            raise Error("", kind="remote-not-found")
        body: dict[str, Any] = {"model": self._model(stop), "add_special": request.add_special}
        if request.messages:
            body["messages"] = [{"role": message.role, "content": message.content} for message in request.messages]
        else:
            body["prompt" if which == VLLM else "content"] = request.text
            body["parse_special"] = request.parse_special
        answer = self._there.post("//tokenize", body, stop)
        tokens = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(tokens, list) or not all(isinstance(t, int) and 0 <= t < 2**31 for t in tokens):
            raise broken(self.place.url, "tokens are no list of numbers")
        return tuple(tokens)

    # --- the other side -----------------------------------------------------------------------------------------
    def look(self, stop: Stop) -> tuple[Listed, ...]:
        """The models that the other side lists."""
        listing = self._there.get("/models", stop)
        self._kind = kind_of(listing)
        return listed(listing)

    def _model(self, stop: Stop) -> str:
        """The name by which it is asked; where the user gave none, that of the only one."""
        if self.place.model or self._name:
            return self.place.model or self._name
        found = self.look(stop)
        if len(found) != 1:
            names = ", ".join(one.name for one in found[:20])
            raise Error(
                f"{self.place.url} has {len(found)} models{': ' + names if names else ''}; which is meant is not said.",
                hint="Add it again with --model NAME.",
                kind="remote-not-found",
            )
        self._name = found[0].name
        return self._name

    def _which(self, stop: Stop) -> str:
        """Which server it is; one that lists no models is nobody in particular."""
        if self._kind is None:
            try:
                self.look(stop)
            except Error as err:
                if err.kind not in ("remote-not-found", "remote-bad-request", "remote-broken", "remote-failed"):
                    raise
                self._kind = ""
        return self._kind or ""


def _unit(vector: tuple[float, ...]) -> tuple[float, ...]:
    length = math.sqrt(math.fsum(number * number for number in vector))
    return tuple(number / length for number in vector) if length > 0 else vector
