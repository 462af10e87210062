"""Parameters of a saved question: `:name` in its query, with a kind. A value is checked and bound, never spliced in.

Knows texts of queries and schemas; runs nothing.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.grammar import kind_of
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.values import Cell, Schema

KINDS = ("text", "number", "date", "year")
MAX_PARAMETERS = 20
_MAX_CHARS = 10_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}\Z")
_PIECE = re.compile(
    r"'(?:[^']|'')*'?"
    r'|"(?:[^"]|"")*"?'
    r"|`[^`]*`?|\[[^\]]*\]?"
    r"|--[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|::"  # a cast of other engines
    r"|(?P<parameter>[:@$#][A-Za-z0-9_$\x80-\U0010ffff]+|\?[0-9]*)",
    re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?(?:\d{1,18}|\d*\.\d+|\d+\.)(?:[eE][+-]?\d{1,3})?\Z")


class Parameter(Struct, frozen=True):
    """Something that is given when the query is run."""

    name: str
    kind: str = "text"  # one of KINDS
    default: str | None = None  # as the user would write it; None: it has to be given
    column: str = ""  # table.column that it is compared with, where that is plain


def names_in(sql: str) -> tuple[str, ...]:
    """The parameters of a query in the order of their first mention; other ways of writing them are an `Error`."""
    found = []
    for match in _PIECE.finditer(sql):
        written = match["parameter"]
        if not written:
            continue
        if written[0] != ":" or not _NAME.match(written[1:]):
            raise Error(
                f"The parameter {written[:60]} cannot be used.",
                hint="Write parameters as :name, with letters, digits and underscores.",
                kind="bad-parameter",
            )
        found.append(written[1:])
    names = tuple(dict.fromkeys(found))
    if len(names) > MAX_PARAMETERS:
        raise Error(f"The query has {len(names)} parameters; {MAX_PARAMETERS} are possible.", kind="bad-parameter")
    if len({name.lower() for name in names}) < len(names):
        raise Error("Two parameters differ only in capital letters.", hint="Rename one.", kind="bad-parameter")
    return names


def with_marks(sql: str, mark: str) -> str:
    """The query with its parameters written as another engine has them: $name for :name."""

    def marked(found: re.Match[str]) -> str:
        written = found["parameter"]
        return mark + written[1:] if written and written[0] == ":" and _NAME.match(written[1:]) else found[0]

    return _PIECE.sub(marked, sql)


def parameters_of(sql: str, schema: Schema, wanted: Sequence[Parameter] = ()) -> tuple[Parameter, ...]:
    """The parameters of a query: as `wanted` says, and where it says nothing with the kind that the query shows."""
    names = names_in(sql)
    unknown = [one.name for one in wanted if one.name not in names]
    if unknown:
        raise Error(
            f"The query has no parameter :{unknown[0]}.",
            hint=f"It has {', '.join(f':{name}' for name in names)}." if names else "Write it as :name.",
            kind="bad-parameter",
        )
    seen = _seen(sql, schema)
    given = {one.name: one for one in wanted}
    made = []
    for name in names:
        kind, column = seen.get(name, ("text", ""))
        own = given.get(name)
        one = Parameter(name, own.kind if own and own.kind else kind, own.default if own else None, column)
        if one.kind not in KINDS:
            raise Error(
                f"A parameter cannot be of the kind {one.kind!r}.", hint=f"Known are {', '.join(KINDS)}.",
                kind="bad-parameter",
            )  # fmt: skip
        if one.default is not None:
            value_of(one, one.default)
        made.append(one)
    return tuple(made)


def bound(parameters: Sequence[Parameter], given: Mapping[str, str]) -> dict[str, Cell]:
    """The value of every parameter, checked. All that is missing or wrong is told at once."""
    by_name = {one.name: one for one in parameters}
    problems = [f"there is no :{name}" for name in given if name not in by_name]
    missing = [name for name, one in by_name.items() if name not in given and one.default is None]
    values: dict[str, Cell] = {}
    for name, one in by_name.items():
        said = given.get(name, one.default)
        if said is not None:
            try:
                values[name] = value_of(one, said)
            except Error as err:
                problems.append(err.message.rstrip("."))
    if missing:
        problems.append(
            f"{', '.join(f':{name}' for name in missing)} {'has' if len(missing) == 1 else 'have'} no value"
        )
    if problems:
        raise Error(
            f"The parameters do not fit: {'; '.join(problems)}.",
            hint=" ".join(f"{name}=({by_name[name].kind})" for name in by_name) or "It has no parameters.",
            kind="bad-parameter",
        )
    return values


def value_of(parameter: Parameter, said: str) -> Cell:
    """What is bound for what the user wrote."""
    plain = said.strip()
    match parameter.kind:
        case "number" if _NUMBER.match(plain):
            number = float(plain)
            if plain.lstrip("+-").isdigit():
                return int(plain)
            if math.isfinite(number):
                return number
        case "date" if re.fullmatch(r"\d{4}-\d\d-\d\d", plain):
            try:
                return date.fromisoformat(plain).isoformat()
            except ValueError:
                pass
        case "year" if re.fullmatch(r"\d{4}", plain):
            return plain  # a text, as strftime gives it; a column of numbers takes it as one
        case "text" if len(said) <= _MAX_CHARS:
            return said
    such = {"number": "12.5", "date": "2024-12-31", "year": "2024"}.get(parameter.kind, f"up to {_MAX_CHARS:,} letters")
    raise Error(
        f":{parameter.name} is a {parameter.kind} such as {such}, not {said[:60]!r}.",
        hint="Give it another value.",
        kind="bad-parameter",
    )


def choices_of(parameter: Parameter, known: Profiled, most: int = 200) -> tuple[str, ...]:
    """The texts that may be given for it, where its column holds only so many."""
    for held in known.values:
        if f"{held.table}.{held.column}".lower() == parameter.column.lower() and parameter.kind == "text":
            return held.values if held.complete and len(held.values) <= most else ()
    return ()


def _seen(sql: str, schema: Schema) -> dict[str, tuple[str, str]]:
    """Parameter -> (kind, table.column) as its first comparison shows them."""
    from sqlglot import exp

    tree = parsed(sql)
    if tree is None:
        return {}
    tables = {one.alias_or_name.lower(): one.name for one in tree.find_all(exp.Table)}
    found: dict[str, tuple[str, str]] = {}
    for node in tree.find_all(exp.Placeholder):
        name = str(node.name or "")
        if name and name not in found:
            found[name] = _comparison(node, tables, schema)
    return found


def _comparison(node: Any, tables: dict[str, str], schema: Schema) -> tuple[str, str]:
    from sqlglot import exp

    if node.find_ancestor(exp.Limit, exp.Offset) is not None:
        return "number", ""
    predicate = node.find_ancestor(exp.Predicate, exp.In, exp.Between)
    columns = list(predicate.find_all(exp.Column)) if predicate is not None else []
    if len(columns) != 1:
        return "text", ""
    column = columns[0]
    named = tables.get(column.table.lower(), "") if column.table else ""
    candidates = [schema.table(named)] if named else [schema.table(name) for name in tables.values()]
    for table in candidates:
        found = table.column(column.name) if table is not None else None
        if table is not None and found is not None:
            kind = kind_of(found)
            if not isinstance(column.parent, (exp.Predicate, exp.In, exp.Between)):  # inside a function
                years = "'%Y'" in predicate.sql(dialect="sqlite")
                return ("year" if years else "text"), ""
            kind = "number" if kind == "flag" else kind
            return kind, f"{table.name}.{found.name}"
    return "text", ""
