"""The application: every endpoint under its path, described for clients, behind the guard."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rushlight import Error, __version__
from rushlight.assistant.server import small
from rushlight.assistant.server.chat_completions import chat_completions
from rushlight.assistant.server.chat_fields import ChatBody
from rushlight.assistant.server.completions import CompletionsBody, completions
from rushlight.assistant.server.embeddings import EmbeddingsBody, embeddings
from rushlight.assistant.server.endpoint import answering, refusing
from rushlight.assistant.server.fields import schema_of
from rushlight.assistant.server.figures import Figures
from rushlight.assistant.server.guard import Guard
from rushlight.assistant.server.messages import CountBody, MessagesBody, count_tokens, messages
from rushlight.assistant.server.rerank import RerankBody, rerank
from rushlight.assistant.server.responses import Kept, ResponsesBody, responses
from rushlight.assistant.server.service import Service
from rushlight.assistant.server.turnstile import Turnstile

Handler = Callable[[Service, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path, what answers it, and the body that it takes."""

    method: str
    path: str
    handler: Handler
    body: type[Any] | None = None


ENDPOINTS = (
    Endpoint("GET", "/health", small.health),
    Endpoint("GET", "/metrics", small.metrics),
    Endpoint("GET", "/requests", small.requests_log),
    Endpoint("GET", "/v1/models", small.list_models),
    Endpoint("GET", "/v1/models/{name:path}", small.show_model),
    Endpoint("POST", "/v1/chat/completions", chat_completions, ChatBody),
    Endpoint("POST", "/v1/completions", completions, CompletionsBody),
    Endpoint("POST", "/v1/embeddings", embeddings, EmbeddingsBody),
    Endpoint("POST", "/v1/responses", responses, ResponsesBody),
    Endpoint("POST", "/v1/messages", messages, MessagesBody),
    Endpoint("POST", "/v1/messages/count_tokens", count_tokens, CountBody),
    Endpoint("POST", "/v1/rerank", rerank, RerankBody),
    Endpoint("POST", "/v1/audio/transcriptions", small.transcriptions),
    Endpoint("GET", "/tokenizer_info", small.tokenizer_info),
    Endpoint("POST", "/tokenize", small.tokenize, small.TokenizeBody),
)
_KNOWN = frozenset(endpoint.path for endpoint in ENDPOINTS)


def make_application(
    service: Service,
    figures: Figures,
    *,
    token: str,
    names: Iterable[str],
    origins: Iterable[str] = (),
    any_host: bool = False,
) -> Guard:
    """The ASGI application. `names` are the host names under which it is served."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(title="Rushlight", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.kept = Kept()
    components: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        _add(app, service, endpoint, components)

    @app.exception_handler(HTTPException)
    async def not_here(request: Request, err: HTTPException) -> Response:
        kind = {404: "not-found", 405: "wrong-method"}.get(err.status_code, "bad-request")
        return refusing(request)(Error(f"{request.method} {request.url.path[:100]} is not served here.", kind=kind))

    original = app.openapi

    def openapi() -> dict[str, Any]:
        described = original()
        described.setdefault("components", {}).setdefault("schemas", {}).update(components)
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
        return described

    app.openapi = openapi  # type: ignore[method-assign]
    return Guard(
        Turnstile(app, service.is_any_full, service.check),
        token=token,
        names=names,
        origins=origins,
        any_host=any_host,
        figures=figures,
        known_paths=lambda path: path in _KNOWN,
    )


def _add(app: FastAPI, service: Service, endpoint: Endpoint, components: dict[str, Any]) -> None:
    async def handle(request: Request) -> Response:
        return await endpoint.handler(service, request)

    extra: dict[str, Any] = {}
    if "{name" in endpoint.path:
        extra["parameters"] = [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}]
    if endpoint.body is not None:
        schema = schema_of(endpoint.body, endpoint.body.__name__)
        components.update(schema["components"])
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema["body"]}}}
    app.add_api_route(
        endpoint.path,
        answering(handle),
        methods=[endpoint.method],
        name=endpoint.handler.__name__,
        summary=(endpoint.handler.__doc__ or "").strip().split("\n")[0],
        response_class=Response,
        responses={400: {"description": "What is wrong with the request."}, 429: {"description": "Too many."},
                   503: {"description": "Not now."}},
        openapi_extra=extra or None,
    )  # fmt: skip
