"""Questions about one row that is named: what it costs, when it opened, who wrote it. And how a row is named."""

from rushlight.assistant.learn.database.asked import Asked, Joins, select
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.conditions import flag_has
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import with_article
from rushlight.assistant.learn.database.relations import did, is_place
from rushlight.assistant.learn.database.rows_asked import and_said
from rushlight.assistant.learn.database.saying import called, value_said
from rushlight.assistant.learn.database.synonyms import thing_of
from rushlight.assistant.sql.grammar import literal

_HOW = (
    ({"length", "duration", "distance"}, "long"), ({"weight"}, "heavy"), ({"height"}, "tall"), ({"age"}, "old"),
    ({"area", "size", "capacity"}, "large"), ({"depth"}, "deep"), ({"speed"}, "fast"),
)  # fmt: skip


def lookup(facts: TableFacts, joins: Joins, chance: Chance) -> Asked | None:
    """Something of one row that is named."""
    named = one_row(facts, chance)
    if named is None:
        return None
    said, where = named
    shown = [one for one in facts.columns.values() if one.sort != "key" and one not in facts.label]
    if not shown:
        return None
    column = chance.weighed([(one, 0.25 if one.sort == "flag" else 2.0 if did(one) else 1.0) for one in shown])
    phrase = chance.first(column.phrases)
    noun = called(facts, chance).one
    who = said if chance.coin(0.65) or facts.nouns[0].one in said else f"the {noun} {said}"
    if len(shown) > 1 and chance.coin(0.1):
        both = chance.some(shown, 2)
        names = and_said([chance.first(one.phrases) for one in both])
        forms = [f"What are the {names} of {who}?", f"Show the {names} of {who}.", f"{names.capitalize()} of {who}"]
        sql = select([one.place for one in both], joins.source(facts.name), where)
        return Asked(chance.pick(forms), sql, "lookup", (facts.name,))
    forms = lookup_forms(column, phrase, who, said, chance)
    return Asked(chance.pick(forms), select([column.place], joins.source(facts.name), where), "lookup", (facts.name,))


def lookup_forms(column: ColumnFacts, phrase: str, who: str, said: str, chance: Chance) -> list[str]:
    """How one asks for a column of something."""
    words = set(column.phrase.split()) if column.sort in ("number", "money", "count", "year") else set()
    if column.sort == "flag":
        said = with_article(phrase) if thing_of(phrase) == "person" else phrase
        if flag_has(column, phrase):
            return [f"Does {who} have {with_article(phrase)}?", f"Show whether {who} has {with_article(phrase)}."]
        return [f"Is {who} {said}?", f"Is {who} {said}?", f"Was {who} {said}?", f"Show whether {who} is {said}."]
    forms = [f"What is the {phrase} of {who}?"] * 3 + [
        f"{phrase.capitalize()} of {who}", f"What {phrase} does {who} have?", f"Tell me the {phrase} of {who}.",
        f"What's {said}'s {phrase}?", f"Show the {phrase} of {who}.", f"Which {phrase} does {who} have?",
        f"What was the {phrase} of {who}?", f"{said}'s {phrase}",
    ]  # fmt: skip
    if column.event is not None:
        forms = [f"{column.event.asked_when(who)}?"] * 7 + forms[:5]
        if column.sort == "year":
            year = column.event.asked_when(who).removeprefix("When ")
            forms += [f"In which year {year}?", f"In what year {year}?"] * 2
    if words & {"price", "cost", "fee", "fare"} or (column.sort == "money" and "rate" in words):
        forms += [f"How much does {who} cost?", f"What does {who} cost?", f"How expensive is {who}?",
                  f"How much is {who}?"] * 2  # fmt: skip
    if words & {"salary", "wage", "pay"}:
        forms += [f"How much does {who} earn?", f"What does {who} earn?"] * 2
    if words & {"weight"}:
        forms += [f"How much does {who} weigh?", f"What does {who} weigh?"]
    for names, word in _HOW:
        if words & names:
            forms += [f"How {word} is {who}?"] * 3
    if is_place(column):
        forms += [f"In which {phrase} is {who}?", f"Where is {who}?", f"Which {phrase} is {who} in?",
                  f"Which {phrase} is {who} from?", f"Where does {who} come from?"]  # fmt: skip
    if thing_of(column.phrase) == "person" and column.sort in ("group", "text", "name"):
        forms += [f"Who is the {phrase} of {who}?"] * 3
        forms += [f"Who {did(column)} {who}?"] * 9 if did(column) else []
    if column.sort == "count":
        forms = [f"How many {phrase} does {who} have?"] * 8 + forms[:4]
    if set(column.phrase.split()) & {"phone", "email", "telephone"}:
        forms += [f"How can I reach {who}?"]
    return forms


def one_row(facts: TableFacts, chance: Chance) -> tuple[str, list[str]] | None:
    """How a row is named, and the SQL of it."""
    code = _code(facts)
    if code is not None and (not facts.label or chance.coin(0.35)):
        value, noun = chance.pick(code.values), facts.nouns[0].one
        forms = [f"{noun} {value}", f"{noun} number {value}", f"the {noun} with {code.phrase} {value}", value]
        return chance.pick(forms), [f"{code.place} = {literal(value)}"]
    named = name_of_row(facts, chance)
    if named is not None:
        return named
    keys = [one for one in facts.columns.values() if one.column.key]
    if len(keys) == 1 and isinstance(keys[0].column.high, int) and isinstance(keys[0].column.low, int):
        number = keys[0].column.low + chance.below(keys[0].column.high - keys[0].column.low + 1)
        return chance.pick([f"{facts.nouns[0].one} {number}", f"{facts.nouns[0].one} number {number}",
                            f"{facts.nouns[0].one} no. {number}"]), [f"{keys[0].place} = {number}"]  # fmt: skip
    return None


def _code(facts: TableFacts) -> ColumnFacts | None:
    """The key of rows that are known by letters and digits."""
    keys = [one for one in facts.columns.values() if one.column.key]
    return keys[0] if len(keys) == 1 and keys[0].values and keys[0] not in facts.label else None


def name_of_row(facts: TableFacts, chance: Chance) -> tuple[str, list[str]] | None:
    """A row by its name or number, where it has one."""
    if len(facts.label) == 1 and facts.label[0].values:
        value, noun = chance.pick(facts.label[0].values), facts.nouns[0].one
        if facts.label[0].sort == "name" or not any(letter.isdigit() for letter in value):
            return value_said(value, chance), [f"{facts.label[0].place} = {literal(value)}"]
        forms = [f"{noun} {value}", f"{noun} {value}", f"{noun} number {value}", f"the {noun} {value}"]
        return chance.pick(forms), [f"{facts.label[0].place} = {literal(value)}"]
    if len(facts.label) == 2 and all(one.values for one in facts.label):
        if facts.pairs and chance.coin(0.85):
            pair = chance.pick(facts.pairs)
            return value_said(" ".join(pair), chance), [
                f"{column.place} = {literal(value)}" for column, value in zip(facts.label, pair, strict=True)
            ]
        last = chance.pick(facts.label[1].values)
        return value_said(last, chance), [f"{facts.label[1].place} = {literal(last)}"]
    return None
