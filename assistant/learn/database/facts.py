"""What a generator of questions has to know of a database: what each table and column is, and how people call it.

Read from the schema, its keys and its values. Knows no question and no query.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rushlight.assistant.learn.database.events import Event, event_of
from rushlight.assistant.learn.database.names import (
    is_plural,
    is_short,
    plain_words,
    singular_of,
    table_words_of,
    without_unit,
    words_of,
)
from rushlight.assistant.learn.database.phrases import Noun, nouns_of, phrases_of
from rushlight.assistant.learn.database.synonyms import others_for, thing_of
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.grammar import kind_of
from rushlight.assistant.sql.linking import keys_of
from rushlight.assistant.sql.notes import Note, read_note
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.trees import name_of
from rushlight.assistant.sql.values import Column, Key, Table

_NAMES: Final = {"name", "title", "label", "designation", "caption", "headline"}
_OWN_NAMES: Final = {"full", "display", "product", "common", "short", "long", "official", "main", "english", "public"}
_PERSON_PARTS: Final = ({"first", "given", "fore"}, {"last", "sur", "family"})
_NOT_SUMMED: Final = {
    "year", "age", "rating", "score", "latitude", "longitude", "floor", "level", "number", "code", "zip", "rank",
    "percent", "rate", "price", "minute", "hour", "day", "week", "month", "order", "temperature",
    "grade", "position", "stars", "ratio", "share", "limit",
}  # fmt: skip
_MONEY: Final = {"price", "cost", "fee", "salary", "wage", "amount", "total", "revenue", "budget", "rent",
                 "payment", "charge", "balance", "freight", "premium", "commission", "bonus", "deposit",
                 "expense", "subtotal", "income", "fare", "value", "turnover", "profit", "tax"}  # fmt: skip
# A text or number of this name is what a row without a name is known by.
_CODES: Final = {"number", "code", "plate", "registration", "isbn", "sku", "barcode", "serial", "symbol", "ticker",
                 "reference", "vin", "identifier", "callsign"}  # fmt: skip
_KINDS: Final = {"type", "kind", "category", "class", "genre", "style"}
_DONE: Final = {"paid", "sold", "spent", "lent", "charged", "received", "donated", "insured", "granted"}
_TIMES: Final = {"seconds", "minutes", "hours", "days", "nights", "weeks", "months"}
# People who are none in WordNet's first meaning of the word.
_PEOPLE: Final = {"agent", "seller", "rep", "representative", "assistant", "attendant", "operator", "guide", "trainee",
                  "contractor", "inspector", "caretaker", "adviser", "advisor", "consultant"}  # fmt: skip
_FEW: Final = 30  # distinct texts of a column that groups rows
_LONG: Final = 60  # characters of a text that nobody would type


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column: what it holds and how it is called."""

    table: str
    column: Column
    sort: str  # name, group, text, number, money, count, year, date, flag, key
    phrases: tuple[str, ...]  # how it is called, the plainest first
    unit: str = ""
    values: tuple[str, ...] = ()  # texts that it holds
    n_missing: int = 0
    column_rows: int = 0  # of its table
    is_unique: bool = False
    sums: bool = True  # whether its numbers can be added up
    event: Event | None = None  # what happened on that day
    note: Note = field(default_factory=Note)  # what its comment says
    deed: tuple[str, Event] | None = None  # of tickets_sold: tickets, and that they are sold
    own: tuple[str, ...] = ()  # of the phrases those of its name alone, without other words for them

    @property
    def place(self) -> str:
        """As SQL writes it."""
        return f"{name_of(self.table)}.{name_of(self.column.name)}"

    @property
    def phrase(self) -> str:
        return self.phrases[0]


@dataclass(slots=True)
class TableFacts:
    """A table: what its rows are, by what they are named, what can be asked of them."""

    table: Table
    nouns: tuple[Noun, ...]
    is_person: bool
    columns: dict[str, ColumnFacts] = field(default_factory=dict)
    label: tuple[ColumnFacts, ...] = ()  # the columns that name a row; () = there are none
    pairs: tuple[tuple[str, str], ...] = ()  # first and last names that belong together
    is_link: bool = False  # it only joins others: a row of it is nothing by itself

    @property
    def name(self) -> str:
        return self.table.name

    def of(self, *sorts: str) -> list[ColumnFacts]:
        return [one for one in self.columns.values() if one.sort in sorts]


