"""What came of a question to a database: the query, its rows, how it came about, and what is to be asked back."""

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.sql.ambiguity import Ambiguity
from rushlight.assistant.sql.grammar import SqlGrammar
from rushlight.assistant.sql.linking import Linked
from rushlight.assistant.sql.memory import Kept
from rushlight.assistant.sql.values import Result


class Try(Struct, frozen=True):
    """One query of the model, and what came of it."""

    sql: str
    problem: str = ""  # "" = it did
    kind: str = ""  # of the problem: a kind of Error, "empty" or "nothing"


class Alternative(Struct, frozen=True):
    """Rows that some of the samples gave, with the first query that gave them."""

    sql: str
    n_votes: int
    n_rows: int


class Unclear(Struct, frozen=True):
    """Something that the question names and that stands in several columns; the user may have meant another one."""

    value: str
    places: tuple[str, ...]  # table.column
    taken: tuple[str, ...]  # those where the query looks for it


class SqlAnswer(Struct, frozen=True):
    """The query that was run, its rows, and how it came about."""

    question: str
    sql: str  # "" where something has to be asked back first
    result: Result | None
    tries: tuple[Try, ...]
    linked: Linked
    grammar: SqlGrammar | None
    seconds: float
    agreement: float = 1.0  # share of the samples that gave the same rows
    error: Error | None = None
    remembered: Kept | None = None  # the accepted pair that answered it, without a model
    n_examples: int = 0  # accepted pairs that the model was shown
    open: tuple[Ambiguity, ...] = ()  # to be asked back before a query is written
    alternatives: tuple[Alternative, ...] = ()  # what the samples gave, most votes first
    whole: str = ""  # the question with those that it follows; the question itself where it follows none
    n_followed: int = 0  # turns before it that it was understood from
    refined: str = ""  # the query before it that was changed by rule, without a model
    n_told_apart: int = 0  # likely queries among which the way back has chosen
    back_problem: Error | None = None  # why the way back said nothing, though it was to be asked

    @property
    def unclear(self) -> tuple[Unclear, ...]:
        """What may have been meant otherwise, seen from the query that was written."""
        places: dict[str, list[str]] = {}
        for place, value in self.linked.found:
            places.setdefault(value.casefold(), []).append(place)
        found = []
        written = self.sql.casefold()
        for value, several in places.items():
            taken = tuple(place for place in several if place.casefold() in written and value in written)
            if len(several) > 1 and taken and len(taken) < len(several):
                shown = next(one for _, one in self.linked.found if one.casefold() == value)
                found.append(Unclear(shown, tuple(several), taken))
        return tuple(found)
