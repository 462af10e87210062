"""Questions that need several tables: rows by what they belong to, figures for each owner, rows without others."""

from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import Facts, TableFacts
from rushlight.assistant.learn.database.figures_asked import aggregate, amount_forms, extreme_forms, shown_too
from rushlight.assistant.learn.database.lookups import lookup_forms, one_row
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.orders import SORTED
from rushlight.assistant.learn.database.paths import Way, far_condition, joined, tables_of, ways_from
from rushlight.assistant.learn.database.relations import DID, act_of, is_buyer
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, how_many
from rushlight.assistant.learn.database.saying import Condition, Rows, called
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.sql.trees import name_of

_LITTLE: Final = {"in", "at", "of", "for", "by", "on", "from", "with"}


def way_of(facts: Facts, table: TableFacts, chance: Chance, *, named: bool = False) -> Way | None:
    found = [one for one in ways_from(facts, table) if not named or one.end.label]
    weights = {1: 1.0, 2: 0.55, 3: 0.3}
    return chance.weighed([(one, weights[len(one.links)]) for one in found]) if found else None


def and_another(facts: Facts, table: TableFacts, way: Way, chance: Chance) -> tuple[list[Way], list[Condition]]:
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
    way = way_of(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None:
        return None
    ways, more = and_another(facts, table, way, chance)
    near = more or conditions(table, chance, (0.75, 0.25))
    rows = called(table, chance, [*near, far])
    keys = [one for one in table.columns.values() if one.column.key]
    item = f"COUNT(DISTINCT {keys[0].place})" if way.is_many and not far.names_one and len(keys) == 1 else "COUNT(*)"
    sql = select([item], joined(joins, ways), rows.sql)
    said = [far] if not near else [] if len(near) > 1 or not near[0].before else [*near, far]
    return Asked(how_many(rows, said, chance, called(table, chance)), sql, "count", tables_of(*ways))


def list_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    labels = label_of(table)
    way = way_of(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None or table.is_link or not labels:
        return None
    ways, more = and_another(facts, table, way, chance)
    near = more or conditions(table, chance, (0.78, 0.22))
    rows = called(table, chance, [*near, far])
    shown = [one for one in table.columns.values() if one.sort not in ("key", "flag") and one.place not in labels]
    is_many = way.is_many and not far.names_one
    source = joined(joins, ways)
    if shown and not is_many and chance.coin(0.22):
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
    past, _, _ = act_of(table)
    forms = [f"How many {word} {owner.many} have {rows.many}?", f"How many {word} {owner.many} had {rows.many}?",
             f"How many {word} {owner.many} are there among the {rows.many}?",
             f"Number of {word} {owner.many} with {rows.many}",
             f"How many {owner.many} have {rows.many}?", f"How many {owner.many} have at least one {rows.one}?",
             f"How many {word} {owner.many} had at least one {rows.one}?"]  # fmt: skip
    if past and facts.tables[link.key.table].is_person:
        forms += [f"How many {word} {owner.many} {past} {rows.many}?", f"How many {owner.many} {past} {rows.many}?"] * 2
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
        said = chance.pick([f"without {a_or_an(noun)}", f"with no {noun}", f"that have no {noun}",
                            f"without any {noun}",
                            f"that belong to no {noun}", f"whose {noun} is not known",
                            f"that do not have {a_or_an(noun)}"])  # fmt: skip
    else:
        said = chance.pick([f"with {a_or_an(noun)}", f"that have {a_or_an(noun)}", f"that belong to {a_or_an(noun)}"])
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
    way, named = way_of(facts, table, chance, named=True), one_row(table, chance)
    if way is None or named is None or table.is_link:
        return None
    said, where = named
    items = label_of(way.end)
    noun = way.role or chance.weighed([(one.one, one.weight) for one in way.end.nouns])
    shown = [one for one in way.end.columns.values() if one.sort != "key" and one not in way.end.label]
    if shown and chance.coin(0.3) and not way.is_many:
        column = chance.pick(shown)
        phrase = chance.first(column.phrases)
        forms = lookup_forms(column, phrase, f"the {noun} of {said}", f"the {noun} of {said}", chance)
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
            past, _, _ = act_of(table)
            forms += [f"Who {past} {said}?", f"Which {noun} {past} {said}?"] * 3 if past and is_buyer(way.end) else []
        if noun in DID:
            forms += [f"Who {DID[noun]} {said}?"] * 5
        if table.is_person and not way.end.is_person and not way.role:
            forms += [f"Which {noun} does {said} work {little}?" for little in ("for", "in", "at")]
        if thing_of(way.end.nouns[0].one) in ("location", "group"):
            forms += [f"In which {noun} is {said}?", f"Which {noun} is {said} in?", f"Where is {said}?"]
    return Asked(chance.pick(forms), select(items, joined(joins, [way]), where), "lookup", tables_of(way))


def with_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows beside what they belong to."""
    way, labels = way_of(facts, table, chance, named=True), label_of(table)
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
    way = way_of(facts, table, chance)
    far = far_condition(way, chance) if way else None
    if way is None or far is None or not numbers or (way.is_many and not far.names_one):
        return None
    column = chance.pick(numbers)
    ways, more = and_another(facts, table, way, chance)
    near = more or [one for one in conditions(table, chance, (0.85, 0.15)) if one.column != column.column.name]
    rows = called(table, chance, [*near, far])
    item, kind = aggregate(column, chance)
    forms = amount_forms(column, kind, rows, chance)
    if column.deed is not None and kind == "SUM" and not near and far.after.partition(" ")[0] in _LITTLE:
        things, event = column.deed
        forms += [f"How many {things} were {event.participle} {far.after}{end}?" for end in ("", "", " in total")] * 2
    return Asked(chance.pick(forms), select([item], joined(joins, ways), rows.sql), "amount", tables_of(*ways))


def extreme_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    labels = label_of(table)
    way, found = way_of(facts, table, chance), table.of(*SORTED)
    far = far_condition(way, chance) if way else None
    if way is None or far is None or not found or not labels or table.is_link or way.is_many:
        return None
    column, up = chance.pick(found), chance.coin(0.62)
    rows = called(table, chance, [far])
    where = [*rows.sql, *([f"{column.place} IS NOT NULL"] if column.n_missing and not up else [])]
    n = chance.weighed([(1, 0.75), (3, 0.12), (5, 0.13)])
    question, items = chance.pick(extreme_forms(table, column, rows, up, n, chance)), labels
    if chance.coin(0.2):
        items = [*labels, column.place]
        question = chance.pick(shown_too(table, column, rows, up, n, question, chance))
    order = column.place + (" DESC" if up else "")
    return Asked(question, select(items, joined(joins, [way]), where, order=order, limit=n), "extreme", tables_of(way))


def a_or_an(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"