@dataclass(frozen=True, slots=True)
class Link:
    """A key from one table to another, with what the other is to it: "manager" for manager_id."""

    owner: str
    key: Key
    role: str  # "" = what the other table is called anyway
    has_missing: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a database."""

    tables: Mapping[str, TableFacts]
    links: tuple[Link, ...]

    def links_of(self, owner: str) -> list[Link]:
        return [one for one in self.links if one.owner == owner]

    def links_to(self, target: str) -> list[Link]:
        return [one for one in self.links if one.key.table == target and one.owner != target]


def read_names(known: Profiled) -> dict[str, TableFacts]:
    """What each table and its columns are called; the rows are not looked at."""
    return _all_facts(known, *_tables_and_keys(known), {})


def read_facts(database: Database) -> Facts:
    """Looks at the schema, the profile and once through each table for what is missing."""
    known = database.known()
    tables, keys = _tables_and_keys(known)
    missing = {table.name: _missing(database, table) for table in tables}
    found = _all_facts(known, tables, keys, missing)
    links = []
    for table, key in keys:
        if key.table in found:
            has_missing = any(missing[table.name].get(name, 0) for name in key.columns)
            links.append(Link(table.name, key, _role(key, found[key.table]), has_missing))
    for facts in found.values():
        own = [one for one in links if one.owner == facts.name]
        by_keys = {name for one in own for name in one.key.columns}
        ids = {column.name for column in facts.table.columns if column.key}
        facts.pairs = _pairs(database, facts)
        facts.is_link = len({one.key.table for one in own}) >= 2 and not facts.label and ids <= by_keys
    return Facts(found, tuple(links))


def _tables_and_keys(known: Profiled) -> tuple[list[Table], list[tuple[Table, Key]]]:
    usable = [one for one in known.schema.tables if one.columns and not one.is_view]
    tables = usable or list(known.schema.tables)
    keys = [(table, key) for table in tables for key in keys_of(table, tables) if key.declared or not _own(table, key)]
    return tables, keys


def _all_facts(
    known: Profiled, tables: list[Table], keys: list[tuple[Table, Key]], missing: Mapping[str, Mapping[str, int]]
) -> dict[str, TableFacts]:
    texts = {(one.source, one.table, one.column): one.values for one in known.values}
    key_columns = {(table.name, name) for table, key in keys for name in key.columns}
    key_columns |= {(key.table, name) for _, key in keys for name in key.to_columns}
    said = Counter(singular_of(" ".join(table_words_of(table.name))) for table in tables)
    said.update(singular_of(" ".join(table_words_of(table.name))).rpartition(" ")[2] for table in tables)
    said.update(" ".join(without_unit(words_of(one.name))[0]) for table in tables for one in table.columns)
    return {table.name: _table_facts(table, texts, key_columns, missing.get(table.name, {}), said) for table in tables}


def _own(table: Table, key: Key) -> bool:
    """Whether a key that only names show is the number of the table's own rows: exhibition_id and a table exhibit."""
    own = [column.name for column in table.columns if column.key]
    return list(key.columns) == own


def _pairs(database: Database, facts: TableFacts) -> tuple[tuple[str, str], ...]:
    """First and last names of some rows."""
    if len(facts.label) != 2:
        return ()
    first, last = (quoted(one.column.name) for one in facts.label)
    sql = f"SELECT DISTINCT {first}, {last} FROM {_place(database, facts.table)} ORDER BY 1, 2 LIMIT 400"
    rows = database.run(sql, seconds=5.0, max_rows=400).rows
    pairs = [(one, two) for one, two in rows if isinstance(one, str) and isinstance(two, str)]
    return tuple(pair for pair in pairs if all(pair) and len("".join(pair)) < _LONG and "".join(pair).isprintable())


