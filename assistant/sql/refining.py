"""Short follow-ups that change the query before them in one plain way, done by rule: "only 2024", "and in Bergen?".

A year or a value becomes a condition, or takes the place of the one that is there; "top 5" a limit; "sorted by fee" an
order. Everything else, and whatever could mean two columns, is left to the model.
"""

import re
from collections.abc import Iterator
from typing import Any

from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.grammar import kind_of, literal
from rushlight.assistant.sql.linking import keys_of, name_words, stem
from rushlight.assistant.sql.plain_form import written
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.trees import name_of

_LEAD = re.compile(
    r"(?:(?:and|but|or|now|then|only|just|what about|how about|those|the ones|und|aber|jetzt|nur|bloß)\b[ ,]*)*"
    r"(?:(?:in|for|from|of|at|during|year|the year|für|aus|im jahr|von)\b ?)*",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"(?:(?:and|but|now|und|aber|jetzt)\b[ ,]*)*(?:without|except|excluding|but not|not|ohne|außer)\b ?", re.IGNORECASE
)
_TOP = re.compile(r"(?:(?:only|just|nur|and|but)\b ?)*(?:the |die )?(?:top|first|ersten?) (\d{1,4})\Z", re.IGNORECASE)
_SORT = re.compile(
    r"(?:and |now |but |und |jetzt )*(?:sort(?:ed|iert|iere)?|order(?:ed)?) (?:it |them |sie |that )?(?:by|nach) "
    r"(?:the )?(.{1,60}?)"
    r"(?:[ ,]+(desc(?:ending)?|asc(?:ending)?|highest first|lowest first|absteigend|aufsteigend))?\Z",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_DATE_YEAR = re.compile(r"((?:19|20)\d\d)(?=\Z|-)")
_DOWN = ("desc", "highest", "absteigend")


def refined(sql: str, question: str, known: Profiled) -> str | None:
    """The query, changed as the question says; None where no rule fits it for certain."""
    from sqlglot import exp

    said = question.strip().rstrip("?.! ")
    tree = parsed(sql)
    if not said or not isinstance(tree, exp.Select):
        return None
    if match := _TOP.match(said):
        return written(tree.limit(int(match[1]))) if tree.args.get("order") and int(match[1]) else None
    if match := _SORT.match(said):
        return _sorted(tree, match[1], (match[2] or "").lower())
    tables = own_tables(tree, known)
    if tables is None:
        return None
    negated = _NOT.match(said)
    rest = said[(negated or _LEAD.match(said) or re.compile("").match(said)).end() :].strip("\"'“”„‘’ ")  # type: ignore[union-attr]
    if not rest:
        return None
    if _YEAR.match(rest) and not negated:
        return _with_year(tree, tables, known, rest)
    return _with_value(tree, tables, known, rest, negated is not None)


def own_tables(tree: Any, known: Profiled) -> dict[str, str] | None:
    """(name in the query -> table) of its own FROM; None where it reads from another query or two of one name."""
    from sqlglot import exp

    source = tree.args.get("from_") or tree.args.get("from")
    nodes = [source.this] if source is not None else []
    nodes += [join.this for join in tree.args.get("joins") or ()]
    found: dict[str, str] = {}
    for node in nodes:
        if not isinstance(node, exp.Table) or node.alias_or_name in found:
            return None
        found[node.alias_or_name] = node.name
    several = [table.name.lower() for table in known.schema.tables]
    return found if found and all(several.count(name.lower()) == 1 for name in found.values()) else None


def _own(tree: Any) -> Iterator[Any]:
    """The nodes of its WHERE, without those of queries inside."""
    from sqlglot import exp

    where = tree.args.get("where")
    if where is not None:
        yield from where.walk(prune=lambda node: isinstance(node, exp.Subquery))


def _with_year(tree: Any, tables: dict[str, str], known: Profiled, year: str) -> str | None:
    from sqlglot import exp

    dates = _date_columns(tables, known)
    said = [
        node
        for node in _own(tree)
        if isinstance(node, exp.Literal) and node.is_string and _DATE_YEAR.match(node.this)
        if (column := _compared(node)) is not None and (column.table in tables or not column.table)
        if _is_one_of(column, dates)
    ]
    if said:
        if not _is_one_year(said):
            return None
        for node in said:
            node.set("this", _DATE_YEAR.sub(year, node.this, count=1))
        return written(tree)
    if any(isinstance(node, exp.Column) and _is_one_of(node, dates) for node in _own(tree)):
        return None  # something else is said of a date already
    if len(dates) > 1:
        many = many_side(tables, known)
        dates = [one for one in dates if one[0] == many]
    if len(dates) != 1:
        return None
    alias, column = dates[0]
    return written(tree.where(f"strftime('%Y', {name_of(alias)}.{name_of(column)}) = '{year}'", dialect="sqlite"))


def _is_one_year(days: list[Any]) -> bool:
    """Whether these speak of one and the same year, and of both of its ends where they speak of one."""
    from sqlglot import exp

    compared = [node.find_ancestor(exp.Predicate) for node in days]
    starts = any(isinstance(one, (exp.GT, exp.GTE)) for one in compared)
    ends = any(isinstance(one, (exp.LT, exp.LTE)) for one in compared)
    return starts == ends and len({node.this[:4] for node in days}) == 1


def _date_columns(tables: dict[str, str], known: Profiled) -> list[tuple[str, str]]:
    by_name = {table.name.lower(): table for table in known.schema.tables}
    return [
        (alias, column.name)
        for alias, name in tables.items()
        if name.lower() in by_name
        for column in by_name[name.lower()].columns
        if kind_of(column) == "date"
    ]


def many_side(tables: dict[str, str], known: Profiled) -> str:
    """The table that points to others and that none points to: each row of the join is one of its rows. "" for none."""
    named = {name.lower(): alias for alias, name in tables.items()}
    inside = [table for table in known.schema.tables if table.name.lower() in named]
    pointed = {key.table.lower() for table in inside for key in keys_of(table, known.schema.tables)}
    found = [named[table.name.lower()] for table in inside if table.name.lower() not in pointed]
    return found[0] if len(found) == 1 and len(inside) == len(tables) else ""


def _is_one_of(column: Any, places: list[tuple[str, str]]) -> bool:
    return any(
        column.name.lower() == name.lower() and column.table.lower() in ("", alias.lower()) for alias, name in places
    )


def _compared(node: Any) -> Any:
    """The only column of the comparison in which it stands."""
    from sqlglot import exp

    parent = node.find_ancestor(exp.Predicate)
    columns = list(parent.find_all(exp.Column)) if parent is not None else []
    return columns[0] if len(columns) == 1 else None


def _with_value(tree: Any, tables: dict[str, str], known: Profiled, said: str, negated: bool) -> str | None:
    from sqlglot import exp

    folded = said.casefold()
    places: list[tuple[str, str, str]] = []  # name in the query, column, value as it is spelled there
    for alias, table in tables.items():
        for held in known.values:
            if held.table.lower() == table.lower():
                value = next((one for one in held.values if one.casefold() == folded), None)
                if value is not None:
                    places.append((alias, held.column, value))
    if not places:
        return None
    if not negated:
        for alias, name, value in places:
            compared = [
                node
                for node in _own(tree)
                if isinstance(node, exp.Column) and _is_one_of(node, [(alias, name)])
                if not isinstance(node.parent, exp.NEQ)
            ]
            if not compared:
                continue
            equal = compared[0].parent
            if len(compared) > 1 or not isinstance(equal, exp.EQ) or not isinstance(equal.expression, exp.Literal):
                return None  # IN, LIKE, OR: what the new value stands beside, the question does not say
            equal.set("expression", exp.Literal.string(value))
            return written(tree)
    if len(places) != 1:
        return None
    alias, name, value = places[0]
    place = f"{name_of(alias)}.{name_of(name)}"
    condition = f"{place} <> {literal(value)}" if negated else f"{place} = {literal(value)}"
    return written(tree.where(condition, dialect="sqlite"))


def _sorted(tree: Any, said: str, how: str) -> str | None:
    """Ordered by the one shown column that has these words in its name."""
    words = {stem(word.lower()) for word in re.findall(r"[^\W_]+", said)}
    fitting = [one for one in tree.expressions if words and words <= name_words(one.alias_or_name or _last_name(one))]
    if len(fitting) != 1:
        return None
    chosen = fitting[0]
    order = name_of(chosen.alias) if chosen.alias else chosen.unalias().sql(dialect="sqlite")
    down = how.startswith(_DOWN)
    return written(tree.order_by(f"{order} DESC" if down else order, append=False, dialect="sqlite"))


def _last_name(node: Any) -> str:
    from sqlglot import exp

    columns = list(node.find_all(exp.Column))
    return str(columns[0].name) if len(columns) == 1 else ""
