"""Questions that need several tables: rows by what they belong to, figures for each owner, rows without others."""

from collections.abc import Callable
from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import Facts, Link, TableFacts
from rushlight.assistant.learn.database.figures_asked import EACH, aggregate, amount_forms, extreme_forms
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.paths import Way, far_condition, joined, tables_of, ways_from
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, how_many, one_row
from rushlight.assistant.learn.database.saying import Condition, Rows, called
from rushlight.assistant.sql.trees import name_of


def _way(facts: Facts, table: TableFacts, chance: Chance, *, named: bool = False) -> Way | None:
    found = [one for one in ways_from(facts, table) if not named or one.end.label]
    return chance.weighed([(one, 1.0 if len(one.links) == 1 else 0.6) for one in found]) if found else None


def _and_another(facts: Facts, table: TableFacts, way: Way, chance: Chance) -> tuple[list[Way], list[Condition]]:
    """Now and then something of a second table to which the rows belong, by another key."""
    others = [
        one
        for one in ways_from(facts, table)
        if not one.is_many and not way.is_many and one.links[0] != way.links[0] and one.role == ""
        and not set(tables_of(one)) & (set(tables_of(way)) - {table.name})
    ]  # fmt: skip
    if not others or not chance.coin(0.2):
        return [way], []
    other = chance.pick(others)
    far = far_condition(other, chance)
    return ([way, other], [far]) if far is not None else ([way], [])