def _place(database: Database, table: Table) -> str:
    """The table as a query of ours names it."""
    own = quoted(table.name)
    return own if table.source == database.sources[0].name else f"{quoted(table.source)}.{own}"


def _missing(database: Database, table: Table) -> dict[str, int]:
    """How many rows of each column hold nothing."""
    names = [column.name for column in table.columns][:200]
    counted = ", ".join(f"SUM({quoted(name)} IS NULL)" for name in names)
    rows = database.run(f"SELECT {counted} FROM {_place(database, table)}", seconds=5.0).rows
    return {name: int(n or 0) for name, n in zip(names, rows[0], strict=False)} if rows else {}


def _table_facts(
    table: Table,
    texts: Mapping[tuple[str, str, str], tuple[str, ...]],
    keys: set[tuple[str, str]],
    missing: Mapping[str, int],
    said: Mapping[str, int],
) -> TableFacts:
    words = table_words_of(table.name)
    noted = read_note(table.comment).names
    nouns = nouns_of(" ".join(words), said, noted)
    if noted and is_short(table.name):  # what was written out is a guess, and a comment says it
        nouns = tuple(one for one in nouns if one.weight > 1.0) or nouns
    is_person = thing_of(nouns[0].one) == "person" or nouns[0].one.rpartition(" ")[2] in _PEOPLE
    facts = TableFacts(table, nouns, is_person=is_person)
    for column in table.columns:
        held = texts.get((table.source, table.name, column.name), ())
        made = _column_facts(table, column, words, held, keys, missing.get(column.name, 0), said)
        if made.sort in ("date", "year"):
            happens = event_of(words_of(column.name), [nouns[0].one], is_person=facts.is_person)
            if happens is None and made.note.happens:
                happens = event_of([made.note.happens], [nouns[0].one], is_person=facts.is_person)
            if happens is None and facts.is_person and words_of(column.name)[0] == "since":  # since when they are there
                happens = event_of(["joined"])
                made = replace(made, phrases=("joining date", "date of joining", *made.phrases))
            made = replace(made, event=happens)
        facts.columns[column.name] = made
    _kinds_alone(facts, said)
    facts.label = _label(facts)
    for one in [one for one in facts.label if one.sort == "group"]:  # rows are known by it: they make no groups
        facts.columns[one.column.name] = replace(one, sort="text")
        facts.label = tuple(facts.columns[each.column.name] for each in facts.label)
    if len(facts.label) == 1 and facts.label[0].sort == "name":  # the name of a product is no product
        one, called = facts.label[0], {noun.one for noun in nouns}
        phrases = tuple(said for said in one.phrases if said not in called and said not in ("kind", "type"))
        facts.columns[one.column.name] = replace(one, phrases=tuple(dict.fromkeys(("name", *phrases))))
        if one.phrase in called:
            facts.label = (facts.columns[one.column.name],)
        else:
            facts.columns[one.column.name] = one
    for name, one in facts.columns.items():
        if one.sort == "name" and one not in facts.label and one.values and not one.is_unique:
            facts.columns[name] = _as_group(one, said)
    born = any(one.event is not None and one.event.base in ("bear", "hire") for one in facts.of("date", "year"))
    if len(facts.label) == 2 or (born and facts.label and facts.label[0].sort == "name"):
        facts.is_person = True
    return facts


def _kinds_alone(facts: TableFacts, said: Mapping[str, int]) -> None:
    """The property type of a listing is its type, where nothing else has one."""
    ends = Counter(words_of(one.name)[-1] for one in facts.table.columns)
    for name, one in facts.columns.items():
        last = one.phrase.rpartition(" ")[2]
        if one.sort == "group" and last != one.phrase and last in _KINDS and ends[last] == 1 and not said.get(last, 0):
            facts.columns[name] = replace(one, phrases=(*one.phrases, last))


