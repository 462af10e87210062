"""Which tables, columns and values a question is about, and the trees in which they can be joined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.explain import tables_of
from rushlight.assistant.sql.linking import (
    MAX_COLUMNS,
    MAX_TABLES,
    MAX_VALUES,
    direction_of,
    link,
    lists_all,
    said_words,
    stem,
)
from rushlight.assistant.sql.protocol import Profiled
from rushlight.assistant.sql.trees import MAX_JOINED, join_trees, name_of

SCHEMAS = ("bakery", "clinic", "energy", "ferry", "football", "hotel", "library", "museum", "school", "workshop")


def known_of(*paths: Path) -> Profiled:
    with open_database(paths, find_paths()) as database:
        return database.known()


def test_a_value_finds_its_column(suite_known: Callable[[str], Profiled]) -> None:
    linked = link(suite_known("clinic"), "How many people live in Oslo?")
    assert ("patient.city", "Oslo") in linked.found
    assert [table.name for table in linked.tables] == ["patient"]
    assert "Oslo" in linked.values["patient.city"]


def test_late_values_of_a_long_table_are_known_but_not_as_all_there_are(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE long (id INTEGER PRIMARY KEY, status TEXT, size TEXT)")
    db.execute("CREATE TABLE whole (id INTEGER PRIMARY KEY, size TEXT, letter TEXT)")
    with db:
        rows = [("closed", None)] * 30_000 + [("open", "small")] * 10
        db.executemany("INSERT INTO long (status, size) VALUES (?, ?)", rows)
        letters = [(None, None)] * 19_998 + [("small", "Dear all"), ("large", "word " * 1000)]
        db.executemany("INSERT INTO whole (size, letter) VALUES (?, ?)", letters)
        db.execute("CREATE VIEW seen AS SELECT status FROM long")
    db.close()
    held = {f"{one.table}.{one.column}": (set(one.values), one.complete) for one in known_of(path).values}
    assert held == {
        "long.status": ({"closed", "open"}, False),
        "long.size": ({"small"}, False),
        "whole.size": ({"small", "large"}, True),
        "whole.letter": ({"Dear all"}, False),
        "seen.status": ({"closed"}, False),  # a view has no end to look at
    }


def test_codes_and_few_values_of_a_long_table_are_offered(tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    db = apsw.Connection(str(path))
    db.execute("""CREATE TABLE orders (id INTEGER PRIMARY KEY,
        state TEXT, -- A active, X cancelled
        way TEXT)""")
    with db:
        rows = [("AX"[at % 7 == 0], ("by post", "collected")[at % 2]) for at in range(25_000)]
        db.executemany("INSERT INTO orders (state, way) VALUES (?, ?)", rows)
    db.close()
    known = known_of(path)
    assert not any(one.complete for one in known.values)
    assert set(link(known, "How many orders are there?").values["orders.way"]) == {"by post", "collected"}
    assert link(known, "How many cancelled orders are there?").values["orders.state"][0] == "X"


def test_words_find_their_columns_whatever_their_form() -> None:
    assert stem("categories") == stem("category") and stem("tickets") == stem("ticket")
    assert stem("specialties") == stem("specialty")


def test_tables_between_come_along(suite_known: Callable[[str], Profiled]) -> None:
    linked = link(suite_known("library"), "Which branch lent the book The Silent River?")
    assert {"branch", "book", "copy"} <= {table.name for table in linked.tables}


def test_most_questions_of_the_suite_find_their_tables_and_values(
    suite_known: Callable[[str], Profiled], suite_questions: list[dict[str, Any]]
) -> None:
    """Measured when it was written: tables of 284, columns of 287 of the 300 questions."""
    tables_found = columns_found = 0
    for one in suite_questions:
        linked = link(suite_known(one["schema"]), one["question"])
        assert len(linked.tables) <= MAX_TABLES
        assert sum(len(table.columns) for table in linked.tables) <= MAX_COLUMNS
        assert sum(map(len, linked.values.values())) <= MAX_VALUES
        tables, columns = tables_of(one["sql"])
        names = {column.name for table in linked.tables for column in table.columns}
        real = {column.name for table in suite_known(one["schema"]).schema.tables for column in table.columns}
        tables_found += set(tables) <= {table.name for table in linked.tables}
        columns_found += {name for _, name in columns} & real <= names
    assert tables_found >= 275 and columns_found >= 280


def test_keys_are_found_by_names_where_none_are_declared(tmp_path: Path) -> None:
    (tmp_path / "city.csv").write_text("city_id,name\n1,Oslo\n2,Graz\n")
    (tmp_path / "shop.csv").write_text("shop_id,city_id,sales\n1,1,10\n2,2,20\n")
    linked = link(known_of(tmp_path / "city.csv", tmp_path / "shop.csv"), "What are the sales per city name?")
    assert [(owner, key.columns, key.table) for owner, key in linked.keys] == [("shop", ("city_id",), "city")]
    assert any("JOIN" not in tree.joins and len(tree.nodes) == 2 for tree in join_trees(linked))


def test_a_wide_database_is_cut(tmp_path: Path) -> None:
    """200 tables of 12 columns: what the question names stays."""
    db = apsw.Connection(str(tmp_path / "wide.db"))
    with db:
        for i in range(200):
            columns = ", ".join(f"field_{j} TEXT" for j in range(10))
            db.execute(f"CREATE TABLE area_{i} (area_{i}_id INTEGER PRIMARY KEY, {columns}, size_{i} REAL)")
        db.execute("CREATE TABLE invoice (invoice_id INTEGER PRIMARY KEY, total_eur REAL, issued_on TEXT)")
        db.execute("INSERT INTO invoice VALUES (1, 5.5, '2024-01-01')")
    db.close()
    linked = link(known_of(tmp_path / "wide.db"), "What is the total of all invoices in 2024?")
    assert linked.tables[0].name == "invoice" and len(linked.tables) <= MAX_TABLES
    assert sum(len(table.columns) for table in linked.tables) <= MAX_COLUMNS


def test_trees_are_connected_and_each_key_is_used_once(suite_known: Callable[[str], Profiled]) -> None:
    linked = link(suite_known("ferry"), "Which sailings of which vessel go from the port Kiel on which route?")
    trees = join_trees(linked)
    assert len({(tree.joins, tree.nodes[0].alias) for tree in trees}) == len(trees)
    for tree in trees:
        assert len(tree.joins) == len(tree.nodes) - 1 == len(tree.used) and len(tree.nodes) <= MAX_JOINED
    both = [tree for tree in trees if {"port", "to_port"} <= {node.alias for node in tree.nodes}]
    assert any("port AS to_port ON route.to_port_id = to_port.port_id" in tree.joins for tree in both)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("visit", "visit"), ("order", '"order"'), ("a b", '"a b"'), ('a"b', '"a""b"'), ("1st", '"1st"'),
        ("größe", '"größe"'), ("Group", '"Group"'),
    ],
)  # fmt: skip
def test_names_are_quoted_where_they_must_be(name: str, written: str) -> None:
    assert name_of(name) == written


@pytest.mark.parametrize(
    ("question", "direction"),
    [
        ("Which branch opened first?", "up"), ("Who was hired last?", "down"),
        ("Which of them was built earliest", "up"),
        ("List the branches, newest first.", "down"), ("Which members joined in the first half of 2024?", ""),
        ("Which first edition was sold?", ""), ("Which room costs the least?", "up"),
        ("Which river is the longest?", "down"), ("Who is our longest-serving cook?", ""),
        ("Who has held a licence the longest?", ""), ("Which club held the longest meeting?", "down"),
        ("Our most ancient boat?", ""), ("Who has owned it the longest time?", ""),
        ("Which cook has been with us the longest?", ""), ("Who has gone longest without a raise?", ""),
        ("Who is the most senior cook?", ""),
    ],
)  # fmt: skip
def test_the_direction_of_an_order(question: str, direction: str) -> None:
    assert direction_of(question) == direction


@pytest.mark.parametrize(
    ("question", "is_all"),
    [
        ("All rooms, largest first", True), ("Rooms from the cheapest to the dearest", True),
        ("Gifts from the biggest amount to the smallest", True), ("Our ten best customers, best first", False),
        ("Best score in first aid", False), ("The three largest first", False),
    ],
)  # fmt: skip
def test_whether_all_are_wanted_in_an_order(question: str, is_all: bool) -> None:
    assert lists_all(question) == is_all


@pytest.mark.parametrize(
    ("question", "is_month"),
    [("Trips in May 2024", True), ("May I fish there?", False), ("Who may drive a bus?", False), ("since may", True)],
)
def test_whoever_may_is_no_month(question: str, is_month: bool) -> None:
    assert (stem("may") in said_words(question)) == is_month
