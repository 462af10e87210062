"""Which tables, columns and values of a database a question is about. Knows words and schemas; asks no model.

A column scores by its name, its comment and the values it holds ("Oslo" finds the column that holds it); a table by its
name and its columns. The best tables are joined by the ones that lie between them, and cut to what a grammar can hold.
"""

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from rushlight.assistant.sql.notes import read_note
from rushlight.assistant.sql.numbers_said import NUMBER_WORDS, numbers_in
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.values import Column, Key, Schema, Table

MAX_TABLES = 6
MAX_COLUMNS = 40
MAX_VALUES = 200
_SHARE = 0.2  # of the best table's score that another one must have
_POINTING = 3  # keys to one table that say as much as other columns
_MOST_CODES = 30  # distinct texts of a column whose comment may say what they stand for
_FEW = 12  # distinct texts of a column that are all given
_ENDINGS = ("ies", "ing", "ed", "es", "s", "y", "e")
WORD = re.compile(r"[^\W_]+")
_NAMES = {"name", "title", "label", "city", "date", "day"}
_COMMON_WORDS = """
a all an and are at be by did do does each for from give has have how in is it list many more most much not number of on
or per show than that the their there they to was were what when which who whose with no any me its as
"""
COMMON = frozenset(_COMMON_WORDS.split())
_ALSO: Mapping[str, tuple[str, ...]] = {
    "mean": ("average",), "cost": ("price", "fee", "amount"), "costs": ("price", "fee", "amount"),
    "money": ("price", "amount", "total"), "earn": ("salary", "wage"), "old": ("birth", "age"), "oldest": ("birth",),
    "youngest": ("birth",), "when": ("date", "day"), "year": ("date", "day", "year"), "month": ("date", "day"),
    "who": ("name",), "people": ("person",),
}  # fmt: skip
_DOWN_WORDS = "most highest largest biggest greatest longest heaviest tallest dearest newest latest maximum"
_UP_WORDS = "least lowest smallest fewest cheapest shortest lightest earliest minimum"
_DOWN, _UP = frozenset(_DOWN_WORDS.split()), frozenset(_UP_WORDS.split())
# Who is there longest came first; so did the most senior, and what is most overdue.
_LONG_THERE = re.compile(
    r"\blongest[- ](?:serving|standing|running|established|employed|lasting)\b"
    r"|\b(?:been|served|worked|stayed|existed|waited|gone|with us|around|here|running)\b[^?.!]*\blongest\b"
    r"|\b(?:holds?|held|holding|owns?|owned|keeps?|kept)\b[^?.!]*\blongest(?: time)?(?=\W|$)(?! [a-z])"
    r"|\blongest\b[^?.!]*\b(?:ago|been|with us|without)\b"
    r"|\bmost (?:senior|loyal|overdue|junior|punctual|ancient|venerable|established)\b"
)
_MAY = re.compile(  # no month
    r"\bmay (?:i|we|you|one|they|he|she|it|be|have|not|only|also|still)\b|\b(?:who|which|that|they|we|you|people) may\b"
)


class Linked(Struct, frozen=True):
    """What of a database is shown to the model and known to the grammar."""

    tables: tuple[Table, ...]  # with the columns that were chosen; the best first
    keys: tuple[tuple[str, Key], ...]  # (name of the table that has it, key), between these tables
    values: dict[str, tuple[str, ...]]  # "table.column" -> texts it holds, those of the question first
    found: tuple[tuple[str, str], ...]  # ("table.column", value): what the question named
    words: frozenset[str] = frozenset()  # of the question, by their stems
    compared: frozenset[str] | None = (
        None  # `words` but those that compare with a number or a day; None: not looked for
    )
    numbers: tuple[str, ...] | None = None  # that the question names; None: not looked for
    row_numbers: tuple[str, ...] | None = None  # of these what may be the number of a row: room 25, not more than 25
    direction: str = ""  # of the order that the question asks for, where it is one: down or up
    points: dict[str, float] = {}  # how likely each table is meant, where their order says something else
    qualified: frozenset[str] = frozenset()  # tables whose name another file has as well, by source.table
    must: frozenset[str] = frozenset()  # tables that the user said are meant: no query goes without them
    named: frozenset[str] = frozenset()  # tables of named columns: where they can be joined with those
    lists_all: bool = False  # the question orders rows and wants them all: "the largest first"
    one_way: bool = False  # two tables are joined in the order in which they stand, not in both
    called: dict[str, str] = {}  # what tables and columns with abbreviated names are called: "EMP.DPT_NO" -> ...
    all_tables: tuple[Table, ...] = ()  # of the database, in its order: the same whatever is asked
    all_keys: tuple[tuple[str, Key], ...] = ()

    def table(self, name: str) -> Table | None:
        return next((one for one in self.tables if one.name == name), None)

    def says(self, *words: str) -> bool:
        """Whether the question has one of these words, in whatever form."""
        return any(stem(word) in self.words for word in words)


