"""What the composer understands: commands, what can be completed, files."""

from pathlib import Path

import pytest

from rushlight.ui.desk.actions import actions
from rushlight.ui.tui.chat_commands import commands, looks_like_command, parse
from rushlight.ui.tui.completion import Trigger, files_for, matching, trigger_at
from rushlight.ui.tui.keys import key_text


@pytest.mark.parametrize(
    ("written", "name", "argument"),
    [
        ("/new", "new", ""),
        ("/title A better name", "title", "A better name"),
        ("/Rename x", "title", "x"),
        ("/quit", "bye", ""),
        ("/set temperature 0.7", "set", "temperature 0.7"),
        ("/session.export out.md", "export", "out.md"),
    ],
)
def test_commands(written: str, name: str, argument: str) -> None:
    found = parse(written)
    assert found is not None
    assert (found.name, found.argument) == (name, argument)


@pytest.mark.parametrize("written", ["hello", "/etc/hosts is a file", " /new", "/", "/nonsense", "a /new"])
def test_messages_are_no_commands(written: str) -> None:
    assert parse(written) is None


def test_a_mistyped_command_is_noticed() -> None:
    assert looks_like_command("/regenrate")
    assert not looks_like_command("/etc/hosts")


def test_every_command_stands_for_an_action() -> None:
    known = {one.id for one in actions()}
    for name, meaning in commands():
        found = parse(f"/{name}")
        assert found is not None
        assert meaning
        assert not found.action or found.action in known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/mo", Trigger("/", "mo", 0)),
        ("@sm", Trigger("@", "sm", 0)),
        ("look at @notes/a", Trigger("@", "notes/a", 8)),
        ('look at @"my notes/a', Trigger("@", "my notes/a", 8)),
        ("first\n#ho", Trigger("#", "ho", 6)),
        ("mail me@example", None),
        ("say /mo", None),
        ("# a heading", None),
        ("", None),
    ],
)
def test_triggers(text: str, expected: Trigger | None) -> None:
    assert trigger_at(text, len(text)) == expected


def test_files(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "alpha.txt").touch()
    (tmp_path / "Node.md").touch()
    (tmp_path / ".hidden").touch()
    assert files_for("no", tmp_path) == ["notes/", "Node.md"]
    assert files_for("notes/", tmp_path) == ["notes/alpha.txt"]
    assert files_for("", tmp_path) == ["notes/", "Node.md"]
    assert files_for("nowhere/x", tmp_path) == []
    assert files_for("\0", tmp_path) == []
    assert files_for("~nobody-of-this-name/x", tmp_path) == []


def test_matching_puts_beginnings_first() -> None:
    assert matching("ti", ["big/tiny", "tiny", "other"]) == ["tiny", "big/tiny"]


def test_keys_as_people_write_them() -> None:
    assert [key_text(key) for key in ("ctrl+p", "f1", "alt+left", "escape")] == ["Ctrl+P", "F1", "Alt+←", "Esc"]
