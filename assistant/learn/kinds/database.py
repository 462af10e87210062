"""A database as a lesson: questions made from its schema and values, questions that people asked of other tables with
such columns, and those that the user found answered right.

Every query was run. The prompts have the form for a model that learned the tables, so they are short.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from rushlight import Error
from rushlight.assistant.learn.answers import Question
from rushlight.assistant.learn.database.asked import Asked
from rushlight.assistant.learn.database.chance import Chance
from rushlight.assistant.learn.database.facts import read_facts
from rushlight.assistant.learn.database.generate import generate, skeleton
from rushlight.assistant.learn.database.trial import trouble_of
from rushlight.assistant.learn.example import Draft, Example, Origin, Turn
from rushlight.assistant.learn.kinds.kind import Watch
from rushlight.assistant.learn.practice.borrowing import borrowed
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.memory import SqlMemory, schema_hash
from rushlight.assistant.sql.plain_form import plain_form
from rushlight.assistant.sql.prompt import TABLES_FORM, sql_messages
from rushlight.assistant.sql.taught import scope_of
from rushlight.assistant.sql.tree_form import tree_form

DEFAULT_EXAMPLES = 1_500
MAX_EXAMPLES = 20_000
_A_MINUTE = 300  # more than training can see in it: an example that was not seen teaches more than one seen twice
_LEAST, _MOST = 400, 6_000
_HELD_OUT = 130
_BORROWED = 0.2  # of the examples at most
_ROUNDS = 4  # with other values each time


def examples_for(minutes: float, wanted: int = 0) -> int:
    """How many to make for so many minutes of teaching, or so that `wanted` can be trained on."""
    n = wanted or min(_MOST, max(_LEAST, int(_A_MINUTE * minutes)))
    return min(MAX_EXAMPLES, n + _HELD_OUT)


class DatabaseLesson:
    """`memory` has the accepted queries, which are added; `n` are made beside them. `form` is the prompt's: that of an
    earlier lesson, where it gets more of its kind."""

    name = "database"
    hint = "Give a database with data in it."

    def __init__(
        self, database: Database, memory: SqlMemory | None = None, *, n: int = DEFAULT_EXAMPLES, seed: int = 0,
        borrows: bool = True, form: str = TABLES_FORM,
    ) -> None:  # fmt: skip
        if not 0 <= n <= MAX_EXAMPLES:
            raise Error(f"Up to {MAX_EXAMPLES:,} examples can be made; {n:,} were asked for.", kind="bad-request")
        self._database, self._memory, self._n, self._seed, self._borrows = database, memory, n, seed, borrows
        self.scope, self.form = scope_of(database), form

    @property
    def title(self) -> str:
        return self._database.sources[0].name

    @property
    def source(self) -> dict[str, Any]:
        """The files stand with their whole paths, so that the lesson can be proven and taught again."""
        return {
            "what": "database", "databases": [source.path for source in self._database.sources],
            "schema_sha256": schema_hash(self._database), "seed": self._seed, "examples": self._n,
        }  # fmt: skip

    def drafts(self, watch: Watch) -> Iterator[Draft]:
        schema = schema_hash(self._database)
        yield from self._accepted()
        if self._n:
            origin = Origin("database", self._database.sources[0].name, schema)
            lent = list(self._borrowed(watch))
            for made in chain(lent, generate(self._database, self._n - len(lent), self._seed, watch)):
                yield draft_of(self._database, made.question, made.sql, made.kind, origin, self.form)

    def _borrowed(self, watch: Watch) -> Iterator[Asked]:
        """Questions of people to other tables that have such columns, with several values each."""
        if not self._borrows:
            return
        facts, known, seen, ran = read_facts(self._database), self._database.known(), set[str](), dict[str, bool]()
        for round_ in range(_ROUNDS):
            for made in borrowed(facts, self._database.schema, Chance(self._seed * 10 + round_)):
                watch.check()
                if len(seen) >= _BORROWED * self._n:
                    return
                if made.question.lower() in seen:
                    continue
                if made.sql not in ran:
                    ran[made.sql] = not trouble_of(self._database, made.sql)
                if ran[made.sql]:
                    seen.add(made.question.lower())
                    yield replace(made, sql=tree_form(made.sql, link_taught(known, made.question)))

    def _accepted(self) -> Iterator[Draft]:
        """In the form that the grammar has, where a query can be written so; what does not run any more is left out."""
        for kept in self._memory.pairs(self._database) if self._memory is not None else ():
            try:
                plain = plain_form(kept.sql, self._database.schema)
                sql = tree_form(plain, link_taught(self._database.known(), kept.question))
                self._database.run(sql)
            except Error as error:
                if not (error.kind or "").startswith("sql-"):
                    raise
                continue
            yield draft_of(self._database, kept.question, sql, "accepted", Origin("query", kept.id), self.form)


def draft_of(
    database: Database, question: str, sql: str, kind: str, origin: Origin, form: str = TABLES_FORM
) -> Draft:  # fmt: skip
    """A question with its query, in the prompt that a model gets that was taught this database."""
    turns = sql_messages(link_taught(database.known(), question), question, form=form)
    prompt = tuple(Turn(turn.role, turn.content) for turn in turns)
    return Draft(
        prompt=prompt, answer=sql, meaning=skeleton(sql), origins=(origin,), more={"question": question, "kind": kind}
    )


def question_of(example: Example) -> Question:
    """An example as a question that can be asked, with the query that is right."""
    sql = example.draft.answer
    asked = str(example.draft.more.get("question") or example.draft.asked.split("\n", 1)[0])
    return Question(asked, sql, str(example.draft.more.get("kind", "")), "order by" in sql.lower())