def _column_facts(
    table: Table, column: Column, table_words: list[str], held: tuple[str, ...], keys: set[tuple[str, str]],
    n_missing: int, said: Mapping[str, int],
) -> ColumnFacts:  # fmt: skip
    words, unit = without_unit(words_of(column.name))
    n_rows = (table.n_rows or 0) - n_missing
    is_unique = bool(column.n_distinct) and column.n_distinct == n_rows and n_rows > 1
    sort = _sort(table, column, words, held, keys, n_rows)
    words, whole = plain_words(words, sort), words
    if sort == "number" and words != whole and whole[-1] == "count":
        sort = "count"
    typed = tuple(one for one in held if len(one) <= _LONG and one.isprintable() and one.strip() == one)
    is_only = sum(kind_of(one) == "date" for one in table.columns) == 1
    note = _note(column, held, sort)
    phrases = phrases_of(words, table_words, sort, note.names, said, is_only=is_only)
    is_noted = is_short(column.name) and len(phrases) > 1 and phrases[-1] in note.names
    if is_noted:  # what was written out is a guess, and the comment says it
        phrases = tuple(f"amount {one}" if sort == "money" and one.split()[0] in _DONE else one
                        for one in phrases if one in note.names)  # fmt: skip
        phrases += tuple(other for one in phrases for other in others_for(one) if not said.get(other, 0))
    elif len(words) == 1 and words[0] in _TIMES:  # minutes: how long
        sort, unit = "number", words[0]
        phrases = tuple(one for one in ("duration", "length", words[0]) if not said.get(one, 0) or one == words[0])
    elif words != whole and sort not in ("flag", "count") and words != table_words:
        phrases = tuple(dict.fromkeys([*phrases, " ".join(whole)]))
    sums = sort in ("number", "money", "count") and not _NOT_SUMMED & set(words)
    if sort == "money" and words[-1] in ("price", "fee", "salary", "rent", "cost", "total", "amount"):
        sums = True
    return ColumnFacts(
        table.name, column, sort, phrases, unit, typed, n_missing, table.n_rows or 0, is_unique, sums, note=note,
        deed=_deed(words) if sort == "count" else None,
        own=phrases if is_noted else tuple(dict.fromkeys((phrases[0], " ".join(words), " ".join(whole)))),
    )  # fmt: skip


def _deed(words: list[str]) -> tuple[str, Event] | None:
    """Things that are counted and what was done with them: tickets sold, hours worked."""
    if len(words) < 2 or not is_plural(words[-2]):
        return None
    happens = event_of(words[-1:])
    return (" ".join(words[:-1]), happens) if happens is not None and happens.participle == words[-1] else None


def _note(column: Column, held: tuple[str, ...], sort: str) -> Note:
    """What its comment says; of whole numbers the frequent ones are held against it."""
    few = (column.n_distinct or 99) <= len(column.samples)
    whole = column.samples if sort in ("number", "count") and few and all(map(_is_whole, column.samples)) else ()
    return read_note(column.comment, held or whole)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _sort(
    table: Table, column: Column, words: list[str], held: tuple[str, ...], keys: set[tuple[str, str]], n_rows: int
) -> str:
    kind = kind_of(column)
    is_key = column.key > 0 or (table.name, column.name) in keys
    if is_key and not (kind == "text" and column.key == 1 and words[-1] in _NAMES):
        return "key"
    if column.holds == "nothing":
        return "key"  # nothing can be asked of it
    if kind == "date":
        return "date"
    if kind == "flag":
        return "flag"
    if kind == "number":
        low, high = column.low, column.high
        is_year = isinstance(low, int) and isinstance(high, int) and 1000 <= low <= high <= 2200
        if is_year and ("year" in words or event_of(words) is not None):
            return "year"
        if words_of(column.name)[-1] == "percent":
            return "number"
        if set(words) & _MONEY or words_of(column.name)[-1] in ("eur", "euro", "usd", "gbp", "chf"):
            return "money"
        whole = isinstance(low, int) and isinstance(high, int)
        few = (column.n_distinct or 0) <= 12 < n_rows and words[-1] == "number"  # FLR_NO: a floor and no code
        if whole and words[-1] in _CODES and words[:1] != ["number"] and not few:
            return "text"
        counted = words[0] if len(words) > 2 and words[1] in ("in", "on", "of") else words[-1]  # units in stock
        if _deed(words) is not None:
            counted = words[-2]
        return "count" if whole and counted.endswith("s") and not counted.endswith("ss") else "number"
    if words[-1] in _NAMES:
        return "name"
    n_distinct = column.n_distinct or 0
    if held and n_distinct <= max(2, min(_FEW, n_rows * 0.8)):
        return "group"
    return "text"


