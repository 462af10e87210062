"""Files in odd shapes: encodings, archives, huge and deep and broken JSON."""

import errno
import io
import json
import os
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight import Error, Progress, Stop
from rushlight.assistant.chat import transfer_reading, transfer_zip
from rushlight.assistant.chat.importing import read_file

Write = Callable[..., Path]


def chat(text: str = "hi", title: str = "t") -> dict[str, Any]:
    return {"title": title, "messages": [{"role": "user", "content": text}]}


def contents(path: Path) -> list[str]:
    return [one.messages[0].content for one in read_file(path)]


def failure(path: Path) -> Error:
    with pytest.raises(Error) as caught:
        list(read_file(path))
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("block", [1, 3, 7, 1 << 20])
def test_encodings(write: Write, monkeypatch: pytest.MonkeyPatch, encoding: str, block: int) -> None:
    monkeypatch.setattr(transfer_reading, "BLOCK_BYTES", block)
    raw = json.dumps([chat("Skål 🍻"), chat("zwei")], ensure_ascii=False).encode(encoding)
    assert contents(write(raw)) == ["Skål 🍻", "zwei"]


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83c\udf7b", "🍻"),
        (r"\ud83c", "\ufffd"),
        (r"\udf7b\ud83c x", "\ufffd\ufffd x"),
        (r"a\u0000b", "a\0b"),
        (r"\r\n", "\r\n"),
        ("tab\there", "tab\there"),
        (r"\\\"[{", '\\"[{'),
        ("\x7f\x85\u2028", "\x7f\x85\u2028"),
    ],
)
def test_odd_characters(write: Write, escaped: str, text: str) -> None:
    assert contents(write(f'{{"messages": [{{"role": "user", "content": "{escaped}"}}]}}')) == [text]


def test_windows_line_ends_and_blank_lines(write: Write) -> None:
    lines = "\r\n\r\n".join(json.dumps(chat(str(number))) for number in range(3))
    assert contents(write(f"\r\n{lines}\r\n\r\n")) == ["0", "1", "2"]


