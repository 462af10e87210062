"""`rushlight feedback`: what was thought of replies is listed, shown, added and taken back."""

import json
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import open_app


@pytest.fixture
def reply_id(own_home: Path) -> str:
    """The reply of a stored conversation."""
    with open_app() as app:
        made = app.conversations.create("Lamps")
        question = app.conversations.append(made.id, None, "user", "How?")
        return app.conversations.append(made.id, question.id, "assistant", "With oil.").id


def test_nothing_yet(inside: Any) -> None:
    assert "/good" in inside("feedback", "list")[1]
    assert inside("feedback", "list", "--json") == (0, "[]\n", "")


def test_add_list_and_show(inside: Any, reply_id: str) -> None:
    assert inside("feedback", "add", "--good", "--note", "short")[0] == 0
    assert inside("feedback", "add", "Lamps", "--correct", "With whale oil.")[0] == 0
    _, out, _ = inside("feedback", "list")
    lines = out.splitlines()
    assert "correction" in lines[1] and lines[2].endswith("up          With oil.  short")
    added = json.loads(inside("feedback", "list", "--kind", "correction", "--json")[1])
    assert [one["message"] for one in added] == [reply_id] and added[0]["text"] == "With whale oil."
    code, out, _ = inside("feedback", "show", added[0]["id"][-6:])
    assert code == 0 and "You:\nHow?" in out and "It should have been:\nWith whale oil." in out
    shown = json.loads(inside("feedback", "show", added[0]["id"], "--json")[1])
    assert [one["content"] for one in shown["path"]] == ["How?", "With oil."]


def test_another_thumb_takes_the_first_back(inside: Any, reply_id: str) -> None:
    inside("feedback", "add", "--good")
    inside("feedback", "add", "--bad", "--message", reply_id)
    assert [one["kind"] for one in json.loads(inside("feedback", "list", "--json")[1])] == ["down"]
    both = json.loads(inside("feedback", "list", "--withdrawn", "--json")[1])
    assert [one["kind"] for one in both] == ["down", "up"] and both[1]["withdrawn_at"] is not None


def test_withdraw(inside: Any, reply_id: str) -> None:
    added = json.loads(inside("feedback", "add", "--good", "--json")[1])
    assert inside("feedback", "withdraw", added["id"])[0] == 0
    assert inside("feedback", "list", "--json")[1] == "[]\n"
    assert "withdrawn" in inside("feedback", "show", added["id"])[1]


def test_kept_shows_what_was_given_up(inside: Any, reply_id: str) -> None:
    with open_app() as app:
        question_id = app.conversations.message(reply_id).parent_id
        better = app.conversations.append(
            app.conversations.message(reply_id).conversation_id, question_id, "assistant", "With gas."
        )
        (kept,) = app.feedback.keep(better.id)
    assert "It was kept instead of:\nWith oil." in inside("feedback", "show", kept.id)[1]


@pytest.mark.parametrize(
    ("args", "code"),
    [(["add"], 2), (["add", "--good", "--correct", "x"], 2), (["add", "nobody", "--good"], 1),
     (["add", "--correct", "  "], 1), (["add", "--good", "--message", "nobody"], 1), (["show", "nobody"], 1),
     (["withdraw", "nobody"], 1), (["list", "--kind", "sideways"], 2)],
)  # fmt: skip
def test_what_cannot_be_done(inside: Any, reply_id: str, args: list[str], code: int) -> None:
    found, out, err = inside("feedback", *args)
    assert (found, out) == (code, "") and "Error: " in err


def test_path(inside: Any, own_home: Path) -> None:
    assert inside("feedback", "path") == (0, f"{own_home / 'rushlight.db'}\n", "")
