"""The server's token: from RUSHLIGHT_TOKEN, else a file that only this user can read, made at the first start."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from rushlight import Error
from rushlight.assistant.paths import Paths

VARIABLE = "RUSHLIGHT_TOKEN"
MIN_CHARS = 16
_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it came from. `given`: by the user, who then knows it without reading our file."""

    text: str
    file: Path | None

    @property
    def given(self) -> bool:
        return self.file is None

    def __repr__(self) -> str:  # never into a log by accident
        return f"Token(file={self.file!r})"


def find_token(paths: Paths) -> Token:
    """The token of this start. Raises `Error` for one that is too weak or that others could have read."""
    given = os.environ.get(VARIABLE)
    if given is not None:
        return Token(_checked(given.strip(), f"The environment variable {VARIABLE}"), None)
    return file_token(paths)


def file_token(paths: Paths) -> Token:
    """The token in the file, whatever the environment says; made where there is none."""
    path = paths.server_token
    found = _read(path)
    return Token(found if found else _make(path), path)


def _read(path: Path) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise Error(
            f"The token file {path} cannot be read: {err.strerror}.",
            hint="Remove it; a new one is made at the next start.",
            kind="bad-token-file",
        ) from err
    try:
        status = os.fstat(fd)
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            raise Error(
                f"The token file {path} can be read by others.",
                hint="Remove it; a new one, private to you, is made at the next start.",
                kind="bad-token-file",
            )
        text = os.read(fd, _MAX_BYTES).decode("ascii", "replace").strip()
    finally:
        os.close(fd)
    return _checked(text, f"The token file {path}") if text else ""


def renew_token(paths: Paths) -> Token:
    """Another token in the file. Whoever serves now keeps the one before until it is started again."""
    return Token(_make(paths.server_token, replaces=True), paths.server_token)


def _make(path: Path, replaces: bool = False) -> str:
    """A new token, written whole or not at all; of two programs that start together one wins and both use its token."""
    text = secrets.token_urlsafe(32)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, text.encode() + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        if replaces:
            staged.replace(path)
            return text
        try:
            os.link(staged, path)  # unlike a rename it does not replace what another start has just made
        except FileExistsError:
            if other := _read(path):
                return other
            staged.replace(path)  # it was empty: left by a full disk
    except OSError as err:
        raise Error(
            f"The token file {path} cannot be written: {err.strerror}.",
            hint=f"Free some space, or give a token in {VARIABLE}.",
            kind="bad-token-file",
        ) from err
    finally:
        staged.unlink(missing_ok=True)
    return text


def _checked(text: str, what: str) -> str:
    if len(text) < MIN_CHARS or not text.isascii() or not text.isprintable() or " " in text:
        raise Error(
            f"{what} holds no usable token: at least {MIN_CHARS} visible ASCII characters without spaces are expected.",
            hint="A good one is made by: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'",
            kind="bad-token",
        )
    return text
