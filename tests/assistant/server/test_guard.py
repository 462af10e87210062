"""Host, origin, token, method, size: who is let in (threats.md, row 28), and that a refusal says nothing."""

import http.client
import socket
from collections.abc import Callable
from typing import Any

import pytest

TOKEN = "a-token-of-the-tests"
RIGHT = f"Bearer {TOKEN}"


@pytest.fixture
def served(guarded: Any) -> Any:
    return guarded


def ask(served: Any, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
    """The status of a request whose headers are exactly these, the {port} of the server put in."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        connection.putrequest(method, path.format(port=served.port), skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value.format(port=served.port))
        if body or method == "POST":
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        return connection.getresponse().status
    finally:
        connection.close()


HOSTS = {
    "127.0.0.1:{port}": 200,
    "localhost:{port}": 200,
    "LocalHost:{port}": 200,
    "[::1]:{port}": 200,
    "127.0.0.1": 403,
    "localhost": 403,
    "127.0.0.1:1": 403,
    "127.0.0.1:{port}0": 403,
    "127.0.0.1:0{port}": 403,
    "127.0.0.1:{port}x": 403,
    "127.0.0.1:-{port}": 403,
    "localhost.evil.com:{port}": 403,
    "localhost.:{port}": 403,
    "evil.localhost:{port}": 403,
    "127.0.0.1.nip.io:{port}": 403,
    "evil.com:{port}": 403,
    "evil.com": 403,
    "0.0.0.0:{port}": 403,
    "127.0.0.2:{port}": 403,
    "127.1:{port}": 403,
    "2130706433:{port}": 403,
    "0x7f000001:{port}": 403,
    "[::ffff:127.0.0.1]:{port}": 403,
    "[::1].evil.com:{port}": 403,
    "user@127.0.0.1:{port}": 403,
    "127.0.0.1:{port}@evil.com": 403,
    "machine.local:{port}": 403,
    "service.internal:{port}": 403,
    "": 403,
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host or "empty")
def test_the_host_must_be_ours(served: Any, host: str) -> None:
    assert ask(served, "GET", "/v1/models", {"Host": host, "Authorization": RIGHT}) == HOSTS[host]
    assert ask(served, "GET", "/health", {"Host": host}) == HOSTS[host]


ORIGINS = {
    "http://127.0.0.1:{port}": 200,
    "http://localhost:{port}": 200,
    "https://localhost:{port}": 403,
    "http://localhost": 403,
    "http://evil.com": 403,
    "http://localhost.evil.com:{port}": 403,
    "http://127.0.0.1:{port}.evil.com": 403,
    "http://127.0.0.1.nip.io:{port}": 403,
    "null": 403,
    "file://": 403,
    "chrome-extension://abcdef": 403,
    "": 403,
}


@pytest.mark.parametrize("origin", ORIGINS, ids=lambda origin: origin or "empty")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_origin_must_be_ours(served: Any, origin: str, method: str) -> None:
    headers = {"Host": "127.0.0.1:{port}", "Origin": origin, "Authorization": RIGHT, "Content-Type": "application/json"}
    path, body = ("/v1/models", b"") if method == "GET" else ("/tokenize", b'{"content": "a"}')
    assert ask(served, method, path, headers, body) == ORIGINS[origin]


TOKENS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"Authorization": ""},
    "no scheme": {"Authorization": TOKEN},
    "other scheme": {"Authorization": f"Basic {TOKEN}"},
    "wrong": {"Authorization": "Bearer wrong"},
    "empty bearer": {"Authorization": "Bearer "},
    "shorter": {"Authorization": RIGHT[:-1]},
    "longer": {"Authorization": RIGHT + "x"},
    "other case": {"Authorization": f"Bearer {TOKEN.upper()}"},
    "as a query": {"X-Query": TOKEN},
    "wrong key": {"x-api-key": "wrong"},
    "one of both wrong": {"Authorization": RIGHT, "x-api-key": "wrong"},
    "not ascii": {"Authorization": "Bearer \xe4\xf6\xfc"},
}


@pytest.mark.parametrize("case", TOKENS)
@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/requests", "/openapi.json", "/nothing", "/"])
def test_nothing_is_said_without_the_token(served: Any, case: str, path: str) -> None:
    assert ask(served, "GET", path, {"Host": "127.0.0.1:{port}", **TOKENS[case]}) == 401


def test_the_token_in_both_ways(served: Any) -> None:
    for headers in ({"Authorization": RIGHT}, {"authorization": f"bearer {TOKEN}"}, {"x-api-key": TOKEN}):
        assert ask(served, "GET", "/v1/models", {"Host": "localhost:{port}", **headers}) == 200
    assert ask(served, "GET", f"/v1/models?key={TOKEN}", {"Host": "localhost:{port}"}) == 401


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "BREW", "options"])
def test_other_methods_and_preflights(served: Any, method: str) -> None:
    headers = {"Host": "127.0.0.1:{port}", "Access-Control-Request-Method": "POST"}
    path = "127.0.0.1:{port}" if method == "CONNECT" else "/v1/chat/completions"
    assert ask(served, method, path, headers) in (400, 401, 405)
    assert ask(served, method, path, {**headers, "Origin": "http://evil.com"}) in (400, 403)
    assert ask(served, method, path, {**headers, "Authorization": RIGHT}) in (400, 405)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_without_an_origin(served: Any, site: str) -> None:
    headers = {"Host": "127.0.0.1:{port}", "Authorization": RIGHT, "Sec-Fetch-Site": site}
    assert ask(served, "GET", "/v1/models", headers) == 403


def test_the_target_must_be_a_path(served: Any) -> None:
    for target in ("http://evil.com/v1/models", "http://127.0.0.1:{port}/v1/models", "*"):
        headers = {"Host": "127.0.0.1:{port}", "Authorization": RIGHT}
        assert ask(served, "GET", target, headers) in (400, 404), target


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_a_form_is_no_request(served: Any, kind: str) -> None:
    headers = {"Host": "127.0.0.1:{port}", "Authorization": RIGHT, "Content-Type": kind}
    assert ask(served, "POST", "/v1/chat/completions", headers, b'{"messages": []}') == 415


def test_allowed_origins_and_names(serve: Callable[..., Any]) -> None:
    served = serve(origins=["https://app.example.org"], names=["127.0.0.1", "my-machine"])
    for host, origin, status in (
        ("my-machine:{port}", "https://app.example.org", 200),
        ("127.0.0.1:{port}", "https://app.example.org", 200),
        ("127.0.0.1:{port}", "https://example.org", 403),
        ("127.0.0.1:{port}", "http://app.example.org", 403),
        ("other:{port}", "https://app.example.org", 403),
    ):
        headers = {"Host": host, "Origin": origin, "Authorization": RIGHT}
        assert ask(served, "GET", "/v1/models", headers) == status, (host, origin)


def test_no_answer_lets_a_page_read_it(served: Any) -> None:
    for answer in (served.client.get("/health"), served.client.get("/v1/models"), served.client.options("/v1/models")):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_two_hosts_are_none(served: Any) -> None:
    with socket.create_connection(("127.0.0.1", served.port), 10) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nHost: evil.com\r\n\r\n" % served.port)
        assert sock.recv(100).split()[1] in (b"400", b"403")


def test_bodies_have_an_end(served: Any) -> None:
    headers = {"Host": "127.0.0.1:{port}", "Authorization": RIGHT, "Content-Type": "application/json"}
    assert ask(served, "POST", "/tokenize", headers, b'{"content": "' + b"a" * (10 * 1024 * 1024) + b'"}') == 413
    for length in ("99999999999", "9" * 30):
        with socket.create_connection(("127.0.0.1", served.port), 10) as sock:
            head = f"POST /tokenize HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: {RIGHT}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            sock.sendall(head.encode())
            assert sock.recv(100).split()[1] in (b"413", b"400"), length
    with socket.create_connection(("127.0.0.1", served.port), 10) as sock:  # without a length, in pieces
        head = f"POST /tokenize HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: {RIGHT}\r\n"
        head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        sock.sendall(head.encode())
        piece = b"100000\r\n" + b"a" * 0x100000 + b"\r\n"
        try:
            for _ in range(12):
                sock.sendall(piece)
        except OSError:
            pass  # it has hung up
        assert sock.recv(100).split()[1] == b"413"


def test_headers_have_an_end(served: Any) -> None:
    with socket.create_connection(("127.0.0.1", served.port), 10) as sock:
        try:
            sock.sendall(b"GET /health HTTP/1.1\r\nX: " + b"a" * 200_000)
            answer = sock.recv(100)
        except OSError:
            answer = b""
        assert not answer or answer.split()[1] in (b"400", b"431")
    assert served.client.get("/health").status_code == 200


def test_refusals_are_in_the_shape_of_the_interface(served: Any) -> None:
    bare = {"authorization": "Bearer wrong"}
    openai = served.client.get("/v1/models", headers=bare)
    assert openai.status_code == 401
    assert openai.json()["error"]["code"] == "invalid_api_key"
    assert openai.headers["www-authenticate"].startswith("Bearer")
    anthropic = served.client.post("/v1/messages", headers=bare, json={})
    assert anthropic.status_code == 401
    assert anthropic.json()["error"]["type"] == "authentication_error"
