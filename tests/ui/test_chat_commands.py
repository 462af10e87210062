"""What a typed line is: a message, a command, or a command with a wrong name."""

import pytest

from rushlight import Error
from rushlight.ui.cli.chat_actions import _ACTIONS
from rushlight.ui.cli.chat_commands import COMMANDS, Command, completions, number_of, parse


@pytest.mark.parametrize(
    ("line", "command"),
    [("/bye", Command("bye")), ("  /BYE  ", Command("bye")), ("/quit", Command("bye")), ("/?", Command("?")),
     ("/help", Command("?")), ("/edit 3", Command("edit", "3")), ("/save  My title ", Command("save", "My title")),
     ("/set temperature 0.7", Command("set", "temperature 0.7")), ("/retry", Command("regenerate")),
     ("/correct a\tb", Command("correct", "a\tb"))],
)  # fmt: skip
def test_commands(line: str, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize("line", ["", "Hello", "/", "//", "/etc/hosts holds what?", "/1", "a /bye", "/bye? no", "/🦀"])
def test_messages(line: str) -> None:
    assert parse(line) is None


@pytest.mark.parametrize(
    ("line", "near"),
    [("/regenrate", "/regenerate"), ("/reg", "/regenerate"), ("/by", "/bye"), ("/quot", "/bye"),
     ("/serch x", "/search")],
)  # fmt: skip
def test_an_unknown_command_is_answered_with_the_nearest(line: str, near: str) -> None:
    with pytest.raises(Error) as caught:
        parse(line)
    assert caught.value.kind == "unknown-command" and f"Did you mean {near}?" in caught.value.hint


def test_nothing_is_near_nonsense() -> None:
    with pytest.raises(Error) as caught:
        parse("/xyzzy")
    assert "Did you mean" not in caught.value.hint and "/?" in caught.value.hint


def test_every_command_is_done_by_something_and_no_name_means_two() -> None:
    assert {info.name for info in COMMANDS} == set(_ACTIONS)
    names = [name for info in COMMANDS for name in (info.name, *info.aliases)]
    assert len(names) == len(set(names))


def test_numbers() -> None:
    assert number_of("", "/edit") is None and number_of("12", "/edit") == 12
    for wrong in ("x", "0", "-1", "1.5", "²", "1 2"):
        with pytest.raises(Error):
            number_of(wrong, "/edit")


def test_completions() -> None:
    assert completions("/re") == ["/regenerate"]
    assert "/set" in completions("/s") and completions("/zzz") == []
