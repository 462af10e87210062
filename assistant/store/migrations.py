"""The tables of the store, one small function a change, in the order in which they are applied.

A migration that has shipped is never edited; a change is a new one at the end. The names of those applied are
kept in the file, so an older Rushlight sees that it meets a newer file.
"""

from collections.abc import Callable

import apsw

from rushlight.assistant.store.lesson_tables import LESSONS
from rushlight.assistant.store.registry_tables import REGISTRY
from rushlight.assistant.store.sql_tables import THREADS_AND_SAVED

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


@migration
def m002_conversations(db: apsw.Connection) -> None:
    """Folders, conversations as trees of messages, attached texts (each stored once), and drafts.

    Rows refer to each other by number, which keeps a million messages small; people and programs see the ids.
    """
    db.execute("""
        CREATE TABLE folders (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            parent INTEGER REFERENCES folders (number),      -- NULL = at the top
            created_at REAL NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX folders_by_name ON folders (ifnull(parent, 0), name);
        CREATE INDEX folders_by_parent ON folders (parent);

        CREATE TABLE conversations (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            title TEXT NOT NULL,                             -- '' until it has one
            folder INTEGER REFERENCES folders (number) ON DELETE SET NULL,
            model TEXT NOT NULL,                             -- '' = the default one
            system TEXT,                                     -- NULL = the setting, '' = none
            options TEXT NOT NULL,                           -- JSON object of texts: option name -> value
            head INTEGER,                                    -- the message that is shown last
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            pinned INTEGER NOT NULL,
            deleted_at REAL                                  -- NULL, or in the trash since
        ) STRICT;
        CREATE INDEX conversations_recent ON conversations (pinned, updated_at, number) WHERE deleted_at IS NULL;
        CREATE INDEX conversations_used ON conversations (updated_at, number) WHERE deleted_at IS NULL;
        CREATE INDEX conversations_by_folder ON conversations (folder, pinned, updated_at, number);
        CREATE INDEX conversations_trash ON conversations (deleted_at, number) WHERE deleted_at IS NOT NULL;

        CREATE TABLE messages (
            number INTEGER PRIMARY KEY,                      -- rises with time: siblings are in its order
            id TEXT NOT NULL UNIQUE,
            conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
            parent INTEGER CHECK (parent < number),          -- NULL = a root; smaller, so there are no circles
            role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant', 'tool')),
            content TEXT NOT NULL,
            reasoning TEXT NOT NULL,
            model TEXT NOT NULL,
            adapter TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('complete', 'partial', 'stopped', 'failed')),
            finish_reason TEXT NOT NULL,
            writer TEXT NOT NULL,                            -- the process that is writing it now, '' = nobody
            created_at REAL NOT NULL,
            n_prompt_tokens INTEGER NOT NULL,
            n_cached_tokens INTEGER NOT NULL,
            n_completion_tokens INTEGER NOT NULL,
            queue_s REAL NOT NULL,
            prompt_s REAL NOT NULL,
            decode_s REAL NOT NULL,
            first_token_s REAL NOT NULL,
            UNIQUE (conversation, number),
            -- The parent is of the same conversation. No cascade: a line of a thousand turns would recurse as deep.
            FOREIGN KEY (conversation, parent) REFERENCES messages (conversation, number)
                DEFERRABLE INITIALLY DEFERRED
        ) STRICT;
        CREATE INDEX messages_by_parent ON messages (conversation, parent);
        CREATE INDEX messages_being_written ON messages (writer) WHERE writer <> '';

        CREATE TABLE attachment_texts (
            sha256 TEXT PRIMARY KEY,                         -- of the text in UTF-8
            text TEXT NOT NULL,
            size_bytes INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE attachments (
            number INTEGER PRIMARY KEY,                      -- in the order in which they were given
            id TEXT NOT NULL UNIQUE,
            message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            sha256 TEXT NOT NULL REFERENCES attachment_texts (sha256)
        ) STRICT;
        CREATE INDEX attachments_by_message ON attachments (message);
        CREATE INDEX attachments_by_text ON attachments (sha256);
        CREATE TRIGGER attachments_last_use AFTER DELETE ON attachments BEGIN
            DELETE FROM attachment_texts WHERE sha256 = old.sha256
                AND NOT EXISTS (SELECT 1 FROM attachments WHERE sha256 = old.sha256);
        END;

        CREATE TABLE drafts (
            conversation INTEGER REFERENCES conversations (number) ON DELETE CASCADE,   -- NULL = one not begun yet
            text TEXT NOT NULL,
            saved_at REAL NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX drafts_by_conversation ON drafts (ifnull(conversation, 0));
        CREATE INDEX drafts_of_conversation ON drafts (conversation);
    """)


