"""The tokens of remote models: a file each that only this user can read, and nowhere else."""

import hashlib
import os
import secrets

from rushlight import Error
from rushlight.assistant.paths import Paths, private_folder

MAX_CHARS = 4096


def keep(paths: Paths, model_id: str, token: str) -> None:
    """Remember the token of a model, whole or not at all; "" forgets it."""
    if not token:
        forget(paths, model_id)
        return
    if len(token) > MAX_CHARS or not token.isascii() or not token.isprintable() or " " in token:
        raise Error(
            f"A token is 1 to {MAX_CHARS} visible ASCII characters without spaces; this one is not.",
            hint="Look at the variable that it comes from: a line break at its end is a common slip.",
            kind="bad-token",
        )
    path = private_folder(paths.remote_tokens) / _file_name(model_id)
    staged = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}.new")
    try:
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(fd, token.encode())
            os.fsync(fd)
        finally:
            os.close(fd)
        staged.replace(path)
    except OSError as err:
        raise Error(f"The token cannot be kept in {path}: {err.strerror}.", kind="bad-token-file") from err
    finally:
        staged.unlink(missing_ok=True)


def find(paths: Paths, model_id: str) -> str:
    """The token of a model, "" where it has none. Raises `Error` for a file that others could have read."""
    path = paths.remote_tokens / _file_name(model_id)
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise Error(f"The token file {path} cannot be read: {err.strerror}.", kind="bad-token-file") from err
    try:
        status = os.fstat(fd)
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077):
            raise Error(
                f"The token file {path} can be read by others.",
                hint=f"Take a new token, and give it with: rushlight models remote-token {model_id}",
                kind="bad-token-file",
            )
        return os.read(fd, MAX_CHARS).decode("ascii", "replace").strip()
    finally:
        os.close(fd)


def forget(paths: Paths, model_id: str) -> None:
    """There is none any more."""
    (paths.remote_tokens / _file_name(model_id)).unlink(missing_ok=True)


def _file_name(model_id: str) -> str:
    """Ids hold slashes; and no id becomes a path."""
    return hashlib.sha256(model_id.encode()).hexdigest()[:32]
