"""Attachments: which files are text, in which encoding, and how the model sees them."""

import os
from pathlib import Path

import pytest

from rushlight import Error
from rushlight.assistant.chat.attachments import MAX_FILE_BYTES, read_attachment, read_attachments, with_attachments
from rushlight.assistant.chat.conversation import NewAttachment

TEXT = "Grüße – “café”\nline two\n"


@pytest.mark.parametrize(("raw", "expected"), [
    (b"", ""),
    (TEXT.encode(), TEXT),
    (TEXT.encode("utf-8-sig"), TEXT),
    (TEXT.encode("utf-16"), TEXT),
    (b"\xfe\xff" + TEXT.encode("utf-16-be"), TEXT),
    (TEXT.encode("utf-32"), TEXT),
    (TEXT.encode("cp1252"), TEXT),
    ("Grüße\n".encode("latin-1"), "Grüße\n"),
    (b"one\r\ntwo\rthree", "one\ntwo\nthree"),
    (b"\x1b[31mred log\x1b[0m\n", "\x1b[31mred log\x1b[0m\n"),
    ("hidden \u200b\u202e\U000e0041 text".encode(), "hidden \u200b\u202e\U000e0041 text"),
])  # fmt: skip
def test_text_in_any_usual_encoding(tmp_path: Path, raw: bytes, expected: str) -> None:
    file = tmp_path / "notes.MD"
    file.write_bytes(raw)
    assert read_attachment(file) == NewAttachment("notes.MD", expected, "text/markdown")


@pytest.mark.parametrize("raw", [
    b"\x7fELF\x02\x01\x01\x00\x00", b"GIF89a\x01\x02\x03\x04\x05", b"\xff\xfeA\x00\x00\xd8B\x00", b"abc\0def",
    bytes(range(1, 256)), b"\x89PNG\r\n\x1a\n\x01\x02\x03", "\x01\x02\x03\x04".encode("utf-16"),
    b"caf\xe9 \x81\x8d\x8f",
])  # fmt: skip
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "data.txt"
    file.write_bytes(raw)
    with pytest.raises(Error) as caught:
        read_attachment(file)
    assert caught.value.kind == "not-text"
    assert "data.txt" in caught.value.message


def test_missing_large_and_odd_files_are_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, expected in (
        (tmp_path / "missing.txt", "file-unreadable"),
        (large, "too-long"),
        (pipe, "not-text"),
        (tmp_path, "not-text"),
        (Path("/dev/zero"), "not-text"),
        (Path("a\0b"), "file-unreadable"),
    ):
        with pytest.raises(Error) as caught:
            read_attachment(path)
        assert caught.value.kind == expected, path
    with pytest.raises(Error) as caught:
        read_attachments([large] * 21)
    assert caught.value.kind == "too-long"


def test_a_file_is_a_block_that_it_cannot_leave() -> None:
    seen = with_attachments("Look:", [NewAttachment("a.py", "print(1)\n"), NewAttachment("b", "```\ninside\n````")])
    assert seen == ("Look:\n\nFile a.py:\n```py\nprint(1)\n```\n\nFile b:\n`````\n```\ninside\n````\n`````")
    assert with_attachments("", [NewAttachment("e.txt", "")]) == "File e.txt:\n```txt\n```"
    assert with_attachments("Only text", []) == "Only text"
