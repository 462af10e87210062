"""The tables of lessons: sets of examples, each version of every example, what each was made of; as migration m013
made them."""

LESSONS = """
    CREATE TABLE lessons (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,                              -- feedback, imported, database, or a plug-in's
        scope TEXT NOT NULL,                             -- where what it teaches holds: chat, or sql:NAME-HASH
        form TEXT NOT NULL,                              -- how its prompts are written; '' = as a chat
        source TEXT NOT NULL,                            -- JSON object: what it was made of, for people
        version INTEGER NOT NULL,                        -- grows with every change of its examples
        created_at REAL NOT NULL,
        updated_at REAL NOT NULL,
        split_at REAL                                    -- since when the held-out part is frozen; NULL = none yet
    ) STRICT;

    CREATE TABLE lesson_examples (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        lesson INTEGER NOT NULL REFERENCES lessons (number) ON DELETE CASCADE,
        id TEXT NOT NULL,                                -- the same for all versions of one example
        shape TEXT NOT NULL CHECK (shape IN ('answer', 'pair', 'rating')),
        prompt TEXT NOT NULL,                            -- JSON: the messages before the answer
        answer TEXT NOT NULL,
        rejected TEXT NOT NULL,                          -- of a pair: the worse answer
        good INTEGER,                                    -- of a rating: 1 or 0
        meaning TEXT NOT NULL,                           -- examples of one meaning never lie on both sides
        cluster TEXT NOT NULL,                           -- of meanings that are alike; '' = not looked at yet
        part TEXT NOT NULL CHECK (part IN ('', 'train', 'held_out', 'set_aside')),
        left_out INTEGER NOT NULL,                       -- 1: the user does not want it to be learned
        more TEXT NOT NULL,                              -- JSON object: what the kind knows of it
        since INTEGER NOT NULL,                          -- the first version of the lesson in which it stands
        until INTEGER                                    -- the first in which it does not; NULL = it stands now
    ) STRICT;
    CREATE INDEX lesson_examples_now ON lesson_examples (lesson, number) WHERE until IS NULL;
    CREATE INDEX lesson_examples_by_id ON lesson_examples (lesson, id);

    CREATE TABLE lesson_origins (
        example INTEGER NOT NULL REFERENCES lesson_examples (number) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('conversation', 'file', 'database', 'query')),
        source TEXT NOT NULL,                            -- id of the conversation, sha256 of the file, ...
        place TEXT NOT NULL,                             -- id of the message, number of the line, ...
        PRIMARY KEY (example, kind, source, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX lesson_origins_by_source ON lesson_origins (kind, source);
"""
