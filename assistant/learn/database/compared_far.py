"""Questions that hold a row against others: a day or a text against one of the row it belongs to, a figure against the
mean of its kind."""

from typing import Final

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.events import Event
from rushlight.assistant.learn.database.facts import ColumnFacts, Facts, TableFacts
from rushlight.assistant.learn.database.names import with_article, words_of
from rushlight.assistant.learn.database.number_conditions import comparatives, verb_of
from rushlight.assistant.learn.database.paths import joined, tables_of, ways_from
from rushlight.assistant.learn.database.relations import is_place, prepositions
from rushlight.assistant.learn.database.rows_asked import NUMBERS, how_many
from rushlight.assistant.learn.database.saying import Rows, called
from rushlight.assistant.sql.trees import name_of

_OTHER: Final = "other"  # the table's name in the query inside


def compared_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows with a day after, or before, one of what they belong to: payments made after the invoice was due."""
    near = [one for one in ways_from(facts, table) if len(one.links) == 1 and not one.is_many]
    found = [one for one in near if _days(one.end) and one.end.name != table.name]
    dates = _days(table)
    if not found or not dates or table.is_link:
        return None
    way = chance.pick(found)
    source, mine, theirs = joined(joins, [way]), chance.pick(dates), chance.pick(_days(way.end))
    if not source:
        return None
    late, rows, noun, labels = chance.coin(0.7), called(table, chance), way.noun, label_of(table)
    word, a, b = "after" if late else "before", chance.first(mine.phrases), chance.first(theirs.phrases)
    more = chance.pick(["after", "later than"] if late else ["before", "earlier than"])
    said = [f"whose {a} is {more} the {b} of the {noun}", f"with {with_article(a)} {more} the {b} of their {noun}"]
    told = []
    if mine.event is not None and theirs.event is not None and mine.event.base != "be":
        ends = [f"{word} the {noun} {_happened(theirs.event)}", f"{word} their {noun} {_happened(theirs.event)}"]
        told = [f"{_happened(mine.event, several=True)} {end}" for end in ends]
        said += [f"that {one}" for one in told] * 3
    where = [f"{mine.place} {'>' if late else '<'} {theirs.place}"]
    if not labels or chance.coin(0.55):
        after = chance.pick(said)
        question = how_many(Rows(f"{rows.one} {after}", f"{rows.many} {after}"), (), chance)
        if told and chance.coin(0.5):
            question = f"How many {rows.many} {chance.pick(told)}?"
        return Asked(question, select(["COUNT(*)"], source, where), "compared", tables_of(way))
    forms = [f"List the {rows.many} {one}." for one in said] + [f"Which {rows.many} {one}?" for one in told] * 3
    return Asked(chance.pick(forms), select(labels, source, where), "compared", tables_of(way))


def alike_far(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows with the same text as what they belong to, or another: patients of the city of their hospital."""
    found = [
        (way, mine, theirs)
        for way in ways_from(facts, table) if not way.is_many and way.end.name != table.name and len(way.links) < 3
        for mine in table.of("group", "text") for theirs in way.end.of("group", "text")
        if words_of(mine.column.name)[-1] == words_of(theirs.column.name)[-1] and set(mine.values) & set(theirs.values)
    ]  # fmt: skip
    if not found or table.is_link:
        return None
    way, mine, theirs = chance.pick(found)
    source, rows, labels = joined(joins, [way]), called(table, chance), label_of(table)
    if not source:
        return None
    same, a, b, noun = chance.coin(0.65), chance.first(mine.phrases), chance.first(theirs.phrases), way.noun
    if same:
        said = [f"with the same {a} as their {noun}", f"whose {a} is the same as the {b} of their {noun}",
                f"whose {a} is the {b} of their own {noun}", f"that have the same {a} as the {noun}"]  # fmt: skip
    else:
        said = [f"with another {a} than their {noun}", f"whose {a} is not the same as the {b} of their {noun}",
                f"whose {a} differs from that of their {noun}", f"with a different {a} than the {noun}"]  # fmt: skip
    if is_place(mine) and prepositions(mine):
        little = chance.pick(prepositions(mine))
        said += [f"{little} the same {a} as their {noun}" if same else f"not {little} the same {a} as their {noun}"] * 3
    where, after = [f"{mine.place} {'=' if same else '<>'} {theirs.place}"], chance.pick(said)
    if not labels or chance.coin(0.55):
        question = how_many(Rows(f"{rows.one} {after}", f"{rows.many} {after}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "compared", tables_of(way))
    forms = [f"List the {rows.many} {after}.", f"Show all {rows.many} {after}."]
    forms += [f"Which {rows.many} {verbal(after)}?"] * 3 if verbal(after) else []
    return Asked(chance.pick(forms), select(labels, source, where), "compared", tables_of(way))


def _days(facts: TableFacts) -> list[ColumnFacts]:
    """Its days, without those on which somebody was born: all else came later."""
    return [one for one in facts.of("date") if one.event is None or one.event.base != "bear"]


def _happened(event: Event, *, several: bool = False) -> str:
    if event.base == "be":
        return f"{'were' if several else 'was'} due"
    return event.past if event.does else f"{'were' if several else 'was'} {event.participle}"


def against_kind(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows above or below the mean of their own kind: products that cost more than the average of their category."""
    numbers, labels = table.of(*NUMBERS), label_of(table)
    groups = [one for one in table.of("group") if one not in table.label]
    kinds: list[tuple[str, str]] = [(one.column.name, one.phrase) for one in groups]
    kinds += [(link.key.columns[0], link.role or facts.tables[link.key.table].nouns[0].one)
              for link in facts.links_of(table.name)
              if len(link.key.columns) == 1 and link.key.table != table.name]  # fmt: skip
    if not numbers or not kinds or table.is_link:
        return None
    column, (kind, of) = chance.pick(numbers), chance.pick(kinds)
    up, rows = chance.coin(0.7), called(table, chance)
    after, told = _against(column, of, rows, up, chance)
    name, own = name_of(table.name), name_of(kind)
    mean = f"SELECT AVG({_OTHER}.{name_of(column.column.name)}) FROM {name} AS {_OTHER}"
    inner = f"({mean} WHERE {_OTHER}.{own} = {name}.{own})"
    where, source = [f"{column.place} {'>' if up else '<'} {inner}"], joins.source(table.name)
    if not labels or chance.coin(0.3):
        question = how_many(Rows(f"{rows.one} {after}", f"{rows.many} {after}"), (), chance)
        return Asked(question, select(["COUNT(*)"], source, where), "mean", (table.name,))
    forms = [f"List the {rows.many} {after}.", f"Show all {rows.many} {after}.", f"Find {rows.many} {after}."]
    forms += [f"Which {rows.many} {verbal(after)}?"] * 3 if verbal(after) else []
    forms += [f"Which {rows.many} {one}?" for one in told] * 2
    return Asked(chance.pick(forms), select(labels, source, where), "mean", (table.name,))


def _against(column: ColumnFacts, of: str, rows: Rows, up: bool, chance: Chance) -> tuple[str, list[str]]:
    """What stands behind the rows, and predicates that say the same."""
    phrase = chance.first(column.phrases)
    word = chance.pick(["above", "higher than", "more than"] if up else ["below", "lower than", "less than"])
    own = chance.pick([f"of their {of}", f"of their {of}", f"of the same {of}", f"of their own {of}"])
    which = [f"whose {phrase} is {word} the average {own}", f"with {with_article(phrase)} {word} the average {own}",
             f"whose {phrase} is {word} the average {phrase} {own}"]  # fmt: skip
    if column.sort == "count":
        which = [f"with {'more' if up else 'fewer'} {phrase} than the average {own}"] * 2
    more, verb = comparatives(column)[0 if up else 1], verb_of(column)[1]
    told = [f"are {more} than the average {own}", f"are {more} than the average {rows.one} {own}"] if more else []
    if verb:
        told += [f"{verb} {'more' if up else 'less'} than the average {own}"] * 2
    which += [f"that {one}" for one in told]
    return chance.pick(which), told
