"""The forms of prompts: one with the tables, one for a model that has learned them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.paths import find_paths
from rushlight.assistant.sql.database import open_database
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.linking_taught import link_taught
from rushlight.assistant.sql.prompt import (
    FORM,
    PART_FORM,
    SHORT_FORM,
    TABLES_FORM,
    TAUGHT_FORMS,
    Example,
    sql_messages,
)

QUESTION = "How many patients live in Oslo?"


def test_the_short_form_names_values_and_no_tables(suite_known: Callable[[str], Any]) -> None:
    linked = link(suite_known("clinic"), QUESTION)
    system, asked = sql_messages(linked, QUESTION, [Example("q", "s")], form=SHORT_FORM)
    assert "patient(" not in system.content + asked.content
    assert asked.content == f"{QUESTION}\nIn the question: patient.city = 'Oslo'"
    roles = [turn.role for turn in sql_messages(linked, QUESTION, [], [("SELECT 1", "no")], form=SHORT_FORM)]
    assert roles == ["system", "user", "assistant", "user"]


def test_the_long_form_is_the_usual_one(suite_known: Callable[[str], Any]) -> None:
    linked = link(suite_known("clinic"), QUESTION)
    assert sql_messages(linked, QUESTION) == sql_messages(linked, QUESTION, form=FORM)
    assert "patient(" in sql_messages(linked, QUESTION)[0].content


def test_the_usual_form_begins_the_same_whatever_is_asked(suite_known: Callable[[str], Any]) -> None:
    """So the engine computes the tables once, and what the question names stands below it."""
    known = suite_known("clinic")
    systems, lines = set(), []
    for question in (QUESTION, "Which drug is the cheapest?"):
        system, *shown, asked = sql_messages(link(known, question), question, [Example("q", "s")])
        systems.add(system.content)
        lines.append(asked.content.splitlines())
        assert [turn.content for turn in shown] == ["q", "s"]
    (system,) = systems
    assert [line.partition("(")[0] for line in system.splitlines()[2:]] == [one.name for one in known.schema.tables]
    assert lines == [[QUESTION, "In the question: patient.city = 'Oslo'"], ["Which drug is the cheapest?"]]


def test_of_many_tables_those_are_shown_that_the_question_needs(own_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    db = apsw.Connection(str(path))
    for number in range(60):
        columns = f"shed_{number}_id INTEGER PRIMARY KEY, height_of_roof REAL, owner TEXT"
        db.execute(f"CREATE TABLE shed_{number} ({columns})")
    db.close()
    with open_database([path], find_paths()) as database:
        linked = link(database.known(), "How high is the roof of shed 7?")
        (system, _) = sql_messages(linked, "How high is the roof of shed 7?")
    assert "shed_7(" in system.content and system.content.count("shed_") < 20


def test_the_form_before_shows_a_part_with_what_is_named(suite_known: Callable[[str], Any]) -> None:
    system, asked = sql_messages(link(suite_known("clinic"), QUESTION), QUESTION, form=PART_FORM)
    assert system.content.endswith("In the question: patient.city = 'Oslo'") and asked.content == QUESTION
    assert "drug(" not in system.content


def test_the_form_of_tables_says_them_all_in_words(own_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    db = apsw.Connection(str(path))
    db.execute("""
        CREATE TABLE GST_MST ( -- guests
            GST_ID INTEGER PRIMARY KEY,
            GST_NM TEXT,
            CTRY TEXT -- where they live
        );
        CREATE TABLE rsv (rsv_id INTEGER PRIMARY KEY, GST_ID INTEGER REFERENCES GST_MST, "order" TEXT, price REAL);
        INSERT INTO GST_MST VALUES (1, 'Ada', 'Peru');
    """)
    db.close()
    with open_database([path], find_paths()) as database:
        known = database.known()
    systems = []
    for question in ("Who lives in Peru?", "How many guests?"):
        system, asked = sql_messages(link_taught(known, question), question, form=TABLES_FORM)
        systems.append(system.content)
        assert asked.content.startswith(question)
    assert systems[0] == systems[1], "the same beginning, so that it is computed once"
    lines = systems[0].splitlines()
    assert lines[1] == "GST_MST (guests): GST_ID (id), GST_NM (name), CTRY (country; where they live)"
    assert lines[2] == 'rsv (reservation): rsv_id (id), GST_ID -> GST_MST, "order", price'


@pytest.mark.parametrize(
    ("n", "word", "told"),
    [(40, "PRC", "PRC_one_0 (price one 0; a word of it and many more to be left out), "),
     (60, "PRC", "PRC_one_0 (price one 0; a word of it and many mo), "),
     (96, "PRC", "PRC_one_0 (price one 0), "),
     (96, "PRC_MST_TOT", "PRC_MST_TOT_one_0, ")],
)  # fmt: skip
def test_of_a_large_database_less_is_said(own_home: Path, tmp_path: Path, n: int, word: str, told: str) -> None:
    path = tmp_path / "wide.db"
    db = apsw.Connection(str(path))
    for table in ("one", "two"):
        columns = "\n".join(
            f"{word}_{table}_{i} REAL, -- a word of it and many more to be left out" for i in range(n // 2)
        )
        db.execute(f"CREATE TABLE {table} (\n{columns}\n{table}_id INTEGER PRIMARY KEY)")
    db.close()
    with open_database([path], find_paths()) as database:
        system, _ = sql_messages(link_taught(database.known(), "How many?"), "How many?", form=TABLES_FORM)
    assert told in system.content and len(system.content) < 4_000
    assert system.content.count(f"{word}_") == n


def test_taught_forms_are_not_told_examples(suite_known: Callable[[str], Any]) -> None:
    linked = link(suite_known("clinic"), QUESTION)
    for form in TAUGHT_FORMS:
        assert len(sql_messages(linked, QUESTION, [Example("q", "s")], form=form)) == 2


def test_a_form_of_another_version_is_refused(suite_known: Callable[[str], Any]) -> None:
    with pytest.raises(Error, match="no prompt form 'sql-9'"):
        sql_messages(link(suite_known("clinic"), QUESTION), QUESTION, form="sql-9")
