"""What a statement may use and call. Numbers and names only; `guard` enforces them in SQLite, `worker` around it."""

STATEMENT_S = 1.5  # of one statement, unless the user gives it more
MAX_STATEMENT_S = 600.0
TRIED_S = 60.0  # of one that is run before it is kept, or was kept, where the user sees it run and can stop it
LENGTH_BYTES = 10_000_000  # of one value: what stops randomblob(900000000), which no progress handler does
SQL_BYTES = 100_000
HEAP_BYTES = 110_000_000  # of SQLite itself
PROCESS_BYTES = 200_000_000  # of address space, beyond what the worker has when it starts
DUCKDB_BYTES = 500_000_000  # of DuckDB itself, which works on columns
DUCKDB_PROCESS_BYTES = 2_000_000_000  # of address space: it maps more than it uses
MAX_ROWS = 10_000  # of one answer
MAX_ANSWER_BYTES = 24_000_000  # of one answer that is held in memory, cells cut already
BATCH_BYTES = 1_000_000  # of one message
SHOWN_CELL_BYTES = 4_000
MAX_SOURCES = 8  # databases open at the same time

# Reading, computing, formatting. Left out: what reaches files or extensions (load_extension, fts3_tokenizer), what
# tells of the connection, what only fills memory (randomblob, zeroblob), and what belongs to writing.
_FUNCTIONS = """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling char coalesce concat concat_ws cos cosh
    count cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format glob group_concat hex highlight if ifnull iif instr json json_array json_array_length json_each json_extract
    json_group_array json_group_object json_object json_quote json_tree json_type json_valid julianday lag last_value
    lead length like likelihood likely ln log log10 log2 lower ltrim match max median min mod nth_value ntile nullif
    octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians random rank
    replace round row_number rtrim sign sin sinh snippet sqlite_version sqrt strftime string_agg substr substring sum
    tan tanh time timediff total trim trunc typeof unhex unicode unixepoch unlikely upper
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())

# Tables that a statement may read without their being in the file.
BUILT_IN_TABLES = frozenset({"sqlite_schema", "sqlite_master", "json_each", "json_tree"})