def _label(facts: TableFacts) -> tuple[ColumnFacts, ...]:
    """First and last name; a name or title; else a text of which every row has its own; else a key of letters."""
    columns = list(facts.columns.values())

    def part(which: int) -> ColumnFacts | None:
        heads = _PERSON_PARTS[which]
        return next(
            (one for one in columns if one.sort in ("name", "text", "group")
             and (one.phrases[-1].split()[0] in heads or one.phrase.split()[0] in heads or (one.phrase in ("surname",)
                  and which == 1)) and (one.phrase.endswith("name") or one.phrase == "surname")),
            None,
        )  # fmt: skip

    first, last = part(0), part(1)
    if first is not None and last is not None:
        return (first, last)
    if last is not None:
        return (last,)
    names = [one for one in columns if one.sort == "name"]
    own = table_words_of(facts.name)
    table_words = set(own) | {singular_of(word) for word in own}
    heads = {own[-1], singular_of(own[-1])}
    names = [one for one in names if one.is_unique or not _is_of_another(one, heads)]
    names.sort(key=lambda one: (not one.is_unique, len(set(words_of(one.column.name)) - table_words)))
    if names:
        return (names[0],)
    known_by = [one for one in columns if one.sort in ("text", "group") and _is_code(one, table_words)]
    if known_by:
        return (known_by[0],)
    unique = [one for one in columns if one.sort == "text" and one.is_unique and one.values
              and not one.phrase.endswith(("mail", "phone", "address", "number", "website"))]  # fmt: skip
    if unique:
        return (unique[0],)
    lettered = [one for one in columns if one.sort == "key" and one.column.key == 1 and one.values]
    codes = [one for one in columns if one.sort == "text" and one.is_unique and one.values]
    return tuple((lettered or codes)[:1])


def _as_group(column: ColumnFacts, said: Mapping[str, int]) -> ColumnFacts:
    """customer_name in a table of orders: rows are told apart by it, and it is called the customer."""
    words = words_of(column.column.name)
    other = " ".join(words[:-1])
    phrases = (other, *column.phrases) if other and not said.get(other, 0) else column.phrases
    return replace(column, sort="group", phrases=phrases)


def _is_of_another(column: ColumnFacts, heads: set[str]) -> bool:
    """customer_name in a table of orders names no order."""
    words = words_of(column.column.name)
    return len(words) > 1 and words[-2] not in heads | _OWN_NAMES


def _is_code(column: ColumnFacts, table_words: set[str]) -> bool:
    """A number, plate or the like by which rows are known: of many values, and of the row itself."""
    words = words_of(column.column.name)
    own = set(words[:-1]) <= table_words | {"license", "licence", "serial", "registration", "inventory", "call"}
    n_distinct, n_rows = column.column.n_distinct or 0, column.column_rows
    return words[-1] in _CODES and own and n_distinct > max(5, n_rows * 0.1)


def _role(key: Key, target: TableFacts) -> str:
    """What the other row is: "manager" for manager_id; "" where that is only its table's name."""
    words = [word for word in words_of(key.columns[0]) if word not in ("id", "code", "number", "key", "ref")]
    own = table_words_of(target.name)
    rest = " ".join(words[: -len(own)])
    if rest and words[-len(own) :] == own and thing_of(rest) == "person":  # MGR_EMP_NO is the number of the manager
        words = words[: -len(own)]
    if words[:1] in (["from"], ["to"]):
        words = ["origin" if words[0] == "from" else "destination", *(words[1:] or own)]
    said = " ".join(words)
    names = {form for noun in target.nouns for form in (noun.one, noun.many)}
    return "" if not said or said in names or singular_of(said) in names else said
