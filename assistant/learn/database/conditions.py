"""What can be said of rows by one of their columns: texts, flags, what is missing; numbers and days beside them."""

from collections.abc import Sequence
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.date_conditions import date_condition
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of, with_article
from rushlight.assistant.learn.database.number_conditions import number_condition
from rushlight.assistant.learn.database.relations import KINDED, KINDS, act_of, did, is_place, prepositions
from rushlight.assistant.learn.database.saying import Condition, value_said
from rushlight.assistant.learn.database.synonyms import is_noun, thing_of
from rushlight.assistant.sql.grammar import literal

_ADJECTIVE_ENDS: Final = ("able", "ible", "ic", "al", "ive", "ful", "less", "ous", "ary", "ant", "ent")
# What happened to every row: where the year is missing, it is not known.
_ONCE: Final = {"bear", "make", "build", "found", "write", "publish", "establish", "construct", "manufacture", "create"}
_JOBS: Final = {"job", "job title", "position", "role", "occupation", "profession", "title"}
_VIEWS: Final = {"view", "access", "permission", "discount", "parking", "breakfast", "wifi", "insurance", "warranty"}


def text_condition(facts: TableFacts, column: ColumnFacts, chance: Chance, value: str = "") -> Condition | None:
    """Something equal, or not, or one of two, or a part of it."""
    values = [one for one in column.values if len(one) > 1 or column.sort == "group"]
    if not values:
        return None
    value = value or chance.pick(values)
    word = spoken(column, value, chance)
    said = value_said(value, chance) if word == value else word
    phrase = chance.first(column.phrases)
    way = chance.weighed([("equal", 0.74), ("not", 0.1), ("either", 0.1), ("part", 0.06)])
    if column in facts.label and chance.coin(0.5):
        way = "part"  # a row that is named needs no condition
    if column.sort in ("text", "name") and way in ("not", "either"):
        way = "equal" if chance.coin(0.6) else "part"
    if column.note.codes and way == "part":
        way = "equal"
    if way == "not" and len(values) > 1:
        return _not(column, value, said, phrase, chance)
    if way == "either" and len(values) > 2:
        return _either(facts, column, values, phrase, chance)
    if way == "part" and (column.sort != "group" or chance.coin(0.4)):
        return _part(column, value, phrase, chance)
    return _equal(facts, column, value, word, said, phrase, chance)


def spoken(column: ColumnFacts, value: str, chance: Chance) -> str:
    """The word that a code stands for, and now and then the code itself; else the value."""
    word = column.note.codes.get(value, "")
    return value if not word or chance.coin(0.08) else word


def _not(column: ColumnFacts, value: str, said: str, phrase: str, chance: Chance) -> Condition:
    forms = [f"whose {phrase} is not {said}", f"with {with_article(phrase)} other than {said}",
             f"except those with {phrase} {said}", f"where the {phrase} is not {said}"]  # fmt: skip
    if is_state(said):
        forms += [f"that were not {said}", f"that are not {said}", f"which were not {said}",
                  f"that weren't {said}", _apart(said, chance)] * 2  # fmt: skip
    for word in prepositions(column):
        forms += [f"that are not {word} {said}", f"not {word} {said}", f"outside {said}" if word == "in" and
                  is_place(column) else f"not {word} {said}"]  # fmt: skip
    return Condition(f"{column.place} <> {literal(value)}", chance.pick(forms), column=column.column.name)


def _apart(state: str, chance: Chance) -> str:
    """A part of the sentence that takes some rows out."""
    word = chance.pick(["not counting", "leaving out", "excluding", "without", "except for", "ignoring"])
    return f", {word} {chance.pick([f'{state} ones', f'{state} ones', f'the {state} ones'])},"


