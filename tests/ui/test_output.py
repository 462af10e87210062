"""Tables, JSON and sentences: aligned, safe, and translatable."""

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error
from rushlight.ui import words
from rushlight.ui.cli import output

ROOT = Path(__file__).resolve().parents[2]


def test_columns_are_aligned_also_with_wide_characters() -> None:
    rows = [["日本", "5"], ["abcdef", "1234"], ["e\u0301\x1b[31m", "1"]]
    lines = output.table_lines(["NAME", "SIZE"], rows, right=[1])
    assert lines == ["NAME    SIZE", "日本       5", "abcdef  1234", "e\u0301          1"]


def test_a_table_fits_the_terminal() -> None:
    lines = output.table_lines(["A", "B"], [["x" * 100, "y" * 30]], width=60)
    assert all(output.display_width(line) <= 60 for line in lines) and "…" in lines[1]
    wide = output.table_lines(["A"], [["x" * 300]])
    assert wide[1] == "x" * 300, "a pipe gets all of it"


@given(st.recursive(st.text() | st.integers() | st.none(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_json_is_exact_and_safe(value: Any) -> None:
    written = output.json_text(value)
    assert json.loads(written) == value
    unsafe = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\ud800-\udfff]"
    assert not re.search(unsafe, written)


def test_errors_are_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.tell_error(Error("It is \x1b[31mbad.", "Do this."))
    assert capsys.readouterr().err == "Error: It is bad.\nDo this.\n"
    output.tell_error(Error("Alone."))
    assert capsys.readouterr().err == "Error: Alone.\n"


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "0 B"), (999, "999 B"), (98_362_432, "98.4 MB"), (5 * 10**12, "5.0 TB")]
)
def test_sizes(size: int, shown: str) -> None:
    assert output.size_text(size) == shown


# --- sentences ----------------------------------------------------------------------------------------------------


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue with one right and one broken translation, written as msgfmt would."""
    pairs = {
        "": "Content-Type: text/plain; charset=UTF-8\n",
        "Hello {name}": "Hallo {name}",
        "Bye {name}": "Tschüss {nmae}",
    }
    keys = sorted(pairs)
    ids = b"".join(key.encode() + b"\0" for key in keys)
    texts = b"".join(pairs[key].encode() + b"\0" for key in keys)
    import struct

    start = 28 + 16 * len(keys)
    table = [0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, 0]
    at = start
    for key in keys:
        table += [len(key.encode()), at]
        at += len(key.encode()) + 1
    for key in keys:
        table += [len(pairs[key].encode()), at]
        at += len(pairs[key].encode()) + 1
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "rushlight.mo").write_bytes(struct.pack(f"<{len(table)}I", *table) + ids + texts)
    monkeypatch.setattr(words, "LOCALE", tmp_path)
    monkeypatch.setenv("LANGUAGE", "de_AT.UTF-8:fr")


def test_english_is_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("", "C", "en_GB.UTF-8", "de_DE.UTF-8", "../../etc", "xx"):
        monkeypatch.setenv("LANGUAGE", language)
        assert words.text("Hello {name}", name="{evil}") == "Hello {evil}"
        assert words.text("100 % {sure}") == "100 % {sure}"
        assert words.plural("{count} model", "{count} models", 1) == "1 model"
        assert words.plural("{count} model", "{count} models", 2) == "2 models"


@pytest.mark.usefixtures("german")
def test_another_language_and_a_broken_translation() -> None:
    assert words.text("Hello {name}", name="Ada") == "Hallo Ada"
    assert words.text("Bye {name}", name="Ada") == "Bye Ada"
    assert words.text("Only English.") == "Only English."


def _sentences(arguments: list[ast.expr], *, allow_variable: bool) -> Iterator[ast.expr]:
    for one in arguments:
        if isinstance(one, ast.IfExp):
            yield from _sentences([one.body, one.orelse], allow_variable=allow_variable)
        elif not (allow_variable and isinstance(one, ast.Name | ast.Attribute | ast.Subscript | ast.Call)):
            yield one


def test_every_sentence_can_be_found_by_a_translator() -> None:
    """The first argument is a literal, and the placeholders are exactly the values given.

    Words of other layers (a setting's help, what a job does) come as a variable and without placeholders;
    packaging/messages.py knows them, and a test of the German catalogue finds one that it does not. A sentence that is
    put together from parts can never be found.
    """
    n_sentences = 0
    for file in sorted((ROOT / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("text", "plural"):
                continue
            n_sentences += 1
            n_literals = 1 if node.func.id == "text" else 2
            given = {keyword.arg for keyword in node.keywords} | ({"count"} if n_literals == 2 else set())
            for literal in _sentences(node.args[:n_literals], allow_variable=not node.keywords):
                assert isinstance(literal, ast.Constant) and isinstance(literal.value, str), f"{file}:{node.lineno}"
                used = {name for _, name, _, _ in string.Formatter().parse(literal.value) if name} if given else set()
                assert used <= given and (n_literals == 2 or used == given), f"{file}:{node.lineno} {used} {given}"
    assert n_sentences > 50
