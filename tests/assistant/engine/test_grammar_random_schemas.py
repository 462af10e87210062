"""Answers of a real model to random JSON Schemas are valid, each of them: 40 schemas by default, 1,000 in the full run.

The demo model is far too small to follow a schema by itself, so every valid answer is the constraint's doing. Strings,
arrays and depth are bounded, so that every answer can close within the token limit.
"""

import json
import random
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from rushlight import Error, Stop
from rushlight.assistant.engine.client import EngineClient
from rushlight.assistant.engine.request import GenerateRequest, Grammar, Message, Sampling
from rushlight.assistant.events import Finished, Usage

MAX_DEPTH = 3
MAX_TOKENS = 1500
NAMES = ("name", "size", "kind", "größe", "a b", "x", "tags", "is-open", "next", '"q"', "日本", "$id", "line\nbreak")
WORDS = ("yes", "no", "cat", "", "naïve", 'a"b', "tab\t", "日本語", "</s>", "<|im_end|>", "C:\\temp", "😀")
PATTERNS = ("^[a-z]{2,6}$", "^(red|green|blue)$", "^[A-Z][a-z]{0,5}( [A-Z][a-z]{1,5}){0,2}$", "^\\d{3}-\\d{4}$",
            "^[^\\\\\"]{1,4}$", "^v[0-9]+\\.[0-9]+$", "^(ab|cd){1,3}x?$", "^[0-9a-f]{8}$")  # fmt: skip
# Those that jsonschema checks without further packages.
FORMATS = ("date", "ipv4", "ipv6", "uuid", "email")


