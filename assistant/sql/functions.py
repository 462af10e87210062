"""Which functions a statement for another engine than SQLite may call: those that only compute. Runs in the worker.

SQLite's authorizer tells functions itself; for others the statement is read by sqlglot, and what cannot be read is
refused.
"""

from typing import Any

from rushlight.assistant.sql import limits

_MORE = """
    age array_agg array_length array_to_string ascii bit_length bool_and bool_or btrim cardinality cbrt ceil
    char_length clock_timestamp concat corr count cume_dist current_database current_schema date_bin date_part
    date_trunc div every extract factorial format gcd generate_series greatest initcap isfinite json_agg json_object_agg
    jsonb_agg jsonb_array_length jsonb_build_object jsonb_object_agg justify_days lcm least left length ln localtime
    localtimestamp log lpad make_date make_interval make_timestamp md5 mode now nullif num_nonnulls
    num_nulls overlay percentile_cont percentile_disc pi position regexp_count regexp_match regexp_matches
    regexp_replace regexp_split_to_array regexp_split_to_table
    regr_slope repeat reverse right rpad setseed sha256 split_part sqrt
    starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array strpos substring
    to_char to_date to_json to_jsonb to_number to_timestamp transaction_timestamp translate trunc unnest upper
    var_pop var_samp variance version width_bucket
"""
_KNOWN = limits.FUNCTIONS | frozenset(_MORE.split())
_MOST = 2_000


def unknown_function(sql: str, dialect: str) -> str:
    """What of a statement is no reading, in words; "" where it is a query that calls only what is known."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        found = [one for one in sqlglot.parse(sql, dialect=dialect) if one is not None]
    except (SqlglotError, RecursionError, ValueError):
        return "a statement that cannot be read"
    if len(found) != 1:
        return "more than one statement"
    tree: Any = found[0]
    if not isinstance(tree, exp.Query):
        return f"{tree.key.upper()}"
    for node in tree.walk():
        if isinstance(node, (exp.DML, exp.DDL)) and not isinstance(node, exp.Query):
            return node.key.upper()
        if isinstance(node, (exp.Into, exp.Lock, exp.Command)):
            return node.key.upper()
        if isinstance(node, exp.Anonymous) and str(node.name).lower() not in _KNOWN:
            return f"the function {str(node.name)[:60]}"
    return ""
