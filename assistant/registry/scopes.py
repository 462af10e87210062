"""Scopes: where an adapter may be loaded. `chat`, or one database, later one library of documents or one agent.

A database's scope names its tables too: where they change, what was learned of them is not loaded any more. What was
practised has a scope of its own and is loaded where no database's is; the way back has one too, and is loaded beside
both to tell likely queries apart.
"""

import re
import unicodedata
from typing import Final

from rushlight import Error

CHAT: Final = "chat"
PRACTICE: Final = "sql:practice"  # of any database that nobody was taught; one's own ends with the hash of its tables
WAY_BACK: Final = "sql:way-back"  # from queries to their questions, beside whoever answers
_SCOPE: Final = re.compile(r"chat|(?:sql|documents|agent):[a-z0-9._-]{1,80}")
_HASH_LETTERS: Final = 8


def check_scope(scope: str) -> str:
    """`scope`, if it is one. Raises `Error(kind="bad-scope")`."""
    if _SCOPE.fullmatch(scope) is None:
        raise Error(
            f"{scope[:80]!r} is no scope.",
            "A scope is chat, or a database as `rushlight registry list` shows it: sql:clinic-1a2b3c4d",
            kind="bad-scope",
        )
    return scope


def sql_scope(name: str, schema_sha256: str) -> str:
    """The scope of a database: the name of its main file, and its tables and columns by their hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "database"
    return f"sql:{word}-{schema_sha256[:_HASH_LETTERS]}"


def kind_of(scope: str) -> str:
    """chat, sql, documents or agent."""
    return scope.partition(":")[0]