class RandomSchema:
    """One schema, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.definitions: dict[str, Any] = {}
        # Definitions are made first and use only those before them: no recursion, so every answer can end.
        for i in range(self.rng.choice((0, 0, 1, 2))):
            self.definitions[f"part {i}/~"] = self.schema(MAX_DEPTH - 1)
        self.root = self.schema(0)
        if self.definitions:
            self.root = {**self.root, "$defs": self.definitions}

    def schema(self, depth: int) -> dict[str, Any]:
        simple = [self.string, self.integer, self.number, self.boolean, self.null, self.enum, self.const]
        nested = [self.object, self.object, self.array, self.any_of]
        if self.definitions:
            simple.append(self.reference)
        if depth == 0:
            made = self.rng.choice([*nested, *self.rng.sample(simple, 1)])(depth)
        else:
            made = self.rng.choice([*simple, *nested] if depth < MAX_DEPTH else simple)(depth)
        if self.rng.random() < 0.15:
            made["description"] = "annotations say nothing about what is valid"
        return made

    def object(self, depth: int) -> dict[str, Any]:
        names = self.rng.sample(NAMES, self.rng.randint(0, 4))
        made: dict[str, Any] = {
            "type": "object",
            "properties": {name: self.schema(depth + 1) for name in names},
            "required": [name for name in names if self.rng.random() < 0.6],
            "additionalProperties": False,
        }
        return made

    def array(self, depth: int) -> dict[str, Any]:
        least = self.rng.randint(0, 2)
        made: dict[str, Any] = {"type": "array", "minItems": least, "maxItems": least + self.rng.randint(0, 2)}
        if self.rng.random() < 0.25:
            made["prefixItems"] = [self.schema(depth + 1) for _ in range(self.rng.randint(1, 2))]
        made["items"] = self.schema(depth + 1)
        return made

    def any_of(self, depth: int) -> dict[str, Any]:
        return {"anyOf": [self.schema(depth + 1) for _ in range(self.rng.randint(1, 3))]}

    def string(self, _depth: int) -> dict[str, Any]:
        kind = self.rng.random()
        if kind < 0.3:
            return {"type": "string", "pattern": self.rng.choice(PATTERNS), "maxLength": 40}
        if kind < 0.5:
            return {"type": "string", "format": self.rng.choice(FORMATS), "maxLength": 60}
        least = self.rng.choice((0, 0, 1, 5))
        return {"type": "string", "minLength": least, "maxLength": least + self.rng.randint(0, 30)}

    def bounds(self, made: dict[str, Any], low: float, high: float) -> dict[str, Any]:
        made[self.rng.choice(("minimum", "exclusiveMinimum"))] = low
        made[self.rng.choice(("maximum", "exclusiveMaximum"))] = high
        return made

    def integer(self, _depth: int) -> dict[str, Any]:
        low = self.rng.choice((0, -5, 7, -1000, 98, 10**6))
        span = self.rng.choice((2, 3, 14, 905, 10**7))
        made = self.bounds({"type": "integer"}, low, low + span)
        if span > 4 and self.rng.random() < 0.25:  # in narrower bounds there may be no such number
            made["multipleOf"] = self.rng.choice((1, 2))
        return made

    def number(self, _depth: int) -> dict[str, Any]:
        low = self.rng.choice((0, -1.5, 0.25, -273.15, 3, -0.001))
        return self.bounds({"type": "number"}, low, low + self.rng.choice((0.5, 1, 9.75, 1000)))

    def boolean(self, _depth: int) -> dict[str, Any]:
        return {"type": "boolean"}

    def null(self, _depth: int) -> dict[str, Any]:
        return {"type": self.rng.choice(("null", ["null", "boolean"]))}

    def value(self) -> Any:
        return self.rng.choice([
            self.rng.choice(WORDS), self.rng.randint(-9, 9), self.rng.random() < 0.5, None, 2.5,
            [1, self.rng.choice(WORDS)], {self.rng.choice(NAMES): self.rng.choice(WORDS)},
        ])  # fmt: skip

    def enum(self, _depth: int) -> dict[str, Any]:
        return {"enum": [self.value() for _ in range(self.rng.randint(1, 5))]}

    def const(self, _depth: int) -> dict[str, Any]:
        return {"const": self.value()}

    def reference(self, _depth: int) -> dict[str, Any]:
        name = self.rng.choice(list(self.definitions))
        pointer = name.replace("~", "~0").replace("/", "~1").replace(" ", "%20")
        return {"$ref": f"#/$defs/{pointer}"}


def refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def check_answers(client: EngineClient, answer: Callable[..., tuple[str, Usage, Finished]], seeds: range) -> int:
    """One answer to each schema, greedy and sampled in turn. Returns how many are valid; prints those that are not."""
    n_valid = 0
    for seed in seeds:
        schema = RandomSchema(seed).root
        jsonschema.Draft202012Validator.check_schema(schema)
        sampling = Sampling() if seed % 2 == 0 else Sampling(temperature=1.0, seed=seed)
        request = GenerateRequest(
            messages=(Message("user", f"Write example number {seed} as JSON."),), max_tokens=MAX_TOKENS,
            sampling=sampling, grammar=Grammar("json_schema", json.dumps(schema)),
        )  # fmt: skip
        text = ""
        try:
            text, _usage, finished = answer(client, request, Stop())
            assert finished.reason == "stop", finished.reason
            value = json.loads(text, parse_constant=refuse_constant)
            jsonschema.Draft202012Validator(
                schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
            ).validate(value)
        except (Error, AssertionError, ValueError, jsonschema.ValidationError) as err:
            print(f"seed {seed}: {str(err)[:300]}\n  schema {json.dumps(schema)}\n  answer {text[:2000]!r}")
        else:
            n_valid += 1
    return n_valid


@pytest.mark.model
def test_random_schemas(client: EngineClient, answer: Callable[..., tuple[str, Usage, Finished]]) -> None:
    assert check_answers(client, answer, range(40)) == 40


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.model
def test_a_thousand_random_schemas(client: EngineClient, answer: Callable[..., tuple[str, Usage, Finished]]) -> None:
    assert check_answers(client, answer, range(1000, 2000)) == 1000


def test_the_schemas_are_varied() -> None:
    """What the tests above would mean nothing without: each kind occurs, and the same seed gives the same schema."""
    texts = [json.dumps(RandomSchema(seed).root) for seed in range(300)]
    assert texts == [json.dumps(RandomSchema(seed).root) for seed in range(300)]
    assert len(set(texts)) > 250
    for word in ("anyOf", "prefixItems", "$ref", "const", "enum", "pattern", "format", "exclusiveMinimum", "minItems",
                 "multipleOf", "minLength", "null", "boolean", "required"):  # fmt: skip
        assert sum(f'"{word}"' in text for text in texts) >= 10, word


# A check of the check: the validator does find each of these.
@pytest.mark.parametrize(
    ("schema", "value"),
    [({"type": "string", "format": name}, "no") for name in FORMATS] + [({"maxItems": 1}, [1, 2])],
)  # fmt: skip
def test_the_validator_finds_what_is_wrong(schema: dict[str, Any], value: Any) -> None:
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    assert not validator.is_valid(value)
