"""Addresses of PostgreSQL databases: postgresql://user@host:port/name. No password stands in one. Opens nothing."""

import hashlib
import re
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.sql.values import Source

_SCHEMES = ("postgresql://", "postgres://")
_NEAR = ("", "localhost", "127.0.0.1", "::1")
_DEFAULT_PORT = 5432


class Address(Struct, frozen=True):
    """Where a database is, and who reads it."""

    user: str
    host: str  # "" or a folder: a socket of this machine
    port: int
    database: str
    encrypted: bool  # the server's certificate is checked

    @property
    def socket(self) -> str:
        """The socket's file; "" for a host."""
        folder = self.host or "/var/run/postgresql"
        return f"{folder}/.s.PGSQL.{self.port}" if folder.startswith("/") else ""


def is_address(given: str) -> bool:
    return given.lower().startswith(_SCHEMES)


def address_source(given: str) -> Source:
    """The source for an address. One that cannot be used, or has a password, is an `Error`."""
    address = parse_address(given)
    name = re.sub(r"\W+", "_", address.database, flags=re.ASCII).strip("_").lower()[:40] or "database"
    return Source(name, given, given, "postgresql", hashlib.sha256(given.encode()).hexdigest())


def parse_address(given: str) -> Address:
    try:
        parts = urlsplit(given)
        port = parts.port or _DEFAULT_PORT
        asked = {key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
    except ValueError as err:
        raise _bad(given, str(err)) from err
    if parts.password is not None:
        raise Error(
            "An address with a password would be kept in lists and histories.",
            hint="Leave the password out; give it in PGPASSWORD or in ~/.pgpass.",
            kind="bad-address",
        )
    database = unquote(parts.path.strip("/"))
    if not database or "/" in database or "\x00" in database:
        raise _bad(given, "it names no database")
    unknown = set(asked) - {"host", "sslmode"}
    if unknown:
        raise _bad(given, f"{sorted(unknown)[0]} is not known there; host and sslmode are")
    host = asked.get("host", parts.hostname or "")
    mode = asked.get("sslmode", "")
    if mode not in ("", "disable", "require", "verify-full"):
        raise _bad(given, f"sslmode is disable or verify-full, not {mode[:20]}")
    near = host.lower() in _NEAR or host.startswith("/")
    return Address(unquote(parts.username or ""), host, port, database, mode != "disable" and (not near or bool(mode)))


def _bad(given: str, why: str) -> Error:
    return Error(
        f"The address {given[:100]!r} cannot be used: {why}.",
        hint="Such as: postgresql://reader@localhost:5432/shop, or postgresql:///shop?host=/var/run/postgresql",
        kind="bad-address",
    )
