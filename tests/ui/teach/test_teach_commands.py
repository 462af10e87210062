"""`rushlight teach` as people type it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rushlight.assistant.app import open_app
from rushlight.assistant.learn.kinds.imported import ImportedLesson
from rushlight.assistant.learn.kinds.kind import make_lesson
from rushlight.assistant.learn.lessons import LessonBook
from rushlight.assistant.models.model import Model
from rushlight.ui.cli import teach

Cli = Callable[..., Any]


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def cli(inside: Any) -> Cli:
    return lambda *words: Done(*inside(*map(str, words)))


def test_lessons_are_listed_shown_changed_and_written(cli: Cli, tiny_model: Model, tmp_path: Path) -> None:
    source = tmp_path / "style.jsonl"
    source.write_text("\n".join(json.dumps({"prompt": f"Q{i}", "completion": f"A{i}\x1b[31m"}) for i in range(5)))
    with open_app() as opened:
        make_lesson(LessonBook(opened.store), ImportedLesson([source]))
    assert "style" in cli("teach", "list").out
    done = cli("teach", "show", "style")
    assert done.code == 0 and "Q3" in done.out and "\x1b" not in done.out
    shown = json.loads(cli("teach", "show", "style", "--json").out)
    first = shown["shown"][0]["id"]
    assert shown["examples"] == 5 and shown["shown"][0]["origins"][0]["place"] == "1"
    assert cli("teach", "edit", "style", first, "Better").code == 0
    assert "version 3" in cli("teach", "leave-out", "style", shown["shown"][1]["id"]).err
    target = tmp_path / "out.jsonl"
    assert cli("teach", "export", "style", target).code == 0
    answers = [json.loads(line)["messages"][-1]["content"] for line in target.read_text().splitlines()]
    assert answers[0] == "Better" and len(answers) == 4
    assert "already" in cli("teach", "export", "style", target).err
    old = json.loads(cli("teach", "show", "style", "--version", 1, "--json").out)
    assert old["shown"][0]["answer"].startswith("A0")
    assert cli("teach", "remove", "style").code == 0 and "no lessons" in cli("teach", "list").out
    assert cli("teach", "show", "style").code == 1


def test_what_cannot_be_taught_is_told_at_once(cli: Cli, tiny_model: Model, shop: Path, tmp_path: Path) -> None:
    done = cli("teach", "database", shop)
    assert done.code == 1 and "--yes" in done.err
    suite = tmp_path / "own.jsonl"
    suite.write_text("nonsense\n")
    assert "line 1" in cli("teach", "database", shop, "--suite", suite, "--yes").err
    assert "FIELD=NAME" in cli("teach", "file", suite, "--column", "prompt").err
    assert "Did you mean prompt?" in cli("teach", "file", suite, "--column", "promt=x").err
    assert cli("teach", "again", "nothing").code == 1
    both = cli("teach", "again", "nothing", "--go-on", "--from-scratch")
    assert both.code == 2 and "give one of them" in both.err


@pytest.mark.parametrize(
    ("typed", "code", "kept"), [(b"", 130, 0), (b"n\n", 130, 0), (b"n\nn\n", 1, 0), (b"n\ny\n", 1, 1)]
)
def test_a_lesson_that_nobody_wanted_is_not_kept(
    inside: Any, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: bytes, code: int, kept: int
) -> None:
    """The end of the input is Ctrl+D, which click takes as it takes Ctrl+C."""
    source = tmp_path / "style.jsonl"
    source.write_text("\n".join(json.dumps({"prompt": f"Q{i}", "completion": f"A{i}"}) for i in range(5)))
    monkeypatch.setattr(teach, "is_terminal", lambda _stream: True)
    assert inside("teach", "file", str(source), stdin=typed)[0] == code
    with open_app() as opened:
        assert len(LessonBook(opened.store).list()) == kept


@pytest.mark.slow
@pytest.mark.model
@pytest.mark.torch
@pytest.mark.timeout(1_800)
def test_a_real_model_learns_a_small_database(cli: Cli, real_model: Model, shop: Path, tmp_path: Path) -> None:
    """The whole way with nothing scripted. What it reaches is measured by tests/bench/bench_teach.py."""
    suite = tmp_path / "own.jsonl"
    lines = [{"question": f"How many customers live in {city}?",
              "sql": f"SELECT COUNT(*) FROM customer WHERE city = '{city}'"}
             for city in ("Oslo", "Graz", "Bern")]  # fmt: skip
    suite.write_text("\n".join(map(json.dumps, lines)))
    done = cli("teach", "database", shop, "--yes", "--examples", 160, "--suite", suite, "--json")
    made = json.loads(done.out)
    assert made["plan"]["n_seen"] == 160 and made["outcome"]["loss"] < 1.0 and made["proof"]["state"] == "passed"
    own = made["report"]["own"]
    assert own["n_items"] == 3 and own["candidate"] >= own["base"]
    (adapter,) = json.loads(cli("registry", "list", "--json").out)
    assert adapter["state"] == "candidate" and adapter["form"] == "sql-tables-1"
