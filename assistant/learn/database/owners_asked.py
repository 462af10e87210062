"""Questions from the side of what rows belong to: what X has, spent or leads; what has none, or never did."""

from dataclasses import replace

from rushlight.assistant.learn.database.asked import Asked, Joins, label_of, select, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition, is_main_date
from rushlight.assistant.learn.database.facts import Facts, Link, TableFacts
from rushlight.assistant.learn.database.figures_asked import aggregate
from rushlight.assistant.learn.database.groups_asked import figure_words
from rushlight.assistant.learn.database.lookups import name_of_row
from rushlight.assistant.learn.database.names import plural_of
from rushlight.assistant.learn.database.paths import Way, far_condition, joined, tables_of, ways_from
from rushlight.assistant.learn.database.relations import DID, act_of, done_alone, done_to, is_buyer
from rushlight.assistant.learn.database.rows_asked import NUMBERS, conditions, how_many
from rushlight.assistant.learn.database.saying import Condition, Rows, called, called_late, said_late
from rushlight.assistant.learn.database.several_tables import a_or_an, way_of
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.sql.grammar import literal
from rushlight.assistant.sql.trees import name_of


def owned(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """How many, which, or how much of them something has that is named: does the Seaside Inn have."""
    way = way_of(facts, table, chance)
    named = name_of_row(way.end, chance) if way is not None else None
    if way is None or named is None:
        return None
    said, far = named
    noun = way.role or way.end.nouns[0].one
    who = said if chance.coin(0.6) or way.end.is_person else f"the {noun} {said}"
    if way.role:
        who = f"the {noun} {said}"
    made = conditions(table, chance, (0.5, 0.5))
    (rows, tail), source = called_late(table, chance, made), joined(joins, [way])
    if not source:
        return None
    asked = _owned(table, way, rows, source, far, who, said, chance)
    return replace(asked, question=said_late(asked.question, tail))


def _owned(
    table: TableFacts, way: Way, rows: Rows, source: str, far: list[str], who: str, said: str, chance: Chance
) -> Asked:
    past, base, _ = act_of(table)
    acts = bool(past) and is_buyer(way.end) and not way.role
    numbers, where = table.of(*NUMBERS), [*rows.sql, *far]
    if numbers and chance.coin(0.36):
        column = chance.pick(numbers)
        item, kind = aggregate(column, chance)
        words = figure_words(column, kind, chance)
        words = words + (f" of {rows.many}" if rows.sql or chance.coin(0.5) else "")
        forms = [
            f"What is the {words} {little} {who}?" for little in ("of", "for", "at" if _is_place(way.end) else "of")
        ]
        if kind == "SUM" and column.sort == "money":
            on = f" on {rows.many}" if rows.sql or chance.coin(0.4) else ""
            forms += [f"How much did {who} {'spend' if acts else 'bring in'}{on} in total?",
                      f"How much did {who} {'spend' if acts else 'bring in'}{on}?",
                      f"How much has {who} {'spent' if acts else 'brought in'}{on}?"] * 2  # fmt: skip
        elif kind == "SUM" and column.sort == "count":
            forms += [f"How many {column.phrase} does {who} have in total?"] * 3
        return Asked(chance.pick(forms), select([item], source, where), "amount", tables_of(way))
    days = [one for one in table.of("date") if is_main_date(table, one)]
    if days and chance.coin(0.13):
        is_last = chance.coin(0.7)
        word = chance.pick(["last", "latest", "most recent"]) if is_last else "first"
        forms = [f"When was the {word} {rows.one} of {who}?", f"When was {said}'s {word} {rows.one}?",
                 f"When did {who} {'last' if is_last else 'first'} have {a_or_an(rows.one)}?"]  # fmt: skip
        forms += [f"When did {who} {'last' if is_last else 'first'} {base} {a_or_an(rows.one)}?"] * 2 * acts
        item = f"{'MAX' if is_last else 'MIN'}({days[0].place})"
        return Asked(chance.pick(forms), select([item], source, where), "dates", tables_of(way))
    labels = label_of(table)
    if labels and not table.is_link and chance.coin(0.38):
        forms = [f"Which {rows.many} does {who} have?", f"Which {rows.many} did {who} have?",
                 f"What {rows.many} does {who} have?", f"List {said}'s {rows.many}.",
                 f"Which {rows.many} belong to {who}?", f"Show the {rows.many} of {who}."]  # fmt: skip
        forms += [f"Which {rows.many} did {who} {base}?"] * 4 if acts else []
        return Asked(chance.pick(forms), select(labels, source, where), "list", tables_of(way))
    forms = [f"How many {rows.many} does {who} have?"] * 4 + [f"How many {rows.many} did {who} have?",
                                                            f"How many {rows.many} has {who} had?"]  # fmt: skip
    if acts:
        forms += [f"How many {rows.many} did {who} {base}?"] * 5
        forms += [f"How often has {who} {done_alone(table)}?"] * 2 * (bool(done_alone(table)) and not rows.sql)
    elif done_to(table) and not way.end.is_person and not rows.sql:
        forms += [f"How often was {who} {done_to(table)}?", f"How many times was {who} {done_to(table)}?"] * 2
    if _is_place(way.end):
        forms += [f"How many {rows.many} are there {little} {who}?" for little in ("at", "in")]
    return Asked(chance.pick(forms), select(["COUNT(*)"], source, where), "count", tables_of(way))


def _is_place(end: TableFacts) -> bool:
    return thing_of(end.nouns[0].one) in ("location", "group")


_JOBS = ("job", "title", "role", "position", "occupation", "profession", "function", "rank", "type", "duty", "post")


def holder(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Who is the manager of X, who manages X: people by a column that says what they are."""
    if not table.is_person or not table.label:
        return None
    jobs = [
        (one, value)
        for one in table.of("group")
        if one.phrase.split()[-1] in _JOBS
        for value in one.values
        if thing_of(value.lower()) == "person"
    ]
    ways = [one for one in [way_of(facts, table, chance)] if one is not None and not one.end.is_person]
    if not jobs or not ways:
        return None
    (column, value), way = chance.pick(jobs), ways[0]
    named, source = name_of_row(way.end, chance), joined(joins, [way])
    if named is None or not source:
        return None
    said, far = named
    who = said if chance.coin(0.75) else f"the {way.noun} {said}"
    word = value.lower()
    forms = [f"Who is the {word} of {who}?", f"Who is the {word} at {who}?", f"Who works as {word} at {who}?",
             f"Which {plural_of(word)} does {who} have?", f"Who are the {plural_of(word)} of {who}?",
             f"What is the name of the {word} of {who}?"]  # fmt: skip
    forms += [f"Who {DID[word]} {who}?"] * 4 if word in DID else []
    where = [f"{column.place} = {literal(value)}", *far]
    return Asked(chance.pick(forms), select(label_of(table), source, where), "list", tables_of(way))


def without(facts: Facts, table: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Rows to which no row of another table belongs, or at least one."""
    links = facts.links_to(table.name)
    labels = label_of(table)
    if not links or not labels or table.is_link:
        return None
    link = chance.pick(links)
    if link.role and sum(one.owner == link.owner for one in links) > 1:
        return None  # from or to: no route would say neither
    other = facts.tables[link.owner]
    made = []
    if chance.coin(0.3) and len(link.key.columns) == 1:
        one = any_condition(other, chance, only=("group", "date", "flag", "money", "number", "year"))
        made = [one] if one is not None and one.sql.count(" AND ") == 0 else []
    inner, third = joins.source(other.name), ""
    behind = _behind(facts, table, other, link, chance) if not made and chance.coin(0.3) else None
    if behind is not None:
        (way, condition), made = behind, [behind[1]]
        inner, third = joined(joins, [way]), way.end.name
    rows, yes = called(other, chance, made), chance.coin(0.28) and not third
    far = _across(facts, other, link, chance) if other.is_link and not made else ""
    if far:
        rows = Rows(far, plural_of(far), rows.sql)
    elif other.is_link and third:
        rows = Rows(condition.after, condition.after, rows.sql)
    near = conditions(table, chance, (0.8, 0.2))
    owner = called(table, chance, near)
    said, asked = _sayings(table, other, link, rows, owner, yes, bool(far), chance)
    if far and not yes:
        asked += [f"Which {owner.many} does no {far} have?", f"Which {owner.one} does no {far} have?",
                  f"Which {owner.many} do no {rows.many} have?", f"Which {owner.many} does no {far} offer?"
                  if not table.is_person else f"Which {owner.many} does no {far} have?"]  # fmt: skip
    where, source = _belonging(joins, table, other, link, rows.sql, yes, inner)
    if not source or not inner:
        return None
    where = [*owner.sql, *where]
    tables = (table.name, other.name, *((third,) if third else ()))
    if chance.coin(0.35):
        predicate, bare = verbal(said), f"{owner.one} {said}"
        question = how_many(Rows(bare, f"{owner.many} {said}"), (), chance)
        if predicate and chance.coin(0.6):
            question = f"How many {owner.many} {predicate}?"
        return Asked(question, select(["COUNT(*)"], source, where), "without", tables)
    forms = [f"List all {owner.many} {said}.", f"List the {owner.many} {said}.", f"Show {owner.many} {said}.",
             f"Find all {owner.many} {said}.", f"{owner.many.capitalize()} {said}"]  # fmt: skip
    if verbal(said):
        forms += [f"Which {owner.many} {verbal(said)}?"] * 6
    forms += asked * 3
    return Asked(chance.pick(forms), select(labels, source, where), "without", tables)


def _behind(
    facts: Facts, table: TableFacts, other: TableFacts, link: Link, chance: Chance
) -> tuple[Way, Condition] | None:
    """What the rows belong to as well, and what is said of that: no visits to the doctor Ek, no film of that genre."""
    ways = [
        one for one in ways_from(facts, other)
        if len(one.links) == 1 and not one.is_many and not one.role and one.end.name not in (table.name, other.name)
    ]  # fmt: skip
    if not ways or len(link.key.columns) > 1:
        return None
    way = chance.pick(ways)
    if other.is_link:
        named = name_of_row(way.end, chance)
        if named is None:
            return None
        return way, Condition(" AND ".join(named[1]), f"{way.end.nouns[0].one} {named[0]}", names_one=True)
    condition = far_condition(way, chance)
    return (way, condition) if condition is not None and condition.sql.count(" AND ") < 2 else None


def _sayings(
    table: TableFacts, other: TableFacts, link: Link, rows: Rows, owner: Rows, yes: bool, is_across: bool,
    chance: Chance,
) -> tuple[str, list[str]]:  # fmt: skip
    """How one says that they have such or none: behind their noun, and as whole questions."""
    past, base, _ = act_of(other)
    acts = bool(past) and is_buyer(table) and not link.role
    done = done_to(other) if not table.is_person and not rows.sql else ""
    alone = done_alone(other) if acts and not rows.sql else ""
    if yes:
        said = [f"with {rows.many}", f"that have {rows.many}", f"with at least one {rows.one}",
                f"that have at least one {rows.one}", f"that had {rows.many}"]  # fmt: skip
        said += [f"that {past} {rows.many}", f"that {past} at least one {rows.one}"] * 2 if acts else []
        said += [f"that were {done} at least once", f"that were {done}"] * 2 if done else []
        return chance.pick(said), []
    said = [f"without {rows.many}", f"that have no {rows.many}", f"that have no {rows.one}", f"with no {rows.many}",
            f"without any {rows.many}", f"that don't have any {rows.many}", f"that have never had {a_or_an(rows.one)}",
            f"that do not have {a_or_an(rows.one)}", f"that never had {a_or_an(rows.one)}"]  # fmt: skip
    asked = [f"Which {owner.many} are there no {rows.many} for?", f"For which {owner.many} are there no {rows.many}?"]
    if acts:
        said += [f"that never {past} {a_or_an(rows.one)}", f"that have never {past} {a_or_an(rows.one)}",
                 f"that did not {base} any {rows.many}", f"that {past} no {rows.many}"] * 2  # fmt: skip
    if alone and not alone.startswith("were"):
        said += [f"that never {alone} anything", f"that have never {alone} anything", f"that never {alone}"] * 2
    if done:
        said += [f"that were never {done}", f"that have never been {done}", f"that nobody {done}" if done.endswith("ed")
                 else f"that were never {done}"] * 2  # fmt: skip
    if not table.is_person:
        asked += [f"Which {owner.many} does no {rows.one} belong to?"] * 2
        if is_across:
            asked = [f"Which {owner.one} does no {rows.one} have?", f"Which {owner.many} does no {rows.one} have?",
                     f"Which {owner.one} does no {rows.one} offer?", f"Which {owner.many} are not in any {rows.one}?",
                      f"Which {owner.one} belongs to no {rows.one}?"]  # fmt: skip
    return chance.pick(said), asked


def _across(facts: Facts, middle: TableFacts, link: Link, chance: Chance) -> str:
    """What lies behind a linking table: amenities of no hotel."""
    others = [one for one in facts.links_of(middle.name) if one != link and one.key.table != link.key.table]
    return others[0].role or facts.tables[others[0].key.table].nouns[0].one if others else ""


def _belonging(
    joins: Joins, table: TableFacts, other: TableFacts, link: Link, conditions_: tuple[str, ...], yes: bool,
    inner_source: str,
) -> tuple[list[str], str]:  # fmt: skip
    """IN (SELECT ...) along a key of one column; of several columns a join that found nothing."""
    if len(link.key.columns) == 1:
        place = f"{name_of(table.name)}.{name_of(link.key.to_columns[0])}"
        own = f"{name_of(other.name)}.{name_of(link.key.columns[0])}"
        inner = list(conditions_)
        if link.has_missing and not yes:
            inner.insert(0, f"{own} IS NOT NULL")
        where = f" WHERE {' AND '.join(inner)}" if inner else ""
        word = "IN" if yes else "NOT IN"
        return [f"{place} {word} (SELECT {own} {inner_source}{where})"], joins.source(table.name)
    if yes or conditions_:
        return [], ""
    source = joins.joined([(other.name, link)], table.name, left=True)
    return [f"{name_of(other.name)}.{name_of(link.key.columns[0])} IS NULL"], source
