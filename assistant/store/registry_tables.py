"""The tables of the registry, as migration m012 made them: runs, adapters, evaluations, promotions, blind votes."""

REGISTRY = """
    CREATE TABLE runs (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        base_sha256 TEXT NOT NULL,                       -- of the model file that was trained
        base TEXT NOT NULL,                              -- its id when it was
        folder BLOB NOT NULL,                            -- bytes, as file names are; '' = there is none
        manifest TEXT NOT NULL,                          -- JSON object, as the run's folder has it
        created_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- As they were when the run began: a lesson may be edited or removed later.
    CREATE TABLE run_lessons (
        run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        lesson_id TEXT NOT NULL,
        version INTEGER NOT NULL,
        name TEXT NOT NULL,
        kind TEXT NOT NULL,                              -- feedback, database, imported, ...
        sha256 TEXT NOT NULL,                            -- of its examples
        n_examples INTEGER NOT NULL,
        PRIMARY KEY (run_id, lesson_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE run_sources (
        run_id TEXT NOT NULL,
        lesson_id TEXT NOT NULL,
        kind TEXT NOT NULL,                              -- conversation, file, database, query
        source TEXT NOT NULL,                            -- an id, or a name
        n_examples INTEGER NOT NULL,
        PRIMARY KEY (run_id, lesson_id, kind, source),
        FOREIGN KEY (run_id, lesson_id) REFERENCES run_lessons (run_id, lesson_id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_sources_by_source ON run_sources (kind, source);

    CREATE TABLE adapters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,        -- the order of adding
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        scope TEXT NOT NULL,                             -- chat, or sql:NAME-HASH
        base_sha256 TEXT NOT NULL,
        base TEXT NOT NULL,
        form TEXT NOT NULL,                              -- the prompt form it was taught with; '' = the chat's
        state TEXT NOT NULL CHECK (state IN ('candidate', 'promoted', 'retired')),
        file TEXT NOT NULL,                              -- below adapters/
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        licence TEXT NOT NULL,
        run_id TEXT REFERENCES runs (id) ON DELETE SET NULL,
        created_at REAL NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX adapters_promoted ON adapters (scope, base_sha256) WHERE state = 'promoted';
    CREATE INDEX adapters_by_run ON adapters (run_id);

    CREATE TABLE evaluations (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        adapter_id TEXT NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
        adapter_sha256 TEXT NOT NULL,                    -- it holds for these very bytes
        scope TEXT NOT NULL,
        suite TEXT NOT NULL,
        suite_sha256 TEXT NOT NULL,
        passed INTEGER NOT NULL,                         -- 1: the gate lets the adapter through
        report TEXT NOT NULL,                            -- JSON object
        created_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX evaluations_by_adapter ON evaluations (adapter_id, number);

    -- A pile for each scope and base: rolling back undoes the newest row that is not undone.
    CREATE TABLE promotions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        scope TEXT NOT NULL,
        base_sha256 TEXT NOT NULL,
        adapter_id TEXT NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
        before_id TEXT REFERENCES adapters (id) ON DELETE SET NULL,   -- what was promoted until then; NULL = the base
        evaluation_id TEXT NOT NULL,
        promoted_at REAL NOT NULL,
        undone_at REAL
    ) STRICT;
    CREATE INDEX promotions_by_scope ON promotions (scope, base_sha256, number);
    CREATE INDEX promotions_by_adapter ON promotions (adapter_id);
    CREATE INDEX promotions_by_before ON promotions (before_id);

    CREATE TABLE blind_votes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        adapter_id TEXT NOT NULL REFERENCES adapters (id) ON DELETE CASCADE,
        against_id TEXT REFERENCES adapters (id) ON DELETE SET NULL,  -- NULL = the base alone
        conversation TEXT NOT NULL,                      -- its id, '' = none
        shown_first INTEGER NOT NULL,                    -- 1: the adapter's answer was A
        choice TEXT NOT NULL CHECK (choice IN ('adapter', 'other', 'tie')),
        voted_at REAL NOT NULL
    ) STRICT;
    CREATE INDEX blind_votes_by_adapter ON blind_votes (adapter_id, number);
"""
