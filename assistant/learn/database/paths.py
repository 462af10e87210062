"""How rows of one table belong to rows of others: along one key, two, or across a table that only links."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rushlight.assistant.learn.database.asked import Joins, aliased, label_of, verbal
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import any_condition
from rushlight.assistant.learn.database.facts import Facts, Link, TableFacts
from rushlight.assistant.learn.database.lookups import name_of_row
from rushlight.assistant.learn.database.relations import act_of, by_whom, is_buyer
from rushlight.assistant.learn.database.saying import Condition, called
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.sql.trees import MAX_JOINED


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
    """The other rows to which a row belongs, up to three keys away, and those across a linking table."""
    found = []
    for link in facts.links_of(start.name):
        end = _end(facts, start.name, link)
        found.append(Way(start, end, ((start.name, link),), link.role, False))
        if end.name != start.name:
            found += _further(facts, start, end, ((start.name, link),))
    for link in facts.links_to(start.name):
        middle = facts.tables[link.owner]
        if middle.is_link:
            for other in facts.links_of(middle.name):
                if other != link and other.key.table not in (start.name, middle.name):
                    last = facts.tables[other.key.table]
                    found.append(Way(start, last, ((middle.name, link), (middle.name, other)), other.role, True))
    return found


def _further(facts: Facts, start: TableFacts, middle: TableFacts, links: tuple[tuple[str, Link], ...]) -> Iterator[Way]:
    """On from the row to which a row belongs, to what that one belongs to."""
    passed = {start.name, middle.name} | {one.key.table for _, one in links}
    for link in facts.links_of(middle.name):
        if link.key.table not in passed:
            end, longer = facts.tables[link.key.table], (*links, (middle.name, link))
            yield Way(start, end, longer, link.role, False)
            if len(longer) < MAX_JOINED - 1:
                yield from _further(facts, start, end, longer)


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
    if end.label and end.label[-1].values and chance.coin(0.62):
        return named_condition(way, chance)
    made = any_condition(end, chance, only=("group", "date", "number", "money", "count", "year", "flag"))
    if made is None:
        return None
    rows = called(end, chance, [made], noun=way.role)
    forms = [f"of {rows.many}"] * 3 + [f"for {rows.many}", f"with {_article(rows.one)}"]
    if end.is_person:
        forms += [f"by {rows.many}", f"from {rows.many}"]
        past, _, _ = act_of(way.start)
        forms += [f"that {rows.many} {past}", f"{by_whom(past)} by {rows.many}"] * 2 if past and is_buyer(end) else []
    if _is_place(end):
        forms += [f"in {rows.many}", f"at {rows.many}"] * 2
    said = verbal(made.after, singular=True) if made.after else ""
    if said:
        forms += [f"whose {way.noun} {said}"] * 3
    if way.is_many:
        forms = [f"with {rows.many}", f"that have {rows.many}", f"with at least one {rows.one}",
                 f"with {_article(rows.one)}"]  # fmt: skip
    return Condition(made.sql, chance.pick(forms), column="")


def named_condition(way: Way, chance: Chance) -> Condition | None:
    """The other row by its name: of the department Sales, that Anna Ek placed."""
    end = way.end
    named = name_of_row(end, chance)
    if named is None:
        return None
    said, sql = named
    noun = way.role or chance.weighed([(one.one, one.weight) for one in end.nouns])
    forms = [f"of {said}", f"of {said}", f"of the {noun} {said}", f"with {noun} {said}", f"whose {noun} is {said}",
             f"for {said}", f"with the {noun} {said}", f"for {noun} {said}", f"belonging to {said}"]  # fmt: skip
    if end.is_person and not way.is_many:
        forms = [f"by {said}", f"by {noun} {said}", f"of {said}", f"of {said}", f"from {said}", f"for {said}",
                 f"whose {noun} is {said}", f"with the {noun} {said}"]  # fmt: skip
        past, _, _ = act_of(way.start)
        forms += [f"that {said} {past}", f"{by_whom(past)} by {said}"] * 3 if past and is_buyer(end) else []
        if way.role:
            forms = [f"of {said}", f"whose {noun} is {said}", f"with the {noun} {said}", f"with {noun} {said}",
                     f"of the {noun} {said}", f"whose {noun} is {said}"]  # fmt: skip
            forms += [f"under {said}", f"that work for {said}"] if noun in ("manager", "boss", "supervisor") else []
    if way.role.startswith(("origin ", "destination ")):
        little = "from" if way.role.startswith("origin") else "to"
        forms = [f"{little} {said}"] * 5 + [f"with the {noun} {said}", f"whose {noun} is {said}"]
        forms += [f"that start in {said}", f"starting in {said}"] if little == "from" else [f"that go to {said}"]
    elif _is_place(end):
        forms = [f"in {said}", f"at {said}", f"in the {noun} {said}", f"at the {noun} {said}", f"of {said}",
                 f"of the {noun} {said}", f"that are in {said}", f"that belong to {said}"]  # fmt: skip
    if way.is_many:
        forms += [f"with {said}", f"that have {_article(said)}", f"that have {_article(said)}",
                  f"with {_article(said)}",
                  f"with the {noun} {said}", f"that have the {noun} {said}"] * 2  # fmt: skip
    return Condition(" AND ".join(sql), chance.pick(forms), names_one=True)


def _is_place(end: TableFacts) -> bool:
    return thing_of(end.nouns[0].one) in ("location", "group") or end.nouns[0].one in _PLACES


_PLACES: Final = {
    "building",
    "room",
    "department",
    "hotel",
    "shop",
    "store",
    "school",
    "office",
    "site",
    "station",
    "restaurant",
    "hospital",
    "clinic",
    "museum",
    "library",
    "club",
    "gym",
    "plant",
    "lab",
    "studio",
}


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def group_of(end: TableFacts) -> tuple[list[str], list[str]]:
    """What is shown of each row when rows are counted for it, and by what they are grouped: by its key, where several
    have the same name."""
    labels = label_of(end)
    keys = [one for one in end.columns.values() if one.column.key]
    if len(keys) == 1 and end.label and not (len(end.label) == 1 and end.label[0].is_unique):
        return labels, [keys[0].place]
    return labels, labels


def joined(joins: Joins, ways: Sequence[Way], first: str = "", left: bool = False) -> str:
    """FROM with all keys of these ways."""
    links = {(alias, link.key.columns): (alias, link) for way in ways for alias, link in way.links}
    return joins.joined(list(links.values()), first, left)


def tables_of(*ways: Way) -> tuple[str, ...]:
    names = [name for way in ways for _, link in way.links for name in (link.owner, link.key.table)]
    return tuple(dict.fromkeys(names))