def link(
    known: Profiled,
    question: str,
    *,
    max_tables: int = MAX_TABLES,
    max_columns: int = MAX_COLUMNS,
    whole: bool = False,
) -> Linked:
    """What `question` is about; `whole`: everything that is there, without looking at the question."""
    words = words_in(question)
    named = named_values(known, question)
    keys = [(table.name, key) for table in known.schema.tables for key in keys_of(table, known.schema.tables)]
    scores = _scores(known, keys, named, words)
    if whole:
        chosen, named = list(known.schema.tables), []
    else:
        chosen = _choose_tables(known.schema.tables, keys, scores, words, max_tables)
    tables = _choose_columns(chosen, scores, max_columns)
    names = {table.name for table in tables}
    inner = tuple((name, key) for name, key in keys if name in names and key.table in names)
    kept = {f"{table.name}.{column.name}" for table in tables for column in table.columns}
    found = tuple((place, value) for place, value in named if place in kept)
    said = said_words(question)
    linked = Linked(tables, inner, _values(known, kept, found), found, said, qualified=qualified(known.schema),
                    lists_all=lists_all(question), all_tables=known.schema.tables, all_keys=tuple(keys))  # fmt: skip
    if whole:
        return linked
    return replace(linked, numbers=all_numbers(known, question), direction=direction_of(question))


def qualified(schema: Schema) -> frozenset[str]:
    """The tables, as source.table, whose name another file has as well."""
    times = Counter(table.name.lower() for table in schema.tables)
    return frozenset(f"{table.source}.{table.name}" for table in schema.tables if times[table.name.lower()] > 1)


def table_points(known: Profiled, question: str) -> dict[str, float]:
    """How likely each table is meant, by source.table."""
    words = words_in(question)
    keys = [(table.name, key) for table in known.schema.tables for key in keys_of(table, known.schema.tables)]
    scores = _scores(known, keys, named_values(known, question), words)
    return {f"{table.source}.{table.name}": _points(table, scores, words) for table in known.schema.tables}


def _scores(
    known: Profiled, keys: list[tuple[str, Key]], named: list[tuple[str, str]], words: frozenset[str]
) -> dict[tuple[str, str], float]:
    """The points of every column."""
    scores = {
        (table.name, column.name): _column_score(column, words)
        + 4.0 * any(place == f"{table.name}.{column.name}" for place, _ in named)
        for table in known.schema.tables
        for column in table.columns
    }
    pointing = Counter(key.table for _, key in keys)
    for name, key in keys:  # where half of the database points to one table, pointing there says little
        for column_name in key.columns:
            scores[name, column_name] *= min(1.0, _POINTING / pointing[key.table])
    return scores


def said_words(question: str) -> frozenset[str]:
    """The words of a question by their stems; that somebody may do something is no month."""
    return frozenset(map(stem, WORD.findall(_MAY.sub(" ", question.lower()))))


def _points(table: Table, scores: Mapping[tuple[str, str], float], words: frozenset[str]) -> float:
    own = name_words(table.name)
    best = sorted((scores[table.name, column.name] for column in table.columns), reverse=True)
    said = len(own & words) / len(own) if own else 0.0
    return 5.0 * said + sum(best[:3]) + 0.5 * len(words_in(table.comment) & words) - 0.1 * table.is_view


# Which branch opened first? Who was hired last? Not "newest first", which orders them all.
# How they are ordered, and not which of them.
# At the end of what is said: no first aid, no first five.
FIRST = r"(?:first|on top|at the top)(?=\s*(?:[.,;:?!)]|$|and\b|please\b))"
_ORDERED = re.compile(
    rf"\b(?:most|best|highest|lowest|least|fewest|worst|[a-z]{{3,}}est)(?: [a-z]+){{0,3}} {FIRST}"
    r"|\bfrom (?:the )?[a-z]+ to\b|\bfrom (?:the )?[a-z]+(?: [a-z]+){0,3} to the [a-z]+est\b"
)
_SO_MANY = re.compile(
    r"\b(?:top|list|show|give(?: me)?|which|what|the|first|last|our|my|their|its) (?:the )?"
    rf"(?:\d{{1,3}}|{'|'.join(NUMBER_WORDS)})\b"
)
HAPPENED = re.compile(
    r"^(?:which|who|what)\b[^,]*\b(?:[a-z]+ed|began|left|came|went|born|built|bought|sold|made|founded)"
    r" (first|last|most recently|earliest|latest)[?.! ]*$"
)


