"""JSON Schemas checked before llguidance sees them: what cannot be enforced is refused by name and place.

llguidance ignores some keywords that it does not know and reports others without saying where; here a keyword is
enforced, an annotation, or an `Error(kind="bad-grammar")` with a JSON pointer. Knows no tokenizer.
"""

import json
from typing import Any

from rushlight import Error

MAX_TEXT_BYTES = 1024 * 1024
MAX_DEPTH = 64  # of the schema's own JSON
MAX_SCHEMAS = 10_000
MAX_PROPERTIES = 2000  # of one object; llguidance's time grows with the square

_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_ENFORCED = frozenset({
    "anyOf", "oneOf", "allOf", "$ref", "const", "enum", "type", "items", "additionalItems", "prefixItems", "minItems",
    "maxItems", "properties", "additionalProperties", "patternProperties", "required", "minProperties",
    "maxProperties", "minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf",
})  # fmt: skip
_ANNOTATIONS = frozenset({
    "$anchor", "$comment", "$defs", "$id", "$schema", "$vocabulary", "contentEncoding", "contentMediaType",
    "contentSchema", "default", "definitions", "deprecated", "description", "discriminator", "example", "examples",
    "externalDocs", "id", "readOnly", "title", "writeOnly", "xml",
})  # fmt: skip
_IMPOSSIBLE = frozenset({
    "$dynamicRef", "$recursiveRef", "contains", "dependencies", "dependentRequired", "dependentSchemas", "else", "if",
    "maxContains", "minContains", "not", "nullable", "propertyNames", "then", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems",
})  # fmt: skip
_OFF_BY_DEFAULT = frozenset({"uniqueItems", "nullable"})  # false says nothing
_ALTERNATIVES = {
    "nullable": 'Write "type": ["string", "null"] in its place.',
    "uniqueItems": "Bound the array with maxItems and check for repeats afterwards.",
}
# Formats of the standard. Others mean nothing there, so they are annotations ("password", "int32", ...).
_ENFORCED_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "unknown", "uri", "uuid",
})  # fmt: skip
_IMPOSSIBLE_FORMATS = frozenset({
    "idn-email", "idn-hostname", "iri", "iri-reference", "json-pointer", "regex", "relative-json-pointer",
    "uri-reference", "uri-template",
})  # fmt: skip
_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalItems", "additionalProperties")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def read_schema(text: str) -> dict[str, Any]:
    """The schema as JSON, without annotations that llguidance would take for constraints. Raises `Error`."""
    if len(text) > MAX_TEXT_BYTES:
        raise _error("", f"it is larger than {MAX_TEXT_BYTES // 1024} KiB")
    try:
        schema = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise _error("", f"it is nested deeper than {MAX_DEPTH}") from None
    except ValueError as err:
        raise Error(
            f"The JSON Schema is no JSON: {err}.", hint="Check quotes, commas and braces.", kind="bad-grammar"
        ) from err
    if schema is True:
        schema = {}
    if not isinstance(schema, dict):
        raise _error("", f"an object is expected, found {_shown(schema)}")
    _check_depth(schema)
    schema.pop("x-guidance", None)  # llguidance's own options; the ones used are ours
    _Check(schema).run()
    return schema


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _error(pointer: str, problem: str, hint: str = "") -> Error:
    place = pointer or "the top"
    return Error(f"The JSON Schema cannot be used: at {place}: {problem}.", hint=hint, kind="bad-grammar")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _move_bounds(schema: dict[str, Any]) -> None:
    """Exclusive bounds of numbers become inclusive ones a little further in.

    Else 3.0000000000000001 were above 3 as text and is 3 as a double; and llguidance 1.9 lets a whole bound through
    where the other one is less than 1 away: 0 for 0 < x < 0.5. Integers have neither problem.
    """
    if schema.get("type") == "integer":
        return
    low = schema.get("exclusiveMinimum", schema.get("minimum"))
    high = schema.get("exclusiveMaximum", schema.get("maximum"))
    width = high - low if low is not None and high is not None else None
    if width is not None and width <= 0:
        return  # nothing lies between: llguidance says so
    for exclusive, inclusive, inward, tightest in (
        ("exclusiveMinimum", "minimum", 1, max),
        ("exclusiveMaximum", "maximum", -1, min),
    ):
        if exclusive in schema:
            bound = schema.pop(exclusive)
            step = max(1.0, abs(bound)) * 1e-12
            moved = bound + inward * (step if width is None else min(step, width * 1e-3))
            schema[inclusive] = tightest(moved, schema.get(inclusive, moved))


def _check_depth(schema: dict[str, Any]) -> None:
    level: list[Any] = [schema]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise _error("", f"it is nested deeper than {MAX_DEPTH}")


