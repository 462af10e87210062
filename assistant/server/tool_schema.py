"""The parameters of a tool as a schema that can be held while the model writes, and that every model can close.

Agents send whatever their own libraries made; one keyword that cannot be enforced must not cost them the request. So
the schema of a tool that is not `strict` is loosened: what cannot be held is left out. And every text and list gets
an end, so that a small model cannot lose itself in one.
"""

from typing import Any

MAX_TEXT_CHARS = 8192  # of a text without a bound of its own
MAX_ITEMS = 256  # of a list without one
MAX_KEYS = 64  # of an object whose keys are not named
_MAX_DEPTH = 60

_KEPT = frozenset({
    "$defs", "$ref", "additionalItems", "additionalProperties", "allOf", "anyOf", "const", "definitions",
    "description", "enum", "exclusiveMaximum", "exclusiveMinimum", "format", "items", "maxItems", "maxLength",
    "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "oneOf", "pattern",
    "patternProperties", "prefixItems", "properties", "required", "title", "type",
})  # fmt: skip
_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalItems", "additionalProperties")
_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_FORMATS = frozenset({
    "date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri", "uuid",
})  # fmt: skip


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with an end to every text, list and object that has none, and no keys beside those it names: what
    matches it also matches the schema as it was."""
    made: dict[str, Any] = _bounded(schema, 0, is_alone=True)
    return made


def _bounded(schema: Any, depth: int, *, is_alone: bool) -> Any:
    """`is_alone`: no other schema speaks of the same value, so that keys which this one does not name are not meant."""
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return schema
    made = dict(schema)
    for key in _MAPS:
        if isinstance(made.get(key), dict):
            is_definition = key in ("$defs", "definitions")  # may be one of several, by $ref
            made[key] = {
                name: _bounded(child, depth + 1, is_alone=not is_definition) for name, child in made[key].items()
            }
    for key in _LISTS:
        if isinstance(made.get(key), list):
            is_part = key != "prefixItems"
            made[key] = [_bounded(child, depth + 1, is_alone=not is_part) for child in made[key]]
    for key in _SINGLES:
        if key in made:
            made[key] = _bounded(made[key], depth + 1, is_alone=True)
    if made.get("type") == "object":
        _close(made, is_alone)
    if made.get("type") == "string" and not made.keys() & {"maxLength", "pattern", "format", "enum", "const"}:
        made["maxLength"] = max(MAX_TEXT_CHARS, _whole(made.get("minLength")))
    if made.get("type") == "array" and "maxItems" not in made:
        made["maxItems"] = max(MAX_ITEMS, _whole(made.get("minItems")))
    return made


def _close(made: dict[str, Any], is_alone: bool) -> None:
    named = made.get("properties") or {}
    if made.keys() & {"allOf", "anyOf", "oneOf", "$ref", "patternProperties", "maxProperties"}:
        return
    if named and "additionalProperties" not in made and is_alone:
        made["additionalProperties"] = False
    elif made.get("additionalProperties") is not False and set(named) <= set(made.get("required", ())):
        made["maxProperties"] = max(MAX_KEYS, len(named), _whole(made.get("minProperties")))


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def loosened(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without what cannot be held while the model writes."""
    made = _loosened(schema, 0)
    return made if isinstance(made, dict) else {"type": "object"}


def _loosened(schema: Any, depth: int) -> Any:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return {}
    made = {key: value for key, value in schema.items() if key in _KEPT}
    for key in _MAPS:
        if key in made:
            named = made[key] if isinstance(made[key], dict) else {}
            made[key] = {name: _loosened(child, depth + 1) for name, child in named.items()}
    for key in _LISTS:
        if key in made:
            listed = made[key] if isinstance(made[key], list) else []
            made[key] = [_loosened(child, depth + 1) for child in listed]
            if not made[key]:
                del made[key]
    for key in _SINGLES:
        if key in made:
            child = made[key]
            made[key] = (
                [_loosened(item, depth + 1) for item in child]
                if key == "items" and isinstance(child, list)
                else _loosened(child, depth + 1)
            )
    _loosen_values(made, schema)
    return made


def _loosen_values(made: dict[str, Any], schema: dict[str, Any]) -> None:
    kinds = made.get("type")
    listed = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind in _TYPES]
    if schema.get("nullable") is True and listed and "null" not in listed:  # OpenAPI 3.0
        listed.append("null")
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    if listed:
        made["type"] = listed if len(listed) > 1 else listed[0]
    else:
        made.pop("type", None)
    if made.get("format") not in _FORMATS:
        made.pop("format", None)
    for key in ("exclusiveMinimum", "exclusiveMaximum"):  # true in draft 4: the bound itself is left, which is looser
        if isinstance(made.get(key), bool):
            del made[key]
    for key in ("minLength", "maxLength", "minItems", "maxItems", "minProperties"):
        value = made.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            del made[key]
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        value = made.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 2**63 - 1:
            del made[key]
    if made.get("multipleOf", 1) <= 0:
        del made["multipleOf"]
    required = made.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        made.pop("required", None)
        required = []
    if made.get("minProperties", 0) > max(1, len(set(required))):
        del made["minProperties"]
    if "enum" in made and (not isinstance(made["enum"], list) or not made["enum"]):
        del made["enum"]
    if "pattern" in made and not isinstance(made["pattern"], str):
        del made["pattern"]
    if not isinstance(made.get("$ref", "#"), str) or not made.get("$ref", "#").startswith("#"):
        del made["$ref"]
