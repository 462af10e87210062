"""How rows of one table belong to rows of others: along one key, two, or across a table that only links."""

from collections.abc import Sequence
from dataclasses import dataclass

from rushlight.assistant.learn.database.asked import Joins, aliased, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import Facts, Link, TableFacts
from rushlight.assistant.learn.database.saying import Condition, called, value_said
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.sql.grammar import literal


@dataclass(frozen=True, slots=True)
class Way:
    """From a row of `start` to a row of `end`: the keys, each with the alias of the table that has it."""

    start: TableFacts
    end: TableFacts  # under its alias
    links: tuple[tuple[str, Link], ...]
    role: str  # what the other row is to this one; "" = what its table is called
    is_many: bool  # whether one row of `start` may meet several of `end`

    @property
    def noun(self) -> str:
        return self.role or self.end.nouns[0].one


def ways_from(facts: Facts, start: TableFacts) -> list[Way]:
    """The other rows to which a row belongs, and those across a linking table."""
    found = []
    for link in facts.links_of(start.name):
        end = _end(facts, start.name, link)
        found.append(Way(start, end, ((start.name, link),), link.role, False))
        if end.name == start.name:
            continue
        for further in facts.links_of(end.name):
            if further.key.table not in (start.name, end.name):
                last = facts.tables[further.key.table]
                found.append(Way(start, last, ((start.name, link), (end.name, further)), further.role, False))
    for link in facts.links_to(start.name):
        middle = facts.tables[link.owner]
        if middle.is_link:
            for other in facts.links_of(middle.name):
                if other != link and other.key.table not in (start.name, middle.name):
                    last = facts.tables[other.key.table]
                    found.append(Way(start, last, ((middle.name, link), (middle.name, other)), other.role, True))
    return found


def _end(facts: Facts, start: str, link: Link) -> TableFacts:
    """The table at the other end; a table that is joined to itself goes under its role, as `trees` names it."""
    end = facts.tables[link.key.table]
    if link.key.table != start:
        return end
    name = link.key.columns[0].lower().removesuffix("_id").removesuffix("id").strip("_")
    return aliased(end, name if name and name != link.key.table.lower() else f"{name or link.key.table}_2")


def far_condition(way: Way, chance: Chance) -> Condition | None:
    """Something that is said of the other row: its name, or what it is like."""
    end = way.end
    if end.label and end.label[-1].values and chance.coin(0.6):
        label = end.label[-1]
        value = chance.pick(label.values)
        said, noun = value_said(value, chance), way.role or chance.weighed([(one.one, one.weight) for one in end.nouns])
        forms = [f"of {said}", f"of the {noun} {said}", f"with {noun} {said}", f"whose {noun} is {said}", f"for {said}",
                 f"with the {noun} {said}", f"for {noun} {said}", f"belonging to {said}"]  # fmt: skip
        if end.is_person and not way.is_many:
            forms += [f"by {said}", f"by {noun} {said}", f"of {said}", f"from {said}"]
        if thing_of(end.nouns[0].one) in ("location", "group") or end.nouns[0].one in (
            "building",
            "room",
            "department",
        ):
            forms += [f"in {said}", f"at {said}", f"in the {noun} {said}", f"from {said}"]
        if way.is_many:
            forms += [
                f"that have {said}",
                f"with {said}",
                f"that have {_article(said)}",
                f"with {_article(said)}",
                f"with the {noun} {said}",
                f"that have the {noun} {said}",
            ] * 2
        return Condition(f"{label.place} = {literal(value)}", chance.pick(forms), column="")
    made = any_condition(end, chance, only=("group", "date", "number", "money", "count", "year", "flag"))
    if made is None:
        return None
    rows = called(end, chance, [made], noun=way.role)
    forms = [f"of {rows.many}", f"of {rows.many}", f"for {rows.many}", f"with {_article(rows.one)}"]
    if end.is_person:
        forms += [f"by {rows.many}", f"from {rows.many}"]
    said = verbal(made.after, singular=True) if made.after else ""
    if said:
        forms += [f"whose {way.noun} {said}"] * 4
    if way.is_many:
        forms = [f"with {rows.many}", f"that have {rows.many}", f"with at least one {rows.one}"]
    return Condition(made.sql, chance.pick(forms), column="")


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def joined(joins: Joins, ways: Sequence[Way], first: str = "", left: bool = False) -> str:
    """FROM with all keys of these ways."""
    links = {(alias, link.key.columns): (alias, link) for way in ways for alias, link in way.links}
    return joins.joined(list(links.values()), first, left)


def tables_of(*ways: Way) -> tuple[str, ...]:
    names = [name for way in ways for _, link in way.links for name in (link.owner, link.key.table)]
    return tuple(dict.fromkeys(names))
