"""The forms of prompts: one with the tables, one for a model that has learned them."""

from collections.abc import Callable
from typing import Any

import pytest

from rushlight import Error
from rushlight.assistant.sql.linking import link
from rushlight.assistant.sql.prompt import FORM, SHORT_FORM, Example, sql_messages

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


def test_a_form_of_another_version_is_refused(suite_known: Callable[[str], Any]) -> None:
    with pytest.raises(Error, match="no prompt form 'sql-9'"):
        sql_messages(link(suite_known("clinic"), QUESTION), QUESTION, form="sql-9")
