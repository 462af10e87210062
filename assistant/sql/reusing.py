"""An accepted query answers the same question about another value: its texts, numbers and years give way to new ones.

"How many patients live in Oslo?" was accepted, so "How many patients live in Graz?" needs no model. A text is taken
only where the column that it is compared with holds it; everything else in the question has to be the same, or the
opposite, as oldest and youngest are. A span of years of which the question names one end is left to the model.
"""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

from rushlight.assistant.sql.alike import same_question
from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.plain_form import written
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.turning import turned

_SLOT = "xslot{}x"
_SLOTS = re.compile(r"xslot(\d+)x")
_NUMBER = re.compile(r"\d+(?:\.\d+)?\Z")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_DATED = re.compile(r"((?:19|20)\d\d)(?:-\d\d|-?%|\Z)")
_MAX_SLOTS = 4

Pair = TypeVar("Pair", bound=Any)


def reused(pairs: Iterable[Pair], question: str, known: Profiled) -> tuple[Pair, str] | None:
    """The pair (with `question` and `sql`) and its query for this question; None where none fits for certain."""
    asked, known_pairs = same_question(question), list(pairs)
    for pair in known_pairs:
        sql = _for(Example(pair.question, pair.sql), asked, known)
        if sql is not None:
            return pair, sql
    for pair in known_pairs:
        for other in turned(Example(pair.question, pair.sql), asked, known):
            sql = other.sql if same_question(other.question) == asked else _for(other, asked, known)
            if sql is not None:
                return pair, sql
    return None


def _for(pair: Example, asked: str, known: Profiled) -> str | None:
    tree = parsed(pair.sql)
    if tree is None:
        return None
    literals = _literals(tree)
    slotted, values = _slotted(pair.question, [value for value, _ in literals])
    if not values or _is_half_a_span(pair.question, literals, values):
        return None
    parts = _SLOTS.split(same_question(slotted))
    pattern = "".join(rf"(?P<s{part}>.+?)" if i % 2 else re.escape(part) for i, part in enumerate(parts))
    if len(set(parts[1::2])) != len(parts[1::2]) or len(parts) // 2 != len(values):
        return None
    match = re.fullmatch(pattern, asked)
    if match is None:
        return None
    for number, value in enumerate(values):
        if not _put(literals, value, match[f"s{number}"], known, tree):
            return None
    return written(tree)


def _is_half_a_span(question: str, literals: list[tuple[str, Any]], values: list[str]) -> bool:
    """Whether one end of a span of years would stay where it is: that is in the query alone, or in neither."""
    from sqlglot import exp

    years = {said for said, _ in literals if _YEAR.match(said)}
    used = years & set(values)
    if used and used != years:
        return True
    for year in used:
        compared = [node.find_ancestor(exp.Predicate) for said, node in literals if said == year]
        starts = any(isinstance(one, (exp.GT, exp.GTE)) for one in compared)
        ends = any(isinstance(one, (exp.LT, exp.LTE)) for one in compared)
        if starts != ends and re.search(rf"\b(?:in|during|of|for) (?:the year )?{year}\b", question, re.IGNORECASE):
            return True  # all since then are those of that year only as long as there are no later ones
    return False


def _literals(tree: Any) -> list[tuple[str, Any]]:
    """(what a question would say for it, the node) of every text and number of a query."""
    from sqlglot import exp

    found = []
    for node in tree.find_all(exp.Literal):
        said = str(node.name)
        dated = _DATED.match(said) if node.is_string else None
        found.append((dated[1] if dated else said.strip("%"), node))
    return found


def _slotted(question: str, values: list[str]) -> tuple[str, list[str]]:
    """The question with a slot for each of these values that stands in it once, the longest first."""
    used: list[str] = []
    for value in sorted({one for one in values if one.strip()}, key=len, reverse=True):
        pattern = rf"(?<![\w.]){re.escape(value)}(?![\w])"
        if len(re.findall(pattern, question, re.IGNORECASE)) == 1 and len(used) < _MAX_SLOTS:
            question = re.sub(pattern, _SLOT.format(len(used)), question, flags=re.IGNORECASE)
            used.append(value)
    return question, used


def _put(literals: list[tuple[str, Any]], old: str, new: str, known: Profiled, tree: Any) -> bool:
    """Put the new value where the old one stands; False where it cannot stand in one of these places."""
    from sqlglot import exp

    for said, node in literals:
        if said.casefold() != old.casefold():
            continue
        text = str(node.name)
        if not node.is_string:
            if not _NUMBER.match(new):
                return False
            node.replace(exp.Literal.number(new))
        elif _DATED.match(text):
            if not _YEAR.match(new):
                return False
            node.set("this", new + text[4:])
        else:
            value = _held(node, new, known, tree)
            if value is None:
                return False
            node.set("this", text.replace(text.strip("%"), value))
    return True


def _held(node: Any, said: str, known: Profiled, tree: Any) -> str | None:
    """The value of the column it is compared with that is said so; None where that column does not hold it."""
    from sqlglot import exp

    predicate = node.find_ancestor(exp.Predicate, exp.In)
    columns = list(predicate.find_all(exp.Column)) if predicate is not None else []
    if len(columns) != 1:
        return None
    tables = {one.alias_or_name.lower(): one.name.lower() for one in tree.find_all(exp.Table)}
    named = tables.get(columns[0].table.lower())
    among = {named} if named else set(tables.values())
    found = {
        value
        for held in known.values
        if held.table.lower() in among and held.column.lower() == columns[0].name.lower()
        for value in held.values
        if same_question(value) == said
    }
    return found.pop() if len(found) == 1 else None
