"""What the composer offers while `/`, `@` or `#` is typed, and which texts are commands. No widget."""

from pathlib import Path

import pytest

from rushlight.ui.gui.chat.completion import (
    Candidate,
    Command,
    Trigger,
    at_candidates,
    command_with_text,
    folder_entries,
    folder_of,
    library_candidates,
    lone_command,
    slash_candidates,
    trigger_at,
    word_for_folder,
)

DATABASES = (("clinic.db", "clinic.db"), ('"a.db + b.csv"', "a.db + b.csv"))
COMMANDS = (("chat.new", "New chat"), ("chat.model", "Choose the model"), ("chat.regenerate", "Answer again"))
MODELS = (("smol/SmolLM2", "Q4_1"), ("tiny", "F16"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/", Trigger("/", 0, "")),
        ("/reg", Trigger("/", 0, "reg")),
        ("/model ti", Trigger("/", 0, "model ti")),
        ("/etc is a folder", None),
        ("see /etc", None),
        ("a\n/new", None),
        ("@", Trigger("@", 0, "")),
        ("read @Docu", Trigger("@", 5, "Docu")),
        ("read @Docu/le", Trigger("@", 5, "Docu/le")),
        ('read @"My papers/le', Trigger("@", 5, "My papers/le")),
        ("mail me@home", None),
        ("#", Trigger("#", 0, "")),
        ("about #lib", Trigger("#", 6, "lib")),
        ("C#", None),
        ("", None),
    ],
)
def test_what_is_completed(written: str, expected: Trigger | None) -> None:
    assert trigger_at(written, len(written)) == expected


def test_only_what_stands_before_the_cursor_counts() -> None:
    assert trigger_at("/reg and more", 4) == Trigger("/", 0, "reg")
    assert trigger_at("@one two", 8) is None


def test_slash_offers_commands_and_presets_best_first() -> None:
    offered = slash_candidates("", COMMANDS, ["letters"], MODELS)
    assert [one.title for one in offered] == ["/new", "/model", "/regenerate", "/preset letters"]
    assert [one.value for one in slash_candidates("re", COMMANDS, [], MODELS)] == ["chat.regenerate"]
    assert [one.value for one in slash_candidates("again", COMMANDS, [], MODELS)] == ["chat.regenerate"]
    assert [one.value for one in slash_candidates("lett", COMMANDS, ["letters"], MODELS)] == ["letters"]


def test_slash_model_and_preset_look_only_there() -> None:
    assert [one.kind for one in slash_candidates("model t", COMMANDS, [], MODELS)] == ["model"]
    assert [one.value for one in slash_candidates("model smol", COMMANDS, [], MODELS)] == ["smol/SmolLM2"]
    assert [one.value for one in slash_candidates("preset le", COMMANDS, ["letters", "mail"], MODELS)] == ["letters"]


def test_at_offers_models_and_files_of_the_home_folder(tmp_path: Path) -> None:
    (tmp_path / "Papers").mkdir()
    (tmp_path / "lease.txt").write_text("x")
    (tmp_path / ".hidden").write_text("x")
    entries = folder_entries(tmp_path)
    assert [one.title for one in entries] == ["Papers/", ".hidden", "lease.txt"]
    assert [one.title for one in at_candidates("", MODELS, entries)] == ["smol/SmolLM2", "tiny", "Papers/", "lease.txt"]
    assert [one.title for one in at_candidates("le", MODELS, entries)] == ["lease.txt"]
    assert [one.title for one in at_candidates(".h", MODELS, entries)] == [".hidden"]
    assert folder_entries(tmp_path / "nothing") == []


def test_folders_are_walked_from_home(tmp_path: Path) -> None:
    assert folder_of("Docu", tmp_path) == tmp_path
    assert folder_of("Papers/le", tmp_path) == tmp_path / "Papers"
    assert folder_of("~/Papers/le", tmp_path) == tmp_path / "Papers"
    assert folder_of("/etc/ho", tmp_path) == Path("/etc")
    assert word_for_folder(str(tmp_path / "Papers"), tmp_path) == "Papers/"
    assert word_for_folder(str(tmp_path / "My papers"), tmp_path) == '"My papers/'
    assert word_for_folder("/etc", tmp_path) == "/etc/"


def test_hostile_names_are_shown_harmless(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[31mb\u202e.txt").write_text("x")
    (found,) = folder_entries(tmp_path)
    assert found.title == "ab.txt"
    assert Path(found.value).exists()


def test_libraries_are_said_to_come_later() -> None:
    assert [one.kind for one in library_candidates()] == ["note"]


def test_commands_with_text() -> None:
    assert command_with_text("/system Be brief.\nAlways.") == Command("system", "Be brief.\nAlways.")
    assert command_with_text("/title A letter ") == Command("title", "A letter")
    assert command_with_text("/system") is None
    assert command_with_text("the /system prompt") is None


def test_a_lone_word_behind_a_slash_is_a_command_and_a_path_is_none() -> None:
    assert lone_command("/regenrate") == "regenrate"
    assert lone_command("/etc/hosts") is None
    assert lone_command(" /regenerate") is None
    assert lone_command("/tell me") is None


def test_candidates_are_plain_values() -> None:
    assert Candidate("file", "/a", "a") == Candidate("file", "/a", "a")


def test_databases_are_offered_before_models() -> None:
    offered = at_candidates("", MODELS, [], DATABASES)
    assert [(one.kind, one.value) for one in offered[:3]] == [
        ("database", "clinic.db"), ("database", '"a.db + b.csv"'), ("model", "smol/SmolLM2"),
    ]  # fmt: skip
    assert [one.value for one in at_candidates("b.c", MODELS, [], DATABASES)] == ['"a.db + b.csv"']
    assert at_candidates("~/cl", MODELS, [], DATABASES) == []
