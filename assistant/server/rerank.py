"""/v1/rerank: texts in the order in which they answer a query, by a model that reads both together."""

import math
import secrets
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Request
from msgspec import Meta, Struct
from starlette.responses import Response

from rushlight import Error, Stop
from rushlight.assistant.app import App
from rushlight.assistant.engine.request import EmbedRequest
from rushlight.assistant.events import Embeddings
from rushlight.assistant.server.chat_fields import Name
from rushlight.assistant.server.endpoint import body_of, exchange_of, json_response
from rushlight.assistant.server.engine_use import EngineUse
from rushlight.assistant.server.errors import Refusal, bad
from rushlight.assistant.server.model_names import Named
from rushlight.assistant.server.service import Loading, Service
from rushlight.assistant.server.templates import is_cross_encoder

MAX_DOCUMENTS = 10_000


class RerankBody(Struct, kw_only=True):
    """POST /v1/rerank, in the shape of Cohere, Jina and vLLM."""

    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[str | dict[str, Any]], Meta(min_length=1, max_length=MAX_DOCUMENTS)]
    model: Name | None = None
    top_n: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    return_documents: bool | None = None


async def rerank(service: Service, request: Request) -> Response:
    """Documents sorted by how well they answer a query; the best first."""
    body = await body_of(request, RerankBody)
    texts = tuple(_text(document, i) for i, document in enumerate(body.documents))
    exchange = exchange_of(request)
    try:
        found = await _rank(service, request, body.model or "", EmbedRequest(texts, normalize=False, query=body.query))
    finally:
        exchange.close()
    exchange.record.n_prompt_tokens = found.n_tokens
    if found.truncated:
        exchange.record.notices = ("text-truncated",)
    scores = [relevance(vector) for vector in found.vectors]
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[: body.top_n]
    results: list[dict[str, Any]] = [{"index": i, "relevance_score": scores[i]} for i in order]
    if body.return_documents:
        for result in results:
            result["document"] = {"text": texts[result["index"]]}
    return json_response(
        {
            "id": f"rerank-{secrets.token_hex(12)}",
            "object": "list",
            "model": exchange.record.model,
            "results": results,
            "usage": {"prompt_tokens": found.n_tokens, "total_tokens": found.n_tokens},
        }
    )


async def _rank(service: Service, request: Request, name: str, ask: EmbedRequest) -> Embeddings:
    def work(app: App, named: Named, stop: Stop, loading: Loading) -> Iterator[Embeddings]:
        if not is_cross_encoder(named.model):
            raise Refusal(
                f"{named.name} is no cross-encoder, so it cannot rank documents.",
                "Import a reranking model (a GGUF file with the pooling type rank) and name it.",
                kind="not-supported",
                param="model",
            )
        yield EngineUse(app, named.model, stop, loading, embeddings=True).embed(ask)

    exchange = request.scope["state"]["exchange"]
    async for found in service.ask(exchange, name, work):
        return found
    raise Error("The server is ending.", kind="stopped")


def relevance(vector: tuple[float, ...]) -> float:
    """0 to 1: one number is a logit; of two, which the model has made a distribution, the first says yes."""
    value = vector[0]
    if len(vector) > 1:
        return value
    return (
        1 / (1 + math.exp(-value)) if value >= 0 else math.exp(max(value, -700.0)) / (1 + math.exp(max(value, -700.0)))
    )


def _text(document: str | dict[str, Any], index: int) -> str:
    """A document is a text, or an object with one."""
    text = document if isinstance(document, str) else document.get("text")
    if not isinstance(text, str):
        raise bad(f"documents[{index}] must be a text or an object with a text.", param=f"documents[{index}]")
    return text
