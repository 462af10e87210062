"""Names of tables and columns as SQL writes them: in quotes where they need some. Knows SQLite's own words."""

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_KEYWORD_LIST = """
    abort action add after all alter always analyze and as asc attach autoincrement before begin between by cascade
    case cast check collate column commit conflict constraint create cross current current_date current_time
    current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
    except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
    groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join
    key last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others
    outer over partition plan pragma preceding primary query raise range recursive references regexp reindex release
    rename replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
    transaction trigger unbounded union unique update using vacuum values view virtual when where window with without
"""
_KEYWORDS = frozenset(_KEYWORD_LIST.split())


def sql_name(name: str, *, folds: bool = False) -> str:
    """One name; nothing in it can end it. `folds`: the database takes names without quotes for small letters."""
    if _PLAIN.match(name) and name.lower() not in _KEYWORDS and not (folds and name != name.lower()):
        return name
    return '"' + name.replace('"', '""') + '"'
