"""Exports: Markdown to read, ShareGPT lines to train on, and how their files come to be."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat.exporting import export_file, export_pieces, format_of
from rushlight.assistant.chat.importing import import_file
from rushlight.assistant.chat.transfer_markup import fenced, open_fence
from rushlight.assistant.chat.transfer_store import TransferStore

Write = Callable[..., Path]


@pytest.fixture
def rye(store: TransferStore, samples: ModuleType, write: Write) -> str:
    return import_file(store, write(samples.chatgpt_export())).conversation_ids[0]


def text_of(store: TransferStore, conversation_id: str, *, all_branches: bool = False) -> str:
    return "".join(export_pieces(store, [conversation_id], "markdown", all_branches=all_branches))


def test_markdown_of_the_path_that_is_shown(store: TransferStore, rye: str) -> None:
    assert (
        text_of(store, rye)
        == f"""# Rye sour

- Begun: 2025-10-15 00:05:28 UTC
- Last used: 2025-10-15 00:05:40 UTC
- Model: gpt-5-2-thinking
- Id: {rye}

## System prompt

I bake bread.

Be short.

## User · 2025-10-15 00:05:31 UTC

*Version 2 of 2; the others are not in this file.*

[file not imported: file_0000d9d8]

Is this sour ready?

```
pH 4.1
```

[file not imported: log.csv]

## Assistant · gpt-5-2-thinking · 2025-10-15 00:05:37 UTC

*Version 2 of 2; the others are not in this file.*

It is ready.

## User · 2025-10-15 00:05:38 UTC

Who says so?

## Tool · 2025-10-15 00:05:39 UTC

Rye https://example.org/rye

Ripe at pH 4.

## Assistant · gpt-5-2-thinking · 2025-10-15 00:05:40 UTC

*This reply was stopped.*

A baker.

---

