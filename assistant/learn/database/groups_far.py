"""Figures for each row of another table, or each kind of it: counted, summed, the most, those with many, how many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, TableFacts
from rushlight.assistant.learn.database.figures_asked import SMALL_NUMBERS, aggregate
from rushlight.assistant.learn.database.groups_asked import each_words, figure_words, ordered, rank_said
from rushlight.assistant.learn.database.names import plural_of, singular_of
from rushlight.assistant.learn.database.number_conditions import verb_of
from rushlight.assistant.learn.database.orders import adjectives
from rushlight.assistant.learn.database.paths import Way, group_of, joined, tables_of
from rushlight.assistant.learn.database.relations import act_of, done_alone, done_to, is_buyer
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, pieces_and_price
from rushlight.assistant.learn.database.saying import Condition, Rows, called, called_late, said_late
from rushlight.assistant.learn.database.several_tables import and_another, way_of


@dataclass(frozen=True, slots=True)
class _Group:
    """What rows are grouped by: what is shown, the keys, and what one and several are called."""

    way: Way
    items: list[str]
    keys: list[str]
    one: str
    many: str
    column: ColumnFacts | None  # None: a group is a row by its name

    @property
    def is_named_person(self) -> bool:
        return self.column is None and self.way.end.is_person


@dataclass(frozen=True, slots=True)
class _Figure:
    """What is asked of each group: SQL, words ("" = how many rows), and the column."""

    item: str
    said: str
    way: str
    column: ColumnFacts | None


def _group(way: Way, chance: Chance) -> _Group | None:
    end = way.end
    noun = next((one for one in end.nouns if one.one == way.role), None)
    if noun is None:
        noun = chance.weighed([(one, one.weight) for one in end.nouns])
    one, many = (way.role, plural_of(way.role)) if way.role else (noun.one, noun.many)
    groups = end.of("group", "year")
    if groups and (not end.label or chance.coin(0.3)):
        column = chance.pick([one for one in groups if one not in end.label] or groups)
        said = chance.pick([f"{column.phrase} of the {one}", f"{one} {column.phrase}", column.phrase])
        return _Group(way, [column.place], [column.place], said, plural_of(said), column)
    if not end.label and not (chance.coin(0.5) and not way.is_many):
        return None
    items, keys = group_of(end)
    return _Group(way, items, keys, one, many, None) if items else None


def _grouped_by(
    facts: Facts, table: TableFacts, chance: Chance
) -> tuple[_Group, Sequence[Way], Sequence[Condition]] | None:
    """What rows of the table are grouped by, the ways there, and the condition that another way brings."""
    way = way_of(facts, table, chance)
    group = _group(way, chance) if way is not None else None
    if way is None or group is None:
        return None
    ways, more = and_another(facts, table, way, chance)
    return group, ways, more


def _figure(table: TableFacts, end: TableFacts, rows: Rows, chance: Chance) -> _Figure:
    numbers, worth = table.of(*NUMBERS), pieces_and_price(table, end)
    if worth is not None and chance.coin(0.22):
        of = f" of {rows.many}" if rows.sql or chance.coin(0.3) else ""
        said = chance.pick(["total revenue", "total sales", "revenue", "turnover", "total value", "total income"])
        said = "total stock value" if "stock" in worth[0].phrase.split() else said
        return _Figure(f"SUM({worth[0].place} * {worth[1].place})", f"{said}{of}", "SUM", None)
    if numbers and chance.coin(0.42):
        column = chance.pick(numbers)
        item, way = aggregate(column, chance)
        of = f" of {rows.many}" if rows.sql or chance.coin(0.75) else ""
        return _Figure(item, f"{figure_words(column, way, chance)}{of}", way, column)
    if table.of("date") and chance.coin(0.08):
        column, is_last = chance.pick(table.of("date")), chance.coin(0.7)
        word = chance.pick(["latest", "last", "most recent"]) if is_last else "first"
        way = "MAX" if is_last else "MIN"
        return _Figure(f"{way}({column.place})", f"{word} {chance.first(column.phrases)} of {rows.many}", way, column)
    return _Figure("COUNT(*)", "", "", None)


def grouped_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A count or figure for each row of another table, or for each kind of it; the most; those with many."""
    found = _grouped_by(facts, table, chance)
    if found is None:
        return None
    group, ways, more = found
    made = more or conditions(table, chance, (0.68, 0.32))
    (rows, tail), source = called_late(table, chance, made), joined(joins, ways)
    if not source:
        return None
    asked = _asked(table, group, rows, source, tables_of(*ways), bool(tail), chance)
    return replace(asked, question=said_late(asked.question, tail)) if asked is not None else None


