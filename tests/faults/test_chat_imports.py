"""Imports of chats that are damaged or killed: a whole file, or a typed error and nothing of it."""

import importlib.util
import io
import json
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import apsw
import pytest

from rushlight import Error
from rushlight.assistant.chat.exporting import export_pieces
from rushlight.assistant.chat.importing import ImportReport, import_file
from rushlight.assistant.chat.transfer import checked
from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.store.database import Store

pytestmark = pytest.mark.faults

TABLES = (
    "conversations",
    "messages",
    "attachments",
    "attachment_texts",
    "feedback",
    "folders",
    "imported_conversations",
    "message_search",
    "title_search",
)


@pytest.fixture(scope="module")
def samples() -> ModuleType:
    """The same exports as in tests/assistant/chat_transfer, by path: test folders are no packages."""
    path = Path(__file__).parent.parent / "assistant" / "chat_transfer" / "samples.py"
    spec = importlib.util.spec_from_file_location("chat_samples", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def opened(folder: Path) -> Iterator[TransferStore]:
    store = Store(folder / "rushlight.db")
    try:
        yield TransferStore(store)
    finally:
        store.close()


def rows(store: TransferStore) -> dict[str, int]:
    return {table: int(str(store.store.rows(f"SELECT count(*) FROM {table}")[0][0])) for table in TABLES}


# --- mutants ------------------------------------------------------------------------------------------------------
def exports(samples: ModuleType) -> dict[str, bytes]:
    """One valid file of each format."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", json.dumps(samples.chatgpt_export()))
    return {
        "chatgpt.json": json.dumps(samples.chatgpt_export()).encode(),
        "chatgpt.zip": buffer.getvalue(),
        "openwebui.json": json.dumps(samples.openwebui_export(), indent=1).encode(),
        "sharegpt.jsonl": "".join(json.dumps(one) + "\n" for one in samples.sharegpt_lines()).encode(),
        "sharegpt16.json": json.dumps(samples.sharegpt_lines()).encode("utf-16"),
        "rushlight.json": json.dumps(samples.rushlight_export(), ensure_ascii=False).encode(),
    }


def containers(value: Any) -> Iterator[Any]:
    """Every list and object of a JSON value that is not empty."""
    if isinstance(value, (dict, list)) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


ODD_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    "",
    "x",
    "\ud800",
    "\0",
    "a" * 10_000,
    [],
    {},
    [[]],
    {"id": "x"},
    "2025-02-30",
    "assistant",
    "system",
    [None],
    {"parts": [{}]},
]


def mutate_value(value: Any, rng: random.Random) -> Any:
    """Change something in the meaning: a value of another type, a lost or doubled or swapped member."""
    found = list(containers(value))
    if not found:
        return value
    where = rng.choice(found)
    key = rng.choice(list(where)) if isinstance(where, dict) else rng.randrange(len(where))
    other = rng.choice(found)
    other_key = rng.choice(list(other)) if isinstance(other, dict) else rng.randrange(len(other))
    match rng.randrange(5):
        case 0:
            where[key] = rng.choice(ODD_VALUES)
        case 1:
            del where[key]
        case 2:
            where[key] = json.loads(json.dumps(other[other_key]))
        case 3 if isinstance(where, dict):
            where[f"{key}{rng.choice(['x', '', ' ', '/'])}"] = where.pop(key)
        case _:
            texts = [one for one in found if isinstance(one, dict) and any(isinstance(v, str) for v in one.values())]
            if not texts:
                return value
            one = rng.choice(texts)
            name = rng.choice([name for name, v in one.items() if isinstance(v, str)])
            one[name] = rng.choice([v for v in one.values() if isinstance(v, str)] + ["a1", "n1", "m1", "u1", "b2"])
    return value


def mutate_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Change something in the writing: bytes flipped, lost, doubled, put in; a file cut short."""
    at = rng.randrange(len(raw))
    length = min(rng.choice([1, 1, 2, 8, 100]), len(raw) - at)
    match rng.randrange(6):
        case 0:
            return raw[:at] + bytes([raw[at] ^ 1 << rng.randrange(8)]) + raw[at + 1 :]
        case 1:
            return raw[:at] + raw[at + length :]
        case 2:
            return raw[: at + length] + raw[at:]
        case 3:
            return raw[:at]
        case 4:
            return raw[:at] + rng.randbytes(length) + raw[at + length :]
        case _:
            odd = [b'"', b"{", b"]", b"\\", b"\\u0000", b"\\ud83d", b"\xef\xbb\xbf", b"\x00", b",", b"[" * 300, b"\n"]
            return raw[:at] + rng.choice(odd) + raw[at:]


def mutant(name: str, raw: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.6 and not name.endswith(".zip"):
        encoding = "utf-16" if "16" in name else "utf-8"
        text = raw.decode(encoding)
        value = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)
        for _ in range(rng.choice([1, 1, 2])):
            value = mutate_value(value, rng)
        if name.endswith("l") and isinstance(value, list):
            return "".join(json.dumps(one) + "\n" for one in value).encode(encoding)
        return json.dumps(value).encode(encoding)
    return mutate_bytes(raw, rng)


def assert_valid(store: TransferStore, report: ImportReport) -> None:
    """What an import says it stored is there, whole, and can be used and exported."""
    conversations = [store.read(one) for one in report.conversation_ids]
    for conversation in conversations:
        assert checked(conversation).messages == conversation.messages
        assert (conversation.head_id is None) == (not conversation.messages)
        assert len(store.path(conversation.source_id)) == len(conversation.path)
        for export_format in ("markdown", "json", "sharegpt"):
            assert (
                "".join(export_pieces(store, [conversation.source_id], export_format, all_branches=True)).encode()
                or export_format == "sharegpt"
            )
    assert sum(len(one.messages) for one in conversations) == report.n_messages
    found = rows(store)
    assert found["conversations"] == report.n_conversations == found["imported_conversations"]
    assert found["messages"] == report.n_messages == found["message_search"]


@pytest.mark.parametrize("skip_broken", [False, True])
@pytest.mark.parametrize("n_mutants", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutants_are_imported_whole_or_refused(
    samples: ModuleType, tmp_path: Path, n_mutants: int, skip_broken: bool
) -> None:
    rng = random.Random(n_mutants + skip_broken)
    valid = exports(samples)
    outcomes = {"imported": 0, "refused": 0}
    with opened(tmp_path) as store:
        for number in range(n_mutants):
            name = rng.choice(list(valid))
            path = tmp_path / name
            path.write_bytes(mutant(name, valid[name], rng))
            store.store.execute("SAVEPOINT mutant")
            before = rows(store)
            try:
                report = import_file(store, path, skip_broken=skip_broken)
            except Error as err:
                outcomes["refused"] += 1
                assert err.kind == "bad-import" and err.hint, (number, err)
                assert name in err.message, (number, err)
                assert "\n" not in err.message and len(err.message) < 1000
                assert rows(store) == before, f"mutant {number} was half imported"
            else:
                outcomes["imported"] += 1
                assert_valid(store, report)
            store.store.execute("ROLLBACK TO mutant; RELEASE mutant")
            path.unlink()
        assert store.store.rows("PRAGMA integrity_check") == [("ok",)]
    assert min(outcomes.values()) > n_mutants // 8, outcomes


# --- kills --------------------------------------------------------------------------------------------------------
_CHILD = """
import sys
from pathlib import Path
from rushlight.assistant.chat.importing import import_file
from rushlight.assistant.chat.transfer_store import TransferStore
from rushlight.assistant.store.database import Store
store = TransferStore(Store(Path(sys.argv[1]) / "rushlight.db"))
print("ready", flush=True)
import_file(store, Path(sys.argv[2]))
print("done", flush=True)
"""

N_CHATS, N_TURNS = 300, 20


@pytest.fixture
def big_export(tmp_path: Path) -> Path:
    """A file whose import takes long enough to be killed anywhere in it."""
    path = tmp_path / "big.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "title": f"chat {number}",
                    "messages": [
                        {"role": ("user", "assistant")[turn % 2], "content": f"turn {turn} of chat {number} " * 10}
                        for turn in range(N_TURNS)
                    ],
                }
            )
            + "\n"
            for number in range(N_CHATS)
        )
    )
    return path


