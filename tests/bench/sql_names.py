"""Queries under the grammar at temperature 1: does one name a table or column that is not there?

Not a benchmark of speed: `make bench` leaves it out. Each of the 300 questions of the SQL suite is answered several
times with other seeds, several at once. A query counts as whole when it ended before the limit of tokens. Two judges
that know nothing of the grammar look at every whole one: SQLite prepares it over the real database with strings in
double quotes off, so that a wrong name cannot pass as text; and sqlglot's scope analysis resolves its columns against
the tables of each FROM.

    python tests/bench/sql_names.py [--generations 2000] [--seed 0] [--at-once 4] [--kept FILE]
"""

import argparse
import collections
import json
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import apsw
import sqlglot
from measure import machine
from rushlight_home import demo_model, own_home
from sql_suite import Databases, in_turn, lines
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from rushlight.assistant.app import App, open_app
from rushlight.assistant.ask_options import AskOptions
from rushlight.assistant.events import Finished, TextDelta
from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.prompt import sql_messages
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.writing import MAX_TOKENS, cut_query


class Judges:
    """SQLite and sqlglot, over one database each; for the thread that made them."""

    def __init__(self, file: Path) -> None:
        self._db = apsw.Connection(f"file:{file}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        for switch in (apsw.SQLITE_DBCONFIG_DQS_DML, apsw.SQLITE_DBCONFIG_DQS_DDL):
            self._db.config(switch, 0)
        self._tables: dict[str, dict[str, str]] = {}
        for (table,) in self._db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"):
            quoted = table.replace('"', '""')
            self._tables[table] = {
                row[1]: row[2] or "TEXT" for row in self._db.execute(f'PRAGMA table_info("{quoted}")')
            }

    def sqlite(self, sql: str) -> str:
        """SQLite's complaint; "" where there is none."""
        try:
            self._db.execute(f"EXPLAIN {sql}").fetchall()
        except apsw.Error as failure:
            return str(failure)
        return ""

    def sqlglot(self, sql: str) -> str:
        """The complaint of sqlglot's scope analysis; "" where there is none."""
        try:
            tree = sqlglot.parse_one(sql, dialect="sqlite")
            missing = [one.name for one in tree.find_all(exp.Table) if one.name not in self._tables]
            if missing:
                return f"no such table: {missing[0]}"
            qualify(tree, schema=self._tables, dialect="sqlite", validate_qualify_columns=True, expand_stars=False)
        except sqlglot.errors.SqlglotError as failure:
            return str(failure).splitlines()[0]
        return ""


def written(app: App, known: Profiled, question: str, seed: int) -> tuple[str, bool]:
    """A query at temperature 1, and whether it ended by itself."""
    linked = link(known, question)
    options = AskOptions(sampling={"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "seed": seed})
    parts, whole = [], False
    for event in app.ask(
        sql_messages(linked, question), system="", options=options, max_tokens=MAX_TOKENS,
        grammar=sql_grammar(linked).grammar,
    ):  # fmt: skip
        if isinstance(event, TextDelta):
            parts.append(event.text)
        elif isinstance(event, Finished):
            whole = event.reason == "stop"
    return cut_query("".join(parts)), whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--kept", type=Path, default=None, help="queries, a JSON object a line: read and added to")
    given = parser.parse_args()
    before = machine()
    questions = in_turn(lines("questions"))
    n_rounds = -(-given.generations // len(questions))
    wanted = [(one, given.seed + n) for n in range(n_rounds) for one in questions][: given.generations]
    kept = given.kept.read_text().splitlines() if given.kept and given.kept.exists() else []
    known = [json.loads(line) for line in kept]
    done = {(one["id"], one["seed"]) for one in known}
    with own_home(demo_model()), tempfile.TemporaryDirectory() as folder, open_app() as app:
        databases = Databases(app, Path(folder))
        try:
            profiles = {one["schema"]: databases.of(one["schema"]).known() for one in questions}
            judges = {schema: Judges(Path(folder, f"{schema}.db")) for schema in profiles}

            own = threading.local()
            started = time.monotonic()

            def write(task: tuple[dict[str, str], int]) -> tuple[str, bool]:
                one, seed = task
                if not hasattr(own, "app"):  # a connection to the engine takes one question at a time
                    own.app = apps.enter_context(open_app())
                return written(own.app, profiles[one["schema"]], one["question"], seed)

            tasks = [task for task in wanted if (task[0]["id"], task[1]) not in done]
            with ExitStack() as apps, ThreadPoolExecutor(given.at_once) as pool:
                for (one, seed), (sql, whole) in zip(tasks, pool.map(write, tasks), strict=True):
                    judge = judges[one["schema"]]
                    found = {"id": one["id"], "seed": seed, "sql": sql, "whole": whole}
                    if whole:
                        found |= {"sqlite": judge.sqlite(sql), "sqlglot": judge.sqlglot(sql)}
                    known.append(found)
                    if given.kept:
                        with given.kept.open("a") as file:
                            file.write(json.dumps(found) + "\n")
        finally:
            databases.close()
    tell(known, time.monotonic() - started, before)


def tell(known: list[dict[str, object]], took: float, before: object) -> None:
    """How many there are, and what the judges say."""
    whole = [one for one in known if one["whole"]]
    different = len({(str(one["id"]).split("-")[0], one["sql"]) for one in whole})
    print(
        f"{len(known)} queries at temperature 1 in {took / 60:.1f} minutes; {len(whole)} whole, {different} different"
    )
    for judge in ("sqlite", "sqlglot"):
        complaints = [one for one in whole if one[judge]]
        names = [one for one in complaints if "no such" in str(one[judge]) or "could not be resolved" in str(one[judge])
                 or "Unknown" in str(one[judge]) or "mbiguous" in str(one[judge])]  # fmt: skip
        print(f"  {judge}: {len(names)} name what is not there, {len(complaints) - len(names)} other complaints")
        for text, count in collections.Counter(str(one[judge])[:100] for one in complaints).most_common(8):
            print(f"    {count:>4}  {text}")
    print(json.dumps({"bench": "sql-names", "machine": before, "n": len(known), "whole": len(whole)}, default=str))


if __name__ == "__main__":
    main()
