"""Accepted pairs as files: one JSON object a line, with `question` and `sql`."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from rushlight import Error
from rushlight.assistant.sql.memory import Kept
from rushlight.assistant.sql.prompt import Example

MAX_BYTES = 20_000_000
MAX_PAIRS = 5_000


class _Line(msgspec.Struct):
    question: str
    sql: str


def read_examples(path: Path) -> list[Example]:
    """The pairs of a file. What is wrong with it is an `Error` that names the line; nothing of it is taken then."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Error(f"The file {path} is larger than {MAX_BYTES // 1_000_000} MB.", kind="file-too-large")
        lines = path.read_bytes().splitlines()
    except OSError as err:
        raise Error(
            f"The file {path} cannot be read: {err.strerror}.", hint="Check its name and permissions.", kind="no-file"
        ) from err
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                pair = msgspec.json.decode(line, type=_Line)
            except (msgspec.DecodeError, UnicodeDecodeError) as err:
                raise Error(
                    f"Line {number} of {path} is no example: {err}.",
                    hint='Each line is like {"question": "How many doctors are there?", "sql": "SELECT ..."}',
                    kind="bad-example",
                ) from err
            found.append(Example(pair.question, pair.sql))
    if len(found) > MAX_PAIRS:
        raise Error(f"The file {path} holds {len(found):,} examples; {MAX_PAIRS:,} are read.", kind="file-too-large")
    return found


def write_examples(path: Path, pairs: Iterable[Kept], *, replace: bool = False) -> int:
    """Write them, whole or not at all, the oldest first; the number of them."""
    if path.exists() and not replace:
        raise Error(
            f"The file {path} is there already.", hint="Choose another name, or add --replace.", kind="file-exists"
        )
    lines = [
        msgspec.json.encode(
            {"question": one.question, "sql": one.sql, "source": one.source, "database": one.database, "id": one.id}
        )
        for one in sorted(pairs, key=lambda one: one.created_at)
    ]
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        staged.write_bytes(b"".join(line + b"\n" for line in lines))
        staged.replace(path)
    except OSError as err:
        raise Error(
            f"The file {path} cannot be written: {err.strerror}.", hint="Choose another folder.", kind="cannot-write"
        ) from err
    finally:
        staged.unlink(missing_ok=True)
    return len(lines)
