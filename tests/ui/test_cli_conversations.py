"""`rushlight conversations`: what is listed, shown, found, moved, thrown away, exported and imported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.chat.conversation import Conversation

HOSTILE = "a\x1b]0;owned\x07b\x1b[2Jc\x9b31m\u202ed"


@pytest.fixture
def talk(own_home: Path) -> Callable[..., Conversation]:
    """talk("Lamps", "How?", "With oil.") stores a conversation with these messages, in turn yours and the model's."""

    def make(title: str, *texts: str) -> Conversation:
        with open_app() as app:
            made = app.conversations.create(title)
            parent = None
            for number, text in enumerate(texts):
                role: Any = "assistant" if number % 2 else "user"
                parent = app.conversations.append(made.id, parent, role, text, model="m" if number % 2 else "").id
            return app.conversations.get(made.id)

    return make


def test_an_empty_store(inside: Any) -> None:
    assert "rushlight chat" in inside("conversations", "list")[1]
    assert inside("conversations", "list", "--json") == (0, "[]\n", "")
    assert inside("conversations", "list", "--trash") == (0, "The trash is empty.\n", "")
    code, out, err = inside("conversations", "show")
    assert (code, out) == (1, "") and "no conversation yet" in err
    assert inside("conversations", "search", "x") == (0, "Nothing was found.\n", "")


def test_list_is_newest_first_and_tells_of_more(inside: Any, talk: Any) -> None:
    first, second = talk("Lamps", "How?", "With oil."), talk("Whales", "Why?")
    code, out, _ = inside("conversations", "list")
    lines = out.splitlines()
    assert code == 0 and lines[1].startswith(second.id[-6:]) and lines[1].endswith("Whales")
    assert lines[2].startswith(first.id[-6:]) and " 2  Lamps" in lines[2]
    _, out, err = inside("conversations", "list", "-n", "1")
    assert "Lamps" not in out and "There are more" in err
    listed = json.loads(inside("conversations", "list", "--json")[1])
    assert [one["id"] for one in listed] == [second.id, first.id] and listed[1]["n_messages"] == 2


def test_show_by_id_part_title_and_last(inside: Any, talk: Any) -> None:
    lamps, _ = talk("Lamps", "How?", "With oil."), talk("Whales", "Why?")
    for name in (lamps.id, lamps.id[-6:], "Lamps"):
        code, out, _ = inside("conversations", "show", name)
        assert code == 0 and out.startswith("Lamps\n") and out.endswith("You:\nHow?\n\nModel:\nWith oil.\n")
    assert inside("conversations", "show")[1].startswith("Whales\n")
    assert inside("conversations", "show", "last")[1].startswith("Whales\n")
    code, _, err = inside("conversations", "show", lamps.id[:4])
    assert code == 1 and "Several" in err
    assert inside("conversations", "show", "zzzzzz")[0] == 1
    shown = json.loads(inside("conversations", "show", "Lamps", "--json")[1])
    assert [one["content"] for one in shown["messages"]] == ["How?", "With oil."]
    assert shown["path"] == [one["id"] for one in shown["messages"]]


def test_the_tree_shows_branches_and_marks_the_line(inside: Any, talk: Any) -> None:
    lamps = talk("Lamps", "How?", "With oil.", "And then?")
    with open_app() as app:
        question, reply, _ = app.conversations.path(lamps.id)
        app.conversations.append(lamps.id, question.id, "assistant", "With gas.")
    assert "And then?" not in inside("conversations", "show", "Lamps")[1]
    tree = inside("conversations", "show", "Lamps", "--tree")[1].splitlines()[2:]
    assert tree == ["* You: How?", "  - Model: With oil.", "  - You: And then?", "  * Model: With gas."]
    everything = json.loads(inside("conversations", "show", "Lamps", "--tree", "--json")[1])
    assert len(everything["messages"]) == 4 and reply.id not in everything["path"]


def test_search(inside: Any, talk: Any) -> None:
    talk("Lamps", "How do they burn?", "With oil.")
    talk("Whales", "Why oil?")
    _, out, _ = inside("conversations", "search", "oil")
    assert "With oil." in out and "Why oil?" in out
    assert "title" in inside("conversations", "search", "lamps")[1]
    hits = json.loads(inside("conversations", "search", "why", "oil", "--json")[1])
    assert [hit["snippet"] for hit in hits] == ["Why oil?"] and hits[0]["ranges"][0] == [0, 3]


def test_rename_move_and_folders(inside: Any, talk: Any) -> None:
    talk("Lamps", "How?")
    assert inside("conversations", "rename", "last", "Oil lamps") == (0, "It is now “Oil lamps”.\n", "")
    assert "“Oil lamps” lies in Work/Old." in inside("conversations", "move", "last", "Work/Old")[1]
    talk("Whales", "Why?")
    assert "Whales" not in inside("conversations", "list", "-f", "Work")[1]
    assert "Work/Old" in inside("conversations", "list", "-f", "Work")[1]
    assert inside("conversations", "list", "-f", "Wrok")[0] == 1
    assert inside("conversations", "move", "Oil lamps", "--out")[0] == 0
    assert json.loads(inside("conversations", "show", "Oil lamps", "--json")[1])["folder"] == ""
    assert inside("conversations", "move", "Oil lamps")[0] == 2


