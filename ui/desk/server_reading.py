"""What is to be known of running servers, read on a background thread: notes, models, requests, figures."""

import os
import re
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rushlight import Error
from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.server.running import RunningServer, ask, running_servers
from rushlight.assistant.server.token import VARIABLE, file_token
from rushlight.ui.desk.server_values import FoundServer, RequestRow, ServedModel, ServerFigures
from rushlight.ui.words import text

if TYPE_CHECKING:
    from rushlight.assistant.app import App
    from rushlight.assistant.paths import Paths

N_REQUESTS = 200  # of those that the server keeps
_SAMPLE = re.compile(r"^rushlight_(\w+)(?:\{([^}]*)\})? ([0-9.e+]+)$", re.MULTILINE)
_STATUS = re.compile(r'status="(\d+)"')
_REFUSED = ("429", "503")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found."""

    running: tuple[RunningServer, ...]
    port: int  # of the settings
    server: RunningServer | None = None  # the one that was asked
    models: tuple[ServedModel, ...] = ()
    requests: tuple[RequestRow, ...] = ()
    figures: ServerFigures = field(default_factory=ServerFigures)
    problem: Error | None = None


def look(app: "App", wanted: str) -> Look:
    """All servers, and what the one with the key `wanted` says; else the newest."""
    running = running_servers(app.paths)
    port = app.settings.number("server.port")
    if not running:
        return Look((), port)
    server = next((one for one in running if one.key == wanted), running[0])
    models = _models(app)
    try:
        token = token_for(server, app.paths)
        requests = _requests(ask(server, f"/requests?limit={N_REQUESTS}", token))
        figures = _figures(ask(server, "/metrics", token))
    except Error as err:
        return Look(running, port, server, models, problem=err)
    return Look(running, port, server, models, requests, figures)


def token_for(server: RunningServer | None, paths: "Paths") -> str:
    """The token that this server knows, or the one that the next will have."""
    given = os.environ.get(VARIABLE, "").strip()
    if server is not None and server.token_is_given and not given:
        raise Error(
            text("The server was begun with a token in {variable}, which is not known here.", variable=VARIABLE),
            hint=text("Its requests and figures can be seen only with that token."),
            kind="wrong-token",
        )
    if given and (server is None or server.token_is_given):
        return given
    return file_token(paths).text


def found_server(server: RunningServer) -> FoundServer:
    """The server in words."""
    is_own = server.starter_pid == os.getpid()
    since = time.strftime("%H:%M", time.localtime(server.started_at))
    origin = (
        text("Begun here at {time}.", time=since)
        if is_own
        else text("Begun elsewhere at {time} (process {pid}).", time=since, pid=server.pid)
    )
    return FoundServer(
        server.key, server.url, plain_line(server.url.removeprefix("unix:")), origin, is_own, server.token_is_given
    )


def base_url(url: str) -> str:
    """What a client is told: the address below which the interface lies, or the socket's path."""
    return url.removeprefix("unix:") if url.startswith("unix:") else f"{url}/v1"


def example(url: str, paths: "Paths", model: str, token_is_given: bool) -> str:
    """A line for a shell that asks the server. The token is read where it lies, and not written down."""
    token = f"${VARIABLE}" if token_is_given else f"$(cat {shlex.quote(str(paths.server_token))})"
    is_unix = url.startswith("unix:")
    place = f"--unix-socket {shlex.quote(url.removeprefix('unix:'))} http://localhost" if is_unix else url
    named = f'"model": "{model}", ' if re.fullmatch(r"[A-Za-z0-9._/@:-]{1,200}", model) else ""
    body = f'{{{named}"messages": [{{"role": "user", "content": "Hello"}}]}}'
    return (
        f'curl {place}/v1/chat/completions -H "Authorization: Bearer {token}" '
        f"-H 'Content-Type: application/json' -d '{body}'"
    )


def _models(app: "App") -> tuple[ServedModel, ...]:
    """What the server serves is the catalogue of its data folder, which is ours: it need not be asked."""
    return tuple(
        ServedModel(
            plain_line(one.id), tuple(plain_line(alias) for alias in one.aliases if alias != "default"), one.purpose
        )
        for one in app.catalogue.list()
    )


def _requests(answer: Any) -> tuple[RequestRow, ...]:
    return tuple(_request(one) for one in _listed(answer))


def _listed(answer: Any) -> list[Mapping[str, Any]]:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
        raise Error(text("The server answers in a way that this version does not know."), kind="no-answer")
    return data


def _request(one: Mapping[str, Any]) -> RequestRow:
    status = _whole(one.get("status"))
    model = plain_line(str(one.get("model") or ""))
    detail = [plain_line(str(one.get("error") or ""))]
    ignored = one.get("ignored")
    if isinstance(ignored, list) and ignored:
        names = ", ".join(plain_line(str(name)) for name in ignored[:8])
        detail.append(text("ignored: {names}", names=names))
    notices = one.get("notices")
    if isinstance(notices, list):
        detail += [plain_line(str(notice)) for notice in notices[:4]]
    n_read, n_written = _whole(one.get("n_prompt_tokens")), _whole(one.get("n_completion_tokens"))
    return RequestRow(
        number=_whole(one.get("number")),
        time=time.strftime("%H:%M:%S", time.localtime(_real(one.get("started_at")))),
        path=plain_line(f"{one.get('path', '')}")[:120],
        model=model,
        status=text("running") if not status else text("client left") if status == 499 else str(status),
        duration=text("{count} ms", count=f"{_real(one.get('duration_s')) * 1000:,.0f}") if status else "",
        tokens=f"{n_read:,} → {n_written:,}" if n_read or n_written else "",
        detail=" · ".join(part for part in detail if part)[:500],
        meaning="running" if not status else "muted" if status == 499 else "good" if status < 400 else "bad",
    )


def _figures(answer: Any) -> ServerFigures:
    """Out of Prometheus' text."""
    simple: dict[str, int] = {}
    n_answered = n_refused = n_failed = 0
    for name, labels, value in _SAMPLE.findall(answer if isinstance(answer, str) else ""):
        count = int(float(value))
        status = _STATUS.search(labels)
        if name == "requests_total" and status is not None:
            is_quiet = any(f'path="{path}"' in labels for path in ("/health", "/metrics", "/requests"))
            n_answered += count if status[1] < "400" and not is_quiet else 0
            n_refused += count if status[1] in _REFUSED else 0
            n_failed += count if status[1] >= "400" and status[1] not in (*_REFUSED, "499") else 0
        elif not labels:
            simple[name] = count
    return ServerFigures(
        n_generating=simple.get("requests_generating", 0),
        n_waiting=simple.get("requests_waiting", 0),
        n_loading=simple.get("models_loading", 0),
        n_answered=n_answered,
        n_refused=n_refused,
        n_failed=n_failed,
        n_tokens_read=simple.get("prompt_tokens_total", 0),
        n_tokens_written=simple.get("completion_tokens_total", 0),
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _real(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0
