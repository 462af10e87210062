"""An accepted pair turned into its opposite, or into another figure of the same: oldest becomes youngest, before after,
highest average, per month per year. Question and query are changed together, each in one place, or not at all.

Knows English words and queries; asks no model. `reusing` takes what comes of it for the questions that it answers.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.plain_form import written
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.refining import many_side, own_tables

_Words: TypeAlias = tuple[str, ...]
_ORDERS: tuple[tuple[_Words, _Words], ...] = (  # what stands at one end of an order, and at the other
    (("oldest",), ("youngest", "newest")), (("most expensive", "dearest", "costliest"), ("cheapest",)),
    (("highest", "maximum"), ("lowest", "minimum")), (("largest", "biggest", "greatest"), ("smallest",)),
    (("most",), ("least", "fewest")), (("first", "earliest"), ("last", "latest")),
    (("longest", "tallest"), ("shortest",)), (("heaviest",), ("lightest",)), (("fastest",), ("slowest",)),
    (("best",), ("worst",)), (("top",), ("bottom",)),
)  # fmt: skip
_COMPARED: tuple[tuple[_Words, _Words], ...] = (
    (("more",), ("less", "fewer")), (("over",), ("under",)), (("above",), ("below",)), (("before",), ("after",)),
    (("older",), ("younger", "newer")), (("longer", "taller"), ("shorter",)), (("at least",), ("at most",)),
    (("larger", "bigger", "greater"), ("smaller",)), (("higher",), ("lower",)), (("later",), ("earlier",)),
    (("dearer", "more expensive"), ("cheaper",)), (("heavier",), ("lighter",)), (("faster",), ("slower",)),
)  # fmt: skip
_FIGURES: dict[str, _Words] = {
    "MAX": ("highest", "maximum", "largest", "biggest"), "MIN": ("lowest", "minimum", "smallest"),
    "AVG": ("average", "mean"), "SUM": ("total", "summed"),
}  # fmt: skip
_OF_REPEATED = ("MAX", "MIN")  # which do not mind a row that a join repeats
_SPANS: dict[str, _Words] = {"%Y": ("year",), "%Y-%m": ("month",)}
_MOST_TURNS = 2
_NEW_YEAR, _NEW_YEARS_EVE = "-01-01", "-12-31"


def turned(pair: Example, asked: str, known: Profiled) -> Iterator[Example]:
    """What can be made of the pair by one turn or two that bring words of `asked` into it."""
    waiting, seen = [(pair, 0)], {pair.question}
    while waiting:
        one, n_turns = waiting.pop(0)
        if n_turns == _MOST_TURNS:
            continue
        for other in _once(one, asked.casefold(), known):
            if other.question not in seen:
                seen.add(other.question)
                waiting.append((other, n_turns + 1))
                yield other


def _once(pair: Example, asked: str, known: Profiled) -> Iterator[Example]:
    for words, turn in ((_ORDERS, _order_turned), (_COMPARED, _comparison_turned)):
        for one, other in words:
            for here, there in ((one, other), (other, one)):
                yield from _changed(pair, asked, here, there, turn)
    for name, here in _FIGURES.items():
        for other_name, there in _FIGURES.items():
            if name != other_name:
                yield from _changed(pair, asked, here, there, _figure(name, other_name, known))
    for span, here in _SPANS.items():
        for other_span, there in _SPANS.items():
            if span != other_span:
                yield from _changed(pair, asked, here, there, _span(other_span))


def _changed(pair: Example, asked: str, here: _Words, there: _Words, turn: Any) -> Iterator[Example]:
    """The pair with a word of `there` in the place of the one of `here`, where the question asked has it."""
    wanted = [word for word in there if _place(word, asked) is not None]
    found = [word for word in here if _place(word, pair.question) is not None]
    if len(wanted) != 1 or len(found) != 1:
        return
    tree = parsed(pair.sql)
    if tree is None or not turn(tree, pair.question):
        return
    at = _place(found[0], pair.question)
    assert at is not None
    yield Example(f"{pair.question[: at.start()]}{wanted[0]}{pair.question[at.end() :]}", written(tree))


def _place(word: str, text: str) -> "re.Match[str] | None":
    """Where the word stands, if it stands there once and is no part of a longer one ("most expensive", "at most")."""
    before = r"(?<!at )" if word in ("most", "least") else r"(?<!in )" if word == "total" else ""
    after = r"(?! expensive)" if word in ("more", "most") else ""
    found = list(re.finditer(rf"\b{before}{re.escape(word)}\b{after}", text, re.IGNORECASE))
    return found[0] if len(found) == 1 else None


def _order_turned(tree: Any, question: str) -> bool:
    """The only order before a limit, or else the only MAX or MIN, the other way round. Nothing stays at the end."""
    from sqlglot import exp

    orders, limits = list(tree.find_all(exp.Order)), list(tree.find_all(exp.Limit))
    ends = list(tree.find_all(exp.Max, exp.Min))
    if len(orders) == len(limits) == 1 and not ends and len(orders[0].expressions) == 1:
        first = orders[0].expressions[0]
        is_down = bool(first.args.get("desc"))
        first.set("desc", not is_down)
        first.set("nulls_first", False)  # what has no value is neither the oldest nor the youngest
        return True
    if len(ends) == 1 and not limits:
        kind = exp.Min if isinstance(ends[0], exp.Max) else exp.Max
        ends[0].replace(kind(this=ends[0].this))
        return True
    return False


def _comparison_turned(tree: Any, question: str) -> bool:
    """The only comparison with a number or a day that the question names; of a year its other end."""
    from sqlglot import exp

    opposite = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}
    found = [node for node in tree.find_all(*opposite) if isinstance(node.expression, exp.Literal)]
    if len(found) != 1 or len(list(tree.find_all(*opposite))) != 1:
        return False
    node, kind = found[0], type(found[0])
    said = str(node.expression.this)
    if node.expression.is_string and said[4:] in (_NEW_YEAR, _NEW_YEARS_EVE):
        starts = said.endswith(_NEW_YEAR)
        if said[:4] not in question or kind is not (exp.LT if starts else exp.GT):
            return False  # from the first day of a year on is not after it
        node.set("expression", exp.Literal.string(said[:4] + (_NEW_YEARS_EVE if starts else _NEW_YEAR)))
    elif not re.search(rf"(?<![\w.]){re.escape(said)}(?![\w.]\w)", question):
        return False
    node.replace(opposite[kind](this=node.this, expression=node.expression))
    return True


def _figure(name: str, other: str, known: Profiled) -> Any:
    """The only figure of the query, where it is of that kind, made one of the other."""

    def turn(tree: Any, question: str) -> bool:
        from sqlglot import exp

        kinds = {"MAX": exp.Max, "MIN": exp.Min, "AVG": exp.Avg, "SUM": exp.Sum}
        found = list(tree.find_all(*kinds.values()))
        if len(found) != 1 or type(found[0]) is not kinds[name] or tree.find(exp.Limit, exp.Having, exp.Subquery):
            return False
        if name in _OF_REPEATED and other not in _OF_REPEATED and not _counts_once(found[0], tree, known):
            return False
        found[0].replace(kinds[other](this=found[0].this))
        return True

    return turn


def _counts_once(figure: Any, tree: Any, known: Profiled) -> bool:
    """Whether each row of its column stands once in what the query joins."""
    from sqlglot import exp

    if not tree.find(exp.Join):
        return True
    column, tables = figure.find(exp.Column), own_tables(tree, known)
    return column is not None and tables is not None and column.table == many_side(tables, known) != ""


def _span(other: str) -> Any:
    """The only span of time by which is grouped, made another one."""

    def turn(tree: Any, question: str) -> bool:
        from sqlglot import exp

        formats = [node for node in tree.find_all(exp.Literal) if node.is_string and node.this in ("%Y", "%m", "%Y-%m")]
        if (
            not formats
            or len({node.this for node in formats}) != 1
            or tree.find(exp.Where)
            or not tree.args.get("group")
        ):
            return False
        for node in formats:
            node.set("this", other)
        return True

    return turn
