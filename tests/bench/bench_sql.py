"""What the grammar of a question costs: tokens a second with it and without, and the first token over 200 tables.

Both sides answer the same question with the same prompt over the same open model, greedy, turn by turn. Without the
grammar the model writes as many tokens as it likes, up to the same limit. Beside it, how long it takes from the
question to the first token where the database has 200 tables: linking, grammar, compiling and reading the prompt.

    python tests/bench/bench_sql.py [--rounds N]
"""

import statistics
import tempfile
import time
from pathlib import Path

import apsw
from measure import Row, alternate, machine, median_row, n_rounds, report
from rushlight_home import demo_model

from rushlight.assistant.engine.generate import generate
from rushlight.assistant.engine.load import Loaded, load
from rushlight.assistant.engine.request import GenerateRequest, LoadSettings
from rushlight.assistant.engine.template_process import TemplateProcess
from rushlight.assistant.events import TextDelta, Usage
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.prompt import sql_messages
from rushlight.assistant.sql.values import Source

N_TABLES = 200
MAX_TOKENS = 96
AT_LEAST = 0.9
FIRST_TOKEN_S = 1.0
QUESTION = "What is the total of the invoices of customers from Oslo in 2024, for each month?"


def build(path: Path) -> Source:
    """200 tables of 12 columns with keys between them, and the three that the question is about."""
    db = apsw.Connection(str(path))
    with db:
        db.execute("CREATE TABLE customer (customer_id INTEGER PRIMARY KEY, name TEXT, city TEXT, country TEXT)")
        db.execute(
            "CREATE TABLE invoice (invoice_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, "
            "issued_on TEXT, total_eur REAL)"
        )
        cities = ("Oslo", "Graz", "Basel", "Bergen")
        for i in range(400):
            db.execute("INSERT INTO customer VALUES (?, ?, ?, ?)", (i, f"Customer {i}", cities[i % 4], "x"))
            day = f"2024-{i % 12 + 1:02d}-{i % 27 + 1:02d}"
            db.execute("INSERT INTO invoice VALUES (?, ?, ?, ?)", (i, i, day, i * 1.5))
        for i in range(N_TABLES - 2):
            columns = ", ".join(f"field_{i}_{j} TEXT" for j in range(10))
            keys = f"area_{i}_id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer"
            db.execute(f"CREATE TABLE area_{i} ({keys}, {columns})")
    db.close()
    return Source("wide", str(path), str(path), "sqlite", "")


class Sides:
    """The same question, answered with and without the grammar."""

    def __init__(self, loaded: Loaded, source: Source) -> None:
        self.loaded = loaded
        with Database([source]) as database:
            started = time.perf_counter()
            self.known = database.known()
            self.profile_s = time.perf_counter() - started
        self.first_s: list[float] = []
        self.sizes = ""

    def with_grammar(self) -> float:
        """Tokens a second, the prompt apart."""
        started = time.perf_counter()
        linked = link(self.known, QUESTION)
        made = sql_grammar(linked)
        self.sizes = (
            f"{len(linked.tables)} tables, {made.n_trees} joins, {made.n_rules} rules, {made.n_bytes / 1000:.1f} kB"
        )
        # The engine keeps compiled grammars and prompts; a question is new, so both are made anew.
        self.loaded.grammar_tokenizer._matchers.clear()
        self.loaded.context.clear()
        request = GenerateRequest(
            sql_messages(linked, QUESTION), max_tokens=MAX_TOKENS, grammar=made.grammar, cache_prompt=False
        )
        return self.run(request, started)

    def without(self) -> float:
        request = GenerateRequest(
            sql_messages(link(self.known, QUESTION), QUESTION), max_tokens=MAX_TOKENS, cache_prompt=False
        )
        return self.run(request, None)

    def run(self, request: GenerateRequest, started: float | None) -> float:
        for event in generate(self.loaded, request):
            if isinstance(event, TextDelta) and started is not None:
                self.first_s.append(time.perf_counter() - started)
                started = None
            if isinstance(event, Usage):
                return event.tokens_per_second
        raise SystemExit("The model gave no figures.")


def main() -> None:
    rounds = n_rounds(8, __doc__)
    before = machine()
    renderer = TemplateProcess.start()
    loaded, _ready = load(
        LoadSettings(path=str(demo_model()), n_ctx=4096, n_batch=512), renderer, lambda _progress: None
    )
    try:
        loaded.grammar_tokenizer.prepare()
        with tempfile.TemporaryDirectory(prefix="rushlight-bench-") as folder:
            sides = Sides(loaded, build(Path(folder, "wide.db")))
        sides.with_grammar()
        results = alternate(rounds, {"grammar": sides.with_grammar, "none": sides.without})
        first = statistics.median(sides.first_s)
        report(
            "sql",
            [
                median_row("tokens a second", results, "grammar", "none", "tokens/s", AT_LEAST, at_least=True),
                Row("first token, 200 tables / limit", first, FIRST_TOKEN_S, "s", 1.0),
            ],
            before,
            [f"{sides.sizes}; a first look at the values of all tables took {sides.profile_s:.2f} s, kept by content"],
        )
    finally:
        loaded.close()


if __name__ == "__main__":
    main()
