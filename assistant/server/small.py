"""The small endpoints: models, health, metrics, request log, tokenize, and clear words for what is not there yet."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import TokenizeRequest
from rushlight.assistant.models.model import Model
from rushlight.assistant.server.chat_fields import MessageField, Name, read_message
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response
from rushlight.assistant.server.engine_use import EngineUse
from rushlight.assistant.server.errors import Refusal, bad
from rushlight.assistant.server.figures import MAX_RECORDS
from rushlight.assistant.server.model_names import Named, names_by_state
from rushlight.assistant.server.service import Loading, Service
from rushlight.assistant.server.templates import template_of, token_text


async def list_models(service: Service, request: Request) -> Response:
    """Every model of the catalogue, loaded on demand; then those with an adapter that is promoted or a candidate."""
    listed = [_model_json(model) for model in await service.models()]
    listed += [_model_json(one.model, one.name) for one in await service.short(names_by_state)]
    return json_response({"object": "list", "data": listed})


async def show_model(service: Service, request: Request) -> Response:
    """One model, by any name that it has."""
    named = await service.find(str(request.path_params["name"]))
    return json_response(_model_json(named.model, named.name))


def _model_json(model: Model, name: str = "") -> dict[str, Any]:
    return {
        "id": name or model.id,
        "object": "model",
        "created": int(model.added_at),
        "owned_by": "rushlight",
        "aliases": list(model.aliases),
        "purpose": model.purpose,
        "architecture": model.architecture,
        "quantization": model.quantization,
        "n_params": model.n_params,
        "size_bytes": model.size_bytes,
        "context_length": model.n_ctx_train,
        "is_remote": model.is_remote,  # what it is asked leaves this machine
    }


async def health(service: Service, request: Request) -> Response:
    """Whether the server lives; never waits for anything, needs no token and tells nothing else."""
    loading = service.gauges()["models_loading"][1] > 0
    return json_response({"status": "loading" if loading else "ok"})


async def metrics(service: Service, request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(service.figures.text(service.gauges()), media_type="text/plain; version=0.0.4")


async def requests_log(service: Service, request: Request) -> Response:
    """The last requests, newest first; no text of them. `?limit=N`: so many at most."""
    limit = request.query_params.get("limit", "")
    most = int(limit) if limit.isdecimal() and len(limit) < 6 else MAX_RECORDS
    newest = islice(reversed(service.figures.records), most)
    return json_response({"object": "list", "data": [record.as_json() for record in newest]})


async def tokenizer_info(service: Service, request: Request) -> Response:
    """What evaluation harnesses want to know of a tokenizer before they use /tokenize (vLLM's interface)."""
    named = await service.find(request.query_params.get("model", ""))
    if named.model.is_remote:
        raise Refusal(f"{named.name} runs on another machine; its tokenizer is not here.", kind="not-supported")

    def look(_app: App) -> dict[str, Any]:
        made: dict[str, Any] = {f"{key}_token": token_text(named.model, key) for key in ("bos", "eos")}
        return {**made, "pad_token": None, "chat_template": template_of(named.model)}

    return json_response(await service.short(look))


class TokenizeBody(Struct, kw_only=True):
    """POST /tokenize: exactly one of content, prompt and messages. A prompt may hold control tokens, as vLLM has it."""

    model: Name | None = None
    content: str | None = None
    prompt: str | None = None
    messages: list[MessageField] | None = None
    add_special: bool | None = None
    add_special_tokens: bool | None = None
    parse_special: bool | None = None


async def tokenize(service: Service, request: Request) -> Response:
    """The token ids of a text, or of a conversation as the model would see it."""
    body = await body_of(request, TokenizeBody)
    given = [value for value in (body.content, body.prompt, body.messages) if value is not None]
    if len(given) != 1:
        raise bad("Exactly one of content, prompt and messages is expected.")
    value = given[0]
    if isinstance(value, str):
        parse_special = body.prompt is not None if body.parse_special is None else body.parse_special
        ask = TokenizeRequest(
            text=value, add_special=bool(body.add_special or body.add_special_tokens), parse_special=parse_special
        )
    else:
        if not value:
            raise bad("messages is empty.", param="messages")
        ask = TokenizeRequest(messages=tuple(read_message(message, i) for i, message in enumerate(value)))
    token_ids = await count(service, request, body.model or "", ask)
    return json_response({"tokens": list(token_ids), "count": len(token_ids)})


async def count(service: Service, request: Request, name: str, ask: TokenizeRequest) -> tuple[int, ...]:
    """The tokens of `ask` under the model of that name."""

    def work(app: App, named: Named, stop: Stop, loading: Loading) -> Iterator[tuple[int, ...]]:
        if ask == TokenizeRequest() or (not ask.text and not ask.messages and not ask.add_special):
            yield ()
        else:
            yield EngineUse(app, named.model, stop, loading).tokenize(ask)

    exchange = exchange_of(request)
    try:
        async for token_ids in service.ask(exchange, name, work):
            return token_ids
    finally:
        exchange.close()
    raise Error("The server is ending.", kind="stopped")


async def transcriptions(service: Service, request: Request) -> Response:
    """Refused until there is a speech model."""
    raise Refusal(
        "Speech cannot be transcribed yet: this version of Rushlight has no speech model.", kind="not-supported"
    )