def ranked_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows of another table, or kinds of it, with their place by a count or figure."""
    found = _grouped_by(facts, table, chance)
    if found is None:
        return None
    group, ways, more = found
    rows, source = called(table, chance, more or conditions(table, chance, (0.72, 0.28))), joined(joins, ways)
    if not source:
        return None
    figure = _figure(table, group.way.end, rows, chance)
    question, order = rank_said(group.many, group.one, figure.said or f"number of {rows.many}", None, chance)
    items = [*group.items, f"RANK() OVER (ORDER BY {figure.item}{order})"]
    return Asked(question, select(items, source, rows.sql, group=group.keys), "ranked", tables_of(*ways))


def _asked(
    table: TableFacts, group: _Group, rows: Rows, source: str, tables: tuple[str, ...], is_late: bool, chance: Chance
) -> Asked | None:  # fmt: skip
    figure = _figure(table, group.way.end, rows, chance)
    which = chance.weighed([("each", 0.46), ("top", 0.3), ("having", 0.24)])
    if which == "having" and (not figure.said or figure.way in ("SUM", "AVG")):
        return _having(group, figure, rows, source, tables, chance)
    if which == "each" or (figure.said and figure.way not in ("AVG", "SUM")):
        return _each(group, figure, rows, source, tables, chance, share=0.0 if is_late else 0.24)
    return _top(group, figure, rows, source, tables, chance)


def _each(
    group: _Group, figure: _Figure, rows: Rows, source: str, tables: tuple[str, ...], chance: Chance, share: float
) -> Asked:  # fmt: skip
    one, table, end = group.one, group.way.start, group.way.end
    each = chance.pick([f"per {one}", f"per {one}", f"for each {one}", f"by {one}", f"for every {one}",
                        f"of each {one}"] if group.column is None else each_words(group.column, one))  # fmt: skip
    if not figure.said:
        forms = [f"How many {rows.many} does each {one} have", f"How many {rows.many} did each {one} have",
                 f"How many {rows.many} does each {one} have"] * 2  # fmt: skip
        what = chance.pick([f"How many {rows.many} are there", f"Number of {rows.many}", f"How many {rows.many}",
                            f"Count the {rows.many}", f"Show the number of {rows.many}"])  # fmt: skip
        forms += [f"{what} {each}"] * 6
        past, base, _ = act_of(table)
        if group.is_named_person and past and is_buyer(end):
            forms += [f"How many {rows.many} did each {one} {base}"] * 3
        elif group.column is None and done_to(table) and not end.is_person and not rows.sql:
            forms += [f"How often was each {one} {done_to(table)}", f"How many times was each {one} {done_to(table)}"]
        question = chance.pick(forms)
    else:
        start = chance.pick(["What is the ", "What is the ", "Show the ", "Give me the ", "Calculate the ", ""])
        question = f"{start}{figure.said} {each}" if start else f"{figure.said.capitalize()} {each}"
        column, up = figure.column, figure.way == "MAX"
        if column is not None and figure.way in ("MAX", "MIN") and adjectives(column, up) and chance.coin(0.5):
            age, costs = adjectives(column, up)[0], verb_of(column)[1] == "cost"
            question = chance.pick([f"What is the {column.phrase} of the {age} {rows.one} of each {one}",
                                    f"How much does the {age} {rows.one} of each {one} cost" if costs
                                    else f"What is the {column.phrase} of the {age} {rows.one} per {one}"])  # fmt: skip
            if column.sort == "date":
                question = f"When was the {age} {rows.one} of each {one}"
        elif column is not None and column.sort == "date" and chance.coin(0.4):
            question = f"For each {one}, when was the {'last' if up else 'first'} {rows.one}"
        elif column is not None and figure.way == "SUM" and column.deed is not None and chance.coin(0.7):
            (things, event), to = column.deed, "" if not rows.sql else f" for {rows.many}"
            question = chance.pick([f"How many {things} did each {one} {event.base}{to}",
                                    f"How many {things} were {event.participle}{to} {each}",
                                    f"How many {things} were {event.participle}{to} in each {one}"])  # fmt: skip
        elif column is not None and figure.way == "SUM" and column.sort == "money" and chance.coin(0.25):
            question = chance.pick([f"How much did each {one} bring in with {rows.many}",
                                    f"How much did the {rows.many} of each {one} bring in",
                                    f"What do the {rows.many} of each {one} cost in total"])  # fmt: skip
            if is_buyer(end) and group.column is None:
                question = f"How much did each {one} spend on {rows.many}"
        elif figure.way == "SUM" and group.column is None and _is_paid(end) and not rows.sql and chance.coin(0.5):
            question = chance.pick([f"How much was spent at each {one}", f"How much did we spend at each {one}",
                                    f"What was spent at each {one}", f"What did we pay each {one}",
                                    f"How much money went to each {one}"])  # fmt: skip
    if (
        figure.column is not None
        and figure.column.unit
        and not question.startswith(("How", "When"))
        and chance.coin(0.07)
    ):
        question = f"{question} in {figure.column.unit}"
    end_mark = "?" if question.startswith(("How", "What", "When")) or ", when" in question else ""
    question, order = ordered(figure.item, question, end_mark, chance, share)
    if not order and chance.coin(0.06) and not question.startswith("For"):
        plain = question.replace(f" {each}", "")
        if f"each {one}" not in plain:
            question = f"For each {one}, {plain[0].lower()}{plain[1:]}"
    sql = select([*group.items, figure.item], source, rows.sql, group=group.keys, order=order)
    return Asked(question, sql, "grouped", tables)


def _is_paid(facts: TableFacts) -> bool:
    """Whether those rows are firms from which one buys."""
    return any(word in _SELLERS for noun in facts.nouns for word in noun.one.split())


_SELLERS: Final = {"supplier", "vendor", "shop", "store", "manufacturer", "provider", "contractor", "lender", "seller"}


def _having(
    group: _Group, figure: _Figure, rows: Rows, source: str, tables: tuple[str, ...], chance: Chance
) -> Asked | None:  # fmt: skip
    table, end, many = group.way.start, group.way.end, group.many
    items = group.items
    if figure.said:
        high = figure.column.column.high if figure.column is not None else None
        if not isinstance(high, int | float) or high <= 0:
            return None
        n = high * chance.between(1.2, 4.0) if figure.way == "SUM" else high * chance.between(0.3, 0.8)
        limit = f"{round(n, -1) if n > 200 else n:.0f}"
        start, sign = chance.pick([("more than", ">"), ("less than", "<"), ("over", ">"), ("more than", ">")])
        unit = f" {figure.column.unit}" if figure.column is not None and figure.column.unit and chance.coin(0.4) else ""
        forms = [f"Which {many} have a {figure.said} of {start} {limit}{unit}",
                 f"List the {many} whose {figure.said} is {start} {limit}{unit}",
                 f"For which {many} is the {figure.said} {start} {limit}{unit}"]  # fmt: skip
        if figure.way == "SUM" and figure.column is not None and figure.column.sort == "money":
            forms += [f"Which {many} have {rows.many} of {start} {limit}{unit} in total",
                      f"Which {many} had {rows.many} of {start} {limit}{unit} in total"] * 2  # fmt: skip
            if group.is_named_person and is_buyer(end):
                forms += [f"Which {many} spent {start} {limit}{unit}", f"Who spent {start} {limit}{unit}"] * 2
        having, more = f"{figure.item} {sign} {limit}", [", and how much was it", " and how much was it"]
    else:
        n = chance.weighed([(1, 0.25), (2 + chance.below(9), 0.75)])
        start, sign = chance.weighed([(("more than", ">"), 0.6), (("at least", ">="), 0.22),
                                      (("fewer than", "<"), 0.12), (("exactly", "="), 0.06)])  # fmt: skip
        number = SMALL_NUMBERS.get(n, str(n)) if chance.coin(0.35) else "one" if n == 1 else str(n)
        said = rows.many if n > 1 else rows.one
        forms = [f"Which {many} have {start} {number} {said}"] * 3 + [
            f"List the {many} with {start} {number} {said}", f"Which {many} had {start} {number} {said}",
            f"Show all {many} that have {start} {number} {said}", f"{many.capitalize()} with {start} {number} {said}",
        ]  # fmt: skip
        times = f"{start} {'once' if n == 1 else 'twice' if n == 2 and chance.coin(0.4) else f'{number} times'}"
        past, _, _ = act_of(table)
        if group.is_named_person and is_buyer(end):
            forms += (
                [f"Which {many} {past} {start} {number} {said}", f"Who {past} {start} {number} {said}"] * 2 * bool(past)
            )
            if done_alone(table) and not rows.sql:
                forms += [f"Which {many} {done_alone(table)} {times}", f"Who {done_alone(table)} {times}"] * 2
        elif group.column is None and done_to(table) and not end.is_person and not rows.sql:
            forms += [f"Which {many} were {done_to(table)} {times}"] * 4
        having, more = f"COUNT(*) {sign} {n}", [", and how many", " and how many are there"]
    question = chance.pick(forms)
    if chance.coin(0.2):
        items = [*items, figure.item]
        question += chance.pick(more) if question.startswith(("Which", "Who", "For")) else ", with the number"
        if figure.said and question.endswith("with the number"):
            question = question.replace("with the number", "with that figure")
    question += "?" if question.startswith(("Which", "Who", "For")) else "."
    sql = select(items, source, rows.sql, group=group.keys, having=having)
    return Asked(question, sql, "having", tables)


def _top(
    group: _Group, figure: _Figure, rows: Rows, source: str, tables: tuple[str, ...], chance: Chance
) -> Asked:  # fmt: skip
    table, end, one, many = group.way.start, group.way.end, group.one, group.many
    up, n = chance.coin(0.82), chance.weighed([(1, 0.74), (3, 0.13), (5, 0.1), (2, 0.03)])
    had = f"the {'highest' if up else 'lowest'} {figure.said}" if figure.said else ""
    had = had or f"the {'most' if up else 'fewest'} {rows.many}"
    said_n = SMALL_NUMBERS[n] if n > 1 and chance.coin(0.6) else str(n)
    start, have = (f"Which {one}", "has") if n == 1 else (f"Which {said_n} {many}", "have")
    forms = [f"{start} {have} {had}?"] * 4 + [f"{start} had {had}?"]
    forms += [f"What is the {one} with {had}?", f"Find the {one} with {had}."] if n == 1 else [
        f"Show the {said_n} {many} with {had}.", f"Top {said_n} {many} by {figure.said or 'number of ' + rows.many}"
        if up else f"Show the {said_n} {many} with {had}."]  # fmt: skip
    most = "most" if up else "least"
    past, _, _ = act_of(table)
    if group.is_named_person:
        forms += [f"Who has {had}?", f"Who had {had}?"] * 2 if n == 1 else []
        if is_buyer(end) and not figure.said:
            forms += (
                [f"{start} {past} {had}?", f"Who {past} {had}?" if n == 1 else f"{start} {past} {had}?"]
                * 2
                * bool(past)
            )
            if done_alone(table) and not rows.sql:
                forms += [f"{one} {done_alone(table)} {most} often?" for one in (start, "Who" if n == 1 else start)]
    elif group.column is None and done_to(table) and not end.is_person and not rows.sql and not figure.said:
        was = "was" if n == 1 else "were"
        forms += [f"{start} {was} {done_to(table)} {most} often?", f"{start} {was} {done_to(table)} {most}?"] * 3
    if figure.way == "SUM" and (figure.column is None or figure.column.sort == "money") and up:
        forms += [f"{start} brought in the most money?", f"{start} brought in the most?", f"{start} earned the most?"
                  if not end.is_person else f"{start} {have} {had}?"] * (not rows.sql)  # fmt: skip
        if group.is_named_person and is_buyer(end):
            forms += [f"{start} spent the most?", f"{start} spent the most money?", "Who spent the most?" if n == 1 else
                      f"{start} spent the most?"] * 2 * (not rows.sql)  # fmt: skip
    elif figure.way == "SUM" and figure.column is not None and figure.column.deed is not None and not rows.sql:
        (things, event), most = figure.column.deed, "most" if up else "fewest"
        forms += [f"{start} {event.past} the {most} {things}?"] * 4
    elif figure.way == "SUM" and figure.column is not None and up:
        forms += [f"{start} {have} the most {plural_of(singular_of(figure.column.phrase))}?"] * (not rows.sql)
    question, items = chance.pick(forms), group.items
    if chance.coin(0.14) and question.startswith(("Which", "Who")):
        items = [*items, figure.item]
        question = question.rstrip("?") + (", and how many?" if not figure.said else ", and how much is it?")
    sql = select(items, source, rows.sql, group=group.keys, order=f"{figure.item}{' DESC' if up else ''}", limit=n)
    return Asked(question, sql, "top", tables)


def different_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """How many different others each row or value has."""
    links = [one for one in facts.links_of(table.name) if len(one.key.columns) == 1 and one.key.table != table.name]
    way = way_of(facts, table, chance)
    group = _group(way, chance) if way is not None else None
    if not links or way is None or group is None or way.is_many:
        return None
    link = chance.pick(links)
    if link == way.links[0][1] or link.key.table == way.end.name:
        return None
    source, others = joined(joins, [way]), called(facts.tables[link.key.table], chance, noun=link.role).many
    if not source:
        return None
    column = facts.tables[table.name].columns[link.key.columns[0]]
    item, rows = f"COUNT(DISTINCT {column.place})", called(table, chance)
    if chance.coin(0.4):
        question = chance.pick([f"Which {group.one} has the most different {others}?",
                                f"Which {group.one} has {rows.many} of the most different {others}?"])  # fmt: skip
        sql = select(group.items, source, group=group.keys, order=f"{item} DESC", limit=1)
        return Asked(question, sql, "top", tables_of(way))
    question = chance.pick([f"How many different {others} does each {group.one} have?",
                            f"How many different {others} are there per {group.one}?",
                            f"Number of different {others} per {group.one}"])  # fmt: skip
    return Asked(question, select([*group.items, item], source, group=group.keys), "grouped", tables_of(way))