def count_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    way = _way(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None:
        return None
    ways, more = _and_another(facts, table, way, chance)
    near = more or conditions(table, chance, (0.75, 0.25))
    rows = called(table, chance, [*near, far])
    sql = select(["COUNT(*)"], joined(joins, ways), rows.sql)
    return Asked(how_many(rows, [*near, far], chance, called(table, chance)), sql, "count", tables_of(*ways))


def list_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    labels = label_of(table)
    way = _way(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None or table.is_link or not labels:
        return None
    ways, more = _and_another(facts, table, way, chance)
    near = more or conditions(table, chance, (0.78, 0.22))
    rows = called(table, chance, [*near, far])
    shown = [one for one in table.columns.values() if one.sort != "key" and one.place not in labels]
    is_many = way.is_many and not far.sql.startswith(tuple(one.place for one in way.end.label))
    source = joined(joins, ways)
    if shown and chance.coin(0.22):
        column = chance.pick(shown)
        phrase = chance.first(column.phrases)
        forms = [f"Show the {phrase} of {rows.many}.", f"List the {plural_of(phrase)} of all {rows.many}.",
                 f"What is the {phrase} of the {rows.many}?"]  # fmt: skip
        return Asked(chance.pick(forms), select([column.place], source, rows.sql), "columns", tables_of(*ways))
    forms = [f"Which {rows.many} are there?", f"List all {rows.many}.", f"Show the {rows.many}.",
             f"List the {rows.many}.",
             f"What are the {rows.many}?", f"Find all {rows.many}.", f"Give me all {rows.many}.",
             f"Show me the {rows.many}."]  # fmt: skip
    said = verbal(far.after) if not near else ""
    if said:
        forms += [f"Which {called(table, chance).many} {said}?"] * 4
    sql = select(labels, source, rows.sql, distinct=is_many)
    return Asked(chance.pick(forms), sql, "list", tables_of(*ways))


def count_owners(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """How many different others the rows belong to."""
    links = [one for one in facts.links_of(table.name) if len(one.key.columns) == 1 and one.key.table != table.name]
    if not links:
        return None
    link = chance.pick(links)
    owner = called(facts.tables[link.key.table], chance, noun=link.role)
    made, source = conditions(table, chance, (0.25, 0.75)), joins.source(table.name)
    tables: tuple[str, ...] = (table.name,)
    others = [one for one in ways_from(facts, table) if one.links[0][1] != link and not one.is_many]
    if others and chance.coin(0.4):
        way = chance.pick(others)
        far = far_condition(way, chance)
        if far is not None:
            made, source, tables = [far], joined(joins, [way]), tables_of(way)
    rows = called(table, chance, made)
    item = f"COUNT(DISTINCT {name_of(table.name)}.{name_of(link.key.columns[0])})"
    word = chance.pick(["different", "distinct", "different"])
    forms = [f"How many {word} {owner.many} have {rows.many}?", f"How many {word} {owner.many} had {rows.many}?",
             f"How many {word} {owner.many} are there among the {rows.many}?",
             f"Number of {word} {owner.many} with {rows.many}"]  # fmt: skip
    return Asked(chance.pick(forms), select([item], source, rows.sql), "different", tables)


def unlinked(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows that belong to nothing, or to something."""
    links = [one for one in facts.links_of(table.name) if one.has_missing and len(one.key.columns) == 1]
    if not links or table.is_link:
        return None
    link = chance.pick(links)
    noun = link.role or chance.weighed([(one.one, one.weight) for one in facts.tables[link.key.table].nouns])
    missing, rows, labels = chance.coin(0.75), called(table, chance), label_of(table)
    if missing:
        said = chance.pick([f"without {_a(noun)}", f"with no {noun}", f"that have no {noun}", f"without any {noun}",
                            f"that belong to no {noun}", f"whose {noun} is not known",
                            f"that do not have {_a(noun)}"])  # fmt: skip
    else:
        said = chance.pick([f"with {_a(noun)}", f"that have {_a(noun)}", f"that belong to {_a(noun)}"])
    where = [f"{name_of(table.name)}.{name_of(link.key.columns[0])} IS {'' if missing else 'NOT '}NULL"]
    source = joins.source(table.name)
    if not labels or chance.coin(0.4):
        question = how_many(Rows(f"{rows.one} {said}", f"{rows.many} {said}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "unlinked", (table.name,))
    forms = [f"List the {rows.many} {said}.", f"Show all {rows.many} {said}.", f"Which are the {rows.many} {said}?"]
    if verbal(said):
        forms += [f"Which {rows.many} {verbal(said)}?"] * 4
    return Asked(chance.pick(forms), select(labels, source, where), "unlinked", (table.name,))


def lookup_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """What a named row belongs to, or something of that."""
    way, named = _way(facts, table, chance, named=True), one_row(table, chance)
    if way is None or named is None or table.is_link:
        return None
    said, where = named
    items = label_of(way.end)
    noun = way.role or chance.weighed([(one.one, one.weight) for one in way.end.nouns])
    shown = [one for one in way.end.columns.values() if one.sort != "key" and one not in way.end.label]
    if shown and chance.coin(0.3) and not way.is_many:
        column = chance.pick(shown)
        phrase = chance.first(column.phrases)
        forms = [f"What is the {phrase} of the {noun} of {said}?", f"Which {phrase} does the {noun} of {said} have?",
                 f"{said}: what {phrase} does its {noun} have?"]  # fmt: skip
        return Asked(chance.pick(forms), select([column.place], joined(joins, [way]), where), "lookup", tables_of(way))
    if way.is_many:
        many = plural_of(noun)
        forms = [f"Which {many} does {said} have?", f"List the {many} of {said}.", f"What {many} belong to {said}?",
                 f"Show all {many} for {said}.", f"{many.capitalize()} of {said}",
                 f"Which {many} are there for {said}?"]  # fmt: skip
        if way.end.is_person:
            forms += [f"Who are the {many} of {said}?"] * 2
    else:
        forms = [f"What is the {noun} of {said}?", f"Which {noun} does {said} belong to?",
                 f"Show the {noun} of {said}.",
                 f"Which {noun} does {said} have?", f"{noun.capitalize()} of {said}",
                 f"To which {noun} does {said} belong?"]  # fmt: skip
        if way.end.is_person:
            forms += [f"Who is the {noun} of {said}?"] * 4
    return Asked(chance.pick(forms), select(items, joined(joins, [way]), where), "lookup", tables_of(way))


def with_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows beside what they belong to."""
    way, labels = _way(facts, table, chance, named=True), label_of(table)
    if way is None or not labels or way.is_many or table.is_link:
        return None
    made = conditions(table, chance, (0.45, 0.55))
    rows = called(table, chance, made)
    noun = way.role or way.end.nouns[0].one
    forms = [f"List all {rows.many} with their {noun}.", f"Show the {rows.many} and the {noun} of each.",
             f"Show each of the {rows.many} together with the {noun}.",
             f"List {rows.many} and their {plural_of(noun)}."]  # fmt: skip
    items = [*labels, *label_of(way.end)]
    return Asked(chance.pick(forms), select(items, joined(joins, [way]), rows.sql), "columns", tables_of(way))


def amount_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    numbers = table.of(*NUMBERS)
    way = _way(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None or not numbers or (way.is_many and chance.coin(0.7)):
        return None
    column = chance.pick(numbers)
    ways, more = _and_another(facts, table, way, chance)
    near = more or [one for one in conditions(table, chance, (0.85, 0.15)) if one.column != column.column.name]
    rows = called(table, chance, [*near, far])
    item, kind = aggregate(column, chance)
    question = chance.pick(amount_forms(column, kind, rows.many, chance))
    return Asked(question, select([item], joined(joins, ways), rows.sql), "amount", tables_of(*ways))


def grouped_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """A count or figure for each row of another table, or for each kind of it; the most; those with many."""
    way = _way(facts, table, chance)
    if way is None:
        return None
    groups = way.end.of("group", "year")
    keys, noun = label_of(way.end), way.role or chance.weighed([(one.one, one.weight) for one in way.end.nouns])
    if groups and (not way.end.label or chance.coin(0.3)):
        column = chance.pick(groups)
        keys, noun = (
            [column.place],
            f"{chance.first(column.phrases)} of the {noun}" if chance.coin() else f"{noun} {column.phrase}",
        )
    elif not way.end.label:
        return None
    ways, more = _and_another(facts, table, way, chance)
    made = more or conditions(table, chance, (0.72, 0.28))
    rows, source = called(table, chance, made), joined(joins, ways)
    numbers = table.of(*NUMBERS)
    item, said = "COUNT(*)", ""
    if numbers and chance.coin(0.42):
        figure = chance.pick(numbers)
        item, kind = aggregate(figure, chance)
        word = {"AVG": "average", "SUM": "total", "MAX": "highest", "MIN": "lowest"}[kind]
        said = f"{word} {chance.first(figure.phrases)} of {rows.many}"
        is_plain = kind in ("AVG", "SUM")
    elif table.of("date") and chance.coin(0.1):
        figure, is_last = chance.pick(table.of("date")), chance.coin(0.7)
        item, is_plain = f"{'MAX' if is_last else 'MIN'}({figure.place})", False
        said = f"{'latest' if is_last else 'first'} {chance.first(figure.phrases)} of {rows.many}"
    else:
        is_plain = True
    which = chance.weighed([("each", 0.46), ("top", 0.32), ("having", 0.22)])
    tables = tables_of(*ways)
    if which == "having" and not said:
        n = 1 + chance.below(9)
        start, sign = chance.pick([("more than", ">"), ("more than", ">"), ("at least", ">="), ("fewer than", "<")])
        amount = f"{start} {n}" if n > 1 or chance.coin() else f"{start} one"
        rows_said = rows.many if n > 1 or start != "at least" else rows.one
        forms = [f"Which {plural_of(noun)} have {amount} {rows_said}?",
                 f"List the {plural_of(noun)} with {amount} {rows_said}.",
                 f"Show all {plural_of(noun)} that have {amount} {rows_said}.",
                 f"{plural_of(noun).capitalize()} with {amount} {rows_said}"]  # fmt: skip
        sql = select(keys, source, rows.sql, group=keys, having=f"COUNT(*) {sign} {n}")
        return Asked(chance.pick(forms), sql, "having", tables)
    if which == "having" and item.startswith("SUM") and isinstance(figure.column.high, int | float):
        n = int(figure.column.high * chance.between(1.2, 4.0))
        start, sign = chance.pick([("more than", ">"), ("less than", "<"), ("over", ">")])
        forms = [
            f"Which {plural_of(noun)} have a {said} of {start} {n}?",
            f"List the {plural_of(noun)} whose {said} is {start} {n}.",
        ]
        sql = select(keys, source, rows.sql, group=keys, having=f"{item} {sign} {n}")
        return Asked(chance.pick(forms), sql, "having", tables)
    if which == "each" or not is_plain:
        what = chance.pick(
            [
                f"How many {rows.many} are there",
                f"Number of {rows.many}",
                f"How many {rows.many}",
                f"Count the {rows.many}",
            ]
        )
        if said:
            what = chance.pick(["What is the ", "Show the ", "Give me the ", "Calculate the "]) + said
        each = chance.pick(EACH)
        end = "?" if what.startswith(("How", "What")) else ""
        question = f"{what} {each} {noun}{end}"
        if not said and chance.coin(0.3):
            question = chance.pick(
                [f"How many {rows.many} does each {noun} have?", f"How many {rows.many} did each {noun} have?"]
            )
        elif chance.coin(0.12):
            question = f"For each {noun}, {what[0].lower()}{what[1:]}{end}"
        order = ""
        if chance.coin(0.14) and question.endswith(noun + end):
            order = f"{item} DESC"
            tail = chance.pick(["highest first", "most first", "best first", "largest first"])
            question = f"{question.rstrip('?')}, {tail}{end}"
        return Asked(question, select([*keys, item], source, rows.sql, group=keys, order=order), "grouped", tables)
    up = chance.coin(0.8)
    n = chance.weighed([(1, 0.75), (3, 0.12), (5, 0.13)])
    had = f"the {'most' if up else 'fewest'} {rows.many}" if not said else f"the {'highest' if up else 'lowest'} {said}"
    if item.startswith("SUM") and up and chance.coin(0.4):
        had = (
            f"the most {plural_of(figure.phrase)}"
            if not rows.sql
            else f"the most {plural_of(figure.phrase)} for {rows.many}"
        )
    if n == 1:
        forms = [f"Which {noun} has {had}?"] * 4 + [f"What is the {noun} with {had}?", f"Find the {noun} with {had}."]
        if way.end.is_person and keys == label_of(way.end):
            forms += [f"Who has {had}?"] * 2
    else:
        forms = [f"Which {n} {plural_of(noun)} have {had}?", f"Show the {n} {plural_of(noun)} with {had}.",
                 f"Top {n} {plural_of(noun)} by {said or 'number of ' + rows.many}"]  # fmt: skip
        if not up:
            forms = forms[:2]
    sql = select(keys, source, rows.sql, group=keys, order=f"{item}{' DESC' if up else ''}", limit=n)
    return Asked(chance.pick(forms), sql, "top", tables)


def extreme_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    labels = label_of(table)
    way, found = _way(facts, table, chance), table.of(*NUMBERS, "date", "year")
    far = far_condition(way, chance) if way else None
    if way is None or far is None or not found or not labels or table.is_link or way.is_many:
        return None
    column, up = chance.pick(found), chance.coin(0.62)
    rows = called(table, chance, [far])
    where = [*rows.sql, *([f"{column.place} IS NOT NULL"] if column.n_missing and not up else [])]
    n = chance.weighed([(1, 0.75), (3, 0.12), (5, 0.13)])
    question = chance.pick(extreme_forms(table, column, rows, up, n, chance))
    order = column.place + (" DESC" if up else "")
    return Asked(question, select(labels, joined(joins, [way]), where, order=order, limit=n), "extreme", tables_of(way))


def without(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows to which no row of another table belongs, or at least one."""
    links = facts.links_to(table.name)
    labels = label_of(table)
    if not links or not labels or table.is_link:
        return None
    link = chance.pick(links)
    other = facts.tables[link.owner]
    made = []
    if chance.coin(0.3) and len(link.key.columns) == 1:
        one = any_condition(other, chance, only=("group", "date", "flag", "money", "number", "year"))
        made = [one] if one is not None and one.sql.count(" AND ") == 0 else []
    rows, owner = called(other, chance, made), called(table, chance)
    yes = chance.coin(0.35)
    if yes:
        sayings = [
            f"with {rows.many}",
            f"that have {rows.many}",
            f"with at least one {rows.one}",
            f"that have at least one {rows.one}",
        ]
    else:
        sayings = [f"without {rows.many}", f"that have no {rows.many}", f"with no {rows.many}",
                   f"without any {rows.many}",
                   f"that don't have any {rows.many}", f"that have never had {_a(rows.one)}",
                   f"for which there are no {rows.many}",
                   f"that do not have {_a(rows.one)}"]  # fmt: skip
    said = chance.pick(sayings)
    where, source = _belonging(joins, table, other, link, rows.sql, yes)
    if not source:
        return None
    tables = (table.name, other.name)
    if chance.coin(0.35):
        sql = select(["COUNT(*)"], source, where)
        question = how_many(Rows(f"{owner.one} {said}", f"{owner.many} {said}"), (), chance)
        return Asked(question, sql, "without", tables)
    forms = [f"Which {owner.many} are {said}?" if said.startswith("without") else f"List all {owner.many} {said}.",
             f"List the {owner.many} {said}.", f"Show {owner.many} {said}.", f"Find all {owner.many} {said}.",
             f"{owner.many.capitalize()} {said}"]  # fmt: skip
    if verbal(said):
        forms += [f"Which {owner.many} {verbal(said)}?"] * 5
    return Asked(chance.pick(forms), select(labels, source, where), "without", tables)


def _belonging(
    joins: Joins, table: TableFacts, other: TableFacts, link: Link, conditions_: tuple[str, ...], yes: bool
) -> tuple[list[str], str]:
    """IN (SELECT ...) along a key of one column; of several columns a join that found nothing."""
    if len(link.key.columns) == 1:
        place = f"{name_of(table.name)}.{name_of(link.key.to_columns[0])}"
        own = f"{name_of(other.name)}.{name_of(link.key.columns[0])}"
        inner = list(conditions_)
        if link.has_missing and not yes:
            inner.insert(0, f"{own} IS NOT NULL")
        where = f" WHERE {' AND '.join(inner)}" if inner else ""
        word = "IN" if yes else "NOT IN"
        return [f"{place} {word} (SELECT {own} {joins.source(other.name)}{where})"], joins.source(table.name)
    if yes or conditions_:
        return [], ""
    source = joins.joined([(other.name, link)], table.name, left=True)
    return [f"{name_of(other.name)}.{name_of(link.key.columns[0])} IS NULL"], source


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


Maker = Callable[[Facts, TableFacts, Joins, Chance], Asked | None]
MAKERS: Final[tuple[tuple[Maker, float], ...]] = (
    (count_far, 1.7), (count_owners, 0.7), (unlinked, 0.7), (list_far, 1.8), (lookup_far, 1.2), (with_far, 0.6),
    (amount_far, 1.1),
    (grouped_far, 2.2),
    (extreme_far, 0.6), (without, 1.0),
)  # fmt: skip
