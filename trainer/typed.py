"""Settings out of TOML files into typed values, with every problem reported at once. Knows no setting by name."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from rushlight import Error

T = TypeVar("T", bound=msgspec.Struct)


def read_toml(
    path: Path, changes: Sequence[str] = (), *, what: str = "training", example: str = "steps.batch=8"
) -> dict[str, Any]:
    """What the file says, with `changes` such as `example` applied."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Error(
            f"Cannot read {path}: {error.strerror}.", f"Give the file of a {what}.", kind="bad-config"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Error(f"Cannot read {path.name}: {error}.", f"A {what} is a TOML file.", kind="bad-config") from None
    for one in changes:
        change(said, one, example)
    return said


def change(said: dict[str, Any], one: str, example: str = "steps.batch=8") -> None:
    """Apply KEY=VALUE; a value that is no TOML is taken as a word, a number in KEY is a place in a list."""
    key, mark, value = one.partition("=")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        parsed = value
    place: Any = said
    *path, last = key.strip().split(".")
    try:
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    except (IndexError, ValueError, AttributeError):
        place = None
    if not mark or not last or not isinstance(place, dict):
        raise Error(f"Cannot set {one[:60]!r}.", f"Write KEY=VALUE, such as {example}.", kind="bad-config")
    place[last] = parsed


def converted(said: Any, kind: type[T], problems: list[str], place: str = "") -> T | None:
    """`said` as a `kind`; what is wrong with it goes to `problems`, field by field, and then there is no value."""
    if not isinstance(said, Mapping):
        problems.append(f"{place.rstrip('.') or 'the file'} must be a table")
        return None
    n_before = len(problems)
    fields = {one.name: one for one in msgspec.structs.fields(kind)}
    for name in said:
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, 1)
            problems.append(f"{place}{str(name)[:40]} is no setting" + (f" (did you mean {near[0]}?)" if near else ""))
    values: dict[str, Any] = {}
    for name, one in fields.items():
        if name not in said:
            if one.required:
                problems.append(f"{place}{name} is missing")
            continue
        if _is_struct(one.type):
            values[name] = converted(said[name], one.type, problems, f"{place}{name}.")
            continue
        if get_origin(one.type) is list and _is_struct(inner := get_args(one.type)[0]):
            values[name] = _tables(said[name], inner, problems, f"{place}{name}")
            continue
        try:
            values[name] = msgspec.convert(said[name], one.type)
        except msgspec.ValidationError as error:
            problems.append(_problem(f"{place}{name}", one.type, said[name], str(error)))
    return kind(**values) if len(problems) == n_before else None


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _tables(said: Any, kind: Any, problems: list[str], name: str) -> list[Any]:
    """The entries of a list of tables, each looked at by itself."""
    if not isinstance(said, list):
        problems.append(f"{name} must be a list of tables ([[{name}]])")
        return []
    return [converted(one, kind, problems, f"{name}.{number}.") for number, one in enumerate(said)]


def _problem(name: str, kind: Any, value: Any, error: str) -> str:
    if get_origin(kind) is Literal:
        known = [str(one) for one in get_args(kind)]
        near = difflib.get_close_matches(str(value), known, 1)
        return f"{name} must be one of {', '.join(known)}, found {str(value)[:40]!r}" + (
            f" (did you mean {near[0]!r}?)" if near else ""
        )
    return f"{name}: {error[0].lower() + error[1:]}"
