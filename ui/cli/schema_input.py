"""What --schema, --grammar and --regex take, into one `Grammar`: files, JSON, or the concise form of a schema.

The concise form lists fields, separated by commas or lines: `name, age int, bio: one sentence`. A type is one of
str, int, float, bool; a field without one is text; what follows a colon describes it.
"""

import json
from pathlib import Path
from typing import Any

from rushlight import Error
from rushlight.assistant.engine.request import Grammar

_TYPES = {"str": "string", "string": "string", "text": "string", "int": "integer", "integer": "integer",
          "float": "number", "number": "number", "bool": "boolean", "boolean": "boolean"}  # fmt: skip
_MAX_BYTES = 4 * 1024 * 1024
_SUFFIXES = {".gbnf": "gbnf", ".lark": "lark"}


def grammar_from(schema: str | None, grammar: str | None, regex: str | None) -> Grammar | None:
    """The one constraint that was given, or None."""
    given = [
        name for name, value in (("--schema", schema), ("--grammar", grammar), ("--regex", regex)) if value is not None
    ]
    if len(given) > 1:
        raise Error(
            f"{' and '.join(given)} were given; an answer can follow one of them.",
            hint="Leave out all but one.",
            kind="bad-option",
        )
    if schema is not None:
        return Grammar("json_schema", json.dumps(read_schema(schema), ensure_ascii=False))
    if grammar is not None:
        path = Path(grammar)
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise Error(
                f"{path} has no suffix that says which kind of grammar it is.",
                hint="Name the file something.gbnf or something.lark.",
                kind="bad-option",
            )
        return Grammar(kind, _read(path))
    return Grammar("regex", regex) if regex is not None else None


def read_schema(given: str) -> dict[str, Any]:
    """A JSON Schema from JSON text, a file, or the concise form."""
    stripped = given.strip()
    if stripped.startswith("{"):
        return _parse(stripped, "--schema")
    path = Path(given)
    if _is_file(path):
        return _parse(_read(path), str(path))
    if path.suffix.lower() == ".json":
        raise Error(f"The schema file {path} does not exist.", hint="Check the path.", kind="bad-option")
    return concise_schema(stripped)


def concise_schema(given: str) -> dict[str, Any]:
    """`name, age int` as a JSON Schema of an object whose fields are all required."""
    properties: dict[str, Any] = {}
    # Where there are lines, commas belong to descriptions.
    parts = given.split("\n") if "\n" in given else given.split(",")
    for part in parts:
        head, _, description = part.partition(":")
        words = head.split()
        if not words:
            continue
        if len(words) > 2 or (len(words) == 2 and words[1] not in _TYPES):
            raise Error(
                f"The schema's field {head.strip()[:80]!r} is not a name, or a name and one of "
                f"{', '.join(('str', 'int', 'float', 'bool'))}.",
                hint='Examples: --schema "name, age int"   --schema person.json',
                kind="bad-option",
            )
        field: dict[str, Any] = {"type": _TYPES[words[1]] if len(words) == 2 else "string"}
        if description.strip():
            field["description"] = description.strip()
        properties[words[0]] = field
    if not properties:
        raise Error("The schema has no fields.", hint='Example: --schema "name, age int"', kind="bad-option")
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _parse(given: str, where: str) -> dict[str, Any]:
    try:
        schema = json.loads(given)
    except (ValueError, RecursionError) as err:
        raise Error(f"{where} is not JSON: {err}.", kind="bad-option") from err
    if not isinstance(schema, dict):
        raise Error(
            f"{where} holds no JSON Schema: an object was expected, not {type(schema).__name__}.", kind="bad-option"
        )
    return schema


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a concise form too long for a file name
        return False


def _read(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if len(raw) > _MAX_BYTES:
            raise Error(f"{path} is {len(raw)} bytes long; at most {_MAX_BYTES} are read.", kind="bad-option")
        return raw.decode()
    except OSError as err:
        raise Error(
            f"{path} cannot be read: {err.strerror or err}.", hint="Check the path.", kind="bad-option"
        ) from err
    except UnicodeDecodeError as err:
        raise Error(f"{path} is not UTF-8 text.", kind="bad-option") from err
