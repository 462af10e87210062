"""The tables of the store, one small function a change, in the order in which they are applied.

A migration that has shipped is never edited; a change is a new one at the end. The names of those applied are
kept in the file, so an older Rushlight sees that it meets a newer file.
"""

from collections.abc import Callable

import apsw

Migration = Callable[[apsw.Connection], None]
MIGRATIONS: dict[str, Migration] = {}


def migration(function: Migration) -> Migration:
    """Register a migration under its name; names begin with m and a rising number of three digits."""
    name = function.__name__
    expected = f"m{len(MIGRATIONS) + 1:03d}_"
    if not name.startswith(expected):
        raise ValueError(f"migration {name} must be named {expected}...")
    MIGRATIONS[name] = function
    return function


@migration
def m001_models(db: apsw.Connection) -> None:
    """Models, the files they are made of, other names for them, sampler defaults, and templates seen under an id."""
    db.execute("""
        CREATE TABLE models (
            id TEXT PRIMARY KEY,
            owned INTEGER NOT NULL,                 -- 1: the file lies in our models folder; 0: used in place
            size_bytes INTEGER NOT NULL,
            sha256 TEXT NOT NULL UNIQUE,
            architecture TEXT NOT NULL,
            n_params INTEGER NOT NULL,
            n_ctx_train INTEGER NOT NULL,
            quantization TEXT NOT NULL,
            purpose TEXT NOT NULL,                  -- chat or embedding
            chat_template_sha256 TEXT NOT NULL,     -- '' = the file has no template
            license TEXT NOT NULL,
            added_at REAL NOT NULL                  -- seconds since 1970
        ) STRICT;

        CREATE TABLE model_files (
            model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
            part INTEGER NOT NULL,                  -- 0 for the first or only file
            path BLOB NOT NULL,                     -- bytes, for file names need not be UTF-8; owned: below models/
            size_bytes INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            edges_sha256 TEXT NOT NULL,             -- of the first and the last 64 KiB
            PRIMARY KEY (model_id, part)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE model_aliases (
            alias TEXT PRIMARY KEY,
            model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE model_sampling (
            model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
            name TEXT NOT NULL,                     -- a field of Sampling
            source TEXT NOT NULL,                   -- file or user; the user's goes first
            value REAL NOT NULL,
            PRIMARY KEY (model_id, name, source)
        ) STRICT, WITHOUT ROWID;

        -- Outlives the model, so that a template that changed under the same id is noticed.
        CREATE TABLE model_templates (
            model_id TEXT NOT NULL,
            sha256 TEXT NOT NULL,
            seen_at REAL NOT NULL,
            PRIMARY KEY (model_id, sha256)
        ) STRICT, WITHOUT ROWID;
    """)