def test_delete_restore_and_forever(inside: Any, talk: Any) -> None:
    lamps = talk("Lamps", "How?")
    talk("Whales", "Why?")
    code, out, _ = inside("conversations", "delete", "Lamps", "Whales")
    assert code == 0 and f"restore {lamps.id[-6:]}" in out
    assert inside("conversations", "list", "--json")[1] == "[]\n"
    assert inside("conversations", "show", "Lamps")[0] == 1
    assert len(json.loads(inside("conversations", "list", "--trash", "--json")[1])) == 2
    assert inside("conversations", "restore", lamps.id[-6:]) == (0, "“Lamps” is back.\n", "")
    assert inside("conversations", "restore", "Lamps")[0] == 1, "it is in the trash no more"
    code, _, err = inside("conversations", "delete", "--forever", "Whales")
    assert code == 1 and "--yes" in err
    assert inside("conversations", "delete", "--forever", "--yes", "Lamps")[0] == 1, "only what is in the trash"
    assert inside("conversations", "delete", "--forever", "--yes", "last")[0] == 0
    with open_app() as app:
        assert app.conversations.trash() == [] and [one.title for one in app.conversations.list()] == ["Lamps"]


def test_one_wrong_name_throws_nothing_away(inside: Any, talk: Any) -> None:
    talk("Lamps", "How?")
    assert inside("conversations", "delete", "Lamps", "nobody")[0] == 1
    assert "Lamps" in inside("conversations", "list")[1]


def test_export_and_import_give_the_same(inside: Any, talk: Any, tmp_path: Path, own_home: Path) -> None:
    talk("Lamps", "How?", "With oil.")
    talk("Whales", "Why?")
    file = tmp_path / "all.json"
    code, out, _ = inside("conversations", "export", "--all", str(file))
    assert code == 0 and "2 conversations" in out
    assert "With oil." in inside("conversations", "export", "Lamps", "-")[1]
    assert inside("conversations", "export", "Lamps", str(tmp_path / "a.md"))[0] == 0
    assert "With oil." in (tmp_path / "a.md").read_text()
    assert inside("conversations", "export", "Lamps", str(tmp_path / "a.md"))[0] == 1, "it is there"
    assert inside("conversations", "export", "Lamps", str(tmp_path / "a.md"), "--force")[0] == 0
    assert inside("conversations", "export", "Lamps", str(tmp_path / "a.xyz"))[0] == 1
    assert inside("conversations", "export", str(tmp_path / "b.md"))[0] == 2
    report = json.loads(inside("conversations", "export", "Lamps", "--json", str(tmp_path / "a.jsonl"))[1])
    assert report["format"] == "sharegpt" and report["size_bytes"] == (tmp_path / "a.jsonl").stat().st_size
    assert "2 were here already" in inside("conversations", "import", str(file))[1]
    (own_home / "rushlight.db").rename(tmp_path / "old.db")
    for rest in own_home.glob("rushlight.db-*"):
        rest.unlink()
    assert "2 conversations were imported (3 messages; Rushlight)." in inside("conversations", "import", str(file))[1]
    assert "With oil." in inside("conversations", "show", "Lamps")[1]
    report = json.loads(inside("conversations", "import", str(file), "--again", "--json")[1])
    assert report["imported"] == 2 and len(report["conversations"]) == 2
    (tmp_path / "bad.json").write_text('[{"mapping": 3}]')
    code, out, err = inside("conversations", "import", str(tmp_path / "bad.json"))
    assert (code, out) == (1, "") and "bad.json" in err


def test_a_branched_name_is_no_control_sequence(inside: Any, talk: Any) -> None:
    talk(HOSTILE, HOSTILE, HOSTILE)
    with open_app() as app:
        latest = app.conversations.latest()
        assert latest is not None
        app.conversations.move(latest.id, app.conversations.folders.at(HOSTILE, create=True).id)
    for args in (
        ["list"],
        ["show"],
        ["show", "--tree"],
        ["search", "abcd"],
        ["list", "--json"],
        ["show", "--json"],
        ["rename", "last", HOSTILE],
        ["delete", "last"],
        ["list", "--trash"],
        ["restore", HOSTILE],
    ):
        _, out, err = inside("conversations", *args)
        bad = [char for char in out + err if (ord(char) < 32 and char not in "\n\t") or 127 <= ord(char) < 160]
        assert not bad and "\u202e" not in out + err, args


def test_path(inside: Any, own_home: Path) -> None:
    assert inside("conversations", "path") == (0, f"{own_home / 'rushlight.db'}\n", "")
    assert json.loads(inside("conversations", "path", "--json")[1]) == {"path": str(own_home / "rushlight.db")}


def test_help_shows_a_session(inside: Any) -> None:
    for verb in ("conversations", "feedback", "chat"):
        assert f"$ rushlight {verb}" in inside(verb, "--help")[1]
