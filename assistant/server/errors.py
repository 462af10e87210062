"""Errors as clients expect them: an HTTP status and the shape of OpenAI or of Anthropic. Knows kinds, no requests."""

from typing import Any

from rushlight import Error

# Kind of an `Error` -> (status, OpenAI's type). What is not here is a fault of ours: 500.
_STATUS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "invalid_request_error"),
    "bad-grammar": (400, "invalid_request_error"),
    "bad-option": (400, "invalid_request_error"),
    "bad-value": (400, "invalid_request_error"),
    "bad-id": (400, "invalid_request_error"),
    "bad-adapter": (400, "invalid_request_error"),
    "bad-file": (400, "invalid_request_error"),
    "wrong-model": (400, "invalid_request_error"),
    "grammar-failed": (400, "invalid_request_error"),
    "context-full": (400, "invalid_request_error"),
    "template-refused": (400, "invalid_request_error"),
    "template-error": (400, "invalid_request_error"),
    "template-too-long": (400, "invalid_request_error"),
    "not-supported": (400, "invalid_request_error"),
    "model-ambiguous": (400, "invalid_request_error"),
    "unauthorized": (401, "invalid_request_error"),
    "forbidden": (403, "invalid_request_error"),
    "model-not-found": (404, "invalid_request_error"),
    "model-missing": (404, "invalid_request_error"),
    "no-model": (404, "invalid_request_error"),
    "not-found": (404, "invalid_request_error"),
    "wrong-method": (405, "invalid_request_error"),
    "too-slow": (408, "invalid_request_error"),
    "too-large": (413, "invalid_request_error"),
    "wrong-content-type": (415, "invalid_request_error"),
    "busy": (429, "rate_limit_error"),
    "loading": (503, "server_error"),
    "stopped": (503, "server_error"),
    "unloaded": (503, "server_error"),
    "host-ended": (503, "server_error"),
    "host-ending": (503, "server_error"),
    "host-died": (503, "server_error"),
    "host-unreachable": (503, "server_error"),
    "connection-lost": (503, "server_error"),
    "out-of-memory": (503, "server_error"),
    "remote-off": (403, "invalid_request_error"),
    "remote-bad-request": (400, "invalid_request_error"),
    "remote-not-found": (404, "invalid_request_error"),
    "remote-busy": (503, "server_error"),
    "remote-refused": (502, "server_error"),
    "remote-unreachable": (502, "server_error"),
    "remote-tls": (502, "server_error"),
    "remote-broken": (502, "server_error"),
    "remote-failed": (502, "server_error"),
    "remote-silent": (504, "server_error"),
}
UNREAD = frozenset({"too-slow", "too-large"})  # the rest of the body is not waited for, so the connection must end
# OpenAI's own codes, where clients compare them.
_CODES = {
    "model-not-found": "model_not_found",
    "context-full": "context_length_exceeded",
    "unauthorized": "invalid_api_key",
    "busy": "rate_limit_exceeded",
}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    413: "request_too_large",
    415: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


class Refusal(Error):
    """An `Error` with what HTTP wants to know beside it."""

    def __init__(
        self, message: str, hint: str = "", *, kind: str, param: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message, hint, kind=kind)
        self.param = param
        self.retry_after_s = retry_after_s


def bad(message: str, hint: str = "", *, param: str | None = None) -> Refusal:
    """What is wrong with the request."""
    return Refusal(message, hint, kind="bad-request", param=param)


def status_of(err: Error) -> int:
    """The HTTP status of an error."""
    return _STATUS.get(err.kind, (500, ""))[0]


def headers_of(err: Error) -> dict[str, str]:
    """Headers that belong to the answer, whatever its shape."""
    headers: dict[str, str] = {}
    status = status_of(err)
    retry_after_s = getattr(err, "retry_after_s", None)
    if retry_after_s is None and status in (429, 503):
        retry_after_s = 1
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="rushlight"'
    return headers


def openai_body(err: Error) -> dict[str, Any]:
    """{"error": {...}} as OpenAI's clients read it."""
    _status, kind = _STATUS.get(err.kind, (500, "server_error"))
    return {
        "error": {
            "message": str(err),
            "type": kind,
            "param": getattr(err, "param", None),
            "code": _CODES.get(err.kind, err.kind.replace("-", "_")),
        }
    }


def anthropic_body(err: Error) -> dict[str, Any]:
    """{"type": "error", ...} as Anthropic's clients read it."""
    return {"type": "error", "error": {"type": _ANTHROPIC_TYPES.get(status_of(err), "api_error"), "message": str(err)}}
