"""/v1/embeddings: texts to vectors, as numbers or as base64, in the order of the request."""

import base64
import math
from array import array
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from fastapi import Request
from msgspec import Meta, Struct
from msgspec.structs import replace
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
from rushlight.assistant.server.service import Exchange, Loading, Service
from rushlight.assistant.server.templates import is_cross_encoder

MAX_TEXTS = 2048
_AT_ONCE = 256  # asked of the engine: the vectors of all of them would not fit into one of its messages


class EmbeddingsBody(Struct, kw_only=True):
    """POST /v1/embeddings"""

    input: str | Annotated[list[Any], Meta(min_length=1, max_length=MAX_TEXTS)]
    model: Name | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None


async def embeddings(service: Service, request: Request) -> Response:
    """The vectors of texts."""
    body = await body_of(request, EmbeddingsBody)
    texts = _texts(body.input)
    exchange = exchange_of(request)
    try:
        found = await _embed(service, exchange, body.model or "", EmbedRequest(texts))
    finally:
        exchange.close()
    vectors: Sequence[Sequence[float]] = found.vectors
    if body.dimensions is not None:
        vectors = [_shortened(vector, body.dimensions) for vector in vectors]
    exchange.record.n_prompt_tokens = found.n_tokens
    if found.truncated:
        exchange.record.notices = ("text-truncated",)
    return json_response(
        {
            "object": "list",
            "model": exchange.record.model,
            "data": [
                {"object": "embedding", "index": i, "embedding": _encoded(vector, body.encoding_format)}
                for i, vector in enumerate(vectors)
            ],
            "usage": {"prompt_tokens": found.n_tokens, "total_tokens": found.n_tokens},
        }
    )


async def _embed(service: Service, exchange: Exchange, name: str, ask: EmbedRequest) -> Embeddings:
    def work(app: App, named: Named, stop: Stop, loading: Loading) -> Iterator[Embeddings]:
        if is_cross_encoder(named.model):
            raise Refusal(
                f"{named.name} is a cross-encoder: it makes no vectors.",
                "Ask /v1/rerank for it, or name an embedding model.",
                kind="not-supported",
                param="model",
            )
        engine = EngineUse(app, named.model, stop, loading, embeddings=True)
        begins = range(0, len(ask.texts), _AT_ONCE)
        yield joined([engine.embed(replace(ask, texts=ask.texts[at : at + _AT_ONCE])) for at in begins])

    async for found in service.ask(exchange, name, work):
        return found
    raise Error("The server is ending.", kind="stopped")


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """What was asked in several pieces, as if it had been asked at once."""
    vectors: list[tuple[float, ...]] = []
    truncated: list[int] = []
    for part in parts:
        truncated += [len(vectors) + index for index in part.truncated]
        vectors += part.vectors
    return Embeddings(tuple(vectors), sum(part.n_tokens for part in parts), tuple(truncated))


def _texts(given: str | list[Any]) -> tuple[str, ...]:
    texts = [given] if isinstance(given, str) else given
    if any(isinstance(text, int | list) for text in texts):
        raise bad(
            "input holds token ids; texts are expected, since the ids of another tokenizer mean nothing here.",
            "In LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False).",
            param="input",
        )
    if not all(isinstance(text, str) for text in texts):
        raise bad("input must be a text or a list of texts.", param="input")
    if not all(text for text in texts):
        raise bad("input holds an empty text.", param="input")
    return tuple(texts)


def _shortened(vector: Sequence[float], n: int) -> Sequence[float]:
    """The first `n` numbers, of length one again."""
    if n > len(vector):
        raise bad(f"dimensions is {n}; this model's vectors have {len(vector)}.", param="dimensions")
    cut = vector[:n]
    length = math.sqrt(math.fsum(number * number for number in cut))
    return [number / length for number in cut] if length > 0 else cut


def _encoded(vector: Sequence[float], form: str | None) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(_little(array("f", vector))).decode()
    return list(vector)


def _little(numbers: "array[float]") -> bytes:
    import sys

    if sys.byteorder != "little":
        numbers.byteswap()
    return numbers.tobytes()
