"""How databases, schemas and results look in a terminal, and as JSON. Cells are strangers' text."""

import shlex
from typing import Any

from rushlight import Error
from rushlight.assistant.sql.answer import SqlAnswer
from rushlight.assistant.sql.values import Column, Key, Result, Schema, Source, Table, json_cell
from rushlight.ui.cli.output import error_json, print_table, say, tell, tell_error
from rushlight.ui.desk.sql_words import cell_text, explanation, question_back, result_line, statement, way_text, which
from rushlight.ui.words import plural, text


def print_result(result: Result) -> None:
    """The rows as a table on stdout; what is to be known of them on stderr."""
    if result.columns:
        right = [
            i
            for i in range(len(result.columns))
            if result.rows and all(isinstance(row[i], (int, float)) or row[i] is None for row in result.rows)
        ]
        print_table(list(result.columns), [[cell_text(cell) for cell in row] for row in result.rows], right=right)
    tell(result_line(result))


def result_json(result: Result) -> dict[str, Any]:
    return {
        "columns": list(result.columns),
        "rows": [[json_cell(cell) for cell in row] for row in result.rows],
        "more": result.more,
        "cut_cells": result.n_cut,
        "seconds": round(result.seconds, 6),
    }


def source_json(source: Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "file": source.path,
        "kind": source.kind,
        "sha256": source.sha256,
        "notes": list(source.notes),
    }


def schema_json(schema: Schema) -> dict[str, Any]:
    return {"tables": [_table_json(table) for table in schema.tables], "notes": list(schema.notes)}


def _table_json(table: Table) -> dict[str, Any]:
    return {
        "source": table.source,
        "name": table.name,
        "view": table.is_view,
        "rows": table.n_rows,
        "comment": table.comment,
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "key": column.key,
                "not_null": column.not_null,
                "comment": column.comment,
                "holds": column.holds,
                "samples": list(column.samples),
                "low": column.low,
                "high": column.high,
            }
            for column in table.columns
        ],
        "keys": [{"columns": list(k.columns), "table": k.table, "to": list(k.to_columns)} for k in table.keys],
    }


def print_sources(sources: tuple[Source, ...]) -> None:
    for source in sources:
        say(text("{file} ({kind}) as {name}", file=source.path, kind=source.kind, name=source.name))
        for note in source.notes:
            tell(text("Note: {note}", note=note))


def print_tables(schema: Schema) -> None:
    """One line a table."""
    print_table(
        [text("TABLE"), text("ROWS"), text("COLUMNS")],
        [
            [
                _name(table, schema) + (text(" (view)") if table.is_view else ""),
                "" if table.n_rows is None else f"{table.n_rows:,}",
                ", ".join(column.name for column in table.columns),
            ]
            for table in schema.tables
        ],
        right=[1],
    )
    for note in schema.notes:
        tell(text("Note: {note}", note=note))


def _name(table: Table, schema: Schema) -> str:
    """Tables of several files are told apart by the file's name."""
    several = len({one.source for one in schema.tables}) > 1
    return f"{table.source}.{table.name}" if several else table.name


def print_schema(schema: Schema) -> None:
    """Every table with its columns, keys, comments and some of its values."""
    for i, table in enumerate(schema.tables):
        if i:
            say()
        rows = "" if table.n_rows is None else text(", {n} rows", n=f"{table.n_rows:,}")
        say(f"{_name(table, schema)}{rows}" + (f" -- {table.comment}" if table.comment else ""))
        for line in _column_lines(table):
            say(line)
    for note in schema.notes:
        tell(text("Note: {note}", note=note))


def _column_lines(table: Table) -> list[str]:
    from rushlight.ui.cli.output import table_lines, terminal_width

    cells = [
        ["  " + c.name, c.type.lower(), _key_text(c, table.keys), _values_text(c), c.comment] for c in table.columns
    ]
    return [line.rstrip() for line in table_lines(["", "", "", "", ""], cells, width=terminal_width())[1:]]


def _key_text(column: Column, keys: tuple[Key, ...]) -> str:
    for key in keys:
        if column.name in key.columns:
            return f"→ {key.table}"
    return text("key") if column.key else ""


def _values_text(column: Column) -> str:
    if column.low is not None and column.holds != "flag":
        return f"{cell_text(column.low)} … {cell_text(column.high)}"
    shown = ", ".join(column.samples[:4])
    return shown if (column.n_distinct or 0) <= 4 else f"{shown}, …"


def print_answer(answer: SqlAnswer) -> None:
    """The query, what it does, its rows, and the result in a sentence."""
    if answer.open:
        _print_open(answer)
        return
    say(answer.sql)
    said = _explained(answer.sql)
    if said:
        tell(said)
    tell(way_text(answer))
    if answer.result is None:
        say()
        tell_error(answer.error or Error(text("No query was found that can be run."), kind="sql-error"))
        return
    say()
    print_result(answer.result)
    say()
    say(statement(answer.result))
    for unclear in answer.unclear:
        tell(question_back(unclear))
    for other in answer.alternatives[1:]:
        votes = plural("{count} sample wrote", "{count} samples wrote", other.n_votes)
        tell(f"{votes} ({plural('{count} row', '{count} rows', other.n_rows)}): {other.sql}")


def _print_open(answer: SqlAnswer) -> None:
    """What has to be said before a query is written, and how."""
    for one in answer.open:
        say(which(one))
        for choice in one.choices:
            say(f"  --choose {shlex.quote(f'{one.said}={choice}')}")


def _explained(sql: str) -> str:
    """In words."""
    from rushlight.assistant.sql.explain import explain

    return explanation(explain(sql))


def answer_json(answer: SqlAnswer) -> dict[str, Any]:
    result = answer.result
    grammar = answer.grammar
    return {
        "question": answer.question,
        "whole_question": answer.whole or answer.question,
        "sql": answer.sql or None,
        "explanation": _explained(answer.sql),
        **(result_json(result) if result is not None else {"columns": [], "rows": None, "more": False}),
        "answer": statement(result) if result is not None else None,
        "error": None if answer.error is None or result is not None else error_json(answer.error)["error"],
        "tries": [{"sql": one.sql, "problem": one.problem, "kind": one.kind} for one in answer.tries],
        "agreement": answer.agreement,
        "remembered": answer.remembered and {"id": answer.remembered.id, "question": answer.remembered.question},
        "refined": answer.refined or None,
        "followed": answer.n_followed,
        "told_apart": answer.n_told_apart,
        "way_back_error": answer.back_problem and error_json(answer.back_problem)["error"],
        "examples": answer.n_examples,
        "open": [{"kind": one.kind, "said": one.said, "choices": list(one.choices)} for one in answer.open],
        "alternatives": [{"sql": one.sql, "votes": one.n_votes, "rows": one.n_rows} for one in answer.alternatives],
        "unclear": [
            {"value": one.value, "columns": list(one.places), "taken": list(one.taken)} for one in answer.unclear
        ],
        "grammar": grammar
        and {
            "bytes": grammar.n_bytes,
            "rules": grammar.n_rules,
            "joins": grammar.n_trees,
            "seconds": round(grammar.seconds, 4),
        },
        "tables": [table.name for table in answer.linked.tables],
        "total_seconds": round(answer.seconds, 3),
    }
