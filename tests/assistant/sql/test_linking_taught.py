"""What a taught model is given of a database: all of it in one order, with the values that the question names."""

from collections.abc import Callable
from typing import Any

import pytest

from rushlight.assistant.sql.grammar import sql_grammar
from rushlight.assistant.sql.linking_taught import fits_whole, link_taught
from rushlight.assistant.sql.numbers_said import row_numbers_in
from rushlight.assistant.sql.trees import join_trees


def test_all_tables_stand_in_the_order_of_the_schema(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("clinic")
    linked = link_taught(known, "How many patients live in Oslo?")
    assert fits_whole(known)
    assert [table.name for table in linked.tables] == [table.name for table in known.schema.tables]
    assert linked.found == (("patient.city", "Oslo"),)
    assert linked.values["patient.city"] == ("Oslo",)  # and no city that nobody spoke of


def test_joins_do_not_depend_on_the_words_of_the_question(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("clinic")
    texts = [
        {(tree.nodes[0].alias, tree.joins) for tree in join_trees(link_taught(known, question))}
        for question in ("drugs of visits", "doctors, patients, visits", "")
    ]
    assert texts[0] == texts[1] == texts[2]
    both = {tuple(sorted(node.alias for node in tree.nodes)) for tree in join_trees(link_taught(known, ""))}
    assert len(both) == len(texts[0])  # one order of each


def test_where_not_all_joins_fit_those_of_the_question_are_kept(suite_known: Callable[[str], Any]) -> None:
    linked = link_taught(suite_known("hotel"), "Which guests wrote a review with the score 9?")
    largest = [{node.alias for node in tree.nodes} for tree in join_trees(linked) if len(tree.nodes) == 3]
    assert {"guest", "reservation", "review"} in largest[:3]


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("What is the floor of room number 25?", ("25",)),
        ("Charge 177: what year?", ("177",)),
        ("When was charge #732 charged?", ("732",)),
        ("customer id: 44", ("44",)),
        ("Which guests have more than 12 reservations?", ()),
        ("rooms with 3 beds", ()),
        ("orders over 100 EUR in 2024", ()),
        ("Which 5 hotels are the oldest?", ()),
        ("between 3 and 9", ()),
        ("cheaper than €45 or 4.50", ()),
        ("", ()),
    ],
)
def test_which_numbers_may_be_those_of_a_row(question: str, numbers: tuple[str, ...]) -> None:
    assert row_numbers_in(question) == numbers


def test_a_count_is_no_number_of_a_row(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("hotel")
    counted = sql_grammar(link_taught(known, "Which guests have more than 12 reservations?")).grammar.text
    named = sql_grammar(link_taught(known, "Which guest has reservation number 12?")).grammar.text
    assert "ROWNUMBER" not in counted and "NUMBER: /(12|1)/" in counted
    assert "ROWNUMBER: /(12)/" in named


def test_a_table_that_alone_holds_what_is_named_is_joined(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("clinic")
    held = next(one for one in known.values if one.table == "doctor" and one.column == "specialty")
    word = held.values[0]
    linked = link_taught(known, f"How many visits did patients have in {word}?")
    assert linked.must == {"doctor"}
    trees = join_trees(linked)
    assert trees and all("doctor" in {node.table.name for node in tree.nodes} for tree in trees)
    assert len(trees[0].nodes) == 1, "the table alone is one of the ways"
    for question in (f"Which patients never had a visit in {word}?", f"Which doctors aren't in {word}?", "Which ones?"):
        assert link_taught(known, question).must == frozenset(), question


def test_what_several_tables_hold_is_no_proof_of_one(suite_known: Callable[[str], Any]) -> None:
    known = suite_known("ferry")
    places = {(one.table, value) for one in known.values for value in one.values}
    both = next(value for table, value in places if len({t for t, v in places if v == value}) > 1)
    assert link_taught(known, f"How many come from {both}?").must == frozenset()


def test_a_text_inside_of_a_longer_one_is_not_meant(suite_known: Callable[[str], Any]) -> None:
    linked = link_taught(suite_known("hotel"), "How many reviews have the comment Breakfast was cold?")
    assert linked.must == {"review"}, "charges have an item that is called Breakfast"
    assert link_taught(suite_known("hotel"), "How many charges for Breakfast were there?").must == {"charge"}
