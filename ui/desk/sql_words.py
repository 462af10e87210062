"""Sentences about a query and its rows: made from the parsed query and the result, never by a model."""

from collections.abc import Sequence

from rushlight.assistant.safety.plain import plain_line
from rushlight.assistant.sql.ambiguity import Ambiguity
from rushlight.assistant.sql.answer import SqlAnswer, Unclear
from rushlight.assistant.sql.charts import position
from rushlight.assistant.sql.explain import Step
from rushlight.assistant.sql.values import Cell, Result
from rushlight.ui.words import plural, text

_MAX_CELL = 60
_CELL_CHARS = 200  # of a cell in a table


def explanation(steps: Sequence[Step]) -> str:
    """What the query does, in the order in which it is done. "" for one that could not be read."""
    sentences = [_sentence(step) for step in steps]
    return " ".join(sentence for sentence in sentences if sentence)


def _sentence(step: Step) -> str:
    items = ", ".join(step.items)
    match step.kind:
        case "from":
            return text("Takes {table}.", table=items)
        case "join" if not step.items[1]:
            return text("Adds {table}, every row to every one.", table=step.items[0])
        case "join":
            return text("Adds {table} where {condition}.", table=step.items[0], condition=step.items[1])
        case "outer-join":
            return text(
                "Adds {table} where {condition}, and keeps rows without one.",
                table=step.items[0],
                condition=step.items[1],
            )
        case "where":
            return text("Keeps rows with {conditions}.", conditions=text(" and ").join(step.items))
        case "group":
            return text("Makes one row for each {columns}.", columns=items)
        case "having":
            return text("Keeps groups with {conditions}.", conditions=text(" and ").join(step.items))
        case "show":
            return text("Shows {columns}.", columns=items)
        case "distinct":
            return text("Shows {columns}, each row once.", columns=items)
        case "order":
            return text("Sorts by {columns}.", columns=items)
        case "limit":
            if not items.isdigit():
                return text("Gives at most {n} rows.", n=items)
            return plural("Gives at most {count} row.", "Gives at most {count} rows.", int(items))
        case "set":
            return text("Then combines it ({operation}) with:", operation=items)
        case "inner":
            return text("From these rows:")
        case "with":
            return text("First makes {name}:", name=items)
        case _:
            return ""


def question_back(unclear: Unclear) -> str:
    """What the question left open, and how to say it."""
    return text(
        "“{value}” stands in {places}; the query looks in {taken}. If you meant another one, name its column.",
        value=cell_words(unclear.value),
        places=", ".join(unclear.places),
        taken=", ".join(unclear.taken),
    )


def which(ambiguity: Ambiguity) -> str:
    """What is asked before a query is written."""
    if ambiguity.kind == "table":
        return text("“{word}” can mean several tables. Which one?", word=cell_words(ambiguity.said))
    return text("“{value}” stands in several columns. Which one is meant?", value=cell_words(ambiguity.said))


def statement(result: Result) -> str:
    """The result in a sentence."""
    n = len(result.rows)
    if not n:
        return text("There is nothing that fits.")
    if n == 1 and len(result.columns) == 1:
        return text("The answer is {value}.", value=cell_words(result.rows[0][0]))
    first = _row(result.columns, result.rows[0])
    if n == 1:
        return text("There is one row: {row}.", row=first)
    if len(result.columns) == 1 and n <= 8:
        return text("{n} rows: {values}.", n=n, values=", ".join(cell_words(row[0]) for row in result.rows))
    ends = "" if result.more else _ends(result)
    if ends:
        return ends
    more = text("More than {n} rows", n=f"{n:,}") if result.more else plural("{count} row", "{count} rows", n)
    return text("{rows}, the first: {row}.", rows=more, row=first)


