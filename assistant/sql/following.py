"""Whether a question follows the one before it ("only 2024"), and what it means together with those before.

Knows words; asks no model.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from rushlight import Error
from rushlight.assistant.sql.explain import tables_of
from rushlight.assistant.sql.linking import name_words, stem
from rushlight.assistant.sql.prompt import Example
from rushlight.assistant.sql.values import Schema

MAX_TURNS = 3  # before the question that a model is shown
_MAX_WHOLE = 1_500
_TEXT = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_WORD = re.compile(r"[^\W_]+")
# In English and German, as users ask in both.
_BEGIN_WORDS = """
    only just and or but without except excluding including also now then instead what about how same sort sorted order
    ordered group grouped split by per for from in as top nur und oder aber ohne auch jetzt dann stattdessen bloß
    sortiert sortiere nach pro je
"""
_BEGINS = frozenset(_BEGIN_WORDS.split())
_PLACING = frozenset(("for", "from", "in", "on", "at", "of", "by"))
_POINTING_WORDS = "them those these they same instead again previous davon diese dieselben derselben denen"
_POINTING = frozenset(_POINTING_WORDS.split())
_ASKING_WORDS = """
    which what who whom when where how list show name give find count display tell is are was were do does did
    welche welcher welches was wer wem wann wo wie zeige nenne liste gib finde zähle
"""
_ASKING = frozenset(_ASKING_WORDS.split())


class Before(Struct, frozen=True):
    """What a question is understood from."""

    turns: tuple[Example, ...] = ()  # earlier questions with their queries, the newest last
    whole: str = ""  # the question with those before it

    def about(self, question: str) -> str:
        """All the words by which tables, columns and values are found."""
        words = [question, *(turn.question for turn in reversed(self.turns))]
        if self.turns:
            last = self.turns[-1].sql
            words += [text.replace("''", "'").strip("%") for text in _TEXT.findall(last)]
            words += _names(last)
            words += _NUMBER.findall(_TEXT.sub(" ", last))
        return " ".join(words)


def before(turns: Sequence[tuple[str, str, str]], question: str, schema: Schema, follows: bool | None) -> Before:
    """What of the turns (question, whole question, query) is used; `follows`: None to find out from the words."""
    question = question.strip()
    if not turns or follows is False or (follows is None and stands_alone(question, schema)):
        return Before((), question)
    used = tuple(Example(said, sql) for said, _, sql in turns[-MAX_TURNS:])
    whole = f"{turns[-1][1]}; {question}"
    if len(whole) > _MAX_WHOLE:
        whole = f"{turns[-1][0]}; {question}"
    return Before(used, whole)


def stands_alone(question: str, schema: Schema) -> bool:
    """Whether it asks for something by itself: it begins like a question and names a table, and points to nothing."""
    words = _WORD.findall(question.casefold())
    if not words or _POINTING & set(words):
        return False
    if words[0] in _PLACING and words[1:2] and (words[1] in _ASKING or words[1] in ("each", "every")):
        words = words[1:]
    if words[:2] in (["what", "about"], ["how", "about"]) or (words[0] in _BEGINS and words[0] not in _ASKING):
        return False
    stems = {stem(word) for word in words}
    named = any(name_words(table.name) & stems for table in schema.tables)
    return named and (words[0] in _ASKING or len(words) >= 5)


def _names(sql: str) -> list[str]:
    """The words of tables and columns of a query; none of one that cannot be read."""
    try:
        tables, columns = tables_of(sql)
    except Error:
        return []
    return [name.replace("_", " ") for name in (*tables, *(name for _, name in columns))]