def direction_of(question: str) -> str:
    """Whether rows with the most or with the least of something are wanted; "" if neither or both."""
    words = set(WORD.findall(re.sub(r"\bat (?:least|most)\b", " ", _LONG_THERE.sub(" ", question.lower()))))
    down, up = bool(words & _DOWN), bool(words & _UP)
    if not (down or up) and (happened := HAPPENED.search(question.lower())) is not None:
        return "up" if happened[1] in ("first", "earliest") else "down"
    return "" if down == up else "down" if down else "up"


def lists_all(question: str) -> bool:
    """Whether it says in which order rows stand, and no number of them: "most first", not "the three largest first"."""
    asked = question.lower()
    return _ORDERED.search(asked) is not None and _SO_MANY.search(asked) is None


def words_in(text: str) -> frozenset[str]:
    """The words of a text by their stems, with what else they may mean."""
    plain = [word for word in WORD.findall(text.lower()) if word not in COMMON or word in _ALSO]
    found = {stem(word) for word in plain}
    for word in plain:
        found.update(stem(other) for other in _ALSO.get(word, ()))
    return frozenset(found)


@lru_cache(maxsize=8192)
def stem(word: str) -> str:
    """A word without its English endings, roughly: categories, category and category's become categor."""
    ending = next((one for one in _ENDINGS if len(word) > len(one) + 2 and word.endswith(one)), "")
    return stem(word[: -len(ending)]) if ending else word  # buildings, building: build


def name_words(name: str) -> set[str]:
    return set(map(stem, name_parts(name)))