def start(folder: Path, path: Path) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(folder), str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    return child


@pytest.mark.parametrize("n_kills", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_at_any_moment_of_an_import(big_export: Path, tmp_path: Path, n_kills: int) -> None:
    child = start(tmp_path / "timed", big_export)
    begun = time.monotonic()
    child.communicate(timeout=60)
    duration_s = time.monotonic() - begun
    rng = random.Random(n_kills)
    n_killed = n_nothing = 0
    for number in range(n_kills):
        folder = tmp_path / f"data{number}"
        with opened(folder) as store:
            mine = store.append(store.create("mine").id, None, "user", "written before")
        child = start(folder, big_export)
        time.sleep(rng.random() * duration_s)
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=60)
        n_killed += child.returncode == -signal.SIGKILL
        assert {path.name for path in folder.iterdir()} <= {"rushlight.db", "rushlight.db-wal", "rushlight.db-shm"}
        with opened(folder) as store:
            store.settle()  # as each search does first: it takes over what the killed one left to index
            found = rows(store)
            assert found["conversations"] in (1, 1 + N_CHATS), found
            n_nothing += found["conversations"] == 1
            assert found["messages"] == found["message_search"] == 1 + (found["conversations"] - 1) * N_TURNS
            assert store.message(mine.id).content == "written before"
            assert store.store.rows("PRAGMA integrity_check") == [("ok",)]
            report = import_file(store, big_export)
            assert report.n_conversations + report.n_known == N_CHATS
            assert rows(store)["conversations"] == 1 + N_CHATS
    assert n_killed >= n_kills // 3 and n_nothing >= n_kills // 3, "too few kills fell into the import"


# --- disk faults --------------------------------------------------------------------------------------------------
def test_every_statement_of_the_import_may_fail(
    samples: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's way: fail statement 1, 2, ... until a run gets through without meeting the fault."""
    path = tmp_path / "export.json"
    path.write_bytes(json.dumps(samples.rushlight_export()).encode())
    with opened(tmp_path) as store:
        before = rows(store)
        for nth in range(1, 500):
            count = 0

            def failing(cursor: Any, sql: str, bindings: Any, nth: int = nth) -> bool:
                nonlocal count
                count += 1
                if count == nth and not sql.startswith("ROLLBACK"):
                    raise apsw.FullError("database or disk is full")
                return True

            connection = store.store._db
            connection.exec_trace = failing
            try:
                import_file(store, path)
                failed = False
            except Error as err:
                failed = True
                assert err.kind == "disk-full"
            finally:
                connection.exec_trace = None
            if count < nth:
                assert not failed and nth > 20
                break
            assert failed, f"statement {nth} failed unnoticed"
            assert rows(store) == before, f"statement {nth} left something"
        assert store.store.rows("PRAGMA integrity_check") == [("ok",)]
        assert rows(store)["conversations"] == 1
