"""What can be said of rows by one of their columns: texts, flags, what is missing; numbers and days beside them."""

from collections.abc import Sequence
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.date_conditions import date_condition
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.number_conditions import number_condition
from rushlight.assistant.learn.database.saying import Condition, happened, value_said
from rushlight.assistant.learn.database.synonyms import is_noun, thing_of
from rushlight.assistant.sql.grammar import literal

_KINDS: Final = {"type", "kind", "category", "class", "genre", "sort", "form", "style", "group", "model", "brand"}


def text_condition(facts: TableFacts, column: ColumnFacts, chance: Chance, value: str = "") -> Condition | None:
    """Something equal, or not, or one of two, or a part of it."""
    values = [one for one in column.values if len(one) > 1 or column.sort == "group"]
    if not values:
        return None
    value = value or chance.pick(values)
    said, phrase = value_said(value, chance), chance.first(column.phrases)
    way = chance.weighed([("equal", 0.7), ("not", 0.09), ("either", 0.1), ("part", 0.11)])
    if column.sort in ("text", "name") and way in ("not", "either"):
        way = "equal" if chance.coin(0.6) else "part"
    if way == "not" and len(values) > 1:
        after = chance.pick([
            f"whose {phrase} is not {said}", f"not {_relation(column)} {said}",
            f"with {with_article(phrase)} other than {said}",
            f"that are not {_relation(column)} {said}", f"except those with {phrase} {said}",
        ])  # fmt: skip
        return Condition(f"{column.place} <> {literal(value)}", " ".join(after.split()), column=column.column.name)
    if way == "either" and len(values) > 2:
        first, second = chance.some(values, 2)
        a, b = value_said(first, chance), value_said(second, chance)
        after = chance.pick([
            f"{_relation(column)} {a} or {b}", f"whose {phrase} is {a} or {b}", f"with {phrase} {a} or {b}",
            f"whose {phrase} is either {a} or {b}",
        ])  # fmt: skip
        sql = f"{column.place} IN ({literal(first)}, {literal(second)})"
        return Condition(sql, " ".join(after.split()), column=column.column.name)
    if way == "part":
        return _part(column, value, phrase, chance)
    return _equal(facts, column, value, said, phrase, chance)


def _equal(facts: TableFacts, column: ColumnFacts, value: str, said: str, phrase: str, chance: Chance) -> Condition:
    sql = f"{column.place} = {literal(value)}"
    short = value.replace(" ", "").replace("-", "").isalpha() and value.count(" ") <= 1 and len(value) > 2
    is_word = column.sort == "group" and short and value.islower() and " " not in value
    is_noun_itself = is_word and (thing_of(value) == "person" or (is_noun(value) and column.phrase in _KINDS))
    if is_noun_itself and chance.coin(0.3):
        return Condition(sql, noun=value, column=column.column.name)
    if column.sort == "group" and short and chance.coin(0.2):
        return Condition(sql, before=value if value[:1].isupper() and chance.coin(0.4) else value.lower(),
                         column=column.column.name)  # fmt: skip
    if column.sort == "group" and short and value.islower() and chance.coin(0.22):
        return Condition(sql, chance.pick([f"that are {value}", f"that were {value}", f"which are {value}"]),
                         column=column.column.name)  # fmt: skip
    forms = [
        f"with {phrase} {said}",
        f"whose {phrase} is {said}",
        f"with the {phrase} {said}",
        f"where the {phrase} is {said}",
    ]
    if column.sort == "group" and chance.coin(0.15):
        return Condition(sql, f"for {said}", column=column.column.name)
    relation = _relation(column)
    if relation in ("in", "from") and facts.is_person and chance.coin(0.4):
        return Condition(sql, chance.pick([f"that live in {said}", f"living in {said}", f"who come from {said}",
                                           f"that are from {said}", f"who live in {said}"]),
                         column=column.column.name)  # fmt: skip
    if relation:
        forms += [f"{relation} {said}"] * (4 if thing_of(column.phrase) == "location" else 2)
    if column.sort == "name":
        forms += [f"called {said}", f"named {said}", f"with the name {said}"]
    return Condition(sql, chance.pick(forms), column=column.column.name)


def _relation(column: ColumnFacts) -> str:
    """The little word between a noun and a value: in Graz, of type A, for repair."""
    words = set(column.phrase.split())
    if thing_of(column.phrase) == "location" or words & {
        "city",
        "country",
        "region",
        "state",
        "district",
        "location",
        "town",
    }:
        return "in" if len(column.phrase) % 2 else "from"
    if words & _KINDS:
        return f"of {column.phrase}" if len(column.phrase) % 2 else "of the " + column.phrase
    return ""


