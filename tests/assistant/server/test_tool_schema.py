"""Schemas of tools: what cannot be held is left out, what has no end gets one, and nothing else changes."""

import json
from typing import Any

import jsonschema
import pytest

from rushlight.assistant.engine.grammar_schema import read_schema
from rushlight.assistant.server.tool_forms import find_form
from rushlight.assistant.server.tool_schema import MAX_ITEMS, MAX_KEYS, MAX_TEXT_CHARS, bounded, loosened


@pytest.mark.parametrize(
    ("schema", "loose"),
    [
        ({"type": "string", "not": {"const": "a"}}, {"type": "string"}),
        ({"type": "object", "if": {}, "then": {}, "dependentRequired": {}}, {"type": "object"}),
        ({"type": "array", "uniqueItems": True, "items": {"type": "integer", "format": "int32"}},
         {"type": "array", "items": {"type": "integer"}}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"type": "number", "exclusiveMinimum": True, "minimum": 0}, {"type": "number", "minimum": 0}),
        ({"type": "file"}, {}),
        ({"type": ["string", "file"]}, {"type": "string"}),
        ({"properties": {"a": {"$ref": "https://example.org/x"}}}, {"properties": {"a": {}}}),
        ({"$schema": "x", "$id": "y", "optional": True, "type": "object"}, {"type": "object"}),
        ({"enum": []}, {}),
        ({"type": "string", "minLength": -1, "maxLength": 2.5}, {"type": "string"}),
        ({"required": "a", "type": "object"}, {"type": "object"}),
        ({"anyOf": "x"}, {}),
        ({"properties": {"a": 5}}, {"properties": {"a": {}}}),
    ],
)  # fmt: skip
def test_what_cannot_be_held_is_left_out(schema: Any, loose: Any) -> None:
    assert loosened(schema) == loose
    read_schema(json.dumps(loosened(schema)))


def test_what_can_be_held_stays() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string", "minLength": 1, "maxLength": 5},
            "b": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1, "maxItems": 3},
            "c": {"anyOf": [{"type": "null"}, {"const": 5}]},
        },
        "required": ["a"],
        "additionalProperties": False,
        "$defs": {"item": {"type": "integer", "minimum": 0, "maximum": 9}},
    }
    assert loosened(schema) == schema
    assert bounded(schema) == schema


def test_everything_gets_an_end() -> None:
    schema = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
            "open": {"type": "object"},
            "map": {"type": "object", "additionalProperties": {"type": "integer"}},
            "date": {"type": "string", "format": "date"},
        },
    }
    made = bounded(schema)
    inner = made["properties"]
    assert inner["text"]["maxLength"] == MAX_TEXT_CHARS
    assert (inner["list"]["maxItems"], inner["list"]["items"]["maxLength"]) == (MAX_ITEMS, MAX_TEXT_CHARS)
    assert inner["open"]["maxProperties"] == inner["map"]["maxProperties"] == MAX_KEYS
    assert inner["date"] == {"type": "string", "format": "date"}
    assert made["additionalProperties"] is False
    assert "maxLength" not in schema["properties"]["text"], "the schema that was given is not changed"


def test_parts_of_one_object_stay_open() -> None:
    a, b = ({"type": "object", "properties": {name: {"type": "integer"}}, "required": [name]} for name in "ab")
    made = bounded({"allOf": [a, b]})
    jsonschema.validate({"a": 1, "b": 2}, made)


def test_deep_schemas_do_not_break_it() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(200):
        schema = {"type": "array", "items": schema}
    assert bounded(loosened(schema))


@pytest.mark.parametrize(
    ("template", "opener", "told"),
    [
        ("", '<tool_call>\n{"name": ', False),
        ("{{ messages }}", '<tool_call>\n{"name": ', False),
        ("{% if tools %}<tool_call>{% endif %}", '<tool_call>\n{"name": ', True),
        ("{% if tools %}<tool_call>{name}<arg_key>{% endif %}", '<tool_call>\n{"name": ', False),
        ("{% if tools %}[AVAILABLE_TOOLS] [TOOL_CALLS]{% endif %}", '[{"name": ', True),
        ('{% if tools %}ipython {"name": x, "parameters": y}{% endif %}', '{"name": ', True),
        ("{% if tools %}<|channel|>commentary to=functions{% endif %}", '<tool_call>\n{"name": ', False),
    ],
)
def test_forms_of_calls(template: str, opener: str, told: bool) -> None:
    form = find_form(template)
    assert (form.opener, form.told_by_template) == (opener, told)
    written = form.written('a"b', '{"x": 1}')
    start = written.index("{")
    call, _ = json.JSONDecoder().raw_decode(written[start:])
    assert call["name"] == 'a"b'
