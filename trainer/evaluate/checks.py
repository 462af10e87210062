"""What an answer can be checked for without a judge: words, length, form, numbers, JSON. Plain rules, no patterns.

An instruction's reference is a list of checks such as {"words_at_most": 10} or {"contains": ["Paris"]}; it is followed
when all of them hold.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from rushlight import Error

_MOST_CHARS: Final = 100_000  # of an answer that is looked at
_REFUSALS: Final = (
    "i can't", "i cannot", "i can not", "i'm sorry", "i am sorry", "sorry, but", "i'm unable", "i am unable",
    "i'm not able", "i am not able", "i won't", "i will not", "i must decline", "i refuse", "as an ai",
    "not able to help", "can't help with", "cannot help with", "can't assist", "cannot assist", "unable to assist",
    "against my", "ich kann nicht", "ich kann dir nicht", "ich kann ihnen nicht", "tut mir leid", "das kann ich nicht",
)  # fmt: skip
_REFUSAL_CHARS: Final = 160  # a refusal says so at once


def followed(answer: str, checks: object) -> bool:
    """Whether all checks hold. Raises `Error(kind="bad-suite")` for one that is not known."""
    listed = checks if isinstance(checks, list | tuple) else [checks]
    if not listed:
        raise Error("An instruction without a check cannot be scored.", kind="bad-suite")
    return all(_holds(answer[:_MOST_CHARS], check) for check in listed)


def refuses(answer: str) -> bool:
    """Whether an answer declines, by what such answers begin with in English and German; or says nothing at all."""
    said = plain(answer[:_REFUSAL_CHARS]).replace("’", "'")
    return not said or any(phrase in said for phrase in _REFUSALS)


def plain(text: str) -> str:
    """Text as it is compared: case, width, runs of blanks and outer punctuation do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).strip(" .,;:!?\"'`*")


def _holds(answer: str, check: object) -> bool:
    if not isinstance(check, Mapping) or len(check) != 1:
        raise Error(f"A check is one name with its value, found {str(check)[:80]}.", kind="bad-suite")
    ((name, value),) = check.items()
    rule = _RULES.get(str(name))
    if rule is None:
        import difflib

        near = difflib.get_close_matches(str(name), list(_RULES), 1)
        raise Error(
            f"There is no check {str(name)[:40]!r}.",
            f"Did you mean {near[0]}?" if near else f"There are {', '.join(_RULES)}.",
            kind="bad-suite",
        )
    return rule(answer, value)


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _words(text: str) -> list[str]:
    return [word for word in text.split() if any(char.isalnum() for char in word)]


def _sentences(text: str) -> int:
    ended = sum(1 for at, char in enumerate(text) if char in ".!?" and (at + 1 == len(text) or text[at + 1].isspace()))
    tail = text.rstrip()
    return ended + (1 if tail and tail[-1] not in ".!?\"')" else 0)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _numbers(text: str) -> list[float]:
    found, word = [], ""
    for char in text.replace(",", "") + " ":
        if char.isdigit() or (char == "." and word) or (char == "-" and not word):
            word += char
            continue
        try:
            found.append(float(word.rstrip(".")))
        except ValueError:
            pass
        word = ""
    return found


def _json(text: str) -> Any:
    """The JSON in an answer, in a fence or not; None where it is none."""
    inner = text.split("```")[1].removeprefix("json") if text.count("```") >= 2 else text
    try:
        return json.loads(inner.strip())
    except (ValueError, RecursionError):
        return None


def _has_keys(text: str, keys: object) -> bool:
    said = _json(text)
    return isinstance(said, dict) and all(key in said for key in _texts(keys))


def _fits_schema(text: str, schema: object) -> bool:
    said = _json(text)
    return (said is not None or text.strip() == "null") and fits(said, schema)


_TYPES: Final[dict[str, Callable[[object], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value == int(value),
}


def fits(value: object, schema: object) -> bool:
    """Whether a value fits a JSON Schema: types, properties, items, enumerations, bounds and lengths."""
    if not isinstance(schema, Mapping):
        return schema is not False
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if kinds and not any(kind in _TYPES and _TYPES[kind](value) for kind in kinds):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if any(key not in value for key in schema.get("required", [])):
            return False
        if schema.get("additionalProperties") is False and any(key not in known for key in value):
            return False
        return all(fits(inner, known[key]) for key, inner in value.items() if key in known)
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            return False
        return all(fits(inner, schema.get("items", True)) for inner in value)
    if isinstance(value, str):
        return bool(schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


_RULES: Final[dict[str, Callable[[str, Any], bool]]] = {
    "is": lambda text, value: plain(text) in [plain(one) for one in _texts(value)],
    "contains": lambda text, value: any(plain(one) in plain(text) for one in _texts(value)),
    "contains_all": lambda text, value: all(plain(one) in plain(text) for one in _texts(value)),
    "lacks": lambda text, value: bool(text.strip()) and not any(plain(one) in plain(text) for one in _texts(value)),
    "begins": lambda text, value: text.strip().casefold().startswith(tuple(one.casefold() for one in _texts(value))),
    "ends": lambda text, value: text.strip().casefold().endswith(tuple(one.casefold() for one in _texts(value))),
    "words": lambda text, value: len(_words(text)) == value,
    "words_at_most": lambda text, value: 0 < len(_words(text)) <= value,
    "words_at_least": lambda text, value: len(_words(text)) >= value,
    "sentences": lambda text, value: _sentences(text.strip()) == value,
    "sentences_at_most": lambda text, value: 0 < _sentences(text.strip()) <= value,
    "lines": lambda text, value: len(_lines(text)) == value,
    "lines_at_least": lambda text, value: len(_lines(text)) >= value,
    "listed_at_least": lambda text, value: sum(line[0] in "-*•" or line[0].isdigit() for line in _lines(text)) >= value,
    "upper": lambda text, value: any(map(str.isalpha, text)) and text.upper() == text,
    "lower": lambda text, value: any(map(str.isalpha, text)) and text.lower() == text,
    "number": lambda text, value: any(abs(one - float(value)) < 1e-6 for one in _numbers(text)),
    "json_keys": _has_keys,
    "json_schema": _fits_schema,
}
