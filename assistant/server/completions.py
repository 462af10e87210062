"""/v1/completions: raw prompts, with `echo` and `logprobs` so that evaluation harnesses can read likelihoods."""

import secrets
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

from fastapi import Request
from msgspec import Meta
from msgspec.structs import replace
from starlette.responses import Response

from rushlight import Stop
from rushlight.assistant.app import App
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.engine.request import GenerateRequest, Message, ScoreRequest, TokenizeRequest
from rushlight.assistant.events import Finished, TextDelta, TokenLogprob, Usage
from rushlight.assistant.server.chat_completions import failed, timings_of, usage_of
from rushlight.assistant.server.chat_fields import SamplingFields, read_grammar, read_sampling, read_stop
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response, refusing
from rushlight.assistant.server.engine_use import EngineUse
from rushlight.assistant.server.errors import bad
from rushlight.assistant.server.model_names import Named, adapters
from rushlight.assistant.server.pieces import Ended, Piece, Text, Totals
from rushlight.assistant.server.service import Exchange, Loading, Service
from rushlight.assistant.server.sse import EventStream, event

MAX_PROMPTS = 256
MAX_LOGPROBS = 20
DEFAULT_MAX_TOKENS = 16  # OpenAI's

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class CompletionsBody(SamplingFields, kw_only=True):
    """POST /v1/completions"""

    prompt: str | list[Any] = ""
    echo: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=MAX_LOGPROBS)] | bool | None = None
    suffix: str | None = None
    best_of: int | None = None
    parse_special: bool | None = None


async def completions(service: Service, request: Request) -> Response:
    """Go on with one prompt or several."""
    body = await body_of(request, CompletionsBody)
    prompts = _prompts(body.prompt)
    if body.suffix:
        raise bad("A suffix cannot be used: text is only written forwards.", param="suffix")
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise bad("best_of is not known; use n.", param="best_of")
    if len(prompts) * (body.n or 1) > MAX_PROMPTS:
        raise bad(f"At most {MAX_PROMPTS} prompts times n are possible.", param="prompt")
    exchange = exchange_of(request)
    exchange.record.is_stream = bool(body.stream)
    pieces = _pieces(service, exchange, body, prompts)
    head = _Head(exchange)
    if body.stream:
        return EventStream(exchange, _stream(pieces, head, body), failed, refusing(request))
    try:
        return json_response(await _whole(pieces, head, body))
    finally:
        exchange.close()


Prompt = str | tuple[int, ...]


def _prompts(given: str | list[Any]) -> tuple[Prompt, ...]:
    """One text, texts, one list of token ids, or lists of them."""
    if isinstance(given, str):
        return (given,)
    if not given:
        raise bad("prompt is empty.", param="prompt")
    if all(isinstance(one, str) for one in given):
        return tuple(given)
    if all(_is_token(one) for one in given):
        return (tuple(given),)
    if all(isinstance(one, list) and one and all(_is_token(i) for i in one) for one in given):
        return tuple(tuple(one) for one in given)
    raise bad("prompt must be a text, token ids, or a list of either.", param="prompt")


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


async def _pieces(
    service: Service, exchange: Exchange, body: CompletionsBody, prompts: tuple[Prompt, ...]
) -> AsyncIterator[Piece]:
    record = exchange.record
    totals = Totals()

    def work(app: App, named: Named, stop: Stop, loading: Loading) -> Iterator[Piece]:
        return _answer(app, named, body, prompts, stop, loading)

    async for piece in service.ask(exchange, body.model or "", work):
        if not record.first_token_s:
            record.first_token_s = time.monotonic() - record.began_s
        if isinstance(piece, Ended):
            _add(totals, piece.usage)
            record.n_prompt_tokens = totals.n_prompt_tokens
            record.n_cached_tokens = totals.n_cached_tokens
            record.n_completion_tokens = totals.n_completion_tokens
        yield piece


def _add(totals: Totals, usage: Usage) -> None:
    """Here each choice may have a prompt of its own: all of them count."""
    totals.n_prompt_tokens += usage.n_prompt_tokens
    totals.n_cached_tokens += usage.n_cached_tokens
    totals.n_completion_tokens += usage.n_completion_tokens
    totals.prompt_s += usage.prompt_s
    totals.decode_s += usage.decode_s
    totals.n_choices += 1


def _answer(
    app: App, named: Named, body: CompletionsBody, prompts: tuple[Prompt, ...], stop: Stop, loading: Loading
) -> Iterator[Piece]:
    engine = EngineUse(app, named.model, stop, loading)
    lora = (*named.lora, *adapters(app.paths, tuple((use.path, use.scale) for use in body.lora or ())))
    max_tokens = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    n_top = _n_top(body)
    base = app.request(
        (Message("user", ""),),
        named.model,
        system="",
        options=AskOptions(sampling=read_sampling(body)),
        grammar=read_grammar(body.grammar, None),
        stop_strings=read_stop(body.stop),
        logprobs=n_top,
        lora=lora,
    )
    base = replace(
        base,
        messages=(),
        max_tokens=max_tokens,
        cache_prompt=body.cache_prompt is not False,
        parse_special=bool(body.parse_special),
    )
    for at, prompt in enumerate(prompts):
        given: dict[str, Any] = {"prompt": prompt} if isinstance(prompt, str) else {"token_ids": prompt}
        if prompt in ("", ()):
            given = {"token_ids": _beginning(engine)}
        for i in range(body.n or 1):
            request = replace(base, **given)
            if i and base.sampling.seed >= 0:
                request = replace(request, sampling=replace(base.sampling, seed=(base.sampling.seed + i) % (2**32 - 1)))
            choice = at * (body.n or 1) + i
            n_prompt = 0
            if body.echo:
                ask = ScoreRequest(**given, parse_special=bool(body.parse_special), logprobs=max(0, n_top), lora=lora)
                tokens = engine.score(ask).tokens
                n_prompt = len(tokens)
                shown = prompt if isinstance(prompt, str) else "".join(token.text for token in tokens)
                yield Text(choice, shown, tokens)
            if max_tokens == 0:
                yield Ended(choice, "length", "", Usage(n_prompt, 0, 0))
                continue
            yield from _say(engine, request, choice)