@migration
def m003_conversation_search(db: apsw.Connection) -> None:
    """Full-text search over messages and titles. A message is searchable once nobody writes it any more.

    The conversation's number is a word of its own column, so that a search can be kept to some conversations
    without looking at every match of a common word.
    """
    db.execute("""
        CREATE VIEW searchable_messages AS
            SELECT number, content, conversation FROM messages WHERE writer = '';
        CREATE VIRTUAL TABLE message_search USING fts5 (
            content, conversation, content='searchable_messages', content_rowid='number',
            tokenize='unicode61 remove_diacritics 2', prefix='2 3');
        CREATE TRIGGER message_search_insert AFTER INSERT ON messages WHEN new.writer = '' BEGIN
            INSERT INTO message_search (rowid, content, conversation)
                VALUES (new.number, new.content, new.conversation);
        END;
        CREATE TRIGGER message_search_delete AFTER DELETE ON messages WHEN old.writer = '' BEGIN
            INSERT INTO message_search (message_search, rowid, content, conversation)
                VALUES ('delete', old.number, old.content, old.conversation);
        END;
        CREATE TRIGGER message_search_update AFTER UPDATE OF content, writer ON messages
        WHEN old.content IS NOT new.content OR old.writer IS NOT new.writer BEGIN
            INSERT INTO message_search (message_search, rowid, content, conversation)
                SELECT 'delete', old.number, old.content, old.conversation WHERE old.writer = '';
            INSERT INTO message_search (rowid, content, conversation)
                SELECT new.number, new.content, new.conversation WHERE new.writer = '';
        END;

        CREATE VIRTUAL TABLE title_search USING fts5 (
            title, content='conversations', content_rowid='number',
            tokenize='unicode61 remove_diacritics 2', prefix='2 3');
        CREATE TRIGGER title_search_insert AFTER INSERT ON conversations BEGIN
            INSERT INTO title_search (rowid, title) VALUES (new.number, new.title);
        END;
        CREATE TRIGGER title_search_delete AFTER DELETE ON conversations BEGIN
            INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.number, old.title);
        END;
        CREATE TRIGGER title_search_update AFTER UPDATE OF title ON conversations WHEN old.title IS NOT new.title BEGIN
            INSERT INTO title_search (title_search, rowid, title) VALUES ('delete', old.number, old.title);
            INSERT INTO title_search (rowid, title) VALUES (new.number, new.title);
        END;
    """)


@migration
def m004_feedback(db: apsw.Connection) -> None:
    """What the user thought of replies: the lineage of what is learned from them. Never changed, only withdrawn."""
    db.execute("""
        CREATE TABLE feedback (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            message INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
            kind TEXT NOT NULL CHECK (kind IN ('up', 'down', 'correction', 'kept')),
            rejected INTEGER REFERENCES messages (number) ON DELETE CASCADE,   -- of 'kept': the reply given up for it
            text TEXT NOT NULL,                              -- of 'correction': how the reply should have been
            note TEXT NOT NULL,
            created_at REAL NOT NULL,
            withdrawn_at REAL,                               -- NULL, or not meant any more since
            CHECK ((kind = 'kept') = (rejected IS NOT NULL)),
            CHECK ((kind = 'correction') = (text <> ''))
        ) STRICT;
        CREATE INDEX feedback_by_message ON feedback (message);
        CREATE INDEX feedback_by_rejected ON feedback (rejected) WHERE rejected IS NOT NULL;
    """)


@migration
def m005_presets(db: apsw.Connection) -> None:
    """System prompts and options under a name."""
    db.execute("""
        CREATE TABLE presets (
            name TEXT PRIMARY KEY,
            system TEXT,                                     -- NULL = the preset says nothing about it
            options TEXT NOT NULL,                           -- JSON object of texts: option name -> value
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
    """)


@migration
def m006_imported_conversations(db: apsw.Connection) -> None:
    """Where conversations were imported from, so that the same export adds nothing when it is imported again."""
    db.execute("""
        CREATE TABLE imported_conversations (
            source TEXT NOT NULL,                            -- chatgpt, openwebui, sharegpt, rushlight
            source_id TEXT NOT NULL,                         -- the conversation's id there, or a hash of what it says
            conversation INTEGER NOT NULL REFERENCES conversations (number) ON DELETE CASCADE,
            sha256 TEXT NOT NULL,                            -- of the tree as it was imported last
            imported_at REAL NOT NULL,
            PRIMARY KEY (source, source_id, conversation)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX imported_by_conversation ON imported_conversations (conversation);
    """)