def _either(facts: TableFacts, column: ColumnFacts, values: Sequence[str], phrase: str, chance: Chance) -> Condition:
    first, second = chance.some(values, 2)
    a, b = (spoken(column, one, chance) for one in (first, second))
    is_states = is_state(a) and is_state(b)
    a, b = (one if one in column.note.codes.values() else value_said(one, chance) for one in (a, b))
    forms = [f"whose {phrase} is {a} or {b}", f"with {phrase} {a} or {b}", f"whose {phrase} is either {a} or {b}",
             f"with the {phrase} {a} or {b}"]  # fmt: skip
    if is_states:
        forms += [f"that were {a} or {b}", f"that are either {a} or {b}"] * 2
    for word in prepositions(column):
        forms += [f"{word} {a} or {b}", f"{word} either {a} or {b}", f"that are {word} {a} or {b}"]
    if is_place(column) and facts.is_person:
        forms += [f"from {a} or {b}", f"who live in {a} or {b}", f"from {a} and {b}"] * 2
    sql = f"{column.place} IN ({literal(first)}, {literal(second)})"
    return Condition(sql, chance.pick(forms), column=column.column.name)


def is_state(value: str) -> bool:
    """Whether a value says of rows what they are: cancelled, damaged, seasonal."""
    word = value.lower()
    if not (word.isalpha() and value.islower() and len(word) > 3):
        return False
    return word.endswith("ed") or (not is_noun(word) and (word.endswith(_ADJECTIVE_ENDS) or word in _STATES))


_SEXES: Final = {"f": "female", "female": "female", "w": "female", "m": "male", "male": "male"}
_STATES: Final = {"new", "good", "worn", "open", "free", "full", "late", "broken", "sold", "paid", "lost", "active",
                  "ready", "single", "married", "sick", "safe", "empty", "done", "ongoing", "pending"}  # fmt: skip


def _equal(
    facts: TableFacts, column: ColumnFacts, held: str, value: str, said: str, phrase: str, chance: Chance
) -> Condition:  # fmt: skip
    """`held` is what stands there, `value` the word for it: itself, but for codes."""
    sql, name = f"{column.place} = {literal(held)}", column.column.name
    is_code = held != value
    words = value.replace("-", " ")
    short = words.replace(" ", "").isalpha() and value.count(" ") <= 1 and len(value) > 2
    is_word = column.sort == "group" and short and value.islower() and " " not in value
    sex = _SEXES.get(value.lower(), "") if column.phrase in ("sex", "gender") else ""
    if sex and chance.coin(0.65):
        noun = {"female": "woman", "male": "man"}[sex] if facts.is_person and chance.coin(0.25) else ""
        return Condition(sql, before="" if noun else sex, noun=noun, column=name)
    first = value.partition(" ")[0]
    if is_code and first != value and not is_noun(first) and chance.coin(0.4):  # private persons: private customers
        return Condition(sql, before=first, column=name)
    is_kind = bool(set(column.phrase.split()) & KINDS)
    if is_word and (thing_of(value) == "person" or (is_noun(value) and is_kind)) and chance.coin(0.3):
        many = plural_of(value)
        after = chance.pick([f"that are {many}", f"that were {many}", f"which are {many}"])
        return Condition(sql, after, column=name) if chance.coin(0.35) else Condition(sql, noun=value, column=name)
    if is_state(value) and column.sort == "group" and chance.coin(0.55):
        if chance.coin(0.3):
            return Condition(sql, before=value, column=name)
        if value.endswith("ed") and chance.coin(0.2):
            return Condition(sql, value, column=name)
        return Condition(sql, chance.pick([f"that are {value}", f"that were {value}", f"which were {value}",
                                           f"which are {value}", f"that have been {value}" if value.endswith("ed")
                                           else f"that are {value}"]), column=name)  # fmt: skip
    if (
        column.sort == "group"
        and short
        and not (is_place(column) and facts.is_person)
        and chance.coin(0.45 if is_code else 0.3 if is_kind else 0.14)
    ):
        return Condition(sql, before=value if value[:1].isupper() and chance.coin(0.75) else value.lower(),
                         column=name)  # fmt: skip
    if is_place(column) and chance.coin(0.75):
        return Condition(sql, chance.pick(_placed(facts, said, column)), column=name)
    if column.sort == "group" and thing_of(column.phrase) == "person" and chance.coin(0.6):
        verb = did(column)
        forms = [f"by {said}", f"by {said}", f"of {said}", f"by the {phrase} {said}"]
        forms += [f"that {said} {verb}", f"{verb} by {said}" if verb.endswith("ed") else f"that {said} {verb}"]
        return Condition(sql, chance.pick(forms), column=name)
    prepared = prepositions(column)
    if prepared and chance.coin(0.55):
        word = chance.pick(prepared)
        forms = [f"{word} {said}"] * 3 + [f"{word} the {phrase} {said}"]
        forms += [f"{word} {phrase} {said}"] if word in ("on", "in") else []
        if column.phrase.endswith("language"):
            forms += [f"that are {word} {said}"]
        return Condition(sql, chance.pick(forms), column=name)
    forms = [f"with {phrase} {said}", f"whose {phrase} is {said}", f"with the {phrase} {said}",
             f"where the {phrase} is {said}", f"that have the {phrase} {said}"]  # fmt: skip
    if set(column.phrase.split()) & KINDED - {"status"}:
        forms += [f"of {phrase} {said}", f"of the {phrase} {said}"]
    if column.phrase.split()[-1] in ("cause", "reason"):
        forms += [f"caused by {said}", f"because of {said}", f"due to {said}"] * 2
    if column.phrase in _JOBS and facts.is_person:
        forms += [f"who work as {value.lower()}", f"working as {value.lower()}", f"that work as {said}"] * 2
    if column.sort == "name":
        forms += [f"called {said}", f"named {said}", f"with the name {said}"]
    elif column.sort == "group" and column.phrase not in _JOBS and chance.coin(0.2):
        forms += [f"for {said}"] * 3
    return Condition(sql, chance.pick(forms), column=name)


