"""Tables, columns, keys and comments of opened databases, read by pragmas. Runs in the worker."""

import re
import time

import apsw

from rushlight.assistant.sql.guard import Guard
from rushlight.assistant.sql.values import Column, Key, Schema, Source, Table

_MAX_TABLES = 2_000
_MAX_COLUMNS = 2_000
_MAX_NAME = 200
_HIDDEN = re.compile(r"^sqlite_|_(content|docsize|segments|segdir|stat|node|parent|rowid|idx|data|config)$")


def read_schema(guard: Guard, seconds: float) -> Schema:
    """Everything that can be read in the time given; what cannot is named in the notes."""
    guard.begin(seconds)
    tables: list[Table] = []
    notes: list[str] = []
    for source in guard.sources:
        database = guard.database_name(source)
        rows = list(
            guard.db.execute(
                f"SELECT name, type, sql FROM {quoted(database)}.sqlite_schema "
                f"WHERE type IN ('table', 'view') ORDER BY rowid LIMIT {_MAX_TABLES + 1}"
            )
        )
        if len(rows) > _MAX_TABLES:
            notes.append(f"{source.name} has more than {_MAX_TABLES} tables; the others are left out.")
        virtual = {str(name) for name, _, sql in rows if re.match(r"\s*create\s+virtual", str(sql), re.I)}
        for name, kind, sql in rows[:_MAX_TABLES]:
            if not isinstance(name, str) or _is_inner(name, virtual):
                continue
            try:
                tables.append(
                    _table(guard, source, database, name, kind == "view", sql if isinstance(sql, str) else "")
                )
            except (apsw.Error, UnicodeDecodeError, ValueError) as failure:
                if guard.timed_out:
                    raise
                notes.append(f"{name[:_MAX_NAME]} cannot be read: {str(failure).splitlines()[0][:200]}")
    return Schema(tuple(tables), tuple(notes[:50]))


def _is_inner(name: str, virtual: set[str]) -> bool:
    """Tables of SQLite's own, and those that lie behind a search table."""
    if name.lower().startswith("sqlite_"):
        return True
    return any(name.startswith(f"{one}_") and _HIDDEN.search(name) for one in virtual)


def _table(guard: Guard, source: Source, database: str, name: str, is_view: bool, sql: str) -> Table:
    if len(name) > _MAX_NAME:
        raise ValueError(f"its name is longer than {_MAX_NAME} characters")
    place, target = quoted(database), quoted(name)
    comments = comments_of(sql)
    columns = []
    for _, column, kind, not_null, _, key, hidden in guard.db.execute(f"PRAGMA {place}.table_xinfo({target})"):
        if hidden != 1 and len(column) <= _MAX_NAME:  # 1: the hidden columns of virtual tables
            comment = comments.get(column.lower(), "")
            columns.append(Column(column, (kind or "").upper()[:40], key, bool(not_null or key), comment))
    if not columns:
        raise ValueError("it has no columns")
    if len(columns) > _MAX_COLUMNS:
        raise ValueError(f"it has more than {_MAX_COLUMNS} columns")
    keys: dict[int, list[tuple[str, str, str | None]]] = {}
    for number, _, to_table, column, to_column, *_ in guard.db.execute(f"PRAGMA {place}.foreign_key_list({target})"):
        keys.setdefault(number, []).append((column, to_table, to_column))
    return Table(
        source.name,
        name,
        tuple(columns),
        tuple(_key(guard, place, parts) for _, parts in sorted(keys.items(), reverse=True)),
        comments.get("", ""),
        is_view=is_view,
    )


def _key(guard: Guard, place: str, parts: list[tuple[str, str, str | None]]) -> Key:
    to_table = parts[0][1]
    to_columns = [to for _, _, to in parts]
    if any(to is None for to in to_columns):  # the primary key is meant
        found = [
            (key, column)
            for _, column, _, _, _, key, _ in guard.db.execute(f"PRAGMA {place}.table_xinfo({quoted(to_table)})")
            if key
        ]
        to_columns = [column for _, column in sorted(found)]
    return Key(tuple(column for column, _, _ in parts), to_table, tuple(to or "" for to in to_columns))


def count_rows(guard: Guard, schema: Schema, seconds: float) -> Schema:
    """The same with numbers of rows, as far as the time reaches."""
    end = time.monotonic() + seconds
    counted: list[Table] = []
    for table in schema.tables:
        left = end - time.monotonic()
        n_rows = None
        if left > 0 and not table.is_view:
            guard.begin(min(left, seconds / 4))
            try:
                ((n_rows,),) = guard.db.execute(f"SELECT count(*) FROM {place_of(guard, table)}")
            except (apsw.Error, ValueError):
                n_rows = None
        counted.append(Table(table.source, table.name, table.columns, table.keys, table.comment, n_rows, table.is_view))
    return Schema(tuple(counted), schema.notes)


def place_of(guard: Guard, table: Table) -> str:
    """The table as SQL writes it, with its database."""
    source = next(one for one in guard.sources if one.name == table.source)
    return f"{quoted(guard.database_name(source))}.{quoted(table.name)}"


def quoted(name: str) -> str:
    """A name as SQL writes it: nothing in it can end it."""
    return '"' + name.replace('"', '""') + '"'


_LINE = re.compile(r"""^\s*(?:"((?:[^"]|"")+)"|`([^`]+)`|\[([^\]]+)\]|([^\W\d]\w*))""")
_APART = re.compile(r",(?![^()]*\))")  # commas that stand in no brackets
_CREATE = re.compile(r"\s*create\s+(?:temp|temporary|virtual|table)\b", re.IGNORECASE)  # and no column created_at
_NO_COLUMN = {"primary", "foreign", "unique", "check", "constraint"}


def comments_of(sql: str) -> dict[str, str]:
    """The `-- comments` of a CREATE TABLE: by column, and under "" that of the table itself."""
    found: dict[str, str] = {}
    column = ""
    for line in sql[:200_000].splitlines():
        code, mark, comment = line.partition("--")
        if _CREATE.match(code):
            code = code.partition("(")[2]
            column = ""
        last = [part for part in _APART.split(code) if part.strip()][-1:]  # of several the one before the comment
        if last:
            match = _LINE.match(last[0])
            name = next(part for part in match.groups() if part).lower() if match else ""
            column = "" if name in _NO_COLUMN else name
        text = " ".join(comment.split())[:200]
        if mark and text:
            found[column] = f"{found[column]} {text}"[:200] if column in found else text
    return found