class _Check:
    """Walks what `root` can reach, definitions only where a `$ref` names them."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.seen: set[int] = set()
        self.waiting: list[tuple[str, Any]] = [("", root)]

    def run(self) -> None:
        while self.waiting:
            pointer, schema = self.waiting.pop()
            if id(schema) in self.seen or isinstance(schema, bool):
                continue
            if not isinstance(schema, dict):
                raise _error(pointer, f"a schema is expected, found {_shown(schema)}")
            self.seen.add(id(schema))
            if len(self.seen) > MAX_SCHEMAS:
                raise _error(pointer, f"it holds more than {MAX_SCHEMAS} schemas")
            self.keywords(pointer, schema)
            self.values(pointer, schema)
            self.below(pointer, schema)

    def keywords(self, pointer: str, schema: dict[str, Any]) -> None:
        for keyword in list(schema):
            if keyword in _OFF_BY_DEFAULT and schema[keyword] is False:
                del schema[keyword]
            elif keyword in _IMPOSSIBLE:
                raise _error(
                    pointer,
                    f'the keyword "{keyword}" cannot be enforced while the model writes',
                    _ALTERNATIVES.get(keyword, "Leave it out and check the answer afterwards."),
                )
            elif keyword not in _ENFORCED and keyword not in _ANNOTATIONS and not keyword.startswith("x-"):
                import difflib

                near = difflib.get_close_matches(keyword, sorted(_ENFORCED | _ANNOTATIONS), 1)
                raise _error(
                    pointer,
                    f'the keyword "{keyword}" is not known',
                    f'Did you mean "{near[0]}"?' if near else 'Names of your own start with "x-".',
                )

    def values(self, pointer: str, schema: dict[str, Any]) -> None:
        kinds = schema.get("type", [])
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if not isinstance(kind, str) or kind not in _TYPES:
                raise _error(pointer, f'"type" is {_shown(kind)}; the types are {", ".join(sorted(_TYPES))}')
        for keyword in _COUNTS:
            value = schema.get(keyword, 0)
            if isinstance(value, float) and value.is_integer():
                value = schema[keyword] = int(value)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
                raise _error(pointer, f'"{keyword}" is {_shown(value)}; a whole number from 0 is expected')
        for keyword in _NUMBERS:
            value = schema.get(keyword, 1)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise _error(
                    pointer,
                    f'"{keyword}" is {_shown(value)}; a number is expected',
                    "Since draft 6 exclusiveMinimum and exclusiveMaximum are numbers."
                    if isinstance(value, bool)
                    else "",
                )
            if abs(value) > 2**63 - 1:
                raise _error(pointer, f'"{keyword}" is beyond 64 bits')
        _move_bounds(schema)
        if schema.get("multipleOf", 1) <= 0:
            raise _error(pointer, '"multipleOf" must be above 0')
        required = schema.get("required", [])
        if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise _error(pointer, '"required" must be a list of names')
        if not isinstance(schema.get("enum", []), list):
            raise _error(pointer, '"enum" must be a list')
        if not isinstance(schema.get("pattern", ""), str):
            raise _error(pointer, '"pattern" must be a text')
        self.format(pointer, schema)
        least = schema.get("minProperties", 0)
        if least <= len(set(required)):
            schema.pop("minProperties", None)
        elif least > 1:
            # Keys that the schema does not name may repeat, and a repeated key counts once.
            raise _error(
                pointer,
                f'"minProperties": {least} cannot be enforced for keys that are not in "required"',
                'Name the keys in "required".',
            )

    def format(self, pointer: str, schema: dict[str, Any]) -> None:
        name = schema.get("format", "uri")
        if not isinstance(name, str):
            raise _error(pointer, '"format" must be a text')
        if name in _ENFORCED_FORMATS:
            return
        if name in _IMPOSSIBLE_FORMATS:
            raise _error(
                pointer,
                f'the format "{name}" cannot be enforced while the model writes',
                'Use "pattern", or leave it out and check the answer afterwards.',
            )
        del schema["format"]

    def below(self, pointer: str, schema: dict[str, Any]) -> None:
        for keyword in _MAPS:
            named = schema.get(keyword, {})
            if not isinstance(named, dict):
                raise _error(pointer, f'"{keyword}" must be an object of schemas')
            if len(named) > MAX_PROPERTIES:
                raise _error(pointer, f'"{keyword}" has {len(named)} members; {MAX_PROPERTIES} are possible')
            self.waiting.extend((f"{pointer}/{keyword}/{_escaped(name)}", child) for name, child in named.items())
        for keyword in _LISTS:
            listed = schema.get(keyword, [])
            if not isinstance(listed, list):
                raise _error(pointer, f'"{keyword}" must be a list of schemas')
            self.waiting.extend((f"{pointer}/{keyword}/{i}", child) for i, child in enumerate(listed))
        for keyword in _SINGLES:
            child = schema.get(keyword, True)
            if keyword == "items" and isinstance(child, list):  # before draft 2020-12
                self.waiting.extend((f"{pointer}/items/{i}", item) for i, item in enumerate(child))
            else:
                self.waiting.append((f"{pointer}/{keyword}", child))
        ref = schema.get("$ref", "#")
        if not isinstance(ref, str):
            raise _error(pointer, '"$ref" must be a text')
        if not ref.startswith("#"):
            raise _error(
                pointer,
                f'"$ref" names {_shown(ref)}; only parts of the same schema can be used',
                'Put it under "$defs" and write "#/$defs/name".',
            )
        if ref.startswith("#/"):
            self.waiting.append((ref[1:], self.resolve(pointer, ref)))

    def resolve(self, pointer: str, ref: str) -> Any:
        from urllib.parse import unquote

        value: Any = self.root
        for step in unquote(ref[2:]).split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and key in value:
                value = value[key]
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
            else:
                raise _error(pointer, f'"$ref" names {_shown(ref)}, which is not there')
        return value