def name_parts(name: str) -> list[str]:
    """The parts of a name in small letters: CustNo is cust and no."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_a-zA-Z]+", name)]


def _column_score(column: Column, words: frozenset[str]) -> float:
    own = name_words(column.name)
    hits = own & words
    score = 3.0 * len(hits) / len(own) + len(hits) if own else 0.0
    if column.comment:
        score += 0.7 * len(words_in(column.comment) & words)
    score += 0.8 * len({stem(value.lower()) for value in column.samples if value.isalpha()} & words)
    return score


def named_values(known: Profiled, question: str, *, codes: bool = True) -> list[tuple[str, str]]:
    """(column, value) for every text of the database that stands in the question, the longest first; with `codes` also
    those whose word stands there, where a comment says which words codes stand for."""
    folded = " ".join(WORD.findall(question.casefold()))
    padded, stems = f" {folded} ", {stem(word) for word in folded.split()}
    found = _coded(known, stems) if codes else []
    for column in known.values:
        for value in column.values:
            plain = " ".join(WORD.findall(value.casefold()))
            if not plain or (len(plain) < 2 and value not in question) or plain in COMMON:
                continue
            if f" {plain} " in padded or (" " not in plain and len(plain) > 3 and stem(plain) in stems):
                found.append((f"{column.table}.{column.column}", value))
    return sorted(dict.fromkeys(found), key=lambda one: -len(one[1]))


def _coded(known: Profiled, stems: set[str]) -> list[tuple[str, str]]:
    """(column, code) for the codes whose words are in the question: -- A active, X cancelled."""
    found = []
    for held in known.values:
        if len(held.values) > _MOST_CODES or not known.holds_all_seen(held):
            continue
        table = known.schema.table(f"{held.source}.{held.table}")
        column = table.column(held.column) if table is not None else None
        if column is None or not column.comment:
            continue
        for code in _meant(column, held.values, stems):
            found.append((f"{held.table}.{held.column}", code))
    return found


def _meant(column: Column, held: tuple[str, ...], stems: set[str]) -> list[str]:
    """The codes of a column whose words are in the question."""
    codes = read_note(column.comment, held).codes
    said = {code: WORD.findall(meant) for code, meant in codes.items()}
    return [code for code, words in said.items() if words and all(stem(word) in stems for word in words)]


def all_numbers(known: Profiled, question: str) -> tuple[str, ...]:
    """The numbers of a question, and those whose words stand there: -- 1 easy, 2 moderate, 3 hard."""
    stems = {stem(word) for word in WORD.findall(question.casefold())}
    coded = [
        code
        for table in known.schema.tables
        for column in table.columns
        if column.comment and column.holds in ("number", "flag") and (column.n_distinct or 99) <= len(column.samples)
        for code in _meant(column, column.samples, stems)
        if code.isdigit()
    ]
    return tuple(dict.fromkeys((*numbers_in(question), *coded)))


def keys_of(table: Table, tables: Iterable[Table]) -> list[Key]:
    """The declared keys; where a table has none, those that names show: city_id and a table city."""
    if table.keys:
        return [key for key in table.keys if key.to_columns and all(key.to_columns)]
    found = []
    for column in table.columns:
        name = column.name.lower()
        for other in tables:
            if other.name == table.name:
                continue
            own = [one for one in other.columns if one.key == 1] or list(other.columns[:1])
            target = own[0].name.lower() if own else ""
            singular = other.name.lower().removesuffix("s")
            if target and (
                (name == target and name.endswith("id") and name != "id" and singular in name)
                or (target in ("id", f"{singular}_id") and name == f"{singular}_id")
            ):
                found.append(Key((column.name,), other.name, (own[0].name,), declared=False))
    return found


def _choose_tables(
    tables: tuple[Table, ...],
    keys: list[tuple[str, Key]],
    scores: Mapping[tuple[str, str], float],
    words: frozenset[str],
    most: int,
) -> list[Table]:
    points = {table.name: _points(table, scores, words) for table in tables}
    order = sorted(tables, key=lambda table: points[table.name], reverse=True)
    least = _SHARE * max(points.values(), default=0.0)
    if least <= 0:  # the question names nothing that is here
        return order[:most]
    by_name = {table.name: table for table in reversed(order)}  # of one name the better one
    near: dict[str, set[str]] = {}
    for name, key in keys:
        near.setdefault(name, set()).add(key.table)
        near.setdefault(key.table, set()).add(name)
    chosen: list[str] = []
    for table in order:
        way = _way(near, chosen, table.name) if chosen else [table.name]
        if points[table.name] >= least and len(set(chosen) | set(way)) <= most:
            chosen += [name for name in way if name not in chosen and name in by_name]
    return [by_name[name] for name in chosen[:most]]


def _way(near: Mapping[str, set[str]], chosen: list[str], target: str) -> list[str]:
    """The tables from the chosen ones to `target` along keys, at most three steps; else only itself."""
    if target in chosen:
        return []
    waiting = deque([(name, [name]) for name in chosen])
    seen = set(chosen)
    while waiting:
        name, way = waiting.popleft()
        if name == target:
            return [one for one in way if one not in chosen]
        if len(way) <= 3:
            for other in sorted(near.get(name, ())):
                if other not in seen:
                    seen.add(other)
                    waiting.append((other, [*way, other]))
    return [target]


def _choose_columns(tables: list[Table], scores: Mapping[tuple[str, str], float], most: int) -> tuple[Table, ...]:
    """The best columns over all tables, keys included; each table keeps at least one."""
    ranked = []
    for i, table in enumerate(tables):
        for place, column in enumerate(table.columns):
            score = scores[table.name, column.name] - 0.05 * place - 0.02 * i
            score += 0.6 * bool(name_words(column.name) & _NAMES) + 0.3 * bool(column.key)
            ranked.append((score, i, place))
    ranked.sort(reverse=True)
    kept: dict[int, set[int]] = {i: set() for i in range(len(tables))}
    for i in kept:  # the best of each table first
        first = next((place for _, table, place in ranked if table == i), None)
        if first is not None:
            kept[i].add(first)
    for _, i, place in ranked:
        if sum(map(len, kept.values())) >= most:
            break
        kept[i].add(place)
    return tuple(
        replace(table, columns=tuple(column for place, column in enumerate(table.columns) if place in kept[i]))
        for i, table in enumerate(tables)
        if kept[i]
    )


def _values(known: Profiled, kept: set[str], found: tuple[tuple[str, str], ...]) -> dict[str, tuple[str, ...]]:
    """The texts by column: those of the question, then all of columns that hold few, at most `MAX_VALUES`."""
    values: dict[str, list[str]] = {}
    left = MAX_VALUES
    for place, value in found:
        if left and value not in values.setdefault(place, []):
            values[place].append(value)
            left -= 1
    few = [one for one in known.values if len(one.values) <= _FEW and known.holds_all_seen(one)]
    for column in sorted(few, key=lambda one: len(one.values)):
        place = f"{column.table}.{column.column}"
        if place in kept:
            own = values.setdefault(place, [])
            for value in column.values:
                if left and value not in own:
                    own.append(value)
                    left -= 1
    return {place: tuple(own) for place, own in values.items() if own}
