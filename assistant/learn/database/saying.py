"""How rows are called in a question, what is said of them, and how people type a value. Knows no kind of question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import TableFacts
from rushlight.assistant.learn.database.names import plural_of

_LATE: Final = 0.45
_CLAUSES: Final = ("whose", "that", "where", "which", "who")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is said of rows, and its SQL. `before` the noun, or `after` it."""

    sql: str
    after: str = ""
    before: str = ""
    column: str = ""
    noun: str = ""  # in the place of the table's own: tablets for drugs of the form tablet
    when: str = ""  # the same as a time at the end of the sentence: in 2024
    names_one: bool = False  # whether it names one row of another table


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table as they are called in a question, with the conditions that hold for them."""

    one: str
    many: str
    sql: tuple[str, ...] = ()


def called(facts: TableFacts, chance: Chance, conditions: Sequence[Condition] = (), noun: str = "") -> Rows:
    """A noun with what is said of it: first what stands before it, then the short, then the clauses."""
    said = chance.weighed([(one, one.weight) for one in facts.nouns])
    noun = next((condition.noun for condition in conditions if condition.noun), noun)
    one, many = (noun, plural_of(noun)) if noun else (said.one, said.many)
    conditions = sorted(conditions, key=_rank)
    before = "".join(f"{condition.before} " for condition in conditions if condition.before)
    after = [condition.after for condition in conditions if condition.after]
    of_one, of_many = "", ""
    for place, part in enumerate(after):
        both = place and _is_clause(part) and (_is_clause(after[place - 1]) or chance.coin(0.5))
        of_many += part if part.startswith(",") else f" and {part}" if both else f" {part}"
        of_one += part if part.startswith(",") else f" and {_singular(part)}" if both else f" {_singular(part)}"
    return Rows(f"{before}{one}{of_one}", f"{before}{many}{of_many}", tuple(made.sql for made in conditions))


def called_late(facts: TableFacts, chance: Chance, conditions: Sequence[Condition], noun: str = "") -> tuple[Rows, str]:
    """The same, and now and then a time that is said at the end of the question instead: in 2024."""
    when = [one for one in conditions if one.when]
    if len(when) != 1 or not chance.coin(_LATE):
        return called(facts, chance, conditions, noun), ""
    rows = called(facts, chance, [one for one in conditions if one is not when[0]], noun)
    return Rows(rows.one, rows.many, (*rows.sql, when[0].sql)), f" {when[0].when}"


def said_late(question: str, tail: str) -> str:
    """The question with that time at its end."""
    plain = question.rstrip("?.")
    return f"{plain}{tail}{question[len(plain) :]}" if tail else question


def _rank(condition: Condition) -> int:
    if condition.noun or condition.before:
        return 0
    first = condition.after.partition(" ")[0]
    if first == ",":
        return 4
    return 3 if first in _CLAUSES else 2 if first.endswith(("ed", "ing")) else 1


def _is_clause(part: str) -> bool:
    first = part.partition(" ")[0]
    return first in _CLAUSES or first in ("with", "without", "having") or first.endswith("ed")


_SINGULAR: Final = {"are": "is", "have": "has", "were": "was", "cost": "costs", "earn": "earns", "weigh": "weighs",
                    "last": "lasts", "lack": "lacks", "don't": "doesn't", "do": "does", "live": "lives",
                    "come": "comes", "haven't": "hasn't", "aren't": "isn't", "offer": "offers", "mention": "mentions",
                    "belong": "belongs", "take": "takes", "hold": "holds",
                    "work": "works", "go": "goes", "start": "starts"}  # fmt: skip


def _singular(after: str) -> str:
    """The same said of one: that are paid, that is paid."""
    first, _, rest = after.partition(" ")
    return f"{first} {verb_singular(rest)}" if first in ("that", "which", "who") else after


def verb_singular(said: str) -> str:
    """A predicate of several as one of one: have a fee, has a fee; what happened stays as it is."""
    head, _, tail = said.partition(" ")
    return f"{_SINGULAR.get(head, head)} {tail}".strip()


def value_said(value: str, chance: Chance) -> str:
    """A text as people type it: as it is, in quotes, in small letters."""
    return chance.weighed([(value, 0.78), (f"'{value}'", 0.06), (f'"{value}"', 0.05), (value.lower(), 0.11)])