def _placed(facts: TableFacts, said: str, column: ColumnFacts) -> list[str]:
    forms = [f"in {said}", f"in {said}", f"from {said}", f"that are in {said}", f"located in {said}"]
    if facts.is_person:
        forms = [
            f"from {said}",
            f"from {said}",
            f"in {said}",
            f"who live in {said}",
            f"that live in {said}",
            f"living in {said}",
            f"who come from {said}",
            f"that come from {said}",
            f"who are from {said}",
        ]
    return [*forms, f"in the {column.phrase} {said}"]  # fmt: skip


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
        f"that mention {said} in the {phrase}",
    ])  # fmt: skip
    return Condition(f"{column.place} LIKE '%{word}%'", after, column=column.column.name)


def _is_done(phrase: str) -> bool:
    last = phrase.rpartition(" ")[2]
    return last.endswith("ed") or last in ("paid", "sold", "lost", "sent")


def flag_has(column: ColumnFacts, phrase: str) -> bool:
    """Whether rows have what a flag says, a sea view; and are not what it says, organic."""
    first, last = column.column.name.lower(), phrase.rpartition(" ")[2]
    if first.startswith(("has", "with", "includes")) or last in _VIEWS:
        return True
    if last == "time" or " of " in phrase or first.startswith("is") or _is_done(phrase):
        return False
    return is_noun(last) and not phrase.endswith(_ADJECTIVE_ENDS) and thing_of(last) != "person"