def _ends(result: Result) -> str:
    """Of a name or time with one number each: which has the most and the least, or how it began and ended."""
    if len(result.columns) != 2 or len(result.rows) < 3:
        return ""
    pairs = [(row[0], row[1]) for row in result.rows]
    if not all(isinstance(number, (int, float)) for _, number in pairs) or any(name is None for name, _ in pairs):
        return ""
    said = [(cell_words(name), cell_words(number), float(str(number))) for name, number in pairs]
    n = f"{len(said):,}"
    if all(position(name) is not None for name, _ in pairs):
        if [position(name) for name, _ in pairs] != sorted(position(name) or 0.0 for name, _ in pairs):
            return ""
        return text("{n} rows, from {first} ({a}) to {last} ({b}).", n=n, first=said[0][0], a=said[0][1],
                    last=said[-1][0], b=said[-1][1])  # fmt: skip
    most, least = max(said, key=lambda one: one[2]), min(said, key=lambda one: one[2])
    numbers = [one[2] for one in said]
    if not all(isinstance(name, str) for name, _ in pairs) or numbers.count(most[2]) > 1 or numbers.count(least[2]) > 1:
        return ""
    return text("{n} rows; {first} has the most ({a}), {last} the least ({b}).", n=n, first=most[0], a=most[1],
                last=least[0], b=least[1])  # fmt: skip


def _row(columns: Sequence[str], row: Sequence[Cell]) -> str:
    return ", ".join(f"{name} {cell_words(cell)}" for name, cell in list(zip(columns, row, strict=True))[:6])


def cell_words(cell: Cell) -> str:
    """A cell inside a sentence."""
    if cell is None:
        return text("empty")
    if isinstance(cell, bytes):
        return text("{n} bytes", n=f"{len(cell):,}")
    if isinstance(cell, float):
        return f"{cell:,.2f}".rstrip("0").rstrip(".") if abs(cell) < 1e15 else f"{cell:.6g}"
    if isinstance(cell, int):
        return str(cell)
    return cell if len(cell) <= _MAX_CELL else cell[: _MAX_CELL - 1] + "…"


def cell_text(cell: Cell) -> str:
    """A cell in a table: of bounded length. A stranger's text, which each face cleans where it draws."""
    if cell is None:
        return "NULL"
    if isinstance(cell, bytes):
        return text("{n} bytes: {start}", n=f"{len(cell):,}", start=cell[:16].hex())
    if isinstance(cell, float):
        return f"{cell:.12g}"
    shown = str(cell)
    return shown if len(shown) <= _CELL_CHARS else shown[: _CELL_CHARS - 1] + "…"


def result_line(result: Result) -> str:
    """Such as "5 rows · 2 ms"."""
    n = len(result.rows)
    rows = plural("{count} row", "{count} rows", n)
    if result.more:
        rows = text("the first {n} rows, there are more", n=f"{n:,}")
    parts = [rows, f"{result.seconds * 1000:.0f} ms"]
    if result.n_cut:
        parts.append(plural("{count} long cell is cut", "{count} long cells are cut", result.n_cut))
    return " · ".join(parts)


def way_text(answer: SqlAnswer) -> str:
    """How it came about, such as "first try · 1.2 s · grammar of 29 kB, 16 joins"."""
    if answer.remembered is not None:
        if answer.remembered.sql != answer.sql:
            return text("accepted before for “{question}”, changed for this one; no model was asked",
                        question=answer.remembered.question)  # fmt: skip
        return text("accepted before for “{question}”; no model was asked", question=answer.remembered.question)
    if answer.refined:
        return text("the query before with this changed; no model was asked")
    n = len(answer.tries)
    parts = [text("first try") if n == 1 else text("{n} tries", n=n), f"{answer.seconds:.1f} s"]
    if answer.grammar is not None:
        parts.append(
            text("grammar of {size} kB, {n} joins", size=round(answer.grammar.n_bytes / 1000), n=answer.grammar.n_trees)
        )
    if answer.agreement < 1:
        parts.append(text("{share} of the samples agree", share=f"{answer.agreement:.0%}"))
    if answer.n_told_apart:
        parts.append(text("chosen among {n} by the way back", n=answer.n_told_apart))
    if answer.back_problem is not None:
        parts.append(text("the way back said nothing: {problem}", problem=plain_line(answer.back_problem.message)))
    if answer.n_followed:
        parts.append(text("follows the question before"))
    if answer.n_examples:
        parts.append(plural("{count} accepted example", "{count} accepted examples", answer.n_examples))
    return " · ".join(parts)