def _part(column: ColumnFacts, value: str, phrase: str, chance: Chance) -> Condition | None:
    words = [word for word in value.split() if len(word) > 2 and word.isalnum()]
    if not words:
        return None
    word = chance.pick(words)
    if column.sort == "group" and " " not in value:
        return None
    if value.startswith(word) and chance.coin(0.5):
        start = word if chance.coin(0.6) else value[: 1 + chance.below(2)]
        said = chance.pick([f"'{start}'", start, f'"{start}"'])
        after = chance.pick([f"whose {phrase} starts with {said}", f"whose {phrase} begins with {said}",
                             f"with {with_article(phrase)} starting with {said}"])  # fmt: skip
        return Condition(f"{column.place} LIKE '{start}%'", after, column=column.column.name)
    said = chance.pick([f"'{word}'", word, f'"{word}"', word.lower()])
    after = chance.pick([
        f"whose {phrase} contains {said}", f"with {said} in the {phrase}", f"that have {said} in their {phrase}",
        f"whose {phrase} includes {said}", f"with {with_article(phrase)} containing {said}",
    ])  # fmt: skip
    return Condition(f"{column.place} LIKE '%{word}%'", after, column=column.column.name)


def flag_condition(column: ColumnFacts, chance: Chance) -> Condition:
    """Yes or no."""
    phrase = chance.first(column.phrases)
    first = column.column.name.lower()
    has = first.startswith(("has", "with")) or phrase.split()[-1] in ("view", "access", "permission", "discount")
    yes = chance.coin(0.62)
    if yes:
        forms = [f"with {phrase}", f"that have {phrase}"] if has else [f"that are {phrase}", f"which are {phrase}",
                                                                      f"marked as {phrase}"]  # fmt: skip
    else:
        forms = ([f"without {phrase}", f"that have no {phrase}", f"with no {phrase}"] if has else
                 [f"that are not {phrase}", f"which are not {phrase}", f"not marked as {phrase}"])  # fmt: skip
    if not has and " " not in phrase and chance.coin(0.4):
        before = phrase if yes else chance.pick([f"not {phrase}", f"non-{phrase}"])
        return Condition(f"{column.place} = {int(yes)}", before=before, column=column.column.name)
    return Condition(f"{column.place} = {int(yes)}", chance.pick(forms), column=column.column.name)


def missing_condition(column: ColumnFacts, chance: Chance) -> Condition:
    """Nothing there, or something."""
    phrase, what = chance.first(column.phrases), happened(column) if column.sort == "date" else ""
    if chance.coin(0.68):
        forms = [
            f"without {with_article(phrase)}", f"with no {phrase}", f"whose {phrase} is missing",
            f"that have no {phrase}",
            f"whose {phrase} is unknown", f"with missing {phrase}", f"where the {phrase} is empty",
            f"that don't have {with_article(phrase)}", f"whose {phrase} is not known",
            f"lacking {with_article(phrase)}",
            f"where no {phrase} is recorded", f"whose {phrase} was not given",
        ]  # fmt: skip
        if what and not what.endswith("ing"):
            forms += [f"that have not been {what} yet", f"not yet {what}", f"that were never {what}",
                      f"that were not {what}"] * 2  # fmt: skip
        return Condition(f"{column.place} IS NULL", chance.pick(forms), column=column.column.name)
    forms = [f"with {with_article(phrase)}", f"that have {with_article(phrase)}", f"whose {phrase} is known",
             f"with a known {phrase}", f"where the {phrase} is given"]  # fmt: skip
    if what and not what.endswith("ing"):
        forms += [f"that have been {what}", f"that were {what}", f"already {what}"] * 2
    return Condition(f"{column.place} IS NOT NULL", chance.pick(forms), column=column.column.name)


def any_condition(
    facts: TableFacts, chance: Chance, leave_out: Sequence[str] = (), only: Sequence[str] = ()
) -> Condition | None:
    """A condition on one of the table's columns; None where chance found none that can be said."""
    weights = {"group": 3.0, "date": 2.6, "number": 1.6, "money": 2.0, "count": 1.6, "year": 2.0, "flag": 2.0,
               "name": 0.35,
               "text": 0.5}  # fmt: skip
    choices: list[tuple[tuple[ColumnFacts, bool], float]] = []
    for one in facts.columns.values():
        if one.column.name in leave_out or (only and one.sort not in only):
            continue
        if one.sort in weights:
            choices.append(((one, False), weights[one.sort]))
        if one.n_missing and one.sort != "key" and not only:
            choices.append(((one, True), 0.7))
    if not choices:
        return None
    column, missing = chance.weighed(choices)
    if missing:
        return missing_condition(column, chance)
    if column.sort in ("group", "name", "text"):
        return text_condition(facts, column, chance)
    if column.sort == "date":
        return date_condition(column, chance, is_only=len(facts.of("date")) == 1)
    if column.sort == "flag":
        return flag_condition(column, chance)
    return number_condition(column, chance)