def flag_condition(column: ColumnFacts, chance: Chance) -> Condition:
    """Yes or no."""
    phrase, name = chance.first(column.phrases), column.column.name
    has, is_done = flag_has(column, phrase), _is_done(phrase)
    yes, sql = chance.coin(0.62), f"{column.place} = "
    sql += str(int(yes))
    if not has and thing_of(phrase) == "person":
        many = plural_of(phrase)
        after = chance.pick([f"that are {many}", f"who are {many}"] if yes else [f"that are not {many}",
                            f"who are no {many}", f"that aren't {many}"])  # fmt: skip
        return Condition(sql, after, column=name)
    if has:
        thing = with_article(phrase) if is_noun(phrase.rpartition(" ")[2]) else phrase
        forms = [f"with {thing}", f"with {thing}", f"that have {thing}", f"with {phrase}", f"having {thing}",
                 f"that offer {phrase}" if phrase.split()[-1] in _VIEWS else f"that have {phrase}"]  # fmt: skip
        if not yes:
            forms = [f"without {thing}", f"without {phrase}", f"that have no {phrase}", f"with no {phrase}",
                     f"that do not have {thing}", f"that don't have {thing}"]  # fmt: skip
        return Condition(sql, chance.pick(forms), column=name)
    if " " not in phrase and chance.coin(0.32):
        before = phrase if yes else chance.pick([f"not {phrase}", f"non-{phrase}", f"un{phrase}" if is_done and
                                                 phrase[0] not in "ui" else f"not {phrase}"])  # fmt: skip
        return Condition(sql, before=before, column=name)
    no = "" if yes else "not "
    forms = [f"that are {no}{phrase}"] * 3 + [f"which are {no}{phrase}", f"{no}marked as {phrase}"]
    if is_done:
        forms += [f"that were {no}{phrase}", f"that were {no}{phrase}", f"that have {no}been {phrase}"]
    if not yes:
        forms += [f"that aren't {phrase}", f"that are not {phrase}"]
    return Condition(sql, chance.pick(forms), column=name)


def missing_condition(column: ColumnFacts, chance: Chance) -> Condition:
    """Nothing there, or something."""
    phrase, event, name = chance.first(column.phrases), column.event, column.column.name
    noted = _noted(column, chance)
    if noted is not None:
        return noted
    thing = with_article(phrase)
    if chance.coin(0.45 if event is not None else 0.6):
        forms = [
            f"without {thing}", f"with no {phrase}", f"whose {phrase} is missing", f"that have no {phrase}",
            f"whose {phrase} is unknown", f"with missing {phrase}", f"where the {phrase} is empty",
            f"that don't have {thing}", f"whose {phrase} is not known", f"lacking {thing}", f"that have no {phrase}",
            f"where no {phrase} is recorded", f"whose {phrase} was not given", f"with unknown {phrase}",
            f"that do not have {thing}", f"without any {phrase}",
        ]  # fmt: skip
        if event is not None and event.missing() and event.base not in _ONCE and chance.coin(0.82):
            forms = [f"that {one}" for one in event.missing()]
            if not event.does and chance.coin(0.16):
                forms = [_apart(event.participle, chance)]
            elif not event.does:
                forms += [f"not yet {event.participle}", f"not {event.participle}", f"never {event.participle}"]
            if event.base in _OVER and chance.coin(0.4):  # nobody has left yet who is there
                now = chance.pick(_NOW)
                return Condition(f"{column.place} IS NULL", f"that are there {now}", column=name, when=now)
        return Condition(f"{column.place} IS NULL", chance.pick(forms), column=name)
    forms = [f"with {thing}", f"that have {thing}", f"whose {phrase} is known", f"with a known {phrase}",
             f"where the {phrase} is given", f"that have {thing}"]  # fmt: skip
    if event is not None and event.there() and event.base not in _ONCE and chance.coin(0.88):
        forms = [f"that {one}" for one in event.there()]
        if not event.does:
            forms += [f"already {event.participle}", event.participle]
    return Condition(f"{column.place} IS NOT NULL", chance.pick(forms), column=name)


def _noted(column: ColumnFacts, chance: Chance) -> Condition | None:
    """What the comment says of rows that have nothing there, or something: empty until it is sold."""
    note, name = column.note, column.column.name
    states = [(word, where) for word, where in ((note.unset, "IS NULL"), (note.filled, "IS NOT NULL")) if word]
    if not states or (column.sort != "key" and chance.coin(0.3)):
        return None
    word, where = chance.pick(states)
    sql = f"{column.place} {where}"
    if " " in word and word.startswith("without"):
        return Condition(sql, word, column=name)
    phrase = chance.first(column.phrases)
    if chance.coin(0.4):  # sold: so the others are not
        sql = f"{column.place} {'IS NULL' if where == 'IS NOT NULL' else 'IS NOT NULL'}"
        forms = [f"that are not {word}", f"that were not {word}", f"that are not {word} yet", f"not yet {word}",
                 f"that have not been {word}", f"that aren't {word}"]  # fmt: skip
        return Condition(sql, chance.pick(forms), column=name)
    forms = [f"that are {word}", f"that were {word}", f"which are {word}", f"that are {word}"]
    if word.endswith("ed") or word in ("sold", "paid"):
        forms += [f"that have been {word}", f"that were {word}", word]
    elif where == "IS NULL" and column.sort not in ("date", "year"):
        forms += [f"whose {phrase} is {word}"] * 3
    if " " not in word and chance.coin(0.35):
        return Condition(sql, before=word, column=name)
    return Condition(sql, chance.pick(forms), column=name)