@pytest.mark.parametrize(("raw", "words"), [
    (b"", "it is empty"),
    (b"[]", "it is empty"),
    (b"   \n", "it is empty"),
    (b'{"title": "x\xff"}', "is not UTF-8 text: the byte 0xff at offset 12"),
    (b"hello", 'line 1, column 1: expected JSON, found "hello"'),
    (b"<html>", "expected JSON"),
    (b"12", "expected JSON"),
    (b"[1, 2]", "column 2: expected an object, found \"1\""),
    (b'[{"a": 1}\n{"b": 2}]', 'not a conversation'),
    (b'[{"messages": []} {"messages": []}]', 'column 19: expected "," or "]", found "{"'),
    (b'[{"messages": []},]', 'expected an object, found "]"'),
    (b'[,{"messages": []}]', 'expected an object, found ","'),
    (b'[{"messages": []}', "ends in the middle of the list"),
    (b'[{"messages": [', "ends in the middle of this object"),
    (b'{"messages": "x', "ends in the middle of this object"),
    (b'[{"messages": []}]x', 'expected an object or the end, found "x"'),
    (b'{"messages": []}\n\x00\x00', "expected an object or the end"),
    (b'[\n{"messages": [],\n "a" 1}]', "line 3, column 6: Expecting ':' delimiter"),
    (b'[{"messages": [}]', "column 16: Expecting value"),
    (b'[{"messages": []]]', "column 17: Expecting ',' delimiter"),
    (b'{"messages": [], "n": NaN}', "NaN is no JSON number"),
    (b'{"messages": [], "n": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
    (b'{"messages": [], "a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested more than 200 levels deep"),
    (b'{"messages": [], "a": ' + b"[" * 10**6, "nested more than 200 levels deep"),
    (b'{"x": 1, "y": 2}', 'found "x", "y"'),
    (b"{}", "found no members"),
    (b"[[]]", 'expected an object, found "["'),
])  # fmt: skip
def test_broken_files_are_errors_with_a_place(write: Write, raw: bytes, words: str) -> None:
    err = failure(write(raw, "chats.json"))
    assert err.kind == "bad-import" and err.hint and "chats.json" in err.message
    assert words in err.message


def test_errors_name_the_line_of_a_later_conversation(write: Write) -> None:
    err = failure(write(json.dumps(chat()) + "\n\n" + '{"messages": [1\n2]}\n', "set.jsonl"))
    assert "set.jsonl, conversation 2 (line 3): not valid JSON in line 4, column 1" in err.message


def test_an_error_shows_a_foreign_title_on_one_line(write: Write) -> None:
    err = failure(write([{"title": "a\nb\x1b[31m" * 50, "messages": 3}]))
    assert "\n" not in err.message and len(err.message) < 400


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing", "nul"])
def test_what_is_no_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "nul":
        path = Path(f"{tmp_path}/a\0b")
    assert failure(path).kind == "bad-file"


def test_a_disk_fault_while_reading(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 1000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    path = write([chat("x" * 3000)])
    failing = Failing(path.read_bytes())
    monkeypatch.setattr(
        transfer_reading,
        "_parts",
        lambda file, name, beginning, size: [(name, iter(lambda: failing.read(600), b""), size)],
    )
    err = failure(path)
    assert err.kind == "file-error" and f"{path} cannot be read: Input/output error." in err.message


def test_a_file_too_large(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_reading, "MAX_FILE_BYTES", 100)
    assert "too large" in failure(write([chat("x" * 100)])).message


def test_a_conversation_too_large(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_reading, "MAX_PIECE_CHARS", 1000)
    monkeypatch.setattr(transfer_reading, "BLOCK_BYTES", 100)
    assert contents(write([chat("x" * 500)])) == ["x" * 500]
    assert "million characters" in failure(write([chat(), chat("x" * 5000)])).message


def test_a_message_too_long(write: Write) -> None:
    err = failure(write([chat("x" * (16 * 1024 * 1024 + 1))]))
    assert "/messages/0/content" in err.message and "characters long" in err.message


def test_only_one_conversation_is_in_memory(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("w") as file:
        file.write("[")
        for number in range(400):
            file.write("," * bool(number) + json.dumps(chat("x\\n" * 50_000)))
        file.write("]")
    assert path.stat().st_size > 60_000_000
    tracemalloc.start()
    assert sum(1 for _ in read_file(path)) == 400
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_it_can_be_stopped_and_tells_how_far_it_is(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_reading, "BLOCK_BYTES", 64)
    stop, seen = Stop(), list[Progress]()

    def on_progress(progress: Progress) -> None:
        seen.append(progress)
        if len(seen) == 3:
            stop.set()

    with pytest.raises(Error) as caught:
        list(read_file(write([chat() for _ in range(100)]), stop=stop, on_progress=on_progress))
    assert caught.value.kind == "stopped"
    assert [one.done for one in seen] == [64, 128, 192] and seen[0].total and seen[0].unit == "bytes"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    objects=st.lists(st.dictionaries(st.text(max_size=4), json_values, max_size=4), min_size=1, max_size=5),
    block=st.integers(1, 40),
    ascii_only=st.booleans(),
    lines=st.booleans(),
    indent=st.none() | st.integers(0, 2),
)
def test_pieces_are_the_objects_wherever_blocks_end(
    tmp_path_factory: pytest.TempPathFactory,
    objects: list[Any],
    block: int,
    ascii_only: bool,
    lines: bool,
    indent: int | None,
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "x.json"
    if lines:
        text = "\n".join(json.dumps(one, ensure_ascii=ascii_only, indent=indent) for one in objects)
    else:
        text = json.dumps(objects, ensure_ascii=ascii_only, indent=indent)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer_reading, "BLOCK_BYTES", block)
        pieces = list(transfer_reading.read_pieces(path, stop=Stop(), on_progress=lambda progress: None))
    assert [piece.parse().value for piece in pieces] == objects
    rows = text.split("\n")
    for piece in pieces:
        assert rows[piece.place.line - 1][piece.column - 1] == "{"


# --- zip ----------------------------------------------------------------------------------------------------------
def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression, **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def test_the_archive_that_chatgpt_sends(samples: ModuleType, write: Write) -> None:
    raw = archive(
        {
            "user.json": b"{}",
            "chat.html": b"<html>",
            "conversations.json": json.dumps(samples.chatgpt_export()).encode(),
            "file-1-sour.png": b"\x89PNG",
        }
    )
    assert [one.title for one in read_file(write(raw, "export.zip"))] == ["Rye sour", "", "New chat"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_several_members_in_a_folder_in_order(write: Write, compression: int) -> None:
    raw = archive(
        {f"me/conversations-{number:03}.json": json.dumps([chat(str(number))]).encode() for number in (2, 0, 1)},
        compression,
    )
    assert contents(write(raw)) == ["0", "1", "2"]


def test_a_member_written_as_a_stream(write: Write) -> None:
    """Sizes then stand behind the data; the directory at the end has them all the same."""

    class Unseekable(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: Any) -> int:
            raise io.UnsupportedOperation

        def tell(self) -> int:
            raise io.UnsupportedOperation

    buffer = Unseekable()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file, file.open("conversations.json", "w") as member:
        member.write(json.dumps([chat("streamed")]).encode())
    assert contents(write(buffer.getvalue())) == ["streamed"]


def test_zip64(write: Write) -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file,
        file.open("conversations.json", "w", force_zip64=True) as member,
    ):
        member.write(json.dumps([chat("big")]).encode())
    raw = bytearray(buffer.getvalue())
    assert contents(write(bytes(raw))) == ["big"]
    # The same with its figures in the zip64 field of the directory, as archives of more than 4 GiB have them.
    at = raw.rindex(b"PK\x01\x02")
    packed, size = struct.unpack_from("<2L", raw, at + 20)
    name_bytes = struct.unpack_from("<H", raw, at + 28)[0]
    extra = struct.pack("<2H3Q", 1, 24, size, packed, 0)
    entry = bytearray(raw[at : at + 46 + name_bytes]) + extra
    struct.pack_into("<2L", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(entry), at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(entry), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    assert contents(write(bytes(raw[:at] + entry + record + locator + end))) == ["big"]


def patched(raw: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = raw.rindex(signature) + offset
    return raw[:at] + value + raw[at + len(value) :]


GOOD = archive({"conversations.json": json.dumps([chat("hello " * 50)]).encode()})
CENTRAL, LOCAL, END = b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"


@pytest.mark.parametrize(("raw", "words"), [
    (archive({"other.json": b"[]"}), "holds no conversations.json (1 files"),
    (archive({"../conversations.json": b"[]", "a/b/conversations.json": b"[]", "/conversations.json": b"[]",
              "C:\\conversations.json": b"[]", "conversations.json.exe": b"[]"}), None),
    (archive({}), "holds no conversations.json (0 files"),
    (GOOD[:-30], "no directory at its end"),
    (GOOD[:60], "no directory at its end"),
    (patched(GOOD, CENTRAL, 8, b"\x01\x00"), "is encrypted"),
    (patched(GOOD, CENTRAL, 10, b"\x0e\x00"), "packed by method 14"),
    (patched(GOOD, CENTRAL, 16, b"abcd"), "its length or checksum"),
    (patched(GOOD, CENTRAL, 24, b"\x05\x00\x00\x00"), "its length or checksum"),
    (patched(GOOD, CENTRAL, 24, b"\xff\xff\xff\x7f"), "more than 100 times as many"),
    (patched(GOOD, CENTRAL, 24, b"\xff\xff\xff\xff"), "a size in its directory is missing"),
    (patched(GOOD, CENTRAL, 20, b"\xff\xff\xff\x7f"), None),
    (patched(GOOD, CENTRAL, 42, b"\xff\xff\xff\x7f"), "is not where its directory says"),
    (patched(GOOD, CENTRAL, 28, b"\xff\xff"), "its directory is damaged"),
    (patched(GOOD, END, 16, b"\xff\xff\xff\x7f"), "lies behind the end of the file"),
    (patched(GOOD, END, 10, b"\xff\x00"), "its directory is damaged"),
    (patched(GOOD, END, 10, b"\xff\xff"), None),
    (patched(GOOD, LOCAL, 0, b"XX"), None),
    (patched(GOOD, LOCAL, 50, b"\xff\xff\xff"), "damaged"),
])  # fmt: skip
def test_crafted_archives(write: Write, tmp_path: Path, raw: bytes, words: str | None) -> None:
    before = set(tmp_path.rglob("*"))
    path = write(raw, "export.zip")
    err = failure(path)
    assert err.kind == "bad-import" and "export.zip" in err.message
    assert words is None or words in err.message
    assert set(tmp_path.rglob("*")) - before == {path}


def test_two_members_of_the_same_name(write: Write) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("conversations.json", b"[]")
            file.writestr("conversations.json", b"[]")
    assert "two files named" in failure(write(buffer.getvalue())).message


def test_a_bomb_is_stopped_before_it_is_unpacked(write: Write) -> None:
    """A member that says it is small, of 40 MB of blanks in 40 kB: reading ends where the stated size does."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(b" " * 40_000_000) + packer.flush()
    raw = archive({"conversations.json": b"x"}, zipfile.ZIP_STORED)
    header = raw[: 30 + len("conversations.json")]
    central = raw[raw.index(CENTRAL) : raw.index(END)]
    honest = struct.pack("<3L", zlib.crc32(b" " * 40_000_000), len(packed), 40_000_000)
    lying = struct.pack("<3L", 0, len(packed), 1000)
    for figures, words in ((honest, "more than 100 times"), (lying, "its length or checksum")):
        entry = central[:10] + struct.pack("<H", 8) + central[12:16] + figures + central[28:]
        bomb = header + packed + entry + struct.pack("<4s4H2LH", END, 0, 0, 1, 1, len(entry), len(header + packed), 0)
        tracemalloc.start()
        assert words in failure(write(bomb)).message
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 8_000_000


def test_too_many_members(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer_zip, "MAX_MEMBERS", 2)
    raw = archive({"a": b"", "b": b"", "conversations.json": json.dumps([chat()]).encode()})
    assert "lists 3 files" in failure(write(raw)).message