*5 messages on other branches are not in this file.*
"""
    )


def test_markdown_of_all_branches_holds_every_message(store: TransferStore, rye: str) -> None:
    text = text_of(store, rye, all_branches=True)
    for message in store.messages(rye):
        assert message.content in text
    assert len(re.findall(r"^## (?:User|Assistant|Tool) ", text, re.MULTILINE)) == len(store.messages(rye))
    assert "# Other branches" in text and "*Another beginning:*" in text
    assert "*Version 1 of 2; on another branch than the one shown above.*" in text


def test_markdown_of_reasoning_attachments_and_feedback(
    store: TransferStore, samples: ModuleType, write: Write
) -> None:
    lamps = import_file(store, write(samples.rushlight_export())).conversation_ids[0]
    text = text_of(store, lamps, all_branches=True)
    assert "**Attachment: lamps.txt**\n\n```\nSwan\nEdison\n```\n" in text
    assert "**Reasoning**\n\n```\nHm.\n```\n" in text
    assert "**Feedback: thumbs down**\n\n```\nhalf true\n```\n" in text
    assert "**Feedback: it should have been**\n\n```\nSwan, then Edison.\n```\n" in text
    assert "- Folder: Work/Light\n" in text


def test_an_open_fence_swallows_nothing(store: TransferStore) -> None:
    chat = store.create("a *b* <script> `c`\n# d")
    first = store.append(chat.id, None, "assistant", "Look:\n````py\n```\nx = 1", state="stopped")
    store.append(chat.id, first.id, "user", "Go on")
    text = text_of(store, chat.id)
    assert "x = 1\n````\n\n## User" in text
    assert text.startswith("# a \\*b\\* \\<script\\> \\`c\\` \\# d\n")


@pytest.mark.parametrize(
    ("text", "fence"),
    [
        ("", ""),
        ("```\nx", "```"),
        ("```\nx\n```", ""),
        ("~~~\n```\n", "~~~"),
        ("```\n~~~\n```", ""),
        ("````\n```\n", "````"),
        ("```py\nx\n```` ", ""),
        ("say ```x``` now", ""),
        ("```x``` is code", ""),
        ("> ```\n> x", "```"),
        ("- a\n  ```\n  x", "```"),
        ("```\n```py\n", "```"),
    ],
)
def test_which_fence_is_open(text: str, fence: str) -> None:
    assert open_fence(text) == fence


@given(st.text(alphabet="`~\nx ", max_size=30))
def test_no_content_closes_its_fence(text: str) -> None:
    block = fenced(text)
    mark = block[: len(block) - len(block.lstrip("`"))]
    lines = block.split("\n")
    assert lines[0] == mark == lines[-1]
    assert not any(re.fullmatch(rf" {{0,3}}{mark}`*\s*", line) for line in lines[1:-1])


def test_sharegpt_of_the_path_and_of_all_branches(store: TransferStore, rye: str) -> None:
    (line,) = "".join(export_pieces(store, [rye], "sharegpt")).splitlines()
    found = json.loads(line)
    assert found["id"] == rye and found["title"] == "Rye sour"
    assert [turn["from"] for turn in found["conversations"]] == ["system", "human", "gpt", "human", "tool", "gpt"]
    lines = "".join(export_pieces(store, [rye], "sharegpt", all_branches=True)).splitlines()
    assert [json.loads(one)["id"] for one in lines] == [f"{rye}#1", f"{rye}#2", f"{rye}#3"]
    assert json.loads(lines[1])["conversations"][2]["reasoning"].startswith("**Reading the picture**")


def test_sharegpt_leaves_out_what_failed(store: TransferStore) -> None:
    chat = store.create("t")
    question = store.append(chat.id, None, "user", "q\u2028\n")
    good = store.append(chat.id, question.id, "assistant", "a")
    second = store.append(chat.id, good.id, "user", "q2")
    store.append(chat.id, second.id, "assistant", "boom", state="failed")
    store.append(chat.id, second.id, "assistant", "", state="stopped")
    (line,) = "".join(export_pieces(store, [chat.id], "sharegpt", all_branches=True)).split("\n")[:-1]
    assert [turn["value"] for turn in json.loads(line)["conversations"]] == ["q\u2028\n", "a", "q2"]


@pytest.mark.parametrize("name", ["out.json", "out.jsonl"])
def test_what_was_exported_can_be_imported(store: TransferStore, rye: str, tmp_path: Path, name: str) -> None:
    path = export_file(store, tmp_path / name).path
    report = import_file(store, path, again=True)
    assert report.n_conversations == 2
    new = store.read(report.conversation_ids[0])
    assert [one.content for one in new.path] == [one.content for one in store.path(rye)]


def test_the_file(store: TransferStore, rye: str, tmp_path: Path) -> None:
    seen: list[Progress] = []
    report = export_file(store, tmp_path / "out.md", [rye], on_progress=seen.append)
    assert (report.format, report.n_conversations) == ("markdown", 1)
    assert report.size_bytes == report.path.stat().st_size == len(text_of(store, rye).encode())
    assert report.path.stat().st_mode & 0o777 == 0o600
    assert [(one.done, one.total) for one in seen] == [(0, 1), (1, 1)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["export.json", "out.md"]


def test_no_conversations_are_an_empty_export(store: TransferStore, tmp_path: Path) -> None:
    assert json.loads(export_file(store, tmp_path / "out.json").path.read_text()) == []


def test_an_existing_file_is_kept_unless_told(store: TransferStore, rye: str, tmp_path: Path) -> None:
    path = tmp_path / "out.md"
    path.write_text("mine")
    with pytest.raises(Error, match="is there already"):
        export_file(store, path)
    with pytest.raises(Error, match="is a folder"):
        export_file(store, tmp_path, export_format="json", overwrite=True)
    assert path.read_text() == "mine"
    assert export_file(store, path, overwrite=True).size_bytes > 100
    assert path.read_text().startswith("# ")


def test_a_stop_or_an_unknown_id_leaves_no_file(store: TransferStore, rye: str, tmp_path: Path) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Error, match="Stopped"):
        export_file(store, tmp_path / "out.md", stop=stop)
    with pytest.raises(Error):
        export_file(store, tmp_path / "out.md", [rye, "unknown"])
    with pytest.raises(Error, match="cannot be written"):
        export_file(store, tmp_path / "nowhere" / "out.md")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["export.json"]


def test_a_full_disk_leaves_no_file(
    store: TransferStore, rye: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Error, match="No space left") as caught:
        export_file(store, tmp_path / "out.md")
    assert caught.value.kind == "disk-full"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["export.json"]


def test_leftovers_of_killed_exports_go_away(store: TransferStore, rye: str, tmp_path: Path) -> None:
    left = tmp_path / ".out.md.99.exporting"
    left.write_text("half")
    script = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print('locked', flush=True); time.sleep(60)"
    )
    running = tmp_path / ".out.md.98.exporting"
    child = subprocess.Popen([sys.executable, "-c", script, str(running)], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None and child.stdout.readline() == b"locked\n"
        export_file(store, tmp_path / "out.md")
        assert not left.exists() and running.exists()
    finally:
        child.kill()
        child.communicate()


@pytest.mark.parametrize(("name", "found"), [("a.MD", "markdown"), ("a.json", "json"), ("a.b.jsonl", "sharegpt")])
def test_the_suffix_tells_the_format(name: str, found: str) -> None:
    assert format_of(Path(name)) == found


def test_no_suffix_tells_none() -> None:
    with pytest.raises(Error, match="does not say in which format"):
        format_of(Path("chats.txt"))