def any_condition(
    facts: TableFacts, chance: Chance, leave_out: Sequence[str] = (), only: Sequence[str] = ()
) -> Condition | None:
    """A condition on one of the table's columns; None where chance found none that can be said."""
    weights = {"group": 3.0, "date": 2.6, "number": 1.6, "money": 2.0, "count": 1.6, "year": 2.0, "flag": 2.2,
               "name": 0.35, "text": 0.5}  # fmt: skip
    choices: list[tuple[tuple[ColumnFacts, bool], float]] = []
    for one in facts.columns.values():
        if one.column.name in leave_out or (only and one.sort not in only):
            continue
        happens = bool(one.n_missing and one.event is not None)
        if one.sort in weights:
            rare = happens or (one.sort == "text" and one.is_unique) or one in facts.label
            choices.append(((one, False), weights[one.sort] * (0.5 if rare else 1.0)))
        is_said = bool(one.note.unset or one.note.filled)  # also of keys: the crew that is ashore
        if one.n_missing and (one.sort != "key" or is_said) and (not only or one.sort in only):
            choices.append(((one, True), 2.4 if happens or is_said else 1.1))
    if not choices:
        return None
    column, missing = chance.weighed(choices)
    if missing:
        return missing_condition(column, chance)
    if column.sort in ("group", "name", "text"):
        return text_condition(facts, column, chance)
    if column.sort == "date":
        return date_condition(column, chance, is_main=is_main_date(facts, column),
                              is_act=_happens(facts, column))  # fmt: skip
    if column.sort == "flag":
        return flag_condition(column, chance)
    if column.note.codes and chance.coin(0.75):
        return _coded_number(column, chance)
    return number_condition(column, chance)


def _coded_number(column: ColumnFacts, chance: Chance) -> Condition:
    """A number that stands for a word: 1 low, 2 medium, 3 high."""
    number, word = chance.pick(list(column.note.codes.items()))
    sql, phrase = f"{column.place} = {int(number)}", chance.first(column.phrases)
    if " " not in word and chance.coin(0.4):
        return Condition(sql, before=word, column=column.column.name)
    forms = [f"with {phrase} {word}", f"whose {phrase} is {word}", f"with the {phrase} {word}", f"that are {word}"]
    return Condition(sql, chance.pick(forms), column=column.column.name)


def _happens(facts: TableFacts, column: ColumnFacts) -> bool:
    """Whether the rows themselves happen on that day: orders of 2024, not branches of 2024."""
    return column.event is None or bool(act_of(facts)[0]) or thing_of(facts.nouns[0].one) == "act"


_OVER: Final = {"leave", "end", "close", "retire", "discontinue", "remove", "resign", "terminate", "expire"}
_NOW: Final = ("today", "now", "at the moment", "currently", "at present", "these days")
_LATER: Final = {"be", "end", "expire", "return", "leave", "close", "discharge", "update", "finish", "complete"}


def is_main_date(facts: TableFacts, column: ColumnFacts) -> bool:
    """Whether "in 2024" alone means this day: the only one, the only one that every row has, or of those the only one
    with which something begins: of loans the day on which they were made, not the one when they are due."""
    found = facts.of("date")
    if facts.is_person and column.event is not None and column.event.base == "bear":
        return False
    if len(found) == 1 or (not column.n_missing and all(one.n_missing for one in found if one is not column)):
        return True
    begun = [one for one in found if not one.n_missing and (one.event is None or one.event.base not in _LATER)]
    return begun == [column]
