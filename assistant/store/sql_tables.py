"""The tables of threads, saved questions and dashboards over the user's databases, as migration m011 made them."""

THREADS_AND_SAVED = """
CREATE TABLE sql_threads (
    number INTEGER PRIMARY KEY AUTOINCREMENT,        -- the order of beginning
    id TEXT NOT NULL UNIQUE,
    database TEXT NOT NULL,                          -- the name of its main file
    schema_sha256 TEXT NOT NULL,                     -- of its tables and columns
    title TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL
) STRICT;
CREATE INDEX sql_threads_by_schema ON sql_threads (schema_sha256);
CREATE INDEX sql_threads_by_name ON sql_threads (database);

CREATE TABLE sql_turns (
    thread INTEGER NOT NULL REFERENCES sql_threads (number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    question TEXT NOT NULL,
    whole TEXT NOT NULL,                             -- with the questions that it follows
    sql TEXT NOT NULL,
    columns TEXT NOT NULL,                           -- JSON list of names
    rows TEXT NOT NULL,                              -- JSON list of the first rows, cells as texts
    n_rows INTEGER NOT NULL,
    more INTEGER NOT NULL,                           -- 1: there were more rows than were read
    result_sha256 TEXT NOT NULL,
    asked_at REAL NOT NULL,
    PRIMARY KEY (thread, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE sql_saved (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    question TEXT NOT NULL,
    sql TEXT NOT NULL,
    parameters TEXT NOT NULL,                        -- JSON list of objects: name, kind, default, column
    files TEXT NOT NULL,                             -- JSON list of paths, the main one first
    chart TEXT NOT NULL,                             -- auto, none, bar, line, scatter or histogram
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    last_run_at REAL,                                -- NULL = never since it was saved
    last_n_rows INTEGER,
    last_sha256 TEXT NOT NULL                        -- of what it gave then; '' = nothing yet
) STRICT, WITHOUT ROWID;

CREATE TABLE sql_dashboards (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    created_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sql_dashboard_items (
    dashboard TEXT NOT NULL COLLATE NOCASE
        REFERENCES sql_dashboards (name) ON DELETE CASCADE ON UPDATE CASCADE,
    position INTEGER NOT NULL,
    saved TEXT NOT NULL REFERENCES sql_saved (id) ON DELETE CASCADE,
    given TEXT NOT NULL,                             -- JSON object: parameter -> value, where not the default
    PRIMARY KEY (dashboard, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX sql_dashboard_items_by_saved ON sql_dashboard_items (saved);
"""
