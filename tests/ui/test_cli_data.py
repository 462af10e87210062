"""`rushlight data`: steps as jobs, their results in words and as JSON, errors that name the line."""

import json
from pathlib import Path

import pytest

from rushlight.ui.cli.data import _out
from rushlight.ui.cli.main import run


def _chats(path: Path) -> Path:
    rows = [{"text": " ".join(f"w{i * 50 + k}" for k in range(40))} for i in range(12)]
    rows += [{"text": rows[3]["text"] + " more"}, {"text": "Ask anna@example.org \x1b[31m red"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_from_a_file_to_its_two_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str], no_host_left: None) -> None:
    source = _chats(tmp_path / "chats.jsonl")
    assert run(["data", "inspect", str(source), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["records"] == 14 and found["private"] == {"email": 1}
    assert run(["data", "redact", str(source)]) == 0
    assert "14 records  1 changed\n  email  1\n" in capsys.readouterr().out
    assert run(["data", "dedup", str(tmp_path / "chats.redacted.jsonl"), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["written"], made["doubles"]) == (13, 1)
    assert run(["data", "split", made["path"], "--share", "0.25", "--out", str(tmp_path / "parts")]) == 0
    assert "10 to train on  3 held out" in capsys.readouterr().out
    assert run(["data", "show", str(source), "--from", "14"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("chats.jsonl, line 14:") and "\x1b" not in shown
    assert run(["data", "redact", str(source)]) == 1
    assert "is there already" in capsys.readouterr().err


def test_what_is_made_of_the_folder_one_stands_in_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_host_left: None
) -> None:
    folder = tmp_path / "notes.2024"
    folder.mkdir()
    _chats(folder / "chats.jsonl")
    monkeypatch.chdir(folder)
    assert run(["data", "split", ".", "--share", "0.25"]) == 0
    assert (tmp_path / "notes.2024-split" / "train.jsonl").exists()
    assert _out((Path(),), None, "clean") == tmp_path / "notes.2024.clean.jsonl"
    assert _out((Path("chats.jsonl"),), None, "clean") == folder / "chats.clean.jsonl"
    (folder / "old").mkdir()
    monkeypatch.chdir(folder / "old")
    assert _out((Path(".."),), None, "clean") == tmp_path / "notes.2024.clean.jsonl"


def test_a_bad_line_is_named_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], no_host_left: None
) -> None:
    source = _chats(tmp_path / "chats.jsonl")
    with source.open("a") as file:
        file.write("{oh\n")
    assert run(["data", "score", str(source), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)["error"]
    assert "chats.jsonl, line 15 is no JSON" in said["message"] and said["kind"] == "bad-data"
    assert [one.name for one in tmp_path.iterdir() if "scored" in one.name] == []
