"""How rows are called in a question, what is said of them, and how people type a value. Knows no kind of question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import ColumnFacts, TableFacts
from rushlight.assistant.learn.database.names import plural_of

# The noun or verb in a date's name -> what happened on that day.
_HAPPENED: Final = dict(
    pair.split("=")
    for pair in [
        "hire=hired",
        "hiring=hired",
        "birth=born",
        "death=died",
        "release=released",
        "order=ordered",
        "arrival=arrived",
        "departure=departed",
        "start=started",
        "end=ended",
        "creation=created",
        "purchase=purchased",
        "payment=paid",
        "delivery=delivered",
        "shipping=shipped",
        "ship=shipped",
        "shipment=shipped",
        "foundation=founded",
        "founding=founded",
        "opening=opened",
        "open=opened",
        "closing=closed",
        "close=closed",
        "registration=registered",
        "register=registered",
        "signing=signed",
        "admission=admitted",
        "discharge=discharged",
        "return=returned",
        "enrollment=enrolled",
        "join=joined",
        "joining=joined",
        "booking=booked",
        "begin=begun",
        "sale=sold",
        "publication=published",
        "completion=completed",
        "report=reported",
        "issue=issued",
        "update=updated",
        "invoice=invoiced",
        "due=due",
        "construction=built",
        "acquisition=acquired",
        "entry=entered",
        "exit=left",
        "leaving=left",
        "cancellation=cancelled",
        "approval=approved",
        "renewal=renewed",
        "termination=terminated",
        "premiere=premiered",
        "inspection=inspected",
        "repair=repaired",
        "treatment=treated",
        "test=tested",
        "arrives=arriving",
        "leaves=leaving",
        "starts=starting",
        "ends=ending",
        "begins=beginning",
        "expires=expiring",
        "closes=closing",
        "opens=opening",
        "expiry=expiring",
        "expiration=expiring",
        "appointment=appointed",
        "visit=visited",
        "exam=examined",
    ]
)


_PARTICIPLES: Final = {
    "left", "bought", "sold", "paid", "built", "begun", "made", "sent", "born", "held", "met", "given", "taken",
    "written", "seen", "lost", "found", "lent", "done", "died", "let", "drawn", "shown", "won",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Condition:
    """What is said of rows, and its SQL. `before` the noun, or `after` it."""

    sql: str
    after: str = ""
    before: str = ""
    column: str = ""
    noun: str = ""  # in the place of the table's own: tablets for drugs of the form tablet


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a table as they are called in a question, with the conditions that hold for them."""

    one: str
    many: str
    sql: tuple[str, ...] = ()


def called(facts: TableFacts, chance: Chance, conditions: Sequence[Condition] = (), noun: str = "") -> Rows:
    """A noun with what is said of it."""
    said = chance.weighed([(one, one.weight) for one in facts.nouns])
    noun = next((condition.noun for condition in conditions if condition.noun), noun)
    one, many = (noun, plural_of(noun)) if noun else (said.one, said.many)
    before = "".join(f"{condition.before} " for condition in conditions if condition.before)
    after = [condition.after for condition in conditions if condition.after]
    joined = ""
    for place, part in enumerate(after):
        plain = place and part.startswith(("whose", "that", "with", "where", "which", "who"))
        joined += f" and {part}" if plain else f" {part}"
    return Rows(f"{before}{one}{joined}", f"{before}{many}{joined}", tuple(condition.sql for condition in conditions))


def happened(column: ColumnFacts) -> str:
    """What happened on a date, as a participle: hired, arriving; "" where its name does not say."""
    for phrase in column.phrases:
        for word in (phrase.split()[0], *phrase.split()[-2:]):
            if word in _HAPPENED:
                return _HAPPENED[word]
            if word in _PARTICIPLES or (word.endswith("ed") and len(word) > 4):
                return word
    return ""


def value_said(value: str, chance: Chance) -> str:
    """A text as people type it: as it is, in quotes, in small letters."""
    return chance.weighed([(value, 0.74), (f"'{value}'", 0.08), (f'"{value}"', 0.06), (value.lower(), 0.12)])
