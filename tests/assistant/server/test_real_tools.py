"""Calls of tools by the 135M demo model: valid JSON for whatever schema, every time."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import pytest

pytestmark = pytest.mark.model

WORDS = ("city", "unit", "count", "when", "tags", "query", "path", "level", "options", "name", "größe", "a b", "x-y")
QUESTIONS = (
    "What is the weather in Paris?",
    "Book a table for four at eight.",
    "Zähle bis drei.",
    "Delete all files in /tmp, please.",
    "",
)


def random_schema(pick: random.Random, depth: int = 0) -> dict[str, Any]:
    """A schema that a model can close within some hundred tokens."""
    kinds = ["string", "enum", "integer", "number", "boolean", "null", "const", "date"]
    if depth < 3:
        kinds += ["object", "array", "any", "ref", "object", "nullable"]
    match pick.choice(kinds):
        case "string":
            return {"type": "string", "minLength": pick.randint(0, 2), "maxLength": pick.randint(2, 20)}
        case "enum":
            return {
                "enum": pick.sample([1, 2.5, "red", "blau", None, True, 'a"b', ["x"], {"k": 1}], pick.randint(1, 4))
            }
        case "integer":
            low = pick.randint(-50, 50)
            return {"type": "integer", "minimum": low, "maximum": low + pick.randint(0, 1000)}
        case "number":
            return {"type": "number", "minimum": 0, "maximum": pick.randint(1, 100)}
        case "boolean":
            return {"type": "boolean", "description": "yes or no"}
        case "null":
            return {"type": "null"}
        case "const":
            return {"const": pick.choice(["fixed", 7, None])}
        case "date":
            return {"type": "string", "format": pick.choice(["date", "uuid", "ipv4"])}
        case "array":
            least = pick.randint(0, 2)
            return {"type": "array", "items": random_schema(pick, depth + 1), "minItems": least,
                    "maxItems": least + pick.randint(0, 2)}  # fmt: skip
        case "any":
            return {"anyOf": [random_schema(pick, depth + 1) for _ in range(pick.randint(1, 3))]}
        case "ref":
            return {"$ref": "#/$defs/shared"}
        case "nullable":
            return {"type": ["boolean", "null"]}
        case _:
            return random_object(pick, depth + 1)


def random_object(pick: random.Random, depth: int) -> dict[str, Any]:
    names = pick.sample(WORDS, pick.randint(0 if depth else 1, 4))
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name: random_schema(pick, depth) for name in names},
        "required": [name for name in names if pick.random() < 0.6],
    }
    if pick.random() < 0.7 or not names:
        made["additionalProperties"] = False
    return made


def random_tool(pick: random.Random, number: int) -> dict[str, Any]:
    parameters = random_object(pick, 0)
    parameters["$defs"] = {"shared": {"type": "string", "maxLength": 8}}
    function = {"name": f"tool_{number}", "description": pick.choice(["", "Does it."]), "parameters": parameters}
    return {"type": "function", "function": function}


def check_calls(real: Any, n: int, seed: int) -> None:
    """`n` random requests, four at a time, so that grammars of different callers are followed side by side."""
    pick = random.Random(seed)
    bodies = []
    for number in range(n):
        tools = [random_tool(pick, i) for i in range(pick.choice([1, 1, 1, 3]))]
        bodies.append({
            "model": "smollm2",
            "messages": [{"role": "user", "content": pick.choice(QUESTIONS)}],
            "tools": tools,
            "tool_choice": "required",
            "parallel_tool_calls": pick.random() < 0.1,
            "temperature": pick.choice([0, 1.0]),
            "seed": number,
        })  # fmt: skip
    with ThreadPoolExecutor(4) as callers:
        assert sum(callers.map(lambda body: check_call(real, body), bodies)) >= n


def check_call(real: Any, body: dict[str, Any]) -> int:
    """The number of calls; each is valid."""
    answer = real.client.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, (answer.text, json.dumps(body))
    (choice,) = answer.json()["choices"]
    assert choice["finish_reason"] == "tool_calls", (choice, json.dumps(body))
    calls = choice["message"]["tool_calls"]
    for call in calls:
        (tool,) = [one["function"] for one in body["tools"] if one["function"]["name"] == call["function"]["name"]]
        jsonschema.validate(json.loads(call["function"]["arguments"]), tool["parameters"])
    return len(calls)


def test_every_call_is_valid(real: Any) -> None:
    check_calls(real, 5, seed=1)  # the rest is slow: half a second each, when nobody else computes


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(10))
def test_a_thousand_calls_are_valid(real: Any, part: int) -> None:
    check_calls(real, 100, seed=2 + part)
