"""Advice on a statement: its plan read, full scans found, and indexes that might help tried on a copy of the database.

    with Adviser(database, cache) as adviser:
        advice = adviser.advise("SELECT * FROM visit WHERE day > '2024-01-01'")

Nothing is changed: the advice is a statement that the user may run with another program.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rushlight import Error
from rushlight.assistant.paths import private_folder
from rushlight.assistant.sql.database import Database
from rushlight.assistant.sql.explain import parsed
from rushlight.assistant.sql.index_trial import MAKING_S
from rushlight.assistant.sql.process import SqlProcess
from rushlight.assistant.sql.protocol import Index, OpenCopy, Opened, TriedIndex, TriedIndexes, TryIndexes
from rushlight.assistant.sql.schema_read import quoted
from rushlight.assistant.sql.values import Schema, Table

MAX_BYTES = 4_000_000_000
MAX_INDEXES = 6
STATEMENT_S = 5.0
_WORTH = 0.8  # of the time without it, at most
_LEAST_S = 0.0002  # that are saved: less is chance
_OPEN_S = 5.0
_LEFT_S = 3 * 3600.0  # after which a copy is nobody's any more
_PLAN = re.compile(r"(SCAN|SEARCH) (\S+)(.*)", re.DOTALL)


class PlanStep(Struct, frozen=True):
    """One line of SQLite's plan: `kind` is scan, index, automatic (an index made for this run), sort or other."""

    depth: int
    kind: str
    table: str  # or its short name in the statement
    detail: str


class Advice(Struct, frozen=True):
    sql: str
    plan: tuple[PlanStep, ...]
    before: float | None  # seconds; None: longer than it was given, or nothing was tried
    tried: tuple[TriedIndex, ...]

    @property
    def best(self) -> TriedIndex | None:
        """The index with which it is fastest, where that is worth it."""
        fast = [one for one in self.tried if one.used and one.seconds is not None]
        best = min(fast, key=lambda one: one.seconds or 0.0, default=None)
        if best is None or best.seconds is None:
            return None
        if self.before is not None and best.seconds > min(_WORTH * self.before, self.before - _LEAST_S):
            return None
        return best


class Adviser:
    """Holds a copy of the database's main file, made when it is first needed, in a worker of its own."""

    def __init__(self, database: Database, cache: Path) -> None:
        if database.dialect != "sqlite":
            raise Error(
                "Advice is given for SQLite databases and imported files.",
                hint="Ask the engine itself: EXPLAIN SELECT ...",
                kind="bad-request",
            )
        if len(database.sources) != 1:
            raise Error("Advice is given for one file at a time.", hint="Name one file.", kind="bad-request")
        self._database = database
        self._folder = cache / "sql"
        self._copy: Path | None = None
        self._process: SqlProcess | None = None

    def __enter__(self) -> "Adviser":
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def advise(self, sql: str, *, seconds: float = STATEMENT_S) -> Advice:
        """The plan, and what the indexes do that might help. A statement that cannot be read is an `Error`."""
        plan = read_plan(self._database, sql)
        indexes = candidates(sql, plan, self._database.schema)
        if not indexes:
            return Advice(sql, plan, None, ())
        runs = 4 * seconds + MAKING_S
        order = TryIndexes(sql, indexes, seconds)
        found: TriedIndexes = self._started().ask(order, runs * (len(indexes) + 1), TriedIndexes)
        return Advice(sql, plan, found.before, found.tried)

    def close(self) -> None:
        """End the worker and delete the copy; closing twice is no fault."""
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._copy is not None:
            for end in ("", "-wal", "-journal", "-shm"):
                self._copy.with_name(self._copy.name + end).unlink(missing_ok=True)
            self._copy = None

    def _started(self) -> SqlProcess:
        if self._process is None or self._process.ended:
            self.close()
            self._copy = self._copied()
            self._process = SqlProcess(self._database.name)
            source = replace(self._database.sources[0], database=str(self._copy))
            self._process.ask(OpenCopy(source, _OPEN_S), _OPEN_S * 3, Opened)
        return self._process

    def _copied(self) -> Path:
        original = Path(self._database.sources[0].database)
        copy = private_folder(self._folder) / f".{os.getpid()}-{os.urandom(4).hex()}.trial"
        try:
            for left in self._folder.glob(".*.trial*"):  # by a process that was killed
                if time.time() - left.stat().st_mtime > _LEFT_S:
                    left.unlink(missing_ok=True)
            if original.stat().st_size > MAX_BYTES:
                raise Error(
                    f"{original.name} is larger than {MAX_BYTES // 10**9} GB, too much for trying things on a copy.",
                    hint="Make a smaller database with a part of its rows, and ask for advice on that.",
                    kind="file-too-large",
                )
            shutil.copyfile(original, copy)
            with copy.open("r+b") as file:  # without a write-ahead log, whatever it had: two connections share it
                file.seek(18)
                file.write(b"\x01\x01")
        except OSError as err:
            copy.unlink(missing_ok=True)
            raise Error(
                f"The database cannot be copied for a trial: {err.strerror}.",
                hint="Is there room for a second one in the cache folder?",
                kind="cannot-write",
            ) from err
        copy.chmod(0o600)
        return copy