def _say(engine: EngineUse, request: GenerateRequest, choice: int) -> Iterator[Piece]:
    usage = Usage(0, 0, 0)
    for said in engine.generate(request):
        match said:
            case TextDelta():
                yield Text(choice, said.text, said.logprobs)
            case Usage():
                usage = said
            case Finished():
                yield Ended(choice, said.reason, said.stop_string, usage)
            case _:
                pass


def _beginning(engine: EngineUse) -> tuple[int, ...]:
    """What stands for an empty prompt: the model's mark of a beginning."""
    token_ids = engine.tokenize(TokenizeRequest(add_special=True))
    if not token_ids:
        raise bad("The prompt is empty, and this model has no mark of a beginning to stand for it.", param="prompt")
    return token_ids


def _n_top(body: CompletionsBody) -> int:
    if body.logprobs is None or body.logprobs is False:
        return -1
    return 1 if body.logprobs is True else body.logprobs


class _Head:
    """What all chunks of one answer share, and the offsets of its choices' texts."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._id = f"cmpl-{secrets.token_hex(12)}"
        self._created = int(time.time())
        self._offsets: dict[int, int] = {}

    def of(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self.exchange.record.model,
            "system_fingerprint": "rushlight",
        }

    def logprobs(self, choice: int, tokens: Iterable[TokenLogprob], is_prompt: bool) -> dict[str, Any]:
        """Log-probabilities in the shape of completions; the first token of a prompt has none."""
        out: dict[str, Any] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for i, token in enumerate(tokens):
            is_first = is_prompt and i == 0
            out["tokens"].append(token.text)
            out["token_logprobs"].append(None if is_first else token.logprob)
            out["top_logprobs"].append(None if is_first else _top(token))
            out["text_offset"].append(self._offsets.get(choice, 0))
            self._offsets[choice] = self._offsets.get(choice, 0) + len(token.text)
        return out


def _top(token: TokenLogprob) -> dict[str, float]:
    """By text; of tokens that read the same (parts of a character) the likeliest. The token itself is always there."""
    top: dict[str, float] = {}
    for _id, text, logprob in token.top:
        top.setdefault(text, logprob)
    top.setdefault(token.text, token.logprob)
    return top


async def _whole(pieces: AsyncIterator[Piece], head: _Head, body: CompletionsBody) -> dict[str, Any]:
    choices: dict[int, dict[str, Any]] = {}
    totals = Totals()
    wants_logprobs = _n_top(body) >= 0
    async for piece in pieces:
        match piece:
            case Text():
                is_prompt = bool(body.echo) and piece.choice not in choices
                choice = choices.setdefault(piece.choice, _empty(piece.choice, wants_logprobs))
                choice["text"] += piece.text
                if wants_logprobs:
                    for name, values in head.logprobs(piece.choice, piece.logprobs, is_prompt).items():
                        choice["logprobs"][name] += values
            case Ended():
                choices.setdefault(piece.choice, _empty(piece.choice, wants_logprobs))["finish_reason"] = piece.reason
                _add(totals, piece.usage)
            case _:
                pass
    return {
        **head.of(),
        "choices": [choices[i] for i in sorted(choices)],
        "usage": usage_of(totals),
        "timings": timings_of(totals, head.exchange),
    }


def _empty(choice: int, wants_logprobs: bool) -> dict[str, Any]:
    names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
    logprobs: dict[str, list[Any]] | None = {name: [] for name in names} if wants_logprobs else None
    return {"index": choice, "text": "", "logprobs": logprobs, "finish_reason": "stop"}


async def _stream(pieces: AsyncIterator[Piece], head: _Head, body: CompletionsBody) -> AsyncIterator[bytes]:
    totals = Totals()
    seen: set[int] = set()
    wants_logprobs = _n_top(body) >= 0

    def chunk(choice: int, text: str, reason: str | None, logprobs: dict[str, Any] | None) -> bytes:
        one = {"index": choice, "text": text, "logprobs": logprobs, "finish_reason": reason}
        return event({**head.of(), "choices": [one]})

    async for piece in pieces:
        match piece:
            case Text():
                is_prompt = bool(body.echo) and piece.choice not in seen
                seen.add(piece.choice)
                logprobs = None
                if wants_logprobs and piece.logprobs:
                    logprobs = head.logprobs(piece.choice, piece.logprobs, is_prompt)
                yield chunk(piece.choice, piece.text, None, logprobs)
            case Ended():
                _add(totals, piece.usage)
                yield chunk(piece.choice, "", piece.reason, None)
            case _:
                pass
    if body.stream_options and body.stream_options.include_usage:
        yield event({**head.of(), "choices": [], "usage": usage_of(totals)})
    yield event("[DONE]")