@migration
def m007_jobs(db: apsw.Connection) -> None:
    """Background work and its history. The host writes a row while it runs the job; the job itself its checkpoint."""
    db.execute("""
        CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT,        -- the order of asking; never given twice
            id TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            title TEXT NOT NULL,
            arguments TEXT NOT NULL,                         -- JSON object, as the kind of job has it
            state TEXT NOT NULL CHECK (state IN
                ('waiting', 'running', 'pausing', 'paused', 'cancelling', 'done', 'failed', 'cancelled')),
            priority INTEGER NOT NULL,                       -- higher goes first
            what TEXT NOT NULL,
            done REAL NOT NULL,
            total REAL,                                      -- NULL = unknown
            unit TEXT NOT NULL,
            rate REAL,                                       -- units per second; NULL = unknown
            message TEXT NOT NULL,
            hint TEXT NOT NULL,
            error_kind TEXT NOT NULL,
            notices TEXT NOT NULL,                           -- JSON list of sentences
            created_at REAL NOT NULL,
            started_at REAL,                                 -- first of all
            ended_at REAL,
            n_restarts INTEGER NOT NULL,
            n_in_vain INTEGER NOT NULL,                      -- of those: the last ones, that got no further
            checkpoint TEXT,                                 -- JSON; NULL = from the beginning
            result TEXT NOT NULL,                            -- JSON object
            needs_cleaning INTEGER NOT NULL                  -- 1: it was broken off and may have left files
        ) STRICT;
        CREATE INDEX jobs_to_do ON jobs (priority DESC, number) WHERE state NOT IN ('done', 'failed', 'cancelled');
        CREATE INDEX jobs_to_clean ON jobs (number) WHERE needs_cleaning = 1;
    """)


@migration
def m008_remote_models(db: apsw.Connection) -> None:
    """Models that run on other machines: their row is in `models`, without files. Tokens are not kept here."""
    db.execute("""
        CREATE TABLE remote_models (
            model_id TEXT PRIMARY KEY REFERENCES models (id) ON DELETE CASCADE,
            url TEXT NOT NULL,                               -- http://machine:8000/v1
            name TEXT NOT NULL                               -- the model's name there; '' = the only one there
        ) STRICT, WITHOUT ROWID;
    """)


@migration
def m009_model_load(db: apsw.Connection) -> None:
    """How the user wants a model to be loaded: options that stand in the place of settings."""
    db.execute("""
        CREATE TABLE model_load (
            model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
            name TEXT NOT NULL,                              -- context, kv_type, keep_alive_s, ...
            value TEXT NOT NULL,                             -- as the user wrote it, checked
            PRIMARY KEY (model_id, name)
        ) STRICT, WITHOUT ROWID;
    """)


@migration
def m010_sql_examples(db: apsw.Connection) -> None:
    """Questions to databases with the query that the user accepted, and the last question of each database."""
    db.execute("""
        CREATE TABLE sql_examples (
            number INTEGER PRIMARY KEY AUTOINCREMENT,        -- the order of keeping
            id TEXT NOT NULL UNIQUE,
            question TEXT NOT NULL,
            same TEXT NOT NULL,                              -- what questions share that ask the same
            sql TEXT NOT NULL,
            database TEXT NOT NULL,                          -- the name of its main file
            schema_sha256 TEXT NOT NULL,                     -- of its tables and columns
            result_sha256 TEXT NOT NULL,                     -- of what the query gave when it was kept
            n_rows INTEGER NOT NULL,
            source TEXT NOT NULL CHECK (source IN ('accepted', 'corrected', 'imported')),
            created_at REAL NOT NULL,
            UNIQUE (schema_sha256, same)
        ) STRICT;
        CREATE INDEX sql_examples_by_name ON sql_examples (database);

        CREATE TABLE sql_asked (
            schema_sha256 TEXT PRIMARY KEY,
            question TEXT NOT NULL,
            sql TEXT NOT NULL,
            asked_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
    """)


@migration
def m011_sql_threads(db: apsw.Connection) -> None:
    """Questions to databases that follow one another; questions that were saved, and dashboards that rerun them."""
    db.execute(THREADS_AND_SAVED)


@migration
def m012_registry(db: apsw.Connection) -> None:
    """Runs and what they learned from, adapters with their states for each scope, their evaluations, blind votes."""
    db.execute(REGISTRY)


@migration
def m013_lessons(db: apsw.Connection) -> None:
    """Sets of examples to learn from, each version of every example, and what each was made of."""
    db.execute(LESSONS)


@migration
def m014_both_bad(db: apsw.Connection) -> None:
    """A blind vote may say that both answers were bad; such a vote prefers neither."""
    db.execute("ALTER TABLE blind_votes ADD COLUMN both_bad INTEGER NOT NULL DEFAULT 0")


@migration
def m015_draft_attachments(db: apsw.Connection) -> None:
    """Files that wait beside a draft, until they are sent with it or taken away."""
    db.execute("""
        CREATE TABLE draft_attachments (
            conversation INTEGER REFERENCES conversations (number) ON DELETE CASCADE,   -- NULL = one not begun yet
            position INTEGER NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            text TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX draft_attachments_in_order ON draft_attachments (ifnull(conversation, 0), position);
        CREATE INDEX draft_attachments_of_conversation ON draft_attachments (conversation);
    """)