def read_plan(database: Database, sql: str) -> tuple[PlanStep, ...]:
    """SQLite's plan for a statement."""
    rows = database.run(f"EXPLAIN QUERY PLAN {sql}").rows
    depths: dict[Any, int] = {0: -1}
    steps = []
    for number, parent, _, detail in rows:
        depths[number] = depths.get(parent, -1) + 1
        steps.append(_step(depths[number], str(detail)))
    return tuple(steps)


def create_statement(index: Index) -> str:
    """What the user may run to have the index."""
    name = re.sub(r"\W+", "_", "_".join((index.table, *index.columns)))[:60] + "_idx"
    return f"CREATE INDEX {quoted(name)} ON {quoted(index.table)} ({', '.join(map(quoted, index.columns))})"


def key_statements(schema: Schema, least_rows: int = 1_000) -> list[str]:
    """For keys to other tables: the rows that belong to one of theirs, which is what joins and deletions look for."""
    found = [
        (table.n_rows or 0, table.name, key.columns[0])
        for table in schema.tables
        if not table.is_view and (table.n_rows is None or table.n_rows >= least_rows)
        for key in table.keys
    ]
    statements = []
    for _, table_name, column in sorted(found, reverse=True):
        table, name = quoted(table_name), quoted(column)
        one = f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL LIMIT 1"
        statements.append(f"SELECT count(*) FROM {table} WHERE {table}.{name} = ({one})")
    return statements


def candidates(sql: str, plan: tuple[PlanStep, ...], schema: Schema) -> tuple[Index, ...]:
    """Indexes that might spare a scan of this plan or an index made for one run, the likeliest first."""
    tree = parsed(sql)
    scanned = {step.table.lower() for step in plan if step.kind in ("scan", "automatic")}
    if tree is None or not scanned:
        return ()
    found: list[Index] = []
    for alias, table, uses in _uses(tree, schema):
        if alias.lower() in scanned or table.name.lower() in scanned:
            equal, ranges, orders = uses["equal"], uses["range"], uses["order"]
            wanted = [(*equal, *ranges[:1]), *((one,) for one in equal), *((one,) for one in ranges), tuple(orders)]
            for columns in wanted:
                index = Index(table.name, tuple(dict.fromkeys(columns))[:4])
                if index.columns and index not in found and not _is_key(table, index):
                    found.append(index)
    return tuple(found[:MAX_INDEXES])


def _uses(tree: Any, schema: Schema) -> Iterator[tuple[str, Table, dict[str, list[str]]]]:
    """(name in the statement, table, its columns by use) for every table of every SELECT."""
    from sqlglot import exp

    compared = (exp.EQ, exp.In, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)
    for select in tree.find_all(exp.Select):
        source = select.args.get("from_") or select.args.get("from")
        places = [source.this] if source is not None else []
        places += [join.this for join in select.args.get("joins") or ()]
        tables = {}
        for place in places:
            table = schema.table(place.name) if isinstance(place, exp.Table) else None
            if table is not None and not table.is_view:
                tables[place.alias or place.name] = table
        uses: dict[str, dict[str, list[str]]] = {alias: {"equal": [], "range": [], "order": []} for alias in tables}

        def add(node: Any, kind: str, tables: dict[str, Table] = tables, uses: Any = uses) -> None:
            if isinstance(node, exp.Ordered):
                node = node.this
            if isinstance(node, exp.Column):
                for alias, table in tables.items():
                    column = table.column(node.name)
                    if column is not None and (not node.table or node.table.lower() == alias.lower()):
                        if column.name not in uses[alias][kind]:
                            uses[alias][kind].append(column.name)
                        return

        joins = [join.args.get("on") for join in select.args.get("joins") or ()]
        for clause in (select.args.get("where"), *joins):
            for node in clause.find_all(*compared) if clause else ():
                kind = "equal" if isinstance(node, (exp.EQ, exp.In)) else "range"
                for side in (node.this, node.args.get("expression")):
                    add(side, kind)
        for clause in (select.args.get("group"), select.args.get("order")):
            for node in clause.expressions if clause else ():
                add(node, "order")
        yield from ((alias, table, uses[alias]) for alias, table in tables.items())


def _is_key(table: Table, index: Index) -> bool:
    """Whether it is the table's own primary key."""
    keys = [column.name for column in sorted(table.columns, key=lambda one: one.key) if column.key]
    return bool(keys) and list(index.columns) == keys[: len(index.columns)]


def _step(depth: int, detail: str) -> PlanStep:
    match = _PLAN.match(detail)
    if match is None:
        return PlanStep(depth, "sort" if detail.startswith("USE TEMP B-TREE") else "other", "", detail)
    verb, table, rest = match.groups()
    if "AUTOMATIC" in rest:
        return PlanStep(depth, "automatic", table, detail)
    kind = "scan" if verb == "SCAN" and "VIRTUAL TABLE" not in rest and "INDEX" not in rest else "index"
    return PlanStep(depth, kind, table, detail)
