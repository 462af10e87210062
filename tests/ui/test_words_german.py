"""German: the catalogue is whole, every verb helps in it, the faces say it and have room for it.

What is shown is looked at in processes of their own: modules keep the language in which they were first read.
"""

import ast
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from rushlight.ui import words

_ROOT = Path(__file__).resolve().parents[2]
_PO = _ROOT / "ui" / "locale" / "de" / "LC_MESSAGES" / "rushlight.po"
_FACES = Path(__file__).with_name("german_faces.py")
_GERMAN = {"LANGUAGE": "de"}
_ALL_HELP = """
import click, json
from rushlight.ui.cli.verbs import cli
def walk(command, context):
    found = {context.command_path: command.get_help(context)}
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            found |= walk(one, click.Context(one, info_name=name, parent=context))
    return found
print(json.dumps(walk(cli, click.Context(cli, info_name="rushlight", terminal_width=100))))
"""


@pytest.fixture(scope="module")
def messages() -> ModuleType:
    """packaging/messages.py, which is no part of the program."""
    spec = importlib.util.spec_from_file_location("messages", _ROOT / "packaging" / "messages.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _said(*command: object, env: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        env={**os.environ, **env},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the catalogue --------------------------------------------------------------------------------------------------
def test_every_sentence_is_translated_and_compiled(messages: ModuleType) -> None:
    assert messages.catalogues() == [_PO]
    assert messages.problems(_PO) == []


def test_click_still_says_what_the_catalogue_holds_of_it(messages: ModuleType) -> None:
    said = set()
    for path in Path(click.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                given = [one.value for one in node.args if isinstance(one, ast.Constant)]
                said.add(given[0] if len(given) == 1 else tuple(given))
    # “required” is given to it as a variable.
    assert {one for one in messages.CLICK if one not in said} <= {"required"}


def test_commands_and_marks_stay_as_they_are(messages: ModuleType) -> None:
    """Whoever copies an example from the help gets one that runs; \\b keeps its lines apart."""
    from babel.messages.pofile import read_po

    with _PO.open("rb") as stream:
        catalogue = read_po(stream, locale="de")
    n_sessions = 0
    for one in catalogue:
        if isinstance(one.id, str) and "\n  $ " in one.id:
            n_sessions += 1
            assert one.id.count("\b\n") == one.string.count("\b\n"), one.id
            for line in one.id.splitlines():
                if line.startswith("  $ "):
                    assert line in one.string.splitlines(), line
    assert n_sessions > 10


# --- words ----------------------------------------------------------------------------------------------------------
def test_german_and_languages_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for wanted, said in (
        ("de", "Neuer Chat"), ("de_AT.UTF-8", "Neuer Chat"), ("de:en", "Neuer Chat"), ("xx_YY", "New chat"),
        ("../../de", "New chat"), ("C.UTF-8", "New chat"), ("en_GB", "New chat"),
    ):  # fmt: skip
        monkeypatch.setenv("LANGUAGE", wanted)
        assert words.text("New chat") == said, wanted


def test_plurals_and_what_has_no_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "de")
    assert words.plural("{count} message", "{count} messages", 1) == "1 Nachricht"
    assert words.plural("{count} message", "{count} messages", 0) == "0 Nachrichten"
    assert words.text("No catalogue has {this}.", this="a sentence") == "No catalogue has a sentence."
    assert words.text("") == ""  # gettext would answer with the catalogue's head


# --- the command line -----------------------------------------------------------------------------------------------
def test_every_verb_helps_in_german() -> None:
    found: dict[str, str] = json.loads(_said("-c", _ALL_HELP, env=_GERMAN))
    assert len(found) > 40
    for path, shown in found.items():
        assert shown.startswith(f"Aufruf: {path}"), path
        assert "Optionen:" in shown and "Diese Hilfe zeigen und enden." in shown, path
        assert "Usage:" not in shown and "A session:" not in shown, path


def test_an_empty_catalogue_and_wrong_usage_in_german(rushlight: Callable[..., Any]) -> None:
    said = _said("-P", "-m", "rushlight", "models", "list", env=_GERMAN)
    assert "Es gibt noch kein Modell." in said
    done = rushlight("jobs", "pause", env=_GERMAN)
    assert done.returncode == 2 and "Es fehlt 'ID...'" in done.stderr
    done = rushlight("ask", "--max-tokens", "many", "Hallo", env=_GERMAN)
    assert done.returncode == 2 and "Ungültiger Wert für '--max-tokens'" in done.stderr


def test_an_unknown_language_is_answered_in_english() -> None:
    said = _said("-P", "-m", "rushlight", "--help", env={"LANGUAGE": "xx"})
    assert "Usage: rushlight" in said and "Verbs:" in said


# --- the faces ------------------------------------------------------------------------------------------------------
@pytest.mark.gui
def test_german_words_have_room_in_the_smallest_window(tiny_gguf: Path) -> None:
    pages: dict[str, Any] = json.loads(_said(_FACES, "window", tiny_gguf, env=_GERMAN))
    for page, one in pages.items():
        assert one["size"] == [900, 600], page
        assert one["clipped"] == [], page
    for page, said in (
        ("chat", "Antwort korrigieren"), ("models", "Importieren…"), ("jobs", "Keine Hintergrundarbeit"),
        ("settings", "Einfach"),
    ):  # fmt: skip
        assert said in pages[page]["said"]


def test_the_terminal_app_is_german_at_80_by_24(tiny_gguf: Path) -> None:
    pages: dict[str, str] = json.loads(_said(_FACES, "terminal", tiny_gguf, env=_GERMAN))
    for page, said in (
        ("chat", "Neuer Chat"), ("models", "laden oder entladen"), ("jobs", "Nichts läuft im Hintergrund."),
        ("settings", "Einstellungen durchsuchen"),
    ):  # fmt: skip
        assert said in pages[page], pages[page]
