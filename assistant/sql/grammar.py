"""A grammar for the queries that one question may become: only names that exist, only where their table stands.

Each join tree has its own rules, so that a column never stands without its table; each text column has its own
literals. Columns are always written with their table (visit.fee_eur), so rules of one column serve all trees.
The dialect is llguidance's Lark. The rules by their letter, `k` for a tree and `n` for a column:

    qk query  ik item  ek expression  gk group  ak aggregate  ck column  xk number  nk number column  dk date column
    ok order of groups  vk order of rows  mk, rk the same in the direction of the question

Terminals are cut so that none goes on where another one may end: llguidance's lexer looks one letter ahead, no more.
"visit.day BETWEEN " beside "visit.day" would make every other comparison impossible.
    pk predicate of a tree   sn what is said of a column alone   pn the same or with a query inside   Ln its texts
"""

import json
import time
from collections.abc import Iterable

from msgspec import Struct

from rushlight.assistant.engine.request import Grammar
from rushlight.assistant.sql.cues import Cues, cues_of
from rushlight.assistant.sql.grammar_terminals import terminals
from rushlight.assistant.sql.linking import Linked, name_parts
from rushlight.assistant.sql.rare_words import (
    AVERAGE_WORDS,
    BEFORE_WORDS,
    DAY_WORDS,
    FULL_HOURS,
    HOUR_WORDS,
    LIMIT_WORDS,
    MONTH_WORDS,
    RANK_WORDS,
    RUNNING_WORDS,
    SAME_WORDS,
    SHARE_WORDS,
    SPAN_WORDS,
    WEEK_WORDS,
)
from rushlight.assistant.sql.trees import Node, Tree, join_trees, name_of, pairs_of, table_text
from rushlight.assistant.sql.values import Column

MAX_RULES = 480  # the engine takes 500
MAX_BYTES = 240_000
_COMPARE = '(" = " | " <> " | " < " | " > " | " <= " | " >= ")'
_EQUAL = '(" = " | " <> ")'
_IS = '" = "'
_MOST_KINDS = 6  # columns by which rows are of one kind
_MOST_PAIRS = 24  # columns of several tables that are held against each other; of more, those that are called alike
_MOST_BESIDE = 6  # columns of its table with which one is compared, those that are called alike first
_MOST_ALIKE = 16  # pairs of texts that are called alike
_MOST_FACTORS = 6  # numbers of a tree whose pairs are written out


class SqlGrammar(Struct, frozen=True):
    """The grammar with its size, for people and benchmarks."""

    grammar: Grammar
    n_trees: int
    n_rules: int
    n_bytes: int
    seconds: float


