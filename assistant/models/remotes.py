"""Models that run on other machines: their addresses checked, and taken into the catalogue. Asks no network."""

import hashlib
import ipaddress
from urllib.parse import urlsplit

from rushlight import Error
from rushlight.assistant.models import remote_tokens
from rushlight.assistant.models.catalogue import Catalogue, NewModel
from rushlight.assistant.models.model import Model, Remote, check_id

MAX_URL_CHARS = 500
MAX_NAME_CHARS = 200
PURPOSES = ("chat", "embedding")


def add_remote(
    catalogue: Catalogue,
    model_id: str,
    url: str,
    *,
    model: str = "",
    token: str = "",
    purpose: str = "chat",
    n_ctx: int = 0,
) -> Model:
    """Record a model under an address. Nothing is asked of that address. The token goes into a file of its own."""
    check_id(model_id)
    remote = Remote(check_url(url), _checked_name(model))
    if purpose not in PURPOSES:
        raise Error(f"The purpose {purpose[:40]!r} is not one of {', '.join(PURPOSES)}.", kind="bad-value")
    digest = hashlib.sha256(f"remote\n{remote.url}\n{remote.model}\n{purpose}".encode()).hexdigest()
    same = catalogue.find_sha256(digest)
    if same is not None:
        raise Error(
            f"This model of {remote.url} is in the catalogue already, as {same.id}.",
            hint=f"Give it another name with: rushlight models alias {same.id} {model_id}",
            kind="id-taken",
        )
    catalogue.refuse_taken(model_id)
    remote_tokens.keep(catalogue.paths, model_id, token)
    try:
        return catalogue.add(
            NewModel(
                id=model_id,
                owned=False,
                sha256=digest,
                files=(),
                architecture="",
                n_params=0,
                n_ctx_train=max(0, n_ctx),
                quantization="remote",  # what lists show where others have their type
                purpose=purpose,
                chat_template_sha256="",
                license="",
                sampling={},
                remote=remote,
            )
        )
    except BaseException:
        remote_tokens.forget(catalogue.paths, model_id)
        raise


def check_url(url: str) -> str:
    """The address, without a slash at its end and with the /v1 that OpenAI's interface lies under. Raises `Error`."""
    shown = ascii(url[:80])[1:-1]
    hint = "Give it as http://machine:8000 or https://machine.example/v1."

    def bad(why: str) -> Error:
        return Error(f"{shown} is no address of a model's server: {why}.", hint=hint, kind="bad-address")

    if len(url) > MAX_URL_CHARS or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise bad(f"at most {MAX_URL_CHARS} visible ASCII characters without spaces are expected")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad("its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise bad("it must begin with http:// or https:// and name a machine")
    if parts.username is not None or parts.password is not None:
        raise Error(
            "A password does not belong into an address: it would be shown with it.",
            hint="Put the token into an environment variable, and name that with --token-from-env.",
            kind="bad-address",
        )
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise bad("nothing may follow its path")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path or '/v1'}"


def is_private_way(url: str) -> bool:
    """Whether nobody between here and there can read along: encrypted, or this machine itself."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        return parts.scheme == "https" or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_name(name: str) -> str:
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise Error(
            f"{ascii(name[:40])[1:-1]} cannot be a model's name: at most {MAX_NAME_CHARS} visible characters.",
            kind="bad-value",
        )
    return name