def sql_grammar(linked: Linked) -> SqlGrammar:
    """Built anew for each question: what it names decides what the grammar holds. Fewer trees where it grows large."""
    started = time.perf_counter()
    trees = join_trees(linked)
    least = len(linked.tables)
    while True:
        text = "\n".join(_Writer(linked, trees).lines()) + "\n"
        n_rules, n_bytes = text.count("\n"), len(text.encode())
        if len(trees) <= least or (n_rules <= MAX_RULES and n_bytes <= MAX_BYTES):
            break
        trees = trees[: max(least, len(trees) * 9 // 10)]
    # Two thirds of a query's tokens are the only ones that may come: names once they have begun, the keys of a join.
    grammar = Grammar("lark", text, is_bounded=True)
    return SqlGrammar(grammar, len(trees), n_rules, n_bytes, time.perf_counter() - started)


def kind_of(column: Column) -> str:
    """text, number, date or flag: by the values, else by the declaration."""
    if column.holds in ("number", "flag", "date"):
        return column.holds
    if column.holds == "time":
        return "date"
    if column.holds in ("text", "mixed"):
        return "text"
    declared = column.type.upper()
    if any(word in declared for word in ("INT", "REAL", "NUM", "DEC", "DOUB", "FLOA")):
        return "number"
    return "date" if "DATE" in declared or "TIME" in declared else "text"


def literal(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _text(value: str) -> str:
    """A terminal of fixed letters."""
    return json.dumps(value, ensure_ascii=False)


def _any(parts: Iterable[str]) -> str:
    return " | ".join(dict.fromkeys(part for part in parts if part))


class _Writer:
    """Writes the rules of one grammar."""

    def __init__(self, linked: Linked, trees: list[Tree]) -> None:
        self._linked = linked
        self._cues = cues_of(linked)
        self._numbers = _numbers(linked.numbers, self._cues)
        self._trees = trees
        self._pairs = pairs_of(linked) if self._cues.there and self._cues.negates else []
        self._said: set[tuple[str, str]] = set()  # columns of which something is said alone
        self._asked: set[tuple[str, str]] = set()  # the same, or with a query inside
        self._whole: set[str] = set()  # tables of which something is said
        self._limited = not linked.lists_all and (
            linked.says(*LIMIT_WORDS) or any(word.isdigit() or word.endswith("est") for word in linked.words)
        )
        # Where the question names no number and no date, one in the query would be made up.
        self._dated = (
            linked.numbers is None or linked.says(*MONTH_WORDS) or any(len(one) == 4 for one in linked.numbers)
        )
        self._timed = linked.says(*HOUR_WORDS) or bool(linked.words & FULL_HOURS)
        self._nodes: dict[str, Node] = {node.alias: node for tree in trees for node in tree.nodes}
        self._tables = {
            node.table.name: i for i, node in enumerate(self._nodes.values()) if node.alias == node.table.name
        }
        self._ids = {
            (alias, column.name): f"{i}_{j}"
            for i, (alias, node) in enumerate(self._nodes.items())
            for j, column in enumerate(node.table.columns)
        }
        self._keys = {(table.name, one.name) for table in linked.tables for one in table.columns if one.key == 1}
        self._keys |= {(owner, name) for owner, key in linked.keys for name in key.columns}
        self._keys |= {(table.name, name) for table in linked.tables for key in table.keys for name in key.columns}

    def lines(self) -> list[str]:
        lines = [
            "start: " + _any(f"q{k}" for k in range(len(self._trees))),
            *terminals(self._linked, self._numbers, self._cues),
        ]
        places = [(alias, node, column) for alias, node in self._nodes.items() for column in node.table.columns]
        alone = {self._ids[alias, column.name]: self._alone(alias, node, column) for alias, node, column in places}
        self._said = {(alias, column.name) for alias, _, column in places if alone[self._ids[alias, column.name]][0]}
        self._whole = {name for name in self._tables if any(alias == name for alias, _ in self._said)}
        for alias, node, column in places:
            ways, more = alone[self._ids[alias, column.name]]
            lines += [*more, *self._column_rules(alias, node, column, ways)]
        for name in sorted(self._whole, key=self._tables.__getitem__):
            i, columns = self._tables[name], self._nodes[name].table.columns
            said = [f"s{self._ids[name, one.name]}" for one in columns if (name, one.name) in self._said]
            lines.append(f"s_{i}: " + _any(said))
            lines.append(f'w_{i}: " WHERE " s_{i} (" AND " s_{i})?')
        for k, tree in enumerate(self._trees):
            lines += self._tree_rules(k, tree)
        return lines

    def _kind(self, node: Node, column: Column) -> str:
        """text, number, date, flag or key: keys are compared and counted, not added up."""
        return "key" if (node.table.name, column.name) in self._keys else kind_of(column)

    # -- what is said of one column ---------------------------------------------------------------------------------

    def _alone(self, alias: str, node: Node, column: Column) -> tuple[list[str], list[str]]:
        """(what is said of a column without another query, the rule of its texts)"""
        own, place = self._ids[alias, column.name], _place(alias, column)
        kind = self._kind(node, column)
        if kind == "key" and kind_of(column) == "text":  # codes are keys, too
            kind = "text"
        cues, ways, lines = self._cues, list[str](), list[str]()
        if not (cues.strict and (column.not_null or self._is_number_of_rows(node, column))):
            ways.append(f'{_text(place)} (" IS NULL" | " IS NOT NULL")')
        if kind == "text":
            held = self._linked.values.get(f"{node.table.name}.{column.name}", ())
            texts = _any(_text(literal(value)) for value in held if value.isprintable())
            if texts:
                lines.append(f"L{own}: {texts}")
                ways.append(f"{_text(place)} {_EQUAL if cues.negates else _IS} L{own}")
            if texts and cues.lists:
                ways.append(f'{_text(place)} {self._maybe_not(" IN (")} L{own} (", " L{own}){{0,3}} ")"')
            if cues.patterns:
                ways.append(f"{_text(place)} {self._maybe_not(' LIKE ')} PATTERN")
        if kind == "date" and column.holds == "time" and self._timed:
            ways.append(f"""{_text(f"strftime('%H:%M', {place})")} {_COMPARE} CLOCK""")
        if kind == "date" and self._linked.says(*WEEK_WORDS):
            weekday = _text(f"strftime('%w', {place})")
            ways.append(f"{weekday} {_EQUAL} WEEKDAY")
            ways.append(f"""{weekday} (" IN ('0', '6')" | " NOT IN ('0', '6')")""")
        if kind == "date" and self._dated:
            ways += self._of_date(place, column)
        if kind == "number" and self._numbers:
            ways.append(f"{_text(place)} {_COMPARE} NUMBER")
            ways.append(f'{_text(place)} " BETWEEN " NUMBER " AND " NUMBER')
        elif kind == "flag":
            ways.append(f'{_text(place)} " = " ("0" | "1")')
        elif kind == "key" and self._linked.row_numbers:
            ways.append(f"{_text(place)} {_EQUAL} ROWNUMBER")
        elif kind == "key" and self._linked.row_numbers is None and self._linked.numbers != ():
            ways.append(f"{_text(place)} {_EQUAL} NUMBER")
        if kind in ("number", "date") and cues.compares:
            others = [one for one in node.table.columns if one.name != column.name and self._kind(node, one) == kind]
            others.sort(key=lambda one: not _are_alike(column, one))
            ways += [f"{_text(place)} {_COMPARE} {_text(_place(alias, one))}" for one in others[:_MOST_BESIDE]]
        return ways, lines

    def _column_rules(self, alias: str, node: Node, column: Column, ways: list[str]) -> list[str]:
        """The same as a rule, and with queries inside; none where nothing is said of it."""
        own, lines = self._ids[alias, column.name], list[str]()
        inner = self._inner(node, column, _place(alias, column), self._kind(node, column))
        if ways:
            lines.append(f"s{own}: " + _any(ways))
        if ways or inner:
            lines.append(f"p{own}: " + _any([f"s{own}" if ways else "", *inner]))
            self._asked.add((alias, column.name))
        return lines

    def _is_number_of_rows(self, node: Node, column: Column) -> bool:
        """Whether it is the whole primary key, which is never missing."""
        return column.key == 1 and sum(one.key > 0 for one in node.table.columns) == 1

    def _maybe_not(self, said: str) -> str:
        return f"({_text(said)} | {_text(' NOT' + said)})" if self._cues.negates else _text(said)

    def _of_date(self, place: str, column: Column) -> list[str]:
        """Comparisons with days, months and years."""
        ways, year, month = [], f"strftime('%Y', {place})", f"strftime('%m', {place})"
        if self._cues.years:
            ways.append(f"{_text(place)} {_COMPARE} DATE")
            if column.holds == "time":
                ways.append(f"{_text(f'date({place})')} {_COMPARE} DATE")
                ways.append(f'{_text(f"date({place})")} " BETWEEN " DATE " AND " DATE')
            ways.append(f'{_text(place)} " BETWEEN " DATE " AND " DATE')
            ways.append(f'{_text(place)} " LIKE " DATEPART')
            ways.append(f"{_text(year)} {_COMPARE} YEAR")
        if self._cues.months != ():
            ways.append(f"{_text(month)} {_EQUAL} MONTH")
        return ways

    def _inner(self, node: Node, column: Column, place: str, kind: str) -> list[str]:
        """Comparisons with what another query finds: the mean of the same column, or the keys of another table."""
        table, ways = node.table, []
        if kind in ("number", "date") and self._cues.means:
            source = f"({_place(table.name, column)}) FROM {table_text(self._linked, table)}"
            factor = '("1.5 * " | "2 * " | NUMBER " * ")? ' if self._numbers else '("1.5 * " | "2 * ")? '
            times = factor if kind == "number" else ""
            rest = f'{_text(source)} {self._where(table.name)} ")"'
            if self._cues.strict:  # nothing is more than the most: rows have it, or lie on one side of the mean
                ways.append(f'{_text(place)} " = " "(SELECT " ("MAX" | "MIN") {rest}')
                if kind == "number":
                    ways.append(f'{_text(place)} (" < " | " > ") "(SELECT " {times}"AVG" {rest}')
            else:
                what = '("AVG" | "MAX" | "MIN")' if kind == "number" else '("MAX" | "MIN")'
                ways.append(f'{_text(place)} (" = " | " < " | " > ") "(SELECT " {times}{what} {rest}')
            if kind == "number" and self._cues.own and node.alias == table.name:
                ways += self._of_its_kind(node, column, place)
        for owner, key in self._linked.keys if self._cues.there else ():
            if key.columns == (column.name,) and owner == table.name:
                ways += self._in(place, table.name, key.table, key.to_columns[0])
            if key.to_columns == (column.name,) and key.table == table.name:
                ways += self._in(place, table.name, owner, key.columns[0])
        return ways

    def _of_its_kind(self, node: Node, column: Column, place: str) -> list[str]:
        """Comparisons with the mean of the rows that share a text or a key with this one."""
        table = node.table
        shared = [one for one in table.columns if self._kind(node, one) in ("text", "key") and one.key == 0]
        mean = f"(other.{name_of(column.name)}) FROM {table_text(self._linked, table)} AS other WHERE other."
        same = _any(_text(f"{mean}{name_of(one.name)} = {_place(node.alias, one)})") for one in shared[:_MOST_KINDS])
        return [f'{_text(place)} (" < " | " > ") "(SELECT " "AVG" ({same})'] if same else []

    def _in(self, place: str, outer: str, table: str, column: str) -> list[str]:
        """Rows that are, or are not, among those of another table; not among those that belong to a third one."""
        found = self._linked.table(table)
        if found is None:
            return []
        item = f"SELECT {name_of(table)}.{name_of(column)} FROM "
        inner, far = _text(item + table_text(self._linked, found)), list[str]()
        ways = [f'{_text(place)} {self._maybe_not(" IN (")} {inner} {self._where(table)} ")"']
        for pair in self._pairs:
            first, second = (node.table for node in pair.nodes)
            if table not in (first.name, second.name) or outer in (first.name, second.name):
                continue
            said = [f"s_{self._tables[one.name]}" for one in (first, second) if one.name in self._whole]
            where = f'" WHERE " ({_any(said)}) (" AND " ({_any(said)}))?' if said else ""
            if not where:
                continue
            if table == first.name:
                far.append(f"{_text(f' JOIN {pair.joins[0]}')} {where}")
            else:
                whole = f"{item}{table_text(self._linked, first)} JOIN {pair.joins[0]}"
                ways.append(f'{_text(place)} " NOT IN (" {_text(whole)} {where} ")"')
        if far:
            ways.append(f'{_text(place)} " NOT IN (" {inner} ({_any(far)}) ")"')
        return ways

    def _where(self, table: str) -> str:
        return f"(w_{self._tables[table]})?" if table in self._whole else ""

    # -- what is said of one tree -----------------------------------------------------------------------------------

    def _tree_rules(self, k: int, tree: Tree) -> list[str]:
        places: dict[str, list[str]] = {kind: [] for kind in ("text", "number", "flag", "date", "key")}
        predicates = []
        for node in tree.nodes:
            for column in node.table.columns:
                places[self._kind(node, column)].append(_place(node.alias, column))
                if (node.alias, column.name) in self._asked:
                    predicates.append(f"p{self._ids[node.alias, column.name]}")
        predicates += self._across(tree)
        columns = [place for kind in places.values() for place in kind]
        numbers, dates = places["number"] + (places["flag"] if self._cues.sums_flags else []), places["date"]
        has_values = bool(numbers or (dates and self._linked.says(*SPAN_WORDS)))
        by_row = _any([f"g{k}", f"x{k}" if has_values else ""])
        lines = [
            *self._query_rules(k, self._source(tree), has_predicates=bool(predicates), by_row=by_row),
            f"i{k}: " + _any([f"e{k}", *self._windows(k)]),
            f"e{k}: " + _any([f"g{k}", f"a{k}", f"x{k}" if has_values else ""]),
            f'o{k}: e{k} (" DESC" | " ASC")?',
            f'v{k}: ({by_row}) (" DESC" | " ASC")?',
            *self._directed(k, by_row),
            *([f"p{k}: " + _any(predicates)] if predicates else []),
            f"c{k}: " + _any(_text(place) for place in columns),
        ]
        groups = [f"c{k}"]
        least = f"c{k}"
        if self._cues.strict:  # the least of a name or of a row's number says nothing
            least = " | ".join([*([f"x{k}"] if numbers else []), *([f"d{k}"] if dates else [])])
        keys = _any(map(_text, places["key"])) if self._linked.says(*AVERAGE_WORDS) else ""
        each = f'(" * 1.0 / COUNT(DISTINCT " ({keys}) ")")?' if keys else ""  # how many, or how much, for each of them
        aggregates = [
            f'"COUNT(*)" {each}',
            f'"COUNT(" ("DISTINCT ")? c{k} ")"',
            f'("MIN(" | "MAX(") ({least}) ")"' if least else "",
        ]
        if self._linked.says(*SHARE_WORDS) and predicates:
            aggregates.append(f'"100.0 * SUM(" p{k} ") / COUNT(*)"')
        values = []
        if numbers:
            values += [f"n{k}", *self._products(k, numbers)]
            lines.append(f"n{k}: " + _any(_text(place) for place in numbers))
        if dates:
            parts = ["strftime('%Y', ", "strftime('%m', ", "strftime('%Y-%m', "]
            parts += ["strftime('%w', "] if self._linked.says(*WEEK_WORDS) else []
            parts += ["strftime('%H', "] if self._timed else []
            parts += ["date("] if self._linked.says(*DAY_WORDS) else []
            groups.append(f'({_any(map(_text, parts))}) d{k} ")"')
            if self._linked.says(*SPAN_WORDS):
                values.append(f'"julianday(" d{k} ") - julianday(" d{k} ")"')
            lines.append(f"d{k}: " + _any(_text(place) for place in dates))
        if values:
            aggregates.append(f'("SUM(" | "AVG(") x{k} ")"')
            if each:
                aggregates.append(f'"SUM(" x{k} ")" {each.removesuffix("?")}')
            if self._cues.rounds:
                aggregates.append(f'"ROUND(" ("SUM(" | "AVG(") x{k} "), " ("0" | "1" | "2") ")"')
            lines.append(f"x{k}: " + _any(values))
        return [*lines, f"g{k}: " + _any(groups), f"a{k}: " + _any(aggregates)]

    def _across(self, tree: Tree) -> list[str]:
        """A day, or a number, against one of another table; a text against one that is called alike there."""
        if not self._cues.strict:
            return []
        found = self._alike(tree) if self._linked.says(*SAME_WORDS) else []
        for kind in ("date", "number") if self._cues.compares else ():
            places = [
                (node.alias, column)
                for node in tree.nodes for column in node.table.columns if self._kind(node, column) == kind
            ]  # fmt: skip
            pairs = [(one, other) for one in places for other in places if one[0] != other[0]]
            if len(pairs) > _MOST_PAIRS:  # a price against a price
                pairs = [(one, other) for one, other in pairs if _are_alike(one[1], other[1])][:_MOST_PAIRS]
            found += [f'{_text(_place(*one))} (" < " | " > ") {_text(_place(*other))}' for one, other in pairs]
        return found

    def _alike(self, tree: Tree) -> list[str]:
        """The city of a patient and the city of the hospital."""
        places = [
            (node.alias, _place(node.alias, column), name_parts(column.name)[-1:])
            for node in tree.nodes for column in node.table.columns if self._kind(node, column) == "text"
        ]  # fmt: skip
        pairs = [
            (one, other)
            for alias, one, last in places for there, other, end in places
            if alias != there and last and last == end
        ]  # fmt: skip
        return [f"{_text(one)} {_EQUAL} {_text(other)}" for one, other in pairs[:_MOST_ALIKE]]

    def _query_rules(self, k: int, source: str, *, has_predicates: bool, by_row: str) -> list[str]:
        """Aggregates order groups only: without GROUP BY they would be misused where no other one stands.

        Where the question asks for the most or the least of something, a limit comes with that order and no other. Of
        a question that was read, rows, figures and groups are three forms: no name stands beside a figure of all rows.
        """
        both = '(" AND " | " OR ")' if self._cues.either else '" AND "'
        where = f'(" WHERE " p{k} ({both} p{k}){{0,3}})?' if has_predicates else ""
        having = f'(" HAVING " a{k} {_COMPARE} NUMBER)?' if self._numbers != () else ""
        group = f'" GROUP BY " g{k} (", " g{k}){{0,2}} {having}'
        by_group, by_rows = (f'(" ORDER BY " {rule}{k} (", " {rule}{k})?)?' for rule in "ov")
        limit = ' (" LIMIT " COUNT)?' if self._limited else ""
        if self._limited and self._linked.direction:
            limit = ""
            by_group, by_rows = (
                f'({one} | " ORDER BY " {rule}{k} " LIMIT " COUNT)' for one, rule in ((by_group, "m"), (by_rows, "r"))
            )
        if not self._cues.strict:
            start = f'"SELECT " ("DISTINCT ")? i{k} (", " i{k}){{0,5}} {source} {where}'
            return [f"q{k}: {start} ({group} {by_group} | {by_rows}){limit}"]
        rank = f' | "RANK() OVER (ORDER BY " ({by_row}) (" DESC")? ")"' if self._linked.says(*RANK_WORDS) else ""
        return [
            f"f{k}: {source} {where}",
            f"b{k}: {by_row}{rank}",
            f'q{k}: "SELECT " a{k} (", " a{k}){{0,2}} f{k}'
            f' | "SELECT " ("DISTINCT ")? b{k} (", " b{k}){{0,5}} f{k} {by_rows}{limit}'
            f' | "SELECT " i{k} (", " i{k}){{0,5}} f{k} {group} {by_group}{limit}',
        ]

    def _directed(self, k: int, by_row: str) -> list[str]:
        """Orders in the one direction that the question asks for, before a limit."""
        if not (self._limited and self._linked.direction):
            return []
        way = '" DESC"' if self._linked.direction == "down" else '(" ASC")?'
        return [f"m{k}: e{k} {way}", f"r{k}: ({by_row}) {way}"]

    def _products(self, k: int, numbers: list[str]) -> list[str]:
        """Two numbers of a row; not one with itself, where that can be said shortly."""
        allowed = [*((" * ",) if self._cues.multiplies else ()), *((" + ", " - ") if self._cues.subtracts else ())]
        if not allowed:
            return []
        signs = f"({_any(map(_text, allowed))})"
        if not self._cues.strict or len(numbers) > _MOST_FACTORS:
            return [f"n{k} {signs} n{k}"]
        pairs = [(one, [other for other in numbers if other != one]) for one in numbers]
        return [f"{_text(one)} {signs} ({_any(map(_text, others))})" for one, others in pairs if others]

    def _windows(self, k: int) -> list[str]:
        """Ranks and running totals, where the question asks for such."""
        ways = []
        if self._linked.says(*RANK_WORDS):
            ways.append(f'"RANK() OVER (ORDER BY " e{k} (" DESC")? ")"')
        if self._linked.says(*RUNNING_WORDS):
            ways.append(f'"SUM(" a{k} ") OVER (ORDER BY " g{k} ")"')
        if self._linked.says(*BEFORE_WORDS):
            ways.append(f'"LAG(" a{k} ") OVER (ORDER BY " g{k} ")"')
        return ways

    def _source(self, tree: Tree) -> str:
        """FROM with its joins: text that must come, once the tree is decided."""
        first = _text(" FROM " + table_text(self._linked, tree.nodes[0].table))
        return " ".join([first, *(f'(" JOIN " | " LEFT JOIN ") {_text(join)}' for join in tree.joins)])


def _numbers(named: tuple[str, ...] | None, cues: Cues) -> tuple[str, ...] | None:
    """The numbers that columns may be compared with; None: any."""
    return None if named is None else tuple(dict.fromkeys((*named, *cues.small)))


def _are_alike(one: Column, other: Column) -> bool:
    """Whether they are called by the same word: the list price and the price that was paid."""
    return any(len(part) > 2 for part in set(name_parts(one.name)) & set(name_parts(other.name)))


def _place(alias: str, column: Column) -> str:
    """A column with its table, as SQL writes it."""
    return f"{name_of(alias)}.{name_of(column.name)}"
